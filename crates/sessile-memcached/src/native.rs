//! Our own layout: all of a record, both deadlines, pointers.
//!
//! A value is an entry as `sessile_core::native` encodes it, with a
//! number that is new with every write but a renewal. A [`Version`] is that number
//! and the server's own of the write: as long as nobody renewed the entry, an
//! update is one trip; else the number tells that nothing else happened.

use std::time::Duration;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sessile_core::native::{decode_entry, encode_live, encode_moved};
use sessile_core::store::rotation::HOPS_TO_END;
use sessile_core::store::{
    CreateOutcome, Entry, Record, TouchOutcome, Unreadable, Version, WriteOutcome,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Timestamp};

use crate::connection::{Item, Only, Stamp, Stored};
use crate::fault::STORE;
use crate::keys::{SLACK, WireKey, expiry, now};
use crate::store::Servers;

/// A renewal, or an update among renewals, that loses this often meets something strange.
const MAX_TRIES: usize = 100;

/// Sessions of our own layout.
#[derive(Clone)]
pub(crate) struct Native {
    pub(crate) servers: Arc<Servers>,
    pub(crate) prefix: Arc<str>,
    /// Numbers of entries, from a random start on.
    pub(crate) numbers: Arc<AtomicU64>,
}

/// What is under a key.
enum Found {
    Live { record: Record, number: u64, stamp: Stamp },
    Moved { to: StoreKey, until: Timestamp },
}

impl Native {
    fn key(&self, key: &StoreKey) -> Option<WireKey> {
        WireKey::new(key, Some(&self.prefix))
    }

    fn key_to_write(&self, key: &StoreKey) -> Result<WireKey, StoreError> {
        WireKey::to_write(key, Some(&self.prefix))
    }

    /// The key of a name that a server told of.
    pub(crate) fn key_of(&self, name: &WireKey) -> Option<StoreKey> {
        name.key(Some(&self.prefix))
    }

    /// The session in an item; a pointer is none.
    pub(crate) fn record(item: Item) -> Result<Option<Record>, Unreadable> {
        Ok(match read(item)? {
            Found::Live { record, .. } => Some(record),
            Found::Moved { .. } => None,
        })
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    async fn find(&self, key: &WireKey) -> Result<Option<Result<Found, Unreadable>>, StoreError> {
        Ok(self.servers.of(key).get(key.as_str()).await?.map(read))
    }

    async fn put(
        &self,
        key: &WireKey,
        record: &Record,
        number: u64,
        only: Only,
    ) -> Result<Stored, StoreError> {
        let end = record.ends().map(|end| end + SLACK);
        let value = encode_live(record, number);
        let server = self.servers.of(key);
        Ok(server.set(key.as_str(), &value, 0, expiry(end, now()), only).await?)
    }

    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let Some(key) = self.key(key) else { return Ok(None) };
        Ok(self.find(&key).await?.map(|found| match found {
            Ok(Found::Live { record, number, stamp }) => {
                Entry::Live(record, version(number, stamp))
            }
            Ok(Found::Moved { to, until }) => Entry::Moved { to, until },
            Err(why) => Entry::Unreadable(why),
        }))
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let (key, number) = (self.key_to_write(key)?, self.number());
        Ok(match self.put(&key, record, number, Only::IfMissing).await? {
            Stored::Yes(stamp) => CreateOutcome::Created(version(number, stamp)),
            Stored::Taken | Stored::Missing => CreateOutcome::Exists,
        })
    }

