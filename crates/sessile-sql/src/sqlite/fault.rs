//! What SQLite says, as what a caller can act on.

use std::path::Path;

use rusqlite::ErrorCode;
use sessile_core::{StoreError, StoreErrorKind};

pub(super) const STORE: &str = "SQLite";

/// A failure that several requests can be told of. It quotes no values: only
/// SQLite's own words for its codes, and words of ours.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: StoreErrorKind,
    what: String,
}

impl Fault {
    fn new(kind: StoreErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }

    pub(super) fn worker_gone() -> Self {
        Self::new(StoreErrorKind::Unavailable, "its thread has ended")
    }

    /// It is there and must not be used, which `why` explains.
    #[cfg(unix)]
    pub(super) fn refused(why: String) -> Self {
        Self::new(StoreErrorKind::Unavailable, why)
    }

    /// A fault of ours, which the next call need not meet. Nothing of it is in the file.
    pub(super) fn panicked() -> Self {
        Self::new(
            StoreErrorKind::Corrupt,
            "a call to it panicked, which is a bug; please report it",
        )
    }

    pub(super) fn too_many_wait() -> Self {
        Self::new(StoreErrorKind::Unavailable, "too many requests wait for it")
    }

    /// What is written now would be in no file anybody finds.
    pub(super) fn file_removed() -> Self {
        Self::new(StoreErrorKind::Unavailable, "its file was removed or replaced")
    }

    pub(super) fn no_table() -> Self {
        Self::new(StoreErrorKind::Unavailable, "its file has no session table")
    }

    /// Only while it is opened and closed by others all the time.
    pub(super) fn changing() -> Self {
        Self::new(StoreErrorKind::Locked, "it changes while it is read; try again")
    }

    pub(super) fn no_folder(file: &Path) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let what = format!(
            "there is no folder {}; check the path and the folder it begins in, or make it, for \
             its owner alone (mkdir -m 700)",
            folder.display()
        );
        Self::new(StoreErrorKind::Unavailable, what)
    }

    pub(super) fn log_without_index() -> Self {
        Self::new(
            StoreErrorKind::Unavailable,
            "there is a write-ahead log beside its file (-wal) and no index of it (-shm), as in a \
             copy; to look at it SQLite would have to write: open the copy with sqlite3 once, or \
             start the application",
        )
    }

    pub(super) fn io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreErrorKind::ReadOnly,
            _ => StoreErrorKind::Unavailable,
        };
        Self::new(kind, error.kind().to_string())
    }

    /// Whether every other write would meet it too: nobody gets in, or there is no file.
    pub(super) fn spoils_all(&self) -> bool {
        use StoreErrorKind::{Locked, ReadOnly, Unavailable};
        matches!(self.kind, Locked | ReadOnly | Unavailable)
    }

    /// Whether a new connection may do better.
    pub(super) fn spoils_connection(&self) -> bool {
        use StoreErrorKind::{Full, Locked, TooLarge};
        !matches!(self.kind, Full | Locked | TooLarge)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(code, _) = &error else {
            return Self::new(StoreErrorKind::Corrupt, "its answer is not what was asked for");
        };
        let kind = match code.code {
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => StoreErrorKind::Locked,
            ErrorCode::DiskFull => StoreErrorKind::Full,
            ErrorCode::ReadOnly => StoreErrorKind::ReadOnly,
            ErrorCode::TooBig => StoreErrorKind::TooLarge,
            // Unknown is SQLITE_ERROR: no such table or column.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Unavailable,
        };
        Self::new(kind, code.to_string())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        StoreError::new(STORE, fault.kind).because(fault.what)
    }
}
