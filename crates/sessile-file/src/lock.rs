//! One writer at a time per lock, among all processes.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use sessile_core::{StoreError, StoreErrorKind};

use crate::ageing;
use crate::disk::open_lock;
use crate::error::{failed, locked, on_write};

/// Held until dropped.
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

/// Waits at most until `deadline`.
///
/// The system has no wait with a bound, so it asks again and again, at first often.
pub(crate) fn take(path: &Path, deadline: Instant) -> Result<Lock, StoreError> {
    let mut pause = Duration::from_micros(200);
    loop {
        let file = open_lock(path).map_err(on_write)?;
        match file.try_lock() {
            Ok(()) => {
                ageing::freshen(&file);
                // Whoever removed the file since we opened it lets others lock another one.
                if is_at(&file, path) {
                    return Ok(Lock(file));
                }
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(on_write(error)),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(locked());
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Takes it if nobody has it.
pub(crate) fn try_take(path: &Path) -> Result<Option<Lock>, StoreError> {
    match take(path, Instant::now()) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == StoreErrorKind::Locked => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let ids = |meta: std::io::Result<std::fs::Metadata>| meta.map(|meta| (meta.dev(), meta.ino()));
    matches!(
        (ids(file.metadata()), ids(std::fs::symlink_metadata(path))),
        (Ok(ours), Ok(there)) if ours == there
    )
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// What a poisoned or closed in-process lock would be: the process is ending.
pub(crate) fn ended() -> StoreError {
    failed(StoreErrorKind::Unavailable, "the runtime is shutting down")
}
