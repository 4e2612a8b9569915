//! Whose the database is. Who may write to its file, or put another in its place, may log in as
//! anybody.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::fault::Fault;

/// What SQLite puts beside a file, and reads as part of it.
const BESIDE: [(&str, &str); 3] =
    [("-journal", "journal"), ("-wal", "write-ahead log"), ("-shm", "log's index")];

/// Refuses a file that another user has prepared, or one in another user's folder: they may have
/// put sessions there, and may at any time. Root may do anything anyway. A file or a folder that
/// everybody may write to is refused, too; the group may, for with umask 002 that is the user's
/// own.
pub(super) fn check(path: &Path) -> Result<(), Fault> {
    // Where links lead is what SQLite opens. What is not there is said elsewhere.
    let Ok(whole) = fs::canonicalize(path) else { return Ok(()) };
    check_one(&whole, "file")?;
    if let Some(folder) = whole.parent() {
        check_one(folder, "folder")?;
    }
    for (end, what) in BESIDE {
        let mut name = OsString::from(&whole);
        name.push(end);
        check_one(Path::new(&name), what)?;
    }
    Ok(())
}

fn check_one(path: &Path, what: &str) -> Result<(), Fault> {
    let Ok(meta) = fs::symlink_metadata(path) else { return Ok(()) };
    let (owner, we) = (meta.uid(), rustix::process::geteuid().as_raw());
    if owner != we && owner != 0 {
        return Err(Fault::refused(format!(
            "its {what} belongs to user {owner}, who can put sessions there, and we are user {we}; \
             run this as user {owner} (sudo -u '#{owner}'), or, if nobody else is to write there, \
             remove the sessions in it and chown it to user {we}"
        )));
    }
    if meta.mode() & 0o002 != 0 && !meta.is_symlink() {
        return Err(Fault::refused(format!(
            "everybody may write to its {what}, and put sessions there; chmod o-w it, or give the \
             file a folder of its own"
        )));
    }
    Ok(())
}
