//! The layouts of Flask-Session 0.8 and of Django 5.2's cache: a key, the
//! payload as its value, and `EX`.
//!
//! Both write `SET key value EX seconds` and read `GET key`; so do we, through a
//! script where the bytes must still be those that were loaded.

use std::time::Duration;

use bytes::Bytes;
use redis::{Value, cmd, pipe};
use sessile_core::store::{CreateOutcome, Entry, Record, TouchOutcome, Version, WriteOutcome};
use sessile_core::{StoreError, StoreKey, Timestamp};

use crate::fault::{Fault, not_a_string};
use crate::keys::{foreign_seconds, now};
use crate::link::checked;
use crate::native::{number, outcome, script, text, touched};
use crate::server::{Effect, Script, Server};

script!(UPDATE = "foreign_update");
script!(TOUCH = "foreign_touch");
script!(REPLACE = "foreign_replace");
script!(END = "foreign_end");
script!(TAKE_BACK = "foreign_take_back");

/// Sessions of somebody else's layout.
pub(crate) struct Foreign<'a> {
    pub(crate) server: &'a Server,
}

impl Foreign<'_> {
    /// The value, and its deadline by the time the server says is left; and over
    /// which connection they came.
    pub(crate) async fn load(&self, key: &StoreKey) -> Result<(Option<Entry>, u64), StoreError> {
        let name = name(key);
        let mut both = pipe();
        both.add_command(cmd("GET").arg(&*name).take());
        both.add_command(cmd("PTTL").arg(&*name).take());
        let (answers, from) = self.server.several(name.as_bytes(), &both, Effect::Reads).await?;
        let Ok([value, left]) = <[Value; 2]>::try_from(answers) else {
            return Err(Fault::Strange.into());
        };
        let found = match (checked(value), checked(left)?) {
            // It expired between the two.
            (Ok(Value::Nil), _) | (_, Value::Int(-2)) => None,
            (Ok(Value::BulkString(value)), Value::Int(left)) => {
                let (record, version) = record(value, left, now());
                Some(Entry::Live(record, version))
            }
            (Err(fault), _) if fault.is_wrong_type() => Some(Entry::Unreadable(not_a_string())),
            (Err(fault), _) => return Err(fault.into()),
            _ => return Err(Fault::Strange.into()),
        };
        Ok((found, from))
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let name = name(key);
        let mut set = cmd("SET");
        set.arg(&*name).arg(&record.payload[..]);
        match foreign_seconds(record.ends(), now()) {
            None => {}
            Some(seconds @ 1..) => {
                set.arg("EX").arg(seconds);
            }
            // What has ended already is not kept, as in Django.
            Some(_) => {
                let exists = cmd("EXISTS").arg(&*name).take();
                let answer = self.server.one(name.as_bytes(), &exists, Effect::Reads).await?;
                return Ok(match number(&answer)? {
                    0 => CreateOutcome::Created(Version::Bytes(record.payload.clone())),
                    _ => CreateOutcome::Exists,
                });
            }
        }
        set.arg("NX");
        match self.server.one(name.as_bytes(), &set, Effect::Durable).await? {
            Value::Okay => Ok(CreateOutcome::Created(Version::Bytes(record.payload.clone()))),
            Value::Nil => Ok(CreateOutcome::Exists),
            _ => Err(Fault::Strange.into()),
        }
    }

    pub(crate) async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let name = name(key);
        let Version::Bytes(loaded) = expected else { return self.is_there(&name).await };
        let seconds = text(foreign_seconds(record.ends(), now()));
        let arguments = [&loaded[..], &record.payload, seconds.as_bytes()];
        let keys = [name.as_bytes()];
        let answer = self.server.script(&UPDATE, &keys, &arguments, Effect::Durable).await?;
        outcome(&answer, || Version::Bytes(record.payload.clone()))
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let (name, now) = (name(key), now());
        let seconds = text(foreign_seconds(idle.map(|span| seen + span), now));
        let to_seen = seen.as_millis().saturating_sub(now.as_millis()).to_string();
        let arguments = [seconds.as_bytes(), to_seen.as_bytes()];
        let keys = [name.as_bytes()];
        touched(&self.server.script(&TOUCH, &keys, &arguments, Effect::Writes).await?)
    }

    /// Neither original knows of a grace period, so the old key is deleted at once.
    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
    ) -> Result<WriteOutcome, StoreError> {
        let (old, new) = (name(old_key), name(new_key));
        let Version::Bytes(loaded) = expected else { return self.is_there(&old).await };
        if self.server.is_cluster() {
            return self.move_between(&old, loaded, new_key, record).await;
        }
        let seconds = text(foreign_seconds(record.ends(), now()));
        let arguments = [&loaded[..], &record.payload, seconds.as_bytes()];
        let keys = [old.as_bytes(), new.as_bytes()];
        let answer = self.server.script(&REPLACE, &keys, &arguments, Effect::Durable).await?;
        outcome(&answer, || Version::Bytes(record.payload.clone()))
    }

    /// In a cluster, where no script reaches both: the new one is made, then the
    /// old one deleted if it is unchanged, else the new one taken back.
    async fn move_between(
        &self,
        old: &str,
        loaded: &[u8],
        new_key: &StoreKey,
        record: &Record,
    ) -> Result<WriteOutcome, StoreError> {
        if self.create(new_key, record).await? == CreateOutcome::Exists {
            return self.is_there(old).await;
        }
        let keys = [old.as_bytes()];
        let answer = self.server.script(&END, &keys, &[loaded], Effect::Durable).await?;
        if number(&answer)? != 2 {
            let name = name(new_key);
            let (keys, arguments) = ([name.as_bytes()], [&record.payload[..]]);
            self.server.script(&TAKE_BACK, &keys, &arguments, Effect::Writes).await?;
        }
        outcome(&answer, || Version::Bytes(record.payload.clone()))
    }

    /// There are no pointers in this layout.
    pub(crate) async fn end(&self, key: &StoreKey) -> Result<Option<StoreKey>, StoreError> {
        self.delete(key).await.map(|()| None)
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let name = name(key);
        let delete = cmd("DEL").arg(&*name).take();
        self.server.one(name.as_bytes(), &delete, Effect::Durable).await?;
        Ok(())
    }

    /// What a version of another kind meets: it matches nothing.
    async fn is_there(&self, name: &str) -> Result<WriteOutcome, StoreError> {
        let kind = cmd("TYPE").arg(name).take();
        let answer = self.server.one(name.as_bytes(), &kind, Effect::Reads).await?;
        Ok(match answer {
            Value::SimpleString(kind) if kind == "string" => WriteOutcome::Conflict,
            _ => WriteOutcome::Gone,
        })
    }
}

pub(crate) fn record(value: Vec<u8>, left: i64, now: Timestamp) -> (Record, Version) {
    let payload = Bytes::from(value);
    let end = (left >= 0).then(|| Timestamp::from_millis(now.as_millis().saturating_add(left)));
    (Record::ending(payload.clone(), end), Version::Bytes(payload))
}

/// Foreign keys arrive complete.
fn name(key: &StoreKey) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(key.as_bytes()) {
        Ok(text) if key.hash().is_none() => text.into(),
        _ => key.to_text().into(),
    }
}
