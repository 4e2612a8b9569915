//! The folder: what lies where, and whether it is ours.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject};
use sha2::{Digest as _, Sha256};

use crate::ageing;
use crate::disk::{self, make_empty, make_folder, make_root, open_lock};
use crate::error::{failed, on_read, on_write};
use crate::owner;

/// A power of two, at most 256: the first byte of a name, shifted, is the lock's number.
pub(crate) const LOCKS: usize = 64;
const LOCK_SHIFT: u32 = u8::BITS - LOCKS.trailing_zeros();

/// Marks the folder as ours. Another layout has another number.
const MARK: &str = "layout-1";
const MARK_START: &str = "layout-";

/// Begins the name of a file that is being written; the lock's number follows.
pub(crate) const NEW: &str = ".new-";

/// Where a session lies. Never made from anything but a hash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    text: String,
    pub(crate) lock: usize,
}

impl Name {
    pub(crate) fn of(key: &StoreKey) -> Self {
        match key.hash() {
            Some(hash) => Self { text: key.to_text(), lock: lock_of(hash[0]) },
            None => {
                let hash = Sha256::digest(key.as_bytes());
                Self { text: format!("t{}", hex(&hash)), lock: lock_of(hash[0]) }
            }
        }
    }

    /// A name found in a folder, if it is one of ours.
    pub(crate) fn found(text: String) -> Option<Self> {
        let digits = text.strip_prefix('t').unwrap_or(&text);
        let ours = digits.len() == 64
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let first = u8::from_str_radix(digits.get(..2)?, 16).ok()?;
        ours.then_some(Self { text, lock: lock_of(first) })
    }

    pub(crate) fn is_hash(&self) -> bool {
        !self.text.starts_with('t')
    }

    /// The key of a hash's name.
    pub(crate) fn hash(&self) -> Option<StoreKey> {
        StoreKey::from_hex(&self.text)
    }
}

pub(crate) fn lock_of(first: u8) -> usize {
    usize::from(first >> LOCK_SHIFT)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The lock of a half-written file's name.
pub(crate) fn lock_of_new(name: &str) -> Option<usize> {
    let number = name.strip_prefix(NEW)?.split('-').next()?;
    usize::from_str_radix(number, 16).ok().filter(|lock| *lock <= LOCKS)
}

pub(crate) struct Folder {
    root: PathBuf,
    pub(crate) sessions: PathBuf,
    pub(crate) subjects: PathBuf,
    written: AtomicU64,
    /// Only held.
    held: Vec<File>,
}

impl Folder {
    /// The folder at `root`, made if told to.
    pub(crate) fn open(root: PathBuf, create: bool) -> Result<Self, StoreError> {
        if create {
            make(&root)?;
        }
        check(&root)?;
        let (sessions, subjects) = (root.join("sessions"), root.join("subjects"));
        let mut folder =
            Self { sessions, subjects, root, written: AtomicU64::new(0), held: Vec::new() };
        folder.held = folder.in_use().iter().filter_map(|it| ageing::hold(it)).collect();
        Ok(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn session(&self, name: &Name) -> PathBuf {
        self.sessions.join(&name.text)
    }

    /// A name for a file to be written, which nobody else writes.
    pub(crate) fn new_file(&self, lock: usize) -> PathBuf {
        let (process, count) = (process::id(), self.written.fetch_add(1, Ordering::Relaxed));
        let unique = std::ptr::from_ref(self).addr();
        self.sessions.join(format!("{NEW}{lock:02x}-{process}-{unique:x}-{count}"))
    }

    pub(crate) fn lock(&self, number: usize) -> PathBuf {
        lock_path(&self.root, number)
    }

    pub(crate) fn subject(&self, subject: &Subject) -> PathBuf {
        self.subjects.join(hex(&Sha256::digest(subject.as_str())))
    }

    pub(crate) fn listing(&self, subject: &Subject, name: &Name) -> PathBuf {
        self.subject(subject).join(&name.text)
    }

    /// What is used all the time and hardly ever written.
    fn in_use(&self) -> [PathBuf; 4] {
        let locks = self.root.join("locks");
        [self.root.clone(), self.subjects.clone(), locks, self.root.join(MARK)]
    }

    /// Has them look new.
    pub(crate) fn freshen(&self) {
        for path in self.in_use() {
            if path.is_dir() {
                ageing::freshen_folder(&path);
            } else {
                ageing::freshen_at(&path);
            }
        }
        ageing::freshen_folder(&self.sessions);
    }

    /// That a session is not there says something only while the folder is.
    pub(crate) fn is_there(&self) -> Result<(), StoreError> {
        let mark = self.root.join(MARK);
        if self.sessions.exists() && (mark.exists() || self.mark_again()) {
            return Ok(());
        }
        Err(failed(StoreErrorKind::Unavailable, "its folder was removed"))
    }

    /// Makes the mark again where it alone was removed, by its age. Whether it is there.
    fn mark_again(&self) -> bool {
        let is_other = |name: &String| name.starts_with(MARK_START);
        disk::names(&self.root).is_ok_and(|names| !names.iter().any(is_other))
            && make_empty(&self.root.join(MARK)).is_ok()
    }

    pub(crate) fn session_names(&self) -> Result<Vec<Name>, StoreError> {
        self.is_there()?;
        Ok(disk::names(&self.sessions)?.into_iter().filter_map(Name::found).collect())
    }
}

fn lock_path(root: &Path, number: usize) -> PathBuf {
    root.join("locks").join(format!("{number:02x}"))
}

/// Any number of processes may make it at once. The mark comes last.
fn make(root: &Path) -> Result<(), StoreError> {
    if [MARK, "sessions", "subjects", "locks"].iter().all(|part| root.join(part).exists()) {
        return Ok(());
    }
    make_root(root)?;
    // Nothing is put into a folder of somebody else's.
    owner::check(&fs::metadata(root).map_err(on_read)?)?;
    for name in disk::names(root)? {
        if name.starts_with(MARK_START) && name != MARK {
            return Err(other_layout());
        }
    }
    for part in ["sessions", "subjects", "locks"] {
        make_folder(&root.join(part)).map_err(on_write)?;
    }
    for number in 0..LOCKS {
        // All of them now: on a full disk a session must still be deletable.
        open_lock(&lock_path(root, number)).map_err(on_write)?;
    }
    make_empty(&root.join(MARK)).map_err(on_write)?;
    Ok(())
}

fn other_layout() -> StoreError {
    failed(StoreErrorKind::Corrupt, "its folder has the layout of another release")
}

/// That it is ours, and that nobody else can put files there.
fn check(root: &Path) -> Result<(), StoreError> {
    let unavailable = |why| failed(StoreErrorKind::Unavailable, why);
    if !root.join(MARK).exists() {
        let other = disk::names(root)?.iter().any(|name| name.starts_with(MARK_START));
        let why = match root.is_dir() {
            true => "its folder is no session store in sessile's own layout",
            false => "its folder is not there",
        };
        return Err(if other { other_layout() } else { unavailable(why) });
    }
    for part in ["sessions", "subjects", "locks", "."] {
        let meta = fs::symlink_metadata(root.join(part)).map_err(on_read)?;
        if !meta.is_dir() {
            return Err(unavailable("a part of its folder is no folder"));
        }
        owner::check(&meta)?;
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o022 != 0 {
            return Err(unavailable("its folder may be written by others; chmod it to 0700"));
        }
    }
    Ok(())
}
