//! Whose a folder or a file is. Who may put a file of theirs among the sessions may log in as
//! anybody.

use std::fs::Metadata;

use sessile_core::{StoreError, StoreErrorKind};

use crate::error::refused;

/// Refuses a folder that another user has prepared: they may have put sessions there before,
/// and may at any time. Root may do anything anyway.
pub(crate) fn check(folder: &Metadata) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        let (owner, we) = (std::os::unix::fs::MetadataExt::uid(folder), ours());
        if !is_trusted(owner) {
            let why = format!(
                "its folder belongs to user {owner}, who can put sessions there, and we are user \
                 {we}; run this as user {owner} (sudo -u '#{owner}'), or, if nobody else is to \
                 write there, remove what is in it and chown it to user {we}"
            );
            return Err(refused(StoreErrorKind::Unavailable, why));
        }
    }
    let _ = folder;
    Ok(())
}

/// Whether what a file holds may be believed, whoever else may write to its folder.
pub(crate) fn is_ours(file: &Metadata) -> bool {
    #[cfg(unix)]
    {
        is_trusted(std::os::unix::fs::MetadataExt::uid(file))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        true
    }
}

#[cfg(unix)]
fn is_trusted(owner: u32) -> bool {
    owner == ours() || owner == 0
}

#[cfg(unix)]
fn ours() -> u32 {
    rustix::process::geteuid().as_raw()
}
