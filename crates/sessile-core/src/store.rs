//! What a session store is: the contract every backend keeps.
//!
//! A store holds opaque records under keys. It decides nothing about sessions:
//! expiry at reading, merging and cookies are the callers'. It promises three
//! things that make the rest possible, and `sessile-conformance` tests them:
//!
//! - a write names the version it was made from, and loses (`Conflict`) when
//!   somebody else wrote in between;
//! - what was deleted or moved stays so: `update` and `touch` answer `Gone`,
//!   never re-create;
//! - `replace` makes the new entry before the old one stops working.

mod any;
mod capabilities;
mod diagnose;
mod ending;
mod error;
pub mod key_value;
mod layout;
mod listing;
mod memory;
mod none;
mod record;
pub mod rotation;
mod scan;

use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::time::Duration;

pub use any::AnyStore;
use bytes::Bytes;
pub use capabilities::{Capabilities, Directory, Sweep};
pub use diagnose::{Diagnose, Finding, Level};
pub use ending::end_by_steps;
pub use error::{StoreError, StoreErrorKind};
pub use layout::Layout;
pub use listing::{Listing, Unreadable};
pub use memory::{AtBound, MemoryStore};
pub use none::NoStore;
pub use record::Record;
pub use scan::{Cursor, Page, Scan};

use crate::id::{StoreKey, Subject};
use sessile_formats::Timestamp;

/// Which write an entry stems from. Compared by the store, made by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// A counter, in our own layout.
    Number(u64),
    /// The stored bytes themselves, in foreign layouts that have no counter.
    Bytes(Bytes),
}

/// The number of an entry's first version: one that nobody has seen, so that a
/// key created anew is another entry. `random` is a `RandomState` of the
/// caller's. Of 48 bits: a signed column holds it, however far it is counted up.
pub fn first_version(random: &impl BuildHasher) -> u64 {
    random.hash_one(0) >> 16
}

/// What [`SessionStore::load`] finds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A session, perhaps past its deadlines: the caller decides.
    Live(Record, Version),
    /// The session has moved to another key; this one follows until the given moment.
    Moved {
        /// Where it is now.
        to: StoreKey,
        /// Until when the pointer is kept. Requests follow it for the grace period only.
        until: Timestamp,
    },
    /// Something is stored there that is not what this layout writes: damaged,
    /// planted, or from a newer release. Its visitor is taken for a new one. To
    /// every write it is gone, except that `create` meets it as
    /// [`Exists`](CreateOutcome::Exists), so that nothing overwrites it; `delete`
    /// removes it.
    Unreadable(Unreadable),
}

/// The outcome of [`SessionStore::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The record is stored.
    Created(Version),
    /// Something is stored under that key already; nothing was written.
    Exists,
}

/// The outcome of [`SessionStore::update`] and [`SessionStore::replace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The record is stored.
    Written(Version),
    /// Somebody else wrote since the expected version; nothing was written. Load and try again.
    Conflict,
    /// No live entry is under that key (deleted, moved, swept); nothing was written.
    Gone,
}

/// The outcome of [`SessionStore::touch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchOutcome {
    /// The new deadline is stored, or a later one was there already.
    Touched,
    /// No live entry is under that key, or it had expired; nothing was written.
    Gone,
}

/// A backend for sessions.
///
/// A key comes out of a visitor's cookie, so it may be one that this layout cannot
/// hold: too long, of characters that the layout or its character set has not, or a
/// foreign key in our own layout. There is no session under such a key. `load` answers `None`,
/// `update`, `touch` and `replace` of it answer `Gone`, `delete` has nothing to do. `create` under
/// it, and `replace` to it, fail with
/// [`Unrepresentable`](StoreErrorKind::Unrepresentable).
///
/// Futures are cancelled by dropping them: at every await a write has either
/// happened whole or not at all.
///
/// # Errors
///
/// A [`StoreError`] means the backend failed, never that a session is missing or cannot be read.
pub trait SessionStore: Send + Sync + 'static {
    /// The entry under `key`, or `None`. An expired entry may be returned or not.
    fn load(
        &self,
        key: &StoreKey,
    ) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send;

    /// Stores a new session; never overwrites, not even an expired entry.
    fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send;

    /// Stores `record` if the live entry under `key` is still `expected`. The stored
    /// [`seen`](Record::seen) does not go backward: of the one in `record` and the one that
    /// is there the later stays, whatever clock they were read from.
    fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Writes down that there was activity at `seen`: moves the stored `seen` forward, never
    /// backward, and with it the idle deadline. Data, version and all else stay as they are, and
    /// concurrent updates are not disturbed. What had ended by `seen`, by either deadline as it
    /// is stored, stays as it is, and the answer is `Gone`: activity does not revive.
    ///
    /// `idle` is for foreign layouts, which keep one moment and no span: that moment moves
    /// to `seen + idle` unless it is later already. A layout that keeps
    /// [the span](Record::idle) goes by the one it keeps.
    fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> impl Future<Output = Result<TouchOutcome, StoreError>> + Send;

    /// Moves a session: stores `record` under `new_key`, then turns the entry
    /// under `old_key` into a pointer that is kept until `pointer_until`, or deletes it when
    /// that is `None`. `seen` does not go backward, as in `update`. When it fails
    /// half-way the old entry still works.
    fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Deletes the entry, live or pointer, and nothing else. Deleting the missing is fine.
    /// It is for tools; who logs somebody out calls [`end`](Self::end).
    fn delete(&self, key: &StoreKey) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends the session that `key` leads to, whatever happens meanwhile. Ending what is not there
    /// is fine, and what cannot be read is removed.
    ///
    /// It follows pointers, those too whose grace period is over, and no write or change of id
    /// that is under way can carry the session off: whatever comes later answers
    /// [`Gone`](WriteOutcome::Gone). The pointers stay until their time. Whether it finds a session
    /// that was moved without a grace period, at a login, is the store's affair. It works as long as the
    /// backend can delete, so in a store that is full.
    ///
    /// The method given here is made of the others, and right for every store that keeps their
    /// contract. A store that can remove "what is there unless it is a pointer" in one step, or
    /// that has no pointers, does so in one write instead of two.
    fn end(&self, key: &StoreKey) -> impl Future<Output = Result<(), StoreError>> + Send
    where
        Self: Sized,
    {
        end_by_steps(self, key)
    }

    /// What it can do besides; nothing, unless it says so.
    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::default()
    }
}

/// A boxed future, for the object-safe traits.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
