//! Sessions in any key-value store that can change one value conditionally.
//!
//! [`KeyValue`] is what such a store must do: read, write, delete. [`KeyValueStore`] makes a whole
//! [`SessionStore`](super::SessionStore) of it. All that a session store promises is kept there:
//! versions that never come again, sessions that stay ended, changes of key that lose nothing
//! ([`rotation`](super::rotation)).

mod envelope;
mod list;
mod store;

use std::future::Future;

use bytes::Bytes;

pub use self::envelope::STAMP_BYTES;
pub use self::store::KeyValueStore;
use super::{StoreError, StoreErrorKind};
use sessile_formats::Timestamp;

/// A store of values under keys.
///
/// A key is 64 hexadecimal digits in lower case: the hash of a session's id. A value is opaque and
/// never empty. Nothing else may write values under such keys; what does is left alone, and is no
/// session.
///
/// Each change is conditional and happens whole or not at all, in any process that uses the store,
/// also when its future is dropped: `put_if` must compare and write in one step, by a lock, a
/// transaction, a script or the store's own compare-and-swap.
///
/// # Errors
///
/// An error means that the store failed. A change that did not happen because something else was
/// there is no error.
pub trait KeyValue: Send + Sync + 'static {
    /// How it fails.
    type Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send;

    /// What the store is called in errors: `"JSON file"`.
    const NAME: &'static str;

    /// It drops values by itself once their `until` has come. Other stores are swept, for which they
    /// need [`list`](Self::list).
    const EXPIRES: bool = false;

    /// It has [`list`](Self::list). Without it sessions can be neither listed nor found by their
    /// user.
    const LISTS: bool = false;

    /// The value under `key` and its stamp.
    fn get(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<(Bytes, Stamp)>, Self::Error>> + Send;

    /// Writes a value if the one under `key` has the stamp `expected`; if nothing is there, where
    /// `expected` is `None`. Returns the stamp of the value written, or `None` if it did not write.
    fn put_if(
        &self,
        key: &str,
        expected: Option<&Stamp>,
        new: Put,
    ) -> impl Future<Output = Result<Option<Stamp>, Self::Error>> + Send;

    /// Deletes the value under `key` if it has the stamp `expected`; whether it did.
    fn delete_if(
        &self,
        key: &str,
        expected: &Stamp,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// The keys after the place `after`, about `limit` of them, in any order. A key that is there
    /// from the first page to the last is listed at least once. Keys of others may be among them.
    fn list(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<KeyPage, Self::Error>> + Send {
        let _ = (after, limit);
        async { Ok(KeyPage::default()) }
    }

    /// A failure as callers of a session store see it. The kinds
    /// [`Unavailable`](StoreErrorKind::Unavailable), which all have unless this says otherwise, and
    /// [`Timeout`](StoreErrorKind::Timeout) leave open whether a change happened or will; with the
    /// others it did not and will not.
    fn failed(error: Self::Error) -> StoreError {
        StoreError::new(Self::NAME, StoreErrorKind::Unavailable).because(error)
    }
}

/// A value to write.
#[derive(Clone)]
pub struct Put {
    /// The value. Not empty.
    pub value: Bytes,
    /// Nobody needs it after this, by anybody's clock: the store may drop it then, and not before.
    pub until: Option<Timestamp>,
}

impl std::fmt::Debug for Put {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Put").field("until", &self.until).finish_non_exhaustive()
    }
}

/// Some keys, and the place where the list goes on.
#[derive(Clone, Debug, Default)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<String>,
    /// Where the next page begins; `None` after the last. Good over a restart of the caller.
    pub next: Option<String>,
}

impl KeyPage {
    /// The first `limit` keys after `after` of all keys in ascending order.
    pub fn of_sorted<'a>(
        all: impl IntoIterator<Item = &'a String>,
        after: Option<&str>,
        limit: usize,
    ) -> Self {
        let mut rest = all.into_iter().skip_while(|key| Some(key.as_str()) <= after).cloned();
        let keys: Vec<_> = rest.by_ref().take(limit.max(1)).collect();
        let next = rest.next().and_then(|_| keys.last().cloned());
        Self { keys, next }
    }
}

/// Tells one value that was under a key from every other. Made by the store; never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Stamp(Bytes);

impl Stamp {
    /// A stamp of the store's own: a revision, a generation, an ETag.
    pub fn new(stamp: impl Into<Bytes>) -> Self {
        Self(stamp.into())
    }

    /// The stamp of a value in stores that have none of their own: its first [`STAMP_BYTES`] bytes,
    /// which no two values have in common.
    pub fn of(value: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(value.get(..STAMP_BYTES).unwrap_or(value)))
    }

    /// A value with the stamp [`of`](Self::of) it.
    pub fn beside(value: impl Into<Bytes>) -> (Bytes, Self) {
        let value = value.into();
        let stamp = Self::of(&value);
        (value, stamp)
    }

    /// The bytes it was made of.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stamp(…)")
    }
}
