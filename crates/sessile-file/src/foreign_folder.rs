//! A folder that belongs to another program, with our locks in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use sessile_core::{StoreError, StoreErrorKind};

use crate::ageing;
use crate::cachelib::NOT_AN_ENTRY;
use crate::disk::{make_folder, make_root, open_lock};
use crate::error::{failed, on_read, on_write};
use crate::folder::{LOCKS, NEW};
use crate::owner;

/// Where our locks lie. cachelib passes over names with this end, Django over
/// all that do not begin with its cookie's name.
const OURS: &str = ".sessile-locks.__wz_cache";

/// The lock of what is counted, after those of the keys.
const COUNT: usize = LOCKS;

pub(crate) struct ForeignFolder {
    pub(crate) root: PathBuf,
    read_only: bool,
    written: AtomicU64,
    /// Only held.
    held: Option<File>,
}

impl ForeignFolder {
    /// The folder at `root`, made if told to; with our locks in it, unless it is only looked at.
    pub(crate) fn open(root: PathBuf, create: bool, read_only: bool) -> Result<Self, StoreError> {
        if create {
            make_root(&root)?;
        }
        check(&root)?;
        let mut folder = Self { root, read_only, written: AtomicU64::new(0), held: None };
        if read_only {
            return Ok(folder);
        }
        make_folder(&folder.root.join(OURS)).map_err(on_write)?;
        owner::check(&fs::symlink_metadata(folder.root.join(OURS)).map_err(on_read)?)?;
        for number in 0..=COUNT {
            // All of them now: on a full disk a session must still be deletable.
            open_lock(&folder.lock(number)).map_err(on_write)?;
        }
        // Only ours: what is old among the rest is the other program's to judge.
        folder.held = ageing::hold(&folder.root.join(OURS));
        Ok(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A name for a file to be written, which nobody else writes and the other program ignores.
    pub(crate) fn new_file(&self, lock: usize) -> PathBuf {
        let (process, count) = (process::id(), self.written.fetch_add(1, Ordering::Relaxed));
        let unique = std::ptr::from_ref(self).addr();
        self.root.join(format!("{NEW}{lock:02x}-{process}-{unique:x}-{count}{NOT_AN_ENTRY}"))
    }

    pub(crate) fn lock(&self, number: usize) -> PathBuf {
        self.root.join(OURS).join(format!("{number:02x}"))
    }

    pub(crate) fn lock_of_count(&self) -> PathBuf {
        self.lock(COUNT)
    }

    /// That a session is not there says something only while the folder is.
    pub(crate) fn is_there(&self) -> Result<(), StoreError> {
        let always = if self.read_only { self.root.clone() } else { self.root.join(OURS) };
        if always.exists() || !self.read_only && self.lock_again() {
            return Ok(());
        }
        Err(failed(StoreErrorKind::Unavailable, "its folder was removed"))
    }

    /// Has the folder of our locks look new.
    pub(crate) fn freshen(&self) {
        ageing::freshen_folder(&self.root.join(OURS));
    }

    /// Makes the folder of our locks again where it alone was removed, by its age. Whether it is
    /// there.
    fn lock_again(&self) -> bool {
        self.root.is_dir() && make_folder(&self.root.join(OURS)).is_ok()
    }
}

/// That it is ours, and that not everybody can put files there. The group may: it is the other
/// program's. But only what we or root have written is a session (`owner::is_ours`).
fn check(root: &Path) -> Result<(), StoreError> {
    let unavailable = |why| failed(StoreErrorKind::Unavailable, why);
    let meta = match fs::metadata(root) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(unavailable("its folder is not there"));
        }
        Err(error) => return Err(on_read(error)),
    };
    if !meta.is_dir() {
        return Err(unavailable("its folder is no folder"));
    }
    owner::check(&meta)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o002 != 0 {
        return Err(unavailable(
            "everybody may write to its folder, and plant sessions there; give it one of its own",
        ));
    }
    Ok(())
}
