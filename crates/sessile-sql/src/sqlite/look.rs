//! Opening a file to look at it: neither it nor anything beside it is written.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;

/// By what it is seen that a file was written to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Whether there is a write-ahead log beside it.
    log: bool,
}

pub(super) fn stamp(path: &Path) -> Result<Stamp, ()> {
    let meta = fs::metadata(path).map_err(drop)?;
    let log = beside(path, "-wal").exists();
    Ok(Stamp { bytes: meta.len(), modified: meta.modified().ok(), log })
}

/// A connection that reads; and what the file was, if it takes no locks.
///
/// A file with a write-ahead log cannot be read in SQLite's usual way without its index, which
/// even a reader makes and changes. So:
/// - the log and its index are there: somebody uses the file. The index is opened for reading.
/// - neither is there: nobody has the file open, and it is read as one that does not change.
///   Should it all the same, that is seen by its [`Stamp`].
/// - there is the log alone: refused.
pub(super) fn open(path: &Path, has_log: bool) -> Result<(Connection, Option<Stamp>), Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let plain = || Ok((Connection::open_with_flags(path, flags)?, None));
    // Elsewhere than on Unix a path is no part of an address as it is.
    if cfg!(not(unix)) || !has_log {
        return plain();
    }
    let before = stamp(path).map_err(|()| Fault::file_removed())?;
    let parameter = match (before.log, beside(path, "-shm").exists()) {
        (true, true) => "readonly_shm=1",
        (true, false) => return Err(Fault::log_without_index()),
        (false, _) => "immutable=1",
    };
    let address = format!("file:{}?{parameter}", escaped(path));
    let flags = flags | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(address, flags)?;
    Ok((connection, (!before.log).then_some(before)))
}

/// Whether its writers use a write-ahead log: the file format's read version, byte 19.
/// <https://www.sqlite.org/fileformat.html>
///
/// Closing the file releases the locks of this process on it (POSIX), so not while it is in use.
pub(super) fn has_log(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(20).read_to_end(&mut head));
    read.is_ok() && head.get(19) == Some(&2)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes
        .map(|byte| match plain(*byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
