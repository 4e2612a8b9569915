//! What the file system says, as what a caller can act on.

use std::io;
use std::path::Path;

use sessile_core::store::Unreadable;
use sessile_core::{StoreError, StoreErrorKind};

const STORE: &str = "file";

/// A failure with its reason in words of ours. Paths hold no secret, but are not told either.
pub(crate) fn failed(kind: StoreErrorKind, why: &'static str) -> StoreError {
    StoreError::new(STORE, kind).because(why)
}

/// The same, with what only the system knows.
pub(crate) fn refused(kind: StoreErrorKind, why: String) -> StoreError {
    StoreError::new(STORE, kind).because(why)
}

/// Why a file gave no session.
pub(crate) enum NotRead {
    /// It holds none of ours.
    Unreadable(Unreadable),
    /// The file system failed.
    Failed(StoreError),
}

impl From<Unreadable> for NotRead {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

impl From<StoreError> for NotRead {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What was read, or that it cannot be, apart from failures of the file system.
pub(crate) type Read<T> = Option<Result<T, Unreadable>>;

/// Tells what cannot be read from what failed.
pub(crate) fn apart<T>(read: Result<Option<T>, NotRead>) -> Result<Read<T>, StoreError> {
    match read {
        Ok(read) => Ok(read.map(Ok)),
        Err(NotRead::Unreadable(why)) => Ok(Some(Err(why))),
        Err(NotRead::Failed(error)) => Err(error),
    }
}

pub(crate) fn slow() -> StoreError {
    failed(StoreErrorKind::Timeout, "the reads before it have not come back from the disk")
}

pub(crate) fn locked() -> StoreError {
    failed(StoreErrorKind::Locked, "others kept writing")
}

/// A failed write, or a lock that could not be taken.
pub(crate) fn on_write(error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreErrorKind::Full
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreErrorKind::ReadOnly
        }
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(STORE, kind).because(error)
}

/// A failed read: without permission to read there is no session, rather than no write.
pub(crate) fn on_read(error: io::Error) -> StoreError {
    StoreError::new(STORE, StoreErrorKind::Unavailable).because(error)
}

/// A session's file that cannot be opened. A link is not followed, a socket cannot be read,
/// and what others own may be closed to us: each is nobody's session. But where we may not
/// look into the folder, the store has failed.
pub(crate) fn on_open(path: &Path, error: io::Error) -> NotRead {
    let closed = error.kind() == io::ErrorKind::PermissionDenied && path.symlink_metadata().is_ok();
    if closed {
        Unreadable::new("the permissions of a session's file do not let us read it").into()
    } else if is_no_file(&error) {
        Unreadable::new("something else lies where a session should").into()
    } else {
        on_read(error).into()
    }
}

/// What opening a symbolic link answers, which we do not follow, and what a socket does.
#[cfg(unix)]
fn is_no_file(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO))
}

#[cfg(not(unix))]
fn is_no_file(_: &io::Error) -> bool {
    false
}
