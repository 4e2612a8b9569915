//! What an operator should know of a folder: whose it is, whether it has room,
//! and what lies in it that should not.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::store::{Finding, Layout};
use sessile_core::{StoreError, Timestamp};

use crate::error::on_read;
use crate::folder::NEW;
use crate::options::Options;
#[cfg(unix)]
use crate::owner;

/// Files that are looked at one by one; all are counted.
const SAMPLE: usize = 10_000;

/// A file that is being written for so long is not being written any more.
const ABANDONED: Duration = Duration::from_secs(60);

/// What there is to look at.
pub(crate) struct Place<'a> {
    /// The folder given.
    pub(crate) root: &'a Path,
    /// Where the sessions lie: the same, or in it.
    pub(crate) sessions: &'a Path,
    pub(crate) options: &'a Options,
}

impl Place<'_> {
    /// Looks, and changes nothing. `is_session` knows the names of sessions.
    pub(crate) fn findings(
        &self,
        now: Timestamp,
        is_session: impl Fn(&str) -> bool,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        #[cfg(unix)]
        findings.extend(system::findings(self)?);
        let seen = self.look(now, is_session)?;
        findings.extend(seen.findings());
        findings.extend(self.threshold(seen.sessions));
        findings.push(self.clock(now));
        Ok(findings)
    }

    fn look(&self, now: Timestamp, is_session: impl Fn(&str) -> bool) -> Result<Seen, StoreError> {
        let mut seen = Seen::default();
        for entry in fs::read_dir(self.sessions).map_err(on_read)? {
            let entry = entry.map_err(on_read)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let session = is_session(name);
            seen.sessions += usize::from(session);
            let new = name.starts_with(NEW);
            if !(session || new) || seen.looked == SAMPLE {
                continue;
            }
            // Not where a link leads; gone meanwhile is fine.
            let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
            seen.looked += 1;
            if new {
                let old = meta.modified().ok().map(timestamp);
                let old = old.is_some_and(|at| now.saturating_since(at) > ABANDONED);
                seen.abandoned += usize::from(old);
                continue;
            }
            #[cfg(unix)]
            {
                use std::os::unix::fs::MetadataExt as _;
                seen.strange += usize::from(!meta.is_file() || meta.nlink() > 1);
                seen.others += usize::from(meta.is_file() && !owner::is_ours(&meta));
                seen.writable += usize::from(meta.is_file() && meta.mode() & 0o002 != 0);
                seen.readable += usize::from(meta.is_file() && meta.mode() & 0o004 != 0);
            }
            #[cfg(not(unix))]
            {
                seen.strange += usize::from(!meta.is_file());
            }
        }
        Ok(seen)
    }

    /// Of Flask-Session's files: how near they are to where live ones are dropped.
    fn threshold(&self, sessions: usize) -> Option<Finding> {
        const CHECK: &str = "threshold";
        if self.options.layout != Layout::FlaskSession {
            return None;
        }
        let most = self.options.threshold;
        if most == 0 {
            return Some(Finding::good(CHECK, "none"));
        }
        let text = format!("{sessions} of {most}");
        let advice = "raise SESSION_FILE_THRESHOLD here and in the Flask application: beyond it \
                      live sessions are dropped, those first that end soonest";
        Some(match sessions {
            _ if sessions >= most => Finding::bad(CHECK, text).advise(advice),
            _ if sessions.saturating_mul(10) > most.saturating_mul(9) => {
                Finding::warning(CHECK, text).advise(advice)
            }
            _ => Finding::good(CHECK, text),
        })
    }

    /// The folders were written at times that the file system's clock gave.
    fn clock(&self, now: Timestamp) -> Finding {
        let written = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let newest = written(self.root).max(written(self.sessions)).map(timestamp);
        match newest.filter(|newest| *newest > now) {
            Some(ahead) => Finding::clock(now, ahead, now),
            None => Finding::good("clock", "the folder was not written in the future"),
        }
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from_secs(0) + time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What lies in the folder.
#[derive(Default)]
struct Seen {
    sessions: usize,
    looked: usize,
    /// Under a session's name, but a link, a folder, or a file of two names.
    strange: usize,
    /// Under a session's name, and another user's.
    others: usize,
    /// By everybody on the machine.
    writable: usize,
    readable: usize,
    /// Half-written, and nobody is writing.
    abandoned: usize,
}

impl Seen {
    fn findings(&self) -> Vec<Finding> {
        const CHECK: &str = "files";
        let mut findings = Vec::new();
        if self.strange > 0 {
            let text = format!("{} under sessions' names are links or no files", self.strange);
            findings.push(Finding::bad(CHECK, text).advise(
                "find out who put them there and remove them; they are not followed, and whoever \
                 has such a session is logged out",
            ));
        }
        if self.others > 0 {
            let text = format!("{} under sessions' names belong to other users", self.others);
            findings.push(Finding::bad(CHECK, text).advise(
                "find out who put them there and remove them: they are nobody's sessions; the \
                 programs that share the folder must run as one user",
            ));
        }
        if self.writable > 0 {
            let text = format!("{} may be written by everybody on the machine", self.writable);
            findings.push(Finding::bad(CHECK, text).advise(
                "chmod them to 0600 and look at SESSION_FILE_MODE: who writes one logs in as \
                 anybody",
            ));
        } else if self.readable > 0 {
            let text = format!("{} may be read by everybody on the machine", self.readable);
            findings.push(
                Finding::warning(CHECK, text)
                    .advise("chmod them to 0600 and look at SESSION_FILE_MODE and the umask"),
            );
        }
        if findings.is_empty() {
            let what = if self.looked == SAMPLE { "looked at" } else { "in all" };
            let text = format!("{} {what}, none open to others", self.looked - self.abandoned);
            findings.push(Finding::good(CHECK, text));
        }
        if self.abandoned > 0 {
            let text = format!("{} from processes that were killed", self.abandoned);
            let advice = "`sessile sweep` removes them";
            findings.push(if self.abandoned < 100 {
                Finding::note("half-written", text).advise(advice)
            } else {
                Finding::warning("half-written", text).advise(
                    "find out what kills the site's processes; `sessile sweep` removes them",
                )
            });
        }
        findings
    }
}

/// What only the system tells.
#[cfg(unix)]
mod system {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{Access, StatVfs, StatVfsMountFlags, access, statvfs};
    use rustix::process::geteuid;

    use super::*;

    pub(super) fn findings(place: &Place<'_>) -> Result<Vec<Finding>, StoreError> {
        let mut findings = vec![owner(place.root)?];
        findings.extend(way(place.root)?);
        let disk = statvfs(place.sessions).map_err(|error| on_read(error.into()))?;
        if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
            findings.push(Finding::bad("writable", "its file system is read-only").advise(
                "mount it writable (after an error of the disk the kernel may have changed that: \
                 see its log); logins and logouts get 503",
            ));
        } else if access(place.sessions, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            findings.push(Finding::bad("writable", "not by us").advise(
                "give the folder to the user who runs the site, with chown; logins and logouts \
                 get 503",
            ));
        }
        findings.extend(room(&disk));
        findings.extend(inodes(&disk));
        findings.extend(kind(place.sessions));
        Ok(findings)
    }

    fn owner(root: &Path) -> Result<Finding, StoreError> {
        const CHECK: &str = "folder";
        let link = fs::symlink_metadata(root).map_err(on_read)?.is_symlink();
        let meta = fs::metadata(root).map_err(on_read)?;
        let link = if link { "behind a symbolic link, " } else { "" };
        let mode = meta.mode() & 0o7777;
        let (we, owner) = (geteuid().as_raw(), meta.uid());
        if we == owner {
            return Ok(Finding::good(CHECK, format!("{link}mode {mode:04o}, ours (user {we})")));
        }
        let text = format!("{link}mode {mode:04o}, user {owner}'s, and we are user {we}");
        Ok(Finding::warning(CHECK, text).advise(
            "run sessile as the user who runs the site: what one of the two writes the other may \
             be unable to read or remove",
        ))
    }

    /// Whether others can put another folder in this one's place.
    fn way(root: &Path) -> Result<Option<Finding>, StoreError> {
        let whole = fs::canonicalize(root).map_err(on_read)?;
        for above in whole.ancestors().skip(1) {
            let Ok(meta) = fs::metadata(above) else { continue };
            // In a sticky folder, as /tmp is, nobody renames what is another's.
            if meta.mode() & 0o002 != 0 && meta.mode() & 0o1000 == 0 {
                let text = format!("everybody may write to {} above it", above.display());
                return Ok(Some(Finding::bad("folders above", text).advise(
                    "chmod o-w that folder: anybody on the machine can put a folder of sessions \
                     of their own in the place of this one",
                )));
            }
        }
        Ok(None)
    }

    /// Rounded down, in the largest unit that comes to one.
    fn size(bytes: u64) -> String {
        match bytes {
            ..1_048_576 => format!("{} KiB", bytes >> 10),
            1_048_576..1_073_741_824 => format!("{} MiB", bytes >> 20),
            _ => format!("{} GiB", bytes >> 30),
        }
    }

    pub(super) fn room(disk: &StatVfs) -> Option<Finding> {
        const CHECK: &str = "disk";
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        let (free, all) = (bytes(disk.f_bavail), bytes(disk.f_blocks));
        if all == 0 {
            return None;
        }
        let text = format!("{} of {} free", size(free), size(all));
        let advice = "make room: on a full disk logins get 503, logouts still work";
        Some(match free {
            ..65_536 => Finding::bad(CHECK, text).advise(advice),
            65_536..67_108_864 => Finding::warning(CHECK, text).advise(advice),
            _ if free < all / 20 && free < 1 << 30 => Finding::warning(CHECK, text).advise(advice),
            _ => Finding::good(CHECK, text),
        })
    }

    /// Every session is a file, and some file systems have room for so many only.
    pub(super) fn inodes(disk: &StatVfs) -> Option<Finding> {
        const CHECK: &str = "inodes";
        if disk.f_files == 0 {
            return None;
        }
        let text = format!("{} of {} free", disk.f_favail, disk.f_files);
        let advice = "remove other small files, or put the folder on a file system with more \
                      inodes: without one no session can be saved (503)";
        Some(match disk.f_favail {
            ..100 => Finding::bad(CHECK, text).advise(advice),
            free if free < disk.f_files / 20 => Finding::warning(CHECK, text).advise(advice),
            _ => Finding::good(CHECK, text),
        })
    }

    /// Those that keep less than a disk does.
    #[cfg(target_os = "linux")]
    fn kind(folder: &Path) -> Option<Finding> {
        const CHECK: &str = "file system";
        // linux/magic.h
        const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
        const NETWORK: [u64; 4] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b];
        let magic = u64::try_from(rustix::fs::statfs(folder).ok()?.f_type).ok()?;
        if MEMORY.contains(&magic) {
            return Some(Finding::note(CHECK, "in memory (tmpfs)").advise(
                "a restart of the machine ends every session; put the folder on a disk if it \
                 should not",
            ));
        }
        NETWORK.contains(&magic).then(|| {
            Finding::warning(CHECK, "over the network (NFS or SMB)").advise(
                "use a database or Redis for several machines: locks and renames are not safe \
                 there, so an ended session may come back",
            )
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn kind(_: &Path) -> Option<Finding> {
        None
    }

    #[cfg(test)]
    mod tests {
        use sessile_core::store::Level;

        use super::*;

        #[test]
        fn little_room_is_found_and_none_is_bad() {
            let mut disk = statvfs(".").unwrap();
            (disk.f_frsize, disk.f_blocks, disk.f_files) = (4096, 1 << 20, 1 << 20);
            let level = |finding: Option<Finding>| finding.map(|finding| finding.level);
            for (free, wanted) in [
                (0, Level::Bad),
                (1000, Level::Warning),
                (40_000, Level::Warning),
                (500_000, Level::Good),
            ] {
                (disk.f_bavail, disk.f_favail) = (free, free);
                assert_eq!(level(room(&disk)), Some(wanted), "{free}");
                assert_eq!(level(inodes(&disk)), Some(wanted), "{free}");
            }
            (disk.f_blocks, disk.f_files) = (0, 0);
            assert_eq!((level(room(&disk)), level(inodes(&disk))), (None, None));
        }
    }
}
