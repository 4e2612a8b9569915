//! The file that remembers how far a move came.
//!
//! Lines of JSON, only ever added to: a first one that names both sides, then one for some
//! sessions that are about to be moved, one for each of them that was, and one for each page that
//! is done. A line that was cut off is as if it had not been written.
//!
//! The lines before a move and after a page are waited for until they are on the disk. So after a
//! power cut, which takes what was not, a session that was about to be moved counts as moved: if
//! the new store has it not, it may have been ended there, and is not brought back. As long as
//! the machine has not started anew the lines of the moved ones are there, whatever ended the run.
//!
//! In a foreign layout the place within the old store is a session's
//! key, so the file is its owner's alone.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sessile::Timestamp;
use sessile::store::Cursor;

use crate::human;
use crate::outcome::Failure;

/// What a state file remembers.
pub(super) struct State {
    path: PathBuf,
    /// `None` in a dry run.
    file: Option<File>,
    /// Handles of sessions that were moved, and when: one of these that the new
    /// store has not was ended there, one that the old store has not was ended here.
    pub(super) moved: HashMap<String, Timestamp>,
    /// Where to go on; `None` from the beginning.
    pub(super) after: Option<Cursor>,
    /// Whether there was a move before this run.
    pub(super) resumed: bool,
    /// Whether one came to the end.
    pub(super) finished: bool,
}

#[derive(Serialize, Deserialize)]
struct Head {
    sessile_migrate: u32,
    from: String,
    to: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    moved: Vec<String>,
    /// When, in milliseconds since 1970.
    at: i64,
    /// Where the next page begins, in hex; none after the last.
    next: Option<String>,
    /// Whether the page goes on: `next` says nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    within: bool,
    /// What is about to be moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    moving: Vec<String>,
    /// Since which start of the machine, where the system says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

impl Line {
    fn at(at: Timestamp) -> Self {
        let (moved, moving) = (Vec::new(), Vec::new());
        Self { moved, at: at.as_millis(), next: None, within: true, moving, boot: None }
    }
}

/// Another one after each start of the machine.
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// A line holds a page; a longer one is no state file's.
const LONGEST: usize = 64 << 20;

impl State {
    /// Reads the file, or begins one.
    pub(super) fn open(path: &Path, from: &str, to: &str, dry_run: bool) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::usage(format!("{}: {error}; choose another with --state", path.display()))
        };
        let mut state = Self {
            path: path.to_owned(),
            file: None,
            moved: HashMap::new(),
            after: None,
            resumed: false,
            finished: false,
        };
        let mut good = 0;
        match File::open(path) {
            Ok(file) => good = state.read(BufReader::new(file), from, to)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if dry_run {
            return Ok(state);
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(failed)?;
        // What was cut off is overwritten, not added to.
        file.set_len(good).map_err(failed)?;
        state.file = Some(file);
        if good == 0 {
            sync_folder_of(path).map_err(failed)?;
            let head = Head { sessile_migrate: 1, from: from.to_owned(), to: to.to_owned() };
            state.write(&head)?;
        }
        Ok(state)
    }

    /// Reads all whole lines; how many bytes they are.
    fn read(&mut self, mut lines: BufReader<File>, from: &str, to: &str) -> Result<u64, Failure> {
        let path = self.path.display().to_string();
        let strange = || {
            Failure::usage(format!(
                "{path} is no state file of `sessile migrate`; choose another with --state"
            ))
        };
        let (mut good, mut line) = (0, Vec::new());
        let (boot, mut about) = (boot(), HashMap::new());
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line).map_err(Failure::usage)?;
            if read == 0 || line.last() != Some(&b'\n') || read > LONGEST {
                let lost = |since: &Option<String>| since.is_none() || *since != boot;
                let lost = about.into_iter().filter(|(_, (_, since))| lost(since));
                self.moved.extend(lost.map(|(handle, (at, _))| (handle, at)));
                return if good == 0 && read > 0 { Err(strange()) } else { Ok(good) };
            }
            if good == 0 {
                let head: Head = serde_json::from_slice(&line).map_err(|_| strange())?;
                if (head.sessile_migrate, head.from.as_str(), head.to.as_str()) != (1, from, to) {
                    return Err(Failure::usage(format!(
                        "{path} is of another move, from {} to {}; remove it, or choose another \
                         with --state",
                        head.from, head.to
                    )));
                }
            } else {
                let page: Line = serde_json::from_slice(&line).map_err(|_| strange())?;
                let at = Timestamp::from_millis(page.at);
                let since = |handle| (handle, (at, page.boot.clone()));
                about.extend(page.moving.into_iter().map(since));
                page.moved.iter().for_each(|handle| drop(about.remove(handle)));
                self.moved.extend(page.moved.into_iter().map(|handle| (handle, at)));
                self.resumed = true;
                if !page.within {
                    // What of it was not moved stays where it is.
                    about.clear();
                    self.after = match page.next {
                        Some(hex) => Some(Cursor::from_bytes(unhex(&hex).ok_or_else(strange)?)),
                        None => None,
                    };
                    self.finished = self.after.is_none();
                }
            }
            good += read as u64;
        }
    }

    /// Remembers a session that was moved. At once: else a run that is stopped would forget
    /// those of its last page, and the next one bring back whoever has logged out since.
    pub(super) fn moved(&mut self, handle: String) -> Result<(), Failure> {
        let at = human::now();
        let line = Line { moved: vec![handle], ..Line::at(at) };
        self.write(&line)?;
        self.moved.extend(line.moved.into_iter().map(|handle| (handle, at)));
        Ok(())
    }

    /// Remembers what is about to be moved, and makes that last: before the new store has any of
    /// it, so that nobody can have ended there what is not known to have been there.
    pub(super) fn moving(&mut self, handles: Vec<String>) -> Result<(), Failure> {
        if handles.is_empty() || self.file.is_none() {
            return Ok(());
        }
        self.write(&Line { moving: handles, boot: boot(), ..Line::at(human::now()) })?;
        self.sync()
    }

    /// Remembers that a page is done, and makes it last.
    pub(super) fn page(&mut self, next: Option<&Cursor>) -> Result<(), Failure> {
        let next = next.map(|cursor| hex(cursor.as_bytes()));
        self.write(&Line { next, within: false, ..Line::at(human::now()) })?;
        self.sync()
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.sync_data().map_err(|error| failed(&self.path, &error))
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written =
            serde_json::to_vec(line).map_err(std::io::Error::other).and_then(|mut line| {
                line.push(b'\n');
                file.write_all(&line)
            });
        written.map_err(|error| failed(&self.path, &error))
    }
}