    pub(crate) async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let Some(key) = self.key(key) else { return Ok(WriteOutcome::Gone) };
        let Some((expected, mut stamp)) = parts(expected) else { return self.refused(&key).await };
        let (number, mut record) = (self.number(), record.clone());
        for _ in 0..MAX_TRIES {
            match self.put(&key, &record, number, Only::IfStill(stamp)).await? {
                Stored::Yes(stamp) => return Ok(WriteOutcome::Written(version(number, stamp))),
                Stored::Missing => return Ok(WriteOutcome::Gone),
                Stored::Taken => match self.renewed(&key, expected).await? {
                    Ok((since, seen)) => {
                        stamp = since;
                        record.see(seen);
                    }
                    Err(refused) => return Ok(refused),
                },
            }
        }
        Ok(WriteOutcome::Conflict)
    }

    /// The stamp of the entry, and when it was last seen, if it was renewed and nothing
    /// else; else the answer to a write.
    async fn renewed(
        &self,
        key: &WireKey,
        expected: u64,
    ) -> Result<Result<(Stamp, Option<Timestamp>), WriteOutcome>, StoreError> {
        Ok(match self.find(key).await? {
            Some(Ok(Found::Live { record, number, stamp })) if number == expected => {
                Ok((stamp, record.seen))
            }
            Some(Ok(Found::Live { .. })) => Err(WriteOutcome::Conflict),
            Some(Ok(Found::Moved { .. }) | Err(_)) | None => Err(WriteOutcome::Gone),
        })
    }

    /// What a write that matches nothing answers.
    async fn refused(&self, key: &WireKey) -> Result<WriteOutcome, StoreError> {
        Ok(match self.find(key).await? {
            Some(Ok(Found::Live { .. })) => WriteOutcome::Conflict,
            Some(Ok(Found::Moved { .. }) | Err(_)) | None => WriteOutcome::Gone,
        })
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        _: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let Some(key) = self.key(key) else { return Ok(TouchOutcome::Gone) };
        for _ in 0..MAX_TRIES {
            let Some(Ok(Found::Live { mut record, number, stamp })) = self.find(&key).await? else {
                return Ok(TouchOutcome::Gone);
            };
            if record.has_ended(seen) {
                return Ok(TouchOutcome::Gone);
            }
            record.see(Some(seen));
            match self.put(&key, &record, number, Only::IfStill(stamp)).await? {
                Stored::Yes(_) => return Ok(TouchOutcome::Touched),
                Stored::Missing => return Ok(TouchOutcome::Gone),
                Stored::Taken => {}
            }
        }
        let busy = StoreError::new(STORE, StoreErrorKind::Unavailable);
        Err(busy.because("an entry changes faster than it can be renewed"))
    }

    /// In three changes of one item each, to the end whether its caller waits or
    /// not. A process killed before the second leaves the old session and an item
    /// under a key that nobody was told of.
    ///
    /// 1. The new item is added.
    /// 2. The old one, if it is still the expected one, becomes a pointer to it.
    /// 3. Without grace the pointer is deleted. It has led nowhere from the start;
    ///    it is there so that, when the reply to step 2 is lost, it can be told
    ///    from a logout.
    pub(crate) async fn replace(
        &self,
        old: &StoreKey,
        expected: &Version,
        new: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let Some(old_key) = self.key(old) else { return Ok(WriteOutcome::Gone) };
        let new_key = self.key_to_write(new)?;
        let Some(expected) = parts(expected) else { return self.refused(&old_key).await };
        let number = self.number();
        let Stored::Yes(stamp) = self.put(&new_key, record, number, Only::IfMissing).await? else {
            return self.refused(&old_key).await;
        };
        let until = pointer_until.unwrap_or(Timestamp::from_secs(0));
        match self.point(&old_key, expected, new, until).await? {
            Ok((pointer, seen)) => {
                let stamp = self.seen(&new_key, record, number, stamp, seen).await;
                if pointer_until.is_none() {
                    // Should it fail, the pointer leads nowhere and goes soon.
                    let server = self.servers.of(&old_key);
                    let _ = server.delete_if_still(old_key.as_str(), pointer).await;
                }
                Ok(WriteOutcome::Written(version(number, stamp)))
            }
            Err(refused) => {
                let server = self.servers.of(&new_key);
                server.delete_if_still(new_key.as_str(), stamp).await?;
                Ok(refused)
            }
        }
    }

    /// Writes down in a session that has moved that it was `seen` since it was loaded, if
    /// it was; the stamp it has then. Where that fails or somebody else was first, it stays.
    async fn seen(
        &self,
        key: &WireKey,
        record: &Record,
        number: u64,
        stamp: Stamp,
        seen: Option<Timestamp>,
    ) -> Stamp {
        let mut later = record.clone();
        later.see(seen);
        if later.seen == record.seen {
            return stamp;
        }
        match self.put(key, &later, number, Only::IfStill(stamp)).await {
            Ok(Stored::Yes(since)) => since,
            _ => stamp,
        }
    }

    /// Turns the expected entry into a pointer; also when that was seen, if others renewed it
    /// meanwhile. When this fails it is not known whether that was done, and the new key must
    /// stay.
    async fn point(
        &self,
        key: &WireKey,
        (expected, mut stamp): (u64, Stamp),
        to: &StoreKey,
        until: Timestamp,
    ) -> Result<Result<(Stamp, Option<Timestamp>), WriteOutcome>, StoreError> {
        let (value, mut seen) = (encode_moved(to, until), None);
        let now = now();
        let kept = expiry(Some(until.max(now) + SLACK), now);
        for _ in 0..MAX_TRIES {
            let only = Only::IfStill(stamp);
            let fault = match self.servers.of(key).set(key.as_str(), &value, 0, kept, only).await {
                Ok(Stored::Yes(pointer)) => return Ok(Ok((pointer, seen))),
                Ok(Stored::Missing) => return Ok(Err(WriteOutcome::Gone)),
                Ok(Stored::Taken) => None,
                Err(fault) => Some(fault),
            };
            // One find for both: was it renewed, or was it done and the reply lost?
            let item = self.servers.of(key).get(key.as_str()).await?;
            match item.map(|item| (decode_entry(item.value), item.stamp)) {
                Some((Ok(Entry::Live(record, Version::Number(number))), since))
                    if number == expected =>
                {
                    match fault {
                        Some(fault) => return Err(fault.into()),
                        None => (stamp, seen) = (since, record.seen),
                    }
                }
                Some((Ok(Entry::Moved { to: found, .. }), pointer))
                    if fault.is_some() && found == *to =>
                {
                    return Ok(Ok((pointer, seen)));
                }
                Some((Ok(Entry::Live(..)), _)) => return Ok(Err(WriteOutcome::Conflict)),
                _ => return Ok(Err(WriteOutcome::Gone)),
            }
        }
        Ok(Err(WriteOutcome::Conflict))
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let Some(key) = self.key(key) else { return Ok(()) };
        Ok(self.servers.of(&key).delete(key.as_str()).await?)
    }

    pub(crate) async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let mut at = key.clone();
        for _ in 0..HOPS_TO_END {
            let Some(key) = self.key(&at) else { return Ok(()) };
            let Some(item) = self.servers.of(&key).get(key.as_str()).await? else { return Ok(()) };
            let stamp = item.stamp;
            if let Ok(Found::Moved { to, .. }) = read(item) {
                at = to;
                continue;
            }
            let server = self.servers.of(&key);
            if server.delete_if_still(key.as_str(), stamp).await?.is_some() {
                return Ok(());
            }
        }
        let busy = StoreError::new(STORE, StoreErrorKind::Unavailable);
        Err(busy.because("others kept writing to a session that was to end"))
    }
}

fn read(item: Item) -> Result<Found, Unreadable> {
    match decode_entry(item.value) {
        Ok(Entry::Live(record, Version::Number(number))) => {
            Ok(Found::Live { record, number, stamp: item.stamp })
        }
        Ok(Entry::Moved { to, until }) => Ok(Found::Moved { to, until }),
        Ok(Entry::Live(_, Version::Bytes(_))) => Err(Unreadable::new("its version is no number")),
        Ok(Entry::Unreadable(why)) => Err(why),
        Err(error) => Err(Unreadable::new(error.to_string())),
    }
}

fn version(number: u64, stamp: Stamp) -> Version {
    let both = [number.to_be_bytes(), stamp.0.to_be_bytes()];
    Version::Bytes(Bytes::copy_from_slice(both.as_flattened()))
}

fn parts(version: &Version) -> Option<(u64, Stamp)> {
    let Version::Bytes(bytes) = version else { return None };
    let (number, stamp) = bytes.split_first_chunk()?;
    let stamp = stamp.try_into().ok()?;
    Some((u64::from_be_bytes(*number), Stamp(u64::from_be_bytes(stamp))))
}
