//! Which sessions a user has: an empty file for each, in a folder for the user.
//!
//! It is made before the session's file and removed after it, so that a
//! process killed in between leaves a name too many, never one too few: ending
//! all sessions of a user reaches every one. Listing removes what is too many.

use std::fs;
use std::io;

use sessile_core::{StoreError, StoreErrorKind, Subject};

use crate::Durability;
use crate::ageing;
use crate::disk::{make_empty, make_folder, remove, sync_folder};
use crate::error::{failed, on_write};
use crate::folder::{Folder, Name};

/// Writers that remove an empty folder while we fill it give way soon.
const TRIES: usize = 100;

pub(crate) fn add(
    folder: &Folder,
    subject: &Subject,
    name: &Name,
    durability: Durability,
) -> Result<(), StoreError> {
    let (of_user, listing) = (folder.subject(subject), folder.listing(subject, name));
    for _ in 0..TRIES {
        match make_empty(&listing) {
            Ok(false) => {
                ageing::freshen_at(&listing);
                return Ok(());
            }
            Ok(true) => return sync_folder(&of_user, durability),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(&folder.subjects).map_err(on_write)?;
                make_folder(&of_user).map_err(on_write)?;
                sync_folder(&folder.subjects, durability)?;
            }
            Err(error) => return Err(on_write(error)),
        }
    }
    Err(failed(StoreErrorKind::Unavailable, "a user's folder does not stay"))
}

/// Leaves no empty folder behind, or users would be counted for ever.
pub(crate) fn drop_listing(
    folder: &Folder,
    subject: &Subject,
    name: &Name,
) -> Result<(), StoreError> {
    if remove(&folder.listing(subject, name))? {
        // Refused while others are in it.
        let _ = fs::remove_dir(folder.subject(subject));
    }
    Ok(())
}
