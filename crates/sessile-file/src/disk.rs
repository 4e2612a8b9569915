//! Files that are read whole, written whole, and never through a link.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use sessile_core::store::Unreadable;
use sessile_core::{StoreError, StoreErrorKind};

use crate::Durability;
use crate::error::{NotRead, apart, failed, on_open, on_read, on_write, refused};
use crate::owner;

/// The largest file that is read or written: a payload of 64 MiB and what is around it.
const MAX_BYTES: u64 = (64 << 20) + (64 << 10);

/// Opens without following a link and without waiting for a FIFO's other end.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    options
}

/// A file that only we can have put there: not a link, a device, a FIFO, nor
/// another name of some other file, nor another user's.
fn regular(file: &File) -> Result<u64, NotRead> {
    let meta = file.metadata().map_err(on_read)?;
    #[cfg(unix)]
    let alone = std::os::unix::fs::MetadataExt::nlink(&meta) <= 1; // 0: replaced just now
    #[cfg(not(unix))]
    let alone = true;
    if !meta.is_file() || !alone {
        return Err(Unreadable::new("something else lies where a session should").into());
    }
    if !owner::is_ours(&meta) {
        return Err(Unreadable::new("a session's file belongs to another user").into());
    }
    Ok(meta.len())
}

/// The file's content; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Bytes>, NotRead> {
    let Some((file, length)) = open(path)? else { return Ok(None) };
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(on_read)?;
    Ok(Some(content.into()))
}

/// The file's content and when it was last written; `None` when there is none.
pub(crate) fn read_dated(path: &Path) -> Result<Option<(Bytes, SystemTime)>, NotRead> {
    let Some((file, length)) = open(path)? else { return Ok(None) };
    let modified = file.metadata().and_then(|meta| meta.modified()).map_err(on_read)?;
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(on_read)?;
    Ok(Some((content.into(), modified)))
}

/// The file's first bytes, `N` of them or fewer.
pub(crate) fn read_head<const N: usize>(path: &Path) -> Result<Option<Vec<u8>>, NotRead> {
    let Some((file, _)) = open(path)? else { return Ok(None) };
    let mut head = Vec::with_capacity(N);
    file.take(N as u64).read_to_end(&mut head).map_err(on_read)?;
    Ok(Some(head))
}

fn open(path: &Path) -> Result<Option<(File, u64)>, NotRead> {
    let file = match options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(on_open(path, error)),
    };
    let length = regular(&file)?;
    if length > MAX_BYTES {
        return Err(Unreadable::new("a session's file is larger than any session").into());
    }
    Ok(Some((file, length)))
}

/// Writes the content to `new`, waits for the disk, and puts it in the place
/// of `path`. When it fails, `path` is as it was and `new` is gone.
pub(crate) fn replace(
    path: &Path,
    new: &Path,
    content: &[u8],
    durability: Durability,
) -> Result<(), StoreError> {
    if content.len() as u64 > MAX_BYTES {
        return Err(failed(StoreErrorKind::TooLarge, "over 64 MiB"));
    }
    let write = || {
        let mut file = options().write(true).create_new(true).open(new)?;
        file.write_all(content)?;
        if durability == Durability::Power {
            file.sync_all()?;
        }
        fs::rename(new, path)
    };
    write().map_err(|error| {
        // It may not be there; a sweep finds it otherwise.
        let _ = fs::remove_file(new);
        on_write(error)
    })
}

/// What a file is to be.
pub(crate) struct Written<'c> {
    pub(crate) content: &'c [u8],
    /// Its permissions.
    pub(crate) mode: u32,
    /// When it is to seem written, if not now.
    pub(crate) modified: Option<SystemTime>,
}

/// Writes a file that is to be renamed.
fn write_new(new: &Path, written: &Written<'_>, durability: Durability) -> io::Result<()> {
    let mut file = options().write(true).create_new(true).open(new)?;
    file.write_all(written.content)?;
    #[cfg(unix)]
    if written.mode != 0o600 {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(written.mode);
        file.set_permissions(mode)?;
    }
    if let Some(modified) = written.modified {
        file.set_modified(modified)?;
    }
    if durability == Durability::Power { file.sync_all() } else { Ok(()) }
}

/// Puts a new file at `path`, where the caller found none.
pub(crate) fn place(
    path: &Path,
    new: &Path,
    written: &Written<'_>,
    durability: Durability,
) -> Result<(), StoreError> {
    bounded(written)?;
    let write = || write_new(new, written, durability).and_then(|()| fs::rename(new, path));
    write().map_err(|error| {
        let _ = fs::remove_file(new);
        on_write(error)
    })
}

/// What became of [`exchange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchanged {
    Done,
    /// Nothing was there any more, and nothing is.
    Gone,
    /// Somebody without our lock wrote meanwhile; theirs stays.
    Changed,
}

