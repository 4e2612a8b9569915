//! Our own layout, where one script reaches every key.

use std::hash::RandomState;

use redis::{Value, cmd};
use sessile_core::store::{
    CreateOutcome, Entry, Listing, Record, TouchOutcome, Version, WriteOutcome, first_version,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};
use tokio::time::Instant;

use crate::entry::{self, Stored, millis};
use crate::fault::{Fault, failed, not_a_string};
use crate::keys::{Names, SLACK, kept_for, member, now};
use crate::server::{Effect, Script, Server};

macro_rules! script {
    ($name:ident = $($file:literal),+) => {
        pub(crate) static $name: Script =
            Script::new(concat!($(include_str!(concat!("scripts/", $file, ".lua"))),+));
    };
}
pub(crate) use script;

script!(CREATE = "index", "create");
script!(UPDATE = "times", "update");
script!(UPDATE_LISTED = "index", "times", "update_listed");
script!(TOUCH = "times", "touch");
script!(REPLACE = "index", "times", "replace");
script!(DELETE = "index", "delete");
script!(END = "index", "end");
script!(BY_SUBJECT = "index", "by_subject");
script!(DELETE_BY_SUBJECT = "index", "delete_by_subject");

/// What [`UPDATE`] answers when the index must be told.
const TO_LIST: i64 = 6;

/// Redis holds no longer string.
const MAX_VALUE: usize = 512 << 20;

/// Sessions in our own layout on one server.
pub(crate) struct Native<'a> {
    pub(crate) server: &'a Server,
    pub(crate) names: &'a Names,
    /// Whether reading takes out of an index what has ended.
    pub(crate) tidies: bool,
}

/// What a write tells the index of the session's user.
pub(crate) struct IndexEntry {
    pub(crate) index: String,
    pub(crate) ttl: String,
    pub(crate) value: String,
    pub(crate) now: String,
}

