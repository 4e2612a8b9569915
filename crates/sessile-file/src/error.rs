//! What the file system says, as what a caller can act on.

use std::io;

use sessile_core::{StoreError, StoreErrorKind};

const STORE: &str = "file";

/// A failure with its reason in words of ours. Paths hold no secret, but are not told either.
pub(crate) fn failed(kind: StoreErrorKind, why: &'static str) -> StoreError {
    StoreError::new(STORE, kind).because(why)
}

pub(crate) fn bad_entry(why: &'static str) -> StoreError {
    failed(StoreErrorKind::BadEntry, why)
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
        _ if is_link(&error) => StoreErrorKind::BadEntry,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(STORE, kind).because(error)
}

/// A failed read: without permission to read there is no session, rather than no write.
pub(crate) fn on_read(error: io::Error) -> StoreError {
    let kind = if is_link(&error) { StoreErrorKind::BadEntry } else { StoreErrorKind::Unavailable };
    StoreError::new(STORE, kind).because(error)
}

/// What opening a symbolic link answers, which we do not follow.
#[cfg(unix)]
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ELOOP)
}

#[cfg(not(unix))]
fn is_link(_: &io::Error) -> bool {
    false
}
