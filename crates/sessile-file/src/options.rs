//! How a [`FileStore`](crate::FileStore) uses its folder.

use std::time::Duration;

/// How a [`FileStore`](crate::FileStore) uses its folder.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to make the folder where it is missing. True by default.
    pub create: bool,
    /// How long a write waits for others before
    /// [`Locked`](sessile_core::StoreErrorKind::Locked). 5 s by default.
    pub lock_timeout: Duration,
    /// What an acknowledged write survives.
    pub durability: Durability,
}

/// What an acknowledged write survives, be it a login or a logout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process and a power failure: the disk is waited for.
    #[default]
    Power,
    /// The end of the process. A power failure may undo the last writes, or
    /// leave files that are cut off; those are refused as corrupt.
    Process,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            lock_timeout: Duration::from_secs(5),
            durability: Durability::default(),
        }
    }
}