/// Makes the name of a new file last, too.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved_in(path: &Path) -> Vec<String> {
        let state = State::open(path, "a", "b", false).unwrap();
        let mut moved: Vec<_> = state.moved.into_keys().collect();
        moved.sort();
        moved
    }

    #[test]
    fn what_was_about_to_be_moved_counts_as_moved_after_a_power_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut state = State::open(&path, "a", "b", false).unwrap();
        state.moving(["done", "not done", "left"].map(str::to_owned).into()).unwrap();
        state.moved("done".into()).unwrap();
        state.page(Some(&Cursor::from_bytes(*b"1"))).unwrap();
        state.moving(["second", "third"].map(str::to_owned).into()).unwrap();
        state.moved("second".into()).unwrap();
        drop(state);
        if boot().is_some() {
            // Whatever ended the run, the machine has kept what it was told.
            assert_eq!(moved_in(&path), ["done", "second"]);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let before = text.replace(&boot().unwrap_or_default(), "another start");
        std::fs::write(&path, &before).unwrap();
        assert_eq!(moved_in(&path), ["done", "second", "third"]);
        // The lines that were not waited for are gone with the power.
        let kept: Vec<_> = before.lines().filter(|line| !line.contains("second\"],\"at")).collect();
        std::fs::write(&path, format!("{}\n", kept.join("\n"))).unwrap();
        assert_eq!(moved_in(&path), ["done", "second", "third"]);
    }
}