impl Native<'_> {
    fn prefix_length(&self) -> String {
        self.names.prefix().len().to_string()
    }

    pub(crate) fn listing(&self, record: &Record, now: Timestamp) -> Option<IndexEntry> {
        let index = self.names.subject(record.subject.as_ref()?);
        // Activity moves the idle deadline without telling the index.
        let end = record.absolute;
        let kept = kept_for(end, now);
        let now = now.as_millis();
        let until = kept.map(|kept| now.saturating_add(kept).to_string()).unwrap_or_default();
        Some(IndexEntry {
            index,
            ttl: text(kept),
            value: format!("{until} {now}"),
            now: now.to_string(),
        })
    }

    /// What is there, and over which connection it came.
    pub(crate) async fn load(&self, key: &StoreKey) -> Result<(Option<Entry>, u64), StoreError> {
        let name = self.names.session(key);
        let get = cmd("GET").arg(&name).take();
        match self.server.read(name.as_bytes(), &get).await {
            Ok((Value::Nil, from)) => Ok((None, from)),
            Ok((Value::BulkString(value), from)) => {
                let read = entry::read(value).map(Stored::into_entry);
                Ok((read.unwrap_or_else(|why| Some(Entry::Unreadable(why))), from))
            }
            Ok(_) => Err(Fault::Strange.into()),
            Err(fault) if fault.is_wrong_type() => Ok((Some(Entry::Unreadable(not_a_string())), 0)),
            Err(fault) => Err(fault.into()),
        }
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let (name, version, now) =
            (self.names.session(key), first_version(&RandomState::new()), now());
        let value = fitting(entry::live(record, version))?;
        let kept = kept_for(record.ends(), now);
        let created = match self.listing(record, now) {
            None => {
                let mut set = cmd("SET");
                set.arg(&name).arg(&value).arg("NX");
                if let Some(kept) = kept {
                    set.arg("PX").arg(kept);
                }
                match self.server.one(name.as_bytes(), &set, Effect::Durable).await? {
                    Value::Okay => true,
                    Value::Nil => false,
                    _ => return Err(Fault::Strange.into()),
                }
            }
            Some(IndexEntry { index, ttl, value: listed, now }) => {
                let keys = [name.as_bytes(), index.as_bytes()];
                let (kept, prefix) = (text(kept), self.prefix_length());
                let arguments = [
                    &value,
                    kept.as_bytes(),
                    prefix.as_bytes(),
                    ttl.as_bytes(),
                    listed.as_bytes(),
                    now.as_bytes(),
                ];
                let answer =
                    self.server.script(&CREATE, &keys, &arguments, Effect::Durable).await?;
                number(&answer)? == 1
            }
        };
        Ok(match created {
            true => CreateOutcome::Created(Version::Number(version)),
            false => CreateOutcome::Exists,
        })
    }

    pub(crate) async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let (name, now) = (self.names.session(key), now());
        let (expected, version) = counted(expected);
        let value = fitting(entry::live(record, version))?;
        let kept = text(kept_for(record.ends(), now));
        let keys = [name.as_bytes()];
        let head = [b"s2L", expected.as_slice()].concat();
        let last = entry::end_of_subject(record).to_string();
        let arguments = [&head, &value, last.as_bytes(), kept.as_bytes()];
        let arguments = if kept.is_empty() { &arguments[..3] } else { &arguments };
        let answer = self.server.script(&UPDATE, &keys, arguments, Effect::Durable).await?;
        if number(&answer)? != TO_LIST {
            return outcome(&answer, || Version::Number(version));
        }
        let prefix = self.prefix_length();
        let arguments = [expected.as_slice(), &value, kept.as_bytes(), prefix.as_bytes()];
        let answer = match self.listing(record, now) {
            None => self.server.script(&UPDATE_LISTED, &keys, &arguments, Effect::Durable).await?,
            Some(listing) => {
                let keys = [name.as_bytes(), listing.index.as_bytes()];
                let [expected, value, kept, prefix] = arguments;
                let arguments = [
                    expected,
                    value,
                    kept,
                    prefix,
                    listing.ttl.as_bytes(),
                    listing.value.as_bytes(),
                    listing.now.as_bytes(),
                ];
                self.server.script(&UPDATE_LISTED, &keys, &arguments, Effect::Durable).await?
            }
        };
        outcome(&answer, || Version::Number(version))
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
    ) -> Result<TouchOutcome, StoreError> {
        let (name, seen) = (self.names.session(key), millis(Some(seen)));
        let (now, slack) = (now().as_millis().to_string(), SLACK.as_millis().to_string());
        let arguments = [&seen[..], now.as_bytes(), slack.as_bytes()];
        let keys = [name.as_bytes()];
        touched(&self.server.script(&TOUCH, &keys, &arguments, Effect::Writes).await?)
    }

    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let (old, new, now) = (self.names.session(old_key), self.names.session(new_key), now());
        let (expected, version) = (counted(expected).0, first_version(&RandomState::new()));
        let value = fitting(entry::live(record, version))?;
        let kept = text(kept_for(record.ends(), now));
        let pointer = pointer_until.map(|until| entry::moved(new_key, until)).unwrap_or_default();
        let (pointed, prefix) = (text(kept_for(pointer_until, now)), self.prefix_length());
        let listing = self.listing(record, now);
        let mut keys = vec![old.as_bytes(), new.as_bytes()];
        let mut arguments = vec![
            expected.as_slice(),
            &value,
            kept.as_bytes(),
            &pointer,
            pointed.as_bytes(),
            prefix.as_bytes(),
        ];
        if let Some(listing) = &listing {
            keys.push(listing.index.as_bytes());
            arguments.extend([
                listing.ttl.as_bytes(),
                listing.value.as_bytes(),
                listing.now.as_bytes(),
            ]);
        }
        let since = Instant::now();
        let answer = self.server.script(&REPLACE, &keys, &arguments, Effect::Durable).await;
        if let Err(fault) = &answer
            && self.server.was_done(fault, since, self.is_there(new_key, version)).await
        {
            // Its answer was lost; told that it failed, nobody would find it by the old id.
            return Ok(WriteOutcome::Written(Version::Number(version)));
        }
        let answer = answer?;
        outcome(&answer, || Version::Number(version))
    }

    async fn is_there(&self, key: &StoreKey, version: u64) -> bool {
        let found = self.load(key).await.ok().and_then(|(found, _)| found);
        matches!(found, Some(Entry::Live(_, found)) if found == Version::Number(version))
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let (name, prefix) = (self.names.session(key), self.prefix_length());
        let (keys, arguments) = ([name.as_bytes()], [prefix.as_bytes()]);
        self.server.script(&DELETE, &keys, &arguments, Effect::Durable).await?;
        Ok(())
    }

    /// Removes what is under `key` unless it is a pointer; where that leads.
    pub(crate) async fn end(&self, key: &StoreKey) -> Result<Option<StoreKey>, StoreError> {
        let (name, prefix) = (self.names.session(key), self.prefix_length());
        let (keys, arguments) = ([name.as_bytes()], [prefix.as_bytes()]);
        match self.server.script(&END, &keys, &arguments, Effect::Durable).await? {
            Value::BulkString(to) => Ok(StoreKey::from_name(&to)),
            _ => Err(Fault::Strange.into()),
        }
    }

    pub(crate) async fn by_subject(&self, subject: &Subject) -> Result<Listing, StoreError> {
        let index = self.names.subject(subject);
        let all = [self.names.prefix().as_bytes(), subject.as_str().as_bytes(), b"look"];
        let arguments = if self.tidies { &all[..2] } else { &all };
        let keys = [index.as_bytes()];
        let answer = self.server.script(&BY_SUBJECT, &keys, arguments, Effect::Writes).await?;
        let Value::Array(parts) = answer else { return Err(Fault::Strange.into()) };
        let mut parts = parts.into_iter();
        let mut found = match parts.next() {
            Some(Value::Int(unreadable)) => Listing {
                sessions: Vec::with_capacity(parts.len() / 2),
                unreadable: usize::try_from(unreadable).unwrap_or_default(),
            },
            _ => return Err(Fault::Strange.into()),
        };
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            let (Value::BulkString(name), Value::BulkString(value)) = (name, value) else {
                return Err(Fault::Strange.into());
            };
            match (StoreKey::from_name(&name), entry::read(value)) {
                (Some(key), Ok(Stored::Live(record, _))) => found.sessions.push((key, record)),
                _ => found.unreadable += 1,
            }
        }
        Ok(found.newest_first())
    }

    pub(crate) async fn delete_by_subject(
        &self,
        subject: &Subject,
        keep: Option<&StoreKey>,
    ) -> Result<usize, StoreError> {
        let (index, keep) = (self.names.subject(subject), keep.map(member).unwrap_or_default());
        let prefix = self.names.prefix().as_bytes();
        let (keys, arguments) =
            ([index.as_bytes()], [prefix, subject.as_str().as_bytes(), keep.as_bytes()]);
        let answer =
            self.server.script(&DELETE_BY_SUBJECT, &keys, &arguments, Effect::Durable).await?;
        Ok(usize::try_from(number(&answer)?).unwrap_or_default())
    }
}

