//! What the protocol needs of a backend: entries, and changes of one entry each.

use std::future::Future;
use std::time::Duration;

use sessile_formats::Timestamp;

use crate::id::StoreKey;
use crate::store::{Record, StoreError};

/// How long a pointer without a grace period is kept from sweeps: no request that came under the
/// old key takes longer.
const IN_FLIGHT: Duration = Duration::from_secs(600);

/// Pointers to sessions that live longer than this are not kept as long as those.
const POINTER_KEPT_AT_MOST: Duration = Duration::from_secs(30 * 86_400);

/// What is stored under a key.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A session, and the number of the write it stems from. Renewals leave the number alone.
    Live(Record, u64),
    /// A session if the key `from` points here, else nothing.
    Unseen {
        /// What the session will be.
        record: Record,
        /// Its number.
        number: u64,
        /// The key that it moves from.
        from: StoreKey,
    },
    /// The session has moved.
    Moved(Pointer),
    /// Something this layout does not write. It is left as it is.
    Unreadable,
}

/// Where a session has gone.
#[derive(Clone, Debug)]
pub struct Pointer {
    /// Its new key.
    pub to: StoreKey,
    /// Whether readers may follow it, until [`until`](Self::until).
    pub followed: bool,
    /// The end of the grace period. Without one, when nobody needs the pointer any more.
    pub until: Timestamp,
    /// When the backend may drop it by itself: when the session it leads to has ended.
    pub kept: Timestamp,
}

impl Pointer {
    /// The pointer to `record`'s session under the key `to`.
    pub fn new(to: &StoreKey, record: &Record, pointer_until: Option<Timestamp>) -> Self {
        let now = record.seen.max(record.rotated).max(record.authenticated).max(record.created);
        let until = pointer_until.or(now.map(|now| now + IN_FLIGHT)).unwrap_or(Timestamp::MAX);
        let longest = until + POINTER_KEPT_AT_MOST;
        let kept = record.ends().unwrap_or(longest).clamp(until, longest);
        Self { to: to.clone(), followed: pointer_until.is_some(), until, kept }
    }
}

/// Changes of one entry each, of the kind that [`replace`](super::replace) and [`end`](super::end) are made of. A stamp names
/// what an entry was; a change with an older one does not happen.
///
/// # Errors
///
/// After an error it is unknown whether the change happened, unless its kind says so.
pub trait Entries: Sync {
    /// The state of an entry, down to its last renewal.
    type Stamp: Clone + PartialEq + Send + Sync;

    /// What is under `key`.
    fn find(
        &self,
        key: &StoreKey,
    ) -> impl Future<Output = Result<Option<(Stored, Self::Stamp)>, StoreError>> + Send;

    /// Writes an unseen entry if nothing is under `key`; its stamp if it did.
    fn add_unseen(
        &self,
        key: &StoreKey,
        from: &StoreKey,
        record: &Record,
        number: u64,
    ) -> impl Future<Output = Result<Option<Self::Stamp>, StoreError>> + Send;

    /// Turns a live entry into a pointer; whether it did.
    fn point(
        &self,
        key: &StoreKey,
        unchanged: &Self::Stamp,
        pointer: &Pointer,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Makes an unseen entry, which holds `record` and `number`, live; its new stamp if it did.
    fn promote(
        &self,
        key: &StoreKey,
        unchanged: &Self::Stamp,
        record: &Record,
        number: u64,
    ) -> impl Future<Output = Result<Option<Self::Stamp>, StoreError>> + Send;

    /// Removes an entry; whether it did.
    fn remove(
        &self,
        key: &StoreKey,
        unchanged: &Self::Stamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
