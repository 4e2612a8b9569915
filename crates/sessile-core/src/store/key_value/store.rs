//! A session store on a key-value store.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::{KeyValue, Put, Stamp, envelope};
use crate::id::StoreKey;
use crate::store::rotation::{self, Entries, MAX_TRIES, Move, Moved, Pointer, Stored};
use crate::store::{
    Capabilities, CreateOutcome, Entry, Record, SessionStore, StoreError, StoreErrorKind,
    TouchOutcome, Version, WriteOutcome,
};
use sessile_formats::Timestamp;

/// How much longer than it lasts a value is kept: the clocks of servers may be apart by this much.
const SLACK: Duration = Duration::from_secs(600);

/// The [`SessionStore`] that a [`KeyValue`] store is made into.
///
/// A load is one `get`, a new session one `put_if`, a change of a loaded session one `put_if`. A
/// renewal and an end are two calls, a change of id is three. What needs the
/// [list of keys](KeyValue::list) reads every session of the store, one `get` each: listing all, a
/// user's sessions, ending them, sweeping. That is right whatever happens meanwhile, and slow in a
/// large store.
pub struct KeyValueStore<K> {
    pub(super) values: K,
    seed: RandomState,
    changes: AtomicU64,
}

impl<K: KeyValue> KeyValueStore<K> {
    /// Sessions in `values`.
    pub fn new(values: K) -> Self {
        Self { values, seed: RandomState::new(), changes: AtomicU64::new(0) }
    }

    /// The key-value store below.
    pub fn values(&self) -> &K {
        &self.values
    }

    /// A number that no value before had. It depends on what was there, so that a process and its
    /// fork, whose seeds and counters are the same, do not follow one another with the same number.
    fn fresh(&self, before: &[u8]) -> u64 {
        self.seed.hash_one((self.changes.fetch_add(1, Ordering::Relaxed), before))
    }

    async fn put(
        &self,
        key: &str,
        expected: Option<&Stamp>,
        value: Bytes,
        end: Option<Timestamp>,
    ) -> Result<Option<Stamp>, StoreError> {
        let until = end.map(|end| end + SLACK).filter(|until| *until != Timestamp::MAX);
        self.values.put_if(key, expected, Put { value, until }).await.map_err(K::failed)
    }

    async fn put_live(
        &self,
        key: &str,
        expected: Option<&Stamp>,
        record: &Record,
        number: u64,
    ) -> Result<Option<Stamp>, StoreError> {
        let change = self.fresh(expected.map_or(key.as_bytes(), Stamp::as_bytes));
        let value = envelope::live(record, number, change);
        self.put(key, expected, value, record.ends()).await
    }

    /// What a write from an unknown version answers.
    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        Ok(match rotation::load(self, key).await? {
            Some((Stored::Live(..), _)) => WriteOutcome::Conflict,
            _ => WriteOutcome::Gone,
        })
    }
}

impl<K> fmt::Debug for KeyValueStore<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyValueStore")
    }
}

/// What a value is called; keys of foreign layouts have no name here.
fn name(key: &StoreKey) -> Option<String> {
    key.hash().map(|_| key.to_text())
}

fn hash<K: KeyValue>(key: &StoreKey) -> Result<(&[u8; 32], String), StoreError> {
    key.hash().map(|hash| (hash, key.to_text())).ok_or_else(|| {
        StoreError::new(K::NAME, StoreErrorKind::Unrepresentable)
            .because("it keeps sessions under keys of our own layout only")
    })
}

/// What a [`Version`] holds: the number tells whether anything but renewals happened since, the
/// stamp whether anything happened, and without a look at the store how far `seen` may not go back.
struct Expected {
    number: u64,
    seen: Option<Timestamp>,
    stamp: Stamp,
}

const NEVER: i64 = i64::MIN;

fn version(number: u64, seen: Option<Timestamp>, stamp: &Stamp) -> Version {
    let seen = seen.map_or(NEVER, Timestamp::as_millis);
    let parts = [&number.to_be_bytes()[..], &seen.to_be_bytes(), stamp.as_bytes()];
    Version::Bytes(parts.concat().into())
}

fn expected(version: &Version) -> Option<Expected> {
    let Version::Bytes(bytes) = version else { return None };
    let (number, rest) = bytes.split_first_chunk()?;
    let (seen, stamp) = rest.split_first_chunk()?;
    if stamp.is_empty() {
        return None;
    }
    let seen = Some(i64::from_be_bytes(*seen)).filter(|seen| *seen != NEVER);
    Some(Expected {
        number: u64::from_be_bytes(*number),
        seen: seen.map(Timestamp::from_millis),
        stamp: Stamp::new(bytes.slice_ref(stamp)),
    })
}

/// `record`, with the later `seen` of the two.
fn not_seen_before(record: &Record, seen: Option<Timestamp>) -> Cow<'_, Record> {
    match seen > record.seen {
        true => Cow::Owned(Record { seen, ..record.clone() }),
        false => Cow::Borrowed(record),
    }
}

impl<K: KeyValue> Entries for KeyValueStore<K> {
    type Stamp = Stamp;

    async fn find(&self, key: &StoreKey) -> Result<Option<(Stored, Stamp)>, StoreError> {
        let Some(key) = name(key) else { return Ok(None) };
        let found = self.values.get(&key).await.map_err(K::failed)?;
        Ok(found.map(|(value, stamp)| (envelope::read(value), stamp)))
    }