/// The version as it is stored, and the one after it; nothing where the
/// version is of another kind, so that it matches none.
pub(crate) fn counted(version: &Version) -> (Vec<u8>, u64) {
    match version {
        Version::Number(number) => (number.to_be_bytes().to_vec(), number.wrapping_add(1)),
        Version::Bytes(_) => (Vec::new(), 0),
    }
}

pub(crate) fn fitting(value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if value.len() <= MAX_VALUE {
        return Ok(value);
    }
    Err(failed(StoreErrorKind::TooLarge, "a session is beyond the 512 MiB of a Redis string"))
}

pub(crate) fn text(number: Option<i64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

pub(crate) fn number(answer: &Value) -> Result<i64, StoreError> {
    match answer {
        Value::Int(number) => Ok(*number),
        _ => Err(Fault::Strange.into()),
    }
}

pub(crate) fn outcome(
    answer: &Value,
    version: impl FnOnce() -> Version,
) -> Result<WriteOutcome, StoreError> {
    match number(answer)? {
        1 => Ok(WriteOutcome::Conflict),
        2 => Ok(WriteOutcome::Written(version())),
        // 3: it holds something other than a session of ours.
        0 | 3 => Ok(WriteOutcome::Gone),
        _ => Err(Fault::Strange.into()),
    }
}

pub(crate) fn touched(answer: &Value) -> Result<TouchOutcome, StoreError> {
    match number(answer)? {
        0 | 3 => Ok(TouchOutcome::Gone),
        2 => Ok(TouchOutcome::Touched),
        _ => Err(Fault::Strange.into()),
    }
}
