//! The layouts of Flask-Session 0.8 and of Django's `cache` engine: a key, the
//! payload as its value, flags that say of which type it is, and a time to live.
//!
//! Neither keeps a version, but the server counts every write, theirs included.
//! That is the version here: one trip for a conditional write, and what was
//! created anew is another entry.

use std::sync::Arc;
use std::time::Duration;

use sessile_core::store::{
    CreateOutcome, Entry, Layout, Record, TouchOutcome, Unreadable, Version, WriteOutcome,
};
use sessile_core::{StoreError, StoreKey, Timestamp};

use crate::connection::{Item, Only, Stamp, Stored};
use crate::keys::{WireKey, expiry, now};
use crate::store::Servers;

/// `PYLIBMC_FLAG_PICKLE`, pymemcache's `FLAG_PICKLE`, python-memcached's `_FLAG_PICKLE`.
const PICKLE: u32 = 1;
/// The same three's text, in UTF-8.
const TEXT: u32 = 16;

/// Sessions of somebody else's layout.
#[derive(Clone)]
pub(crate) struct Foreign {
    pub(crate) servers: Arc<Servers>,
    pub(crate) whose: Whose,
    /// What the keys of sessions begin with.
    pub(crate) prefix: Arc<str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Bytes, which all clients write without a flag.
    FlaskSession,
    /// A dict, which all clients write as a pickle.
    Django,
}

impl Whose {
    fn writes(self) -> u32 {
        match self {
            Self::FlaskSession => 0,
            Self::Django => PICKLE,
        }
    }

    fn reads(self, flags: u32) -> bool {
        flags == self.writes() || (self == Self::FlaskSession && flags == TEXT)
    }
}

impl Foreign {
    async fn find(&self, key: &WireKey) -> Result<Option<Item>, StoreError> {
        Ok(self.servers.of(key).get(key.as_str()).await?)
    }

    async fn put(&self, key: &WireKey, record: &Record, only: Only) -> Result<Stored, StoreError> {
        let expiry = expiry(record.ends(), now());
        let (server, flags) = (self.servers.of(key), self.whose.writes());
        Ok(server.set(key.as_str(), &record.payload, flags, expiry, only).await?)
    }

    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let Some(key) = WireKey::new(key, None) else { return Ok(None) };
        let Some(item) = self.find(&key).await? else { return Ok(None) };
        let version = version(item.stamp);
        Ok(Some(match self.record(item) {
            Ok(record) => Entry::Live(record, version),
            Err(why) => Entry::Unreadable(why),
        }))
    }

    /// The session in an item, unless its flags say that it is something else.
    pub(crate) fn record(&self, item: Item) -> Result<Record, Unreadable> {
        if !self.whose.reads(item.flags) {
            return Err(Unreadable::new("its flags say that it is of another type"));
        }
        let end = end(&item);
        Ok(Record::ending(item.value, end))
    }

    /// The key of a name that a server told of.
    pub(crate) fn key_of(&self, name: &WireKey) -> Option<StoreKey> {
        let layout = match self.whose {
            Whose::FlaskSession => Layout::FlaskSession,
            Whose::Django => Layout::Django,
        };
        let ours = layout.is_key(&self.prefix, name.as_str());
        ours.then(|| name.key(None)).flatten()
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let key = WireKey::to_write(key, None)?;
        Ok(match self.put(&key, record, Only::IfMissing).await? {
            Stored::Yes(stamp) => CreateOutcome::Created(version(stamp)),
            Stored::Taken | Stored::Missing => CreateOutcome::Exists,
        })
    }

    pub(crate) async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let Some(key) = WireKey::new(key, None) else { return Ok(WriteOutcome::Gone) };
        let Some(stamp) = stamp(expected) else { return self.refused(&key).await };
        Ok(match self.put(&key, record, Only::IfStill(stamp)).await? {
            Stored::Yes(stamp) => WriteOutcome::Written(version(stamp)),
            Stored::Taken => return self.refused(&key).await,
            Stored::Missing => WriteOutcome::Gone,
        })
    }

    /// What a write that matches nothing answers.
    async fn refused(&self, key: &WireKey) -> Result<WriteOutcome, StoreError> {
        let found = self.find(key).await?.map(|item| self.record(item));
        let live = matches!(found, Some(Ok(_)));
        Ok(if live { WriteOutcome::Conflict } else { WriteOutcome::Gone })
    }

    /// Sets the time to live, which is no write: versions stay.
    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let Some(key) = WireKey::new(key, None) else { return Ok(TouchOutcome::Gone) };
        let item = self.find(&key).await?.filter(|item| self.whose.reads(item.flags));
        let Some(item) = item else { return Ok(TouchOutcome::Gone) };
        // Without an end there is none to move.
        let Some(end) = end(&item) else { return Ok(TouchOutcome::Touched) };
        if seen >= end {
            return Ok(TouchOutcome::Gone);
        }
        let there = match idle.map(|span| seen + span).filter(|later| *later > end) {
            Some(later) => {
                self.servers.of(&key).touch(key.as_str(), expiry(Some(later), now())).await?
            }
            None => true,
        };
        Ok(if there { TouchOutcome::Touched } else { TouchOutcome::Gone })
    }

    /// Neither original knows of a grace period, so the old key is deleted at
    /// once. To the end whether its caller waits or not.
    pub(crate) async fn replace(
        &self,
        old: &StoreKey,
        expected: &Version,
        new: &StoreKey,
        record: &Record,
    ) -> Result<WriteOutcome, StoreError> {
        let Some(old) = WireKey::new(old, None) else { return Ok(WriteOutcome::Gone) };
        let new = WireKey::to_write(new, None)?;
        let Some(expected) = stamp(expected) else { return self.refused(&old).await };
        let Stored::Yes(added) = self.put(&new, record, Only::IfMissing).await? else {
            return self.refused(&old).await;
        };
        // When this fails nobody was told of the new key, and the old one may be as it was.
        let deleted = self.servers.of(&old).delete_if_still(old.as_str(), expected).await?;
        if deleted == Some(true) {
            return Ok(WriteOutcome::Written(version(added)));
        }
        self.servers.of(&new).delete_if_still(new.as_str(), added).await?;
        if deleted.is_none() { self.refused(&old).await } else { Ok(WriteOutcome::Gone) }
    }

    /// There are no pointers in this layout.
    pub(crate) async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.delete(key).await
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let Some(key) = WireKey::new(key, None) else { return Ok(()) };
        Ok(self.servers.of(&key).delete(key.as_str()).await?)
    }
}

/// By the time the server says is left.
fn end(item: &Item) -> Option<Timestamp> {
    Some(now() + Duration::from_secs(u64::from(item.left?)))
}

fn version(stamp: Stamp) -> Version {
    Version::Number(stamp.0)
}

fn stamp(version: &Version) -> Option<Stamp> {
    match version {
        Version::Number(number) => Some(Stamp(*number)),
        Version::Bytes(_) => None,
    }
}