    async fn add_unseen(
        &self,
        key: &StoreKey,
        from: &StoreKey,
        record: &Record,
        number: u64,
    ) -> Result<Option<Stamp>, StoreError> {
        let ((_, key), (from, _)) = (hash::<K>(key)?, hash::<K>(from)?);
        let value = envelope::unseen(record, number, self.fresh(key.as_bytes()), from);
        self.put(&key, None, value, record.ends()).await
    }

    async fn point(
        &self,
        key: &StoreKey,
        unchanged: &Stamp,
        pointer: &Pointer,
    ) -> Result<bool, StoreError> {
        let ((_, key), (to, _)) = (hash::<K>(key)?, hash::<K>(&pointer.to)?);
        let value = envelope::moved(to, pointer, self.fresh(unchanged.as_bytes()));
        Ok(self.put(&key, Some(unchanged), value, Some(pointer.kept)).await?.is_some())
    }

    async fn promote(
        &self,
        key: &StoreKey,
        unchanged: &Stamp,
        record: &Record,
        number: u64,
    ) -> Result<Option<Stamp>, StoreError> {
        let (_, key) = hash::<K>(key)?;
        self.put_live(&key, Some(unchanged), record, number).await
    }

    async fn remove(&self, key: &StoreKey, unchanged: &Stamp) -> Result<bool, StoreError> {
        let Some(key) = name(key) else { return Ok(false) };
        self.values.delete_if(&key, unchanged).await.map_err(K::failed)
    }
}

impl<K: KeyValue> SessionStore for KeyValueStore<K> {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        Ok(match rotation::load(self, key).await? {
            Some((Stored::Live(record, number), stamp)) => {
                let version = version(number, record.seen, &stamp);
                Some(Entry::Live(record, version))
            }
            Some((Stored::Moved(Pointer { to, followed: true, until, .. }), _)) => {
                Some(Entry::Moved { to, until })
            }
            Some((Stored::Unreadable, _)) => Some(Entry::Unreadable(envelope::unreadable())),
            Some((Stored::Moved(_) | Stored::Unseen { .. }, _)) | None => None,
        })
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        let (_, key) = hash::<K>(key)?;
        let number = self.fresh(key.as_bytes());
        Ok(match self.put_live(&key, None, record, number).await? {
            Some(stamp) => CreateOutcome::Created(version(number, record.seen, &stamp)),
            None => CreateOutcome::Exists,
        })
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        since: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let Some(key_name) = name(key) else { return Ok(WriteOutcome::Gone) };
        let Some(Expected { number: of, mut seen, mut stamp }) = expected(since) else {
            return self.refused(key).await;
        };
        for _ in 0..MAX_TRIES {
            let record = not_seen_before(record, seen);
            let number = self.fresh(stamp.as_bytes());
            if let Some(stamp) = self.put_live(&key_name, Some(&stamp), &record, number).await? {
                return Ok(WriteOutcome::Written(version(number, record.seen, &stamp)));
            }
            match rotation::load(self, key).await? {
                // Renewed since, and nothing else.
                Some((Stored::Live(record, number), now)) if number == of => {
                    (seen, stamp) = (record.seen, now);
                }
                Some((Stored::Live(..), _)) => return Ok(WriteOutcome::Conflict),
                _ => return Ok(WriteOutcome::Gone),
            }
        }
        Ok(WriteOutcome::Conflict)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        _: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let Some(key_name) = name(key) else { return Ok(TouchOutcome::Gone) };
        for _ in 0..MAX_TRIES {
            let Some((Stored::Live(mut record, number), stamp)) = rotation::load(self, key).await?
            else {
                return Ok(TouchOutcome::Gone);
            };
            if record.has_ended(seen) {
                return Ok(TouchOutcome::Gone);
            }
            record.see(Some(seen));
            if self.put_live(&key_name, Some(&stamp), &record, number).await?.is_some() {
                return Ok(TouchOutcome::Touched);
            }
        }
        Err(StoreError::new(K::NAME, StoreErrorKind::Unavailable)
            .because("a session changes faster than it can be renewed"))
    }

    async fn replace(
        &self,
        old: &StoreKey,
        since: &Version,
        new: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let Some(Expected { number: of, seen, stamp }) = expected(since) else {
            return self.refused(old).await;
        };
        if old.hash().is_none() {
            return Ok(WriteOutcome::Gone);
        }
        let record = &*not_seen_before(record, seen);
        let number = self.fresh(stamp.as_bytes());
        let wanted =
            Move { old, expected: of, unchanged: stamp, new, record, number, pointer_until };
        Ok(match rotation::replace(self, wanted).await? {
            Moved::Done(seen, stamp) => WriteOutcome::Written(version(number, seen, &stamp)),
            Moved::Conflict => WriteOutcome::Conflict,
            Moved::Gone => WriteOutcome::Gone,
        })
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        rotation::delete(self, key).await.map(|_| ())
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        rotation::end(self, key, rotation::Whose::default()).await.map(|_| ())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            sweep: (K::LISTS && !K::EXPIRES).then_some(self),
            directory: K::LISTS.then_some(self),
            scan: K::LISTS.then_some(self),
            ..Capabilities::default()
        }
    }
}
