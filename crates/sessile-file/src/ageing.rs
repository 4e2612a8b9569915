//! What removes files by their age (systemd-tmpfiles, tmpreaper, tmpwatch) finds none of ours old.
//!
//! A lock's file, the folder's mark and the names in a user's list are never written after they
//! were made, however much they are used: such a program would take them for forgotten.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::disk;

/// Ages are days; a file looks new for longer than this is short.
const FRESH: Duration = Duration::from_secs(3600);

/// Holds a folder, or a file, as one in use: systemd-tmpfiles leaves alone what somebody has locked,
/// and all that lies below it (tmpfiles.d(5)). `None` where that cannot be had.
pub(crate) fn hold(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock_shared().ok()?;
    Some(file)
}

/// Has a file look new if it looks old. What fails here is no harm yet: a file that was removed is
/// made again.
pub(crate) fn freshen(file: &File) {
    let now = SystemTime::now();
    let modified = file.metadata().and_then(|meta| meta.modified());
    if modified.is_ok_and(|it| now.duration_since(it).is_ok_and(|age| age > FRESH)) {
        let _ = file.set_modified(now);
    }
}

/// As [`freshen`], for the empty file at `path`.
pub(crate) fn freshen_at(path: &Path) {
    if let Ok(file) = disk::open_empty(path) {
        freshen(&file);
    }
}

/// As [`freshen`], for a folder.
pub(crate) fn freshen_folder(path: &Path) {
    if let Ok(file) = File::open(path) {
        freshen(&file);
    }
}
