//! Files that are read whole, written whole, and never through a link.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use bytes::Bytes;
use sessile_core::{StoreError, StoreErrorKind};

use crate::Durability;
use crate::error::{bad_entry, failed, on_read, on_write};

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
/// another name of some other file.
fn regular(file: &File) -> Result<u64, StoreError> {
    let meta = file.metadata().map_err(on_read)?;
    #[cfg(unix)]
    let alone = std::os::unix::fs::MetadataExt::nlink(&meta) <= 1; // 0: replaced just now
    #[cfg(not(unix))]
    let alone = true;
    if !meta.is_file() || !alone {
        return Err(bad_entry("something else lies where a session should"));
    }
    Ok(meta.len())
}

/// The file's content; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Bytes>, StoreError> {
    let Some((file, length)) = open(path)? else { return Ok(None) };
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(on_read)?;
    Ok(Some(content.into()))
}

/// The file's first bytes, `N` of them or fewer.
pub(crate) fn read_head<const N: usize>(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some((file, _)) = open(path)? else { return Ok(None) };
    let mut head = Vec::with_capacity(N);
    file.take(N as u64).read_to_end(&mut head).map_err(on_read)?;
    Ok(Some(head))
}

fn open(path: &Path) -> Result<Option<(File, u64)>, StoreError> {
    let file = match options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(on_read(error)),
    };
    let length = regular(&file)?;
    if length > MAX_BYTES {
        return Err(bad_entry("a session's file is larger than any session"));
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

/// Opens a file to lock, making it where it is missing. Nothing is in it.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    match options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            options().write(true).create(true).truncate(false).open(path)
        }
        other => other,
    }
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