/// Puts a new file in the place of one that holds `expected`. Unlike a rename
/// it brings nothing back that another program removed, and notices what
/// another program wrote, which keeps none of our locks.
pub(crate) fn exchange(
    path: &Path,
    new: &Path,
    written: &Written<'_>,
    expected: &[u8],
    durability: Durability,
) -> Result<Exchanged, StoreError> {
    bounded(written)?;
    let outcome = write_new(new, written, durability).and_then(|()| {
        match swap(path, new) {
            Ok(true) => {}
            Ok(false) => {
                // No such exchange on this file system: nearly as good.
                return match fs::symlink_metadata(path) {
                    Ok(_) => fs::rename(new, path).map(|()| Exchanged::Done),
                    Err(error) => Err(error),
                };
            }
            Err(error) => return Err(error),
        }
        // What was there lies under the new name now.
        if fs::read(new)? == expected {
            return Ok(Exchanged::Done);
        }
        swap(path, new).map(|_| Exchanged::Changed)
    });
    let _ = fs::remove_file(new);
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Exchanged::Gone),
        other => other.map_err(on_write),
    }
}

/// Renames a file; whether it is there.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<bool, StoreError> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(on_write(error)),
    }
}

/// Removes a file that holds `expected`, by way of the name `aside`.
pub(crate) fn take(path: &Path, aside: &Path, expected: &[u8]) -> Result<Exchanged, StoreError> {
    if !rename(path, aside)? {
        return Ok(Exchanged::Gone);
    }
    if fs::read(aside).map_err(on_read)? != expected {
        rename(aside, path)?;
        return Ok(Exchanged::Changed);
    }
    remove(aside)?;
    Ok(Exchanged::Done)
}

/// Exchanges two names at once; false where the system cannot.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn swap(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn swap(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Writes over the first bytes of a file, in one piece; whether it is there.
pub(crate) fn overwrite_head(
    path: &Path,
    head: [u8; 4],
    durability: Durability,
) -> Result<bool, StoreError> {
    let Some(mut file) = open_writable(path)? else { return Ok(false) };
    let sync = |file: &File| match durability {
        Durability::Power => file.sync_data(),
        Durability::Process => Ok(()),
    };
    file.write_all(&head).and_then(|()| sync(&file)).map_err(on_write)?;
    Ok(true)
}

/// Changes when a file seems written; whether it is there.
pub(crate) fn set_modified(
    path: &Path,
    modified: SystemTime,
    durability: Durability,
) -> Result<bool, StoreError> {
    let Some(file) = open_writable(path)? else { return Ok(false) };
    let sync = match durability {
        Durability::Power => File::sync_all,
        Durability::Process => |_: &File| Ok(()),
    };
    file.set_modified(modified).and_then(|()| sync(&file)).map_err(on_write)?;
    Ok(true)
}

fn open_writable(path: &Path) -> Result<Option<File>, StoreError> {
    match options().write(true).open(path) {
        // It was read just before; what has come there since is nobody's session.
        Ok(file) => Ok(apart(regular(&file).map(Some))?.and_then(Result::ok).map(|_| file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(on_write(error)),
    }
}

fn bounded(written: &Written<'_>) -> Result<(), StoreError> {
    if written.content.len() as u64 > MAX_BYTES {
        return Err(failed(StoreErrorKind::TooLarge, "over 64 MiB"));
    }
    Ok(())
}

/// Makes renames, new names and removals in a folder last.
pub(crate) fn sync_folder(folder: &Path, durability: Durability) -> Result<(), StoreError> {
    if durability == Durability::Process || cfg!(windows) {
        return Ok(());
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(on_write)
}

/// Removes a name; whether it was there.
pub(crate) fn remove(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(on_write(error)),
    }
}

/// Makes the folder of a store, in one that is there: a mistyped path makes no store.
pub(crate) fn make_root(path: &Path) -> Result<(), StoreError> {
    // Above a relative path stands an empty one: the working directory.
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above.filter(|above| !above.exists()) {
        let what = format!(
            "there is no folder {} to make its own in; check the path and the folder it begins \
             in, or make it",
            above.display()
        );
        return Err(refused(StoreErrorKind::Unavailable, what));
    }
    if path.exists() { Ok(()) } else { make_folder(path).map_err(on_write) }
}

/// Makes a folder for its owner only; one that is there is fine.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Opens a file to lock, making it where it is missing. Nothing is in it. Another user who owns
/// it could hold it for ever.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let make = || options().write(true).create(true).truncate(false).open(path);
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let opened = match open_empty(path) {
        Err(error) if is_missing(&error) => match (make(), path.parent()) {
            // Removed by its age with all that was in it.
            (Err(error), Some(folder)) if is_missing(&error) => {
                make_folder(folder).and_then(|()| make())
            }
            (made, _) => made,
        },
        other => other,
    };
    let file = opened?;
    if owner::is_ours(&file.metadata()?) {
        return Ok(file);
    }
    let why = "a lock's file belongs to another user, who could hold it for ever; remove it";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Opens a file in which nothing is, to lock it or to change its times.
pub(crate) fn open_empty(path: &Path) -> io::Result<File> {
    options().write(true).open(path)
}

/// Makes an empty file; whether it is new.
pub(crate) fn make_empty(path: &Path) -> io::Result<bool> {
    match options().write(true).create_new(true).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names in a folder; none when there is no folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(on_read(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        // Names of ours are ASCII; others are not ours.
        names.extend(entry.map_err(on_read)?.file_name().into_string());
    }
    Ok(names)
}
