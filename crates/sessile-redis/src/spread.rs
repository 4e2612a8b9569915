//! Our own layout in a cluster, where a session, the one it moves to and its
//! user's index lie on different servers.
//!
//! No script reaches two of them, so the steps are ordered such that whatever
//! stops in between leaves something whole:
//!
//! - A user's index learns of a session **before** the session is the user's. An
//!   index may name too many; readers look at each, and take out what has been
//!   wrong for longer than any write takes.
//! - A session that changes its id is first written under the new key as
//!   *pending*, which nobody takes for a session. Then the old entry becomes a
//!   pointer, if its version still is the expected one: that is the moment it
//!   moves. Then the new one is marked live. A reader who finds a pending entry
//!   looks whether the old key points to it, and if so marks it live.
//! - Ending a user's sessions follows pointers. A move takes three calls and
//!   following it one, so nobody outruns it.

use std::collections::BTreeSet;
use std::hash::RandomState;
use std::sync::Arc;

use redis::{Value, cmd};
use sessile_core::store::{
    CreateOutcome, Entry, Listing, Record, TouchOutcome, Unreadable, Version, WriteOutcome,
    first_version,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};
use tokio::time::Instant;

use crate::entry::{self, Stored};
use crate::fault::{Fault, failed, not_a_string};
use crate::keys::{Names, SLACK, kept_for, member, now};
use crate::native::{Native, counted, fitting, number, outcome, script, text};
use crate::scan::has_moved;
use crate::server::{Effect, Script, Server};

script!(ENTER = "index", "enter");
script!(UPDATE = "index", "times", "spread_update");
script!(POINT = "index", "spread_point");
script!(PROMOTE = "times", "spread_promote");
script!(TAKE_BACK = "spread_take_back");
script!(END = "index", "spread_end");
script!(DELETE = "index", "spread_delete");

/// What a script answers when the entry is pending.
const PENDING: i64 = 5;
/// What `UPDATE` answers when the user's index has to learn of it first.
const NOT_LISTED: i64 = 4;

/// Sessions in our own layout on several servers.
#[derive(Clone)]
pub(crate) struct Spread {
    pub(crate) server: Arc<Server>,
    pub(crate) names: Arc<Names>,
    /// Whether reading finishes what a change of id has left, and takes away what has ended.
    pub(crate) tidies: bool,
}

impl Spread {
    fn native(&self) -> Native<'_> {
        Native { server: &self.server, names: &self.names, tidies: self.tidies }
    }

    async fn stored(
        &self,
        key: &StoreKey,
    ) -> Result<(Option<Result<Stored, Unreadable>>, u64), StoreError> {
        let name = self.names.session(key);
        let get = cmd("GET").arg(&name).take();
        match self.server.read(name.as_bytes(), &get).await {
            Ok((Value::Nil, from)) => Ok((None, from)),
            Ok((Value::BulkString(value), from)) => Ok((Some(entry::read(value)), from)),
            Ok(_) => Err(Fault::Strange.into()),
            Err(fault) if fault.is_wrong_type() => Ok((Some(Err(not_a_string())), 0)),
            Err(fault) => Err(fault.into()),
        }
    }

    /// What is there, and over which connection it came; over none if that took
    /// more than one look.
    pub(crate) async fn load(&self, key: &StoreKey) -> Result<(Option<Entry>, u64), StoreError> {
        let (Some(stored), from) = self.stored(key).await? else { return Ok((None, 0)) };
        let (record, version, old) = match stored {
            Ok(Stored::Pending(record, version, old)) => (record, version, old),
            Ok(stored) => return Ok((stored.into_entry(), from)),
            Err(why) => return Ok((Some(Entry::Unreadable(why)), from)),
        };
        let moved = self.has_moved(&old, key).await?;
        if moved && self.tidies {
            self.promote(key, version, &[]).await?;
        }
        Ok((moved.then_some(Entry::Live(record, Version::Number(version))), 0))
    }

    async fn has_moved(&self, old: &StoreKey, new: &StoreKey) -> Result<bool, StoreError> {
        has_moved(&self.server, &self.names, old, new).await
    }

    /// Marks a session live that has moved; `seen` is when the old entry was last seen, where
    /// that is known, as it is stored.
    async fn promote(&self, key: &StoreKey, version: u64, seen: &[u8]) -> Result<(), StoreError> {
        let name = self.names.session(key);
        let (keys, version) = ([name.as_bytes()], version.to_be_bytes());
        self.server.script(&PROMOTE, &keys, &[&version, seen], Effect::Writes).await?;
        Ok(())
    }

    /// Tells the user's index of a session that is about to be theirs.
    async fn enter(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(listing) = self.native().listing(record, now) else { return Ok(()) };
        let member = member(key);
        let old = now.as_millis().saturating_sub(slack()).to_string();
        let keys = [listing.index.as_bytes()];
        let arguments = [
            member.as_bytes(),
            listing.value.as_bytes(),
            listing.ttl.as_bytes(),
            listing.now.as_bytes(),
            old.as_bytes(),
        ];
        let answer = self.server.script(&ENTER, &keys, &arguments, Effect::Durable).await?;
        let Value::Array(unknown) = answer else { return Err(Fault::Strange.into()) };
        if !unknown.is_empty() {
            // Nobody waits for it.
            let (spread, index) = (self.clone(), listing.index);
            tokio::spawn(async move {
                let _ = spread.forget_ended(&index, unknown).await;
            });
        }
        Ok(())
    }

    /// Takes out of an index those of a few names under which there is nothing any more. They
    /// were listed long ago, so that nobody is about to make them.
    async fn forget_ended(&self, index: &str, listed: Vec<Value>) -> Result<(), StoreError> {
        for listed in listed {
            let Value::BulkString(listed) = listed else { return Err(Fault::Strange.into()) };
            let Some(key) = StoreKey::from_name(&listed) else { continue };
            let name = self.names.session(&key);
            let exists = cmd("EXISTS").arg(&name).take();
            let found = self.server.one(name.as_bytes(), &exists, Effect::Reads).await?;
            if number(&found)? == 0 {
                self.forget(index, &member(&key)).await?;
            }
        }
        Ok(())
    }

    async fn put_new(
        &self,
        name: &str,
        value: &[u8],
        kept: Option<i64>,
    ) -> Result<bool, StoreError> {
        let mut set = cmd("SET");
        set.arg(name).arg(value).arg("NX");
        if let Some(kept) = kept {
            set.arg("PX").arg(kept);
        }
        match self.server.one(name.as_bytes(), &set, Effect::Durable).await? {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            _ => Err(Fault::Strange.into()),
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
        self.enter(key, record, now).await?;
        let kept = kept_for(record.ends(), now);
        Ok(match self.put_new(&name, &value, kept).await? {
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
        let mut arguments = vec![expected.as_slice(), &value, kept.as_bytes()];
        let mut looked = false;
        loop {
            let answer = self.server.script(&UPDATE, &keys, &arguments, Effect::Durable).await?;
            match number(&answer)? {
                NOT_LISTED if arguments.len() == 3 => {
                    self.enter(key, record, now).await?;
                    arguments.push(b"listed");
                }
                PENDING if !looked && self.settled(key).await? => looked = true,
                PENDING => return Ok(WriteOutcome::Gone),
                _ => return outcome(&answer, || Version::Number(version)),
            }
        }
    }

    /// Looks at a pending entry; whether it is live now.
    async fn settled(&self, key: &StoreKey) -> Result<bool, StoreError> {
        Ok(matches!(self.load(key).await?.0, Some(Entry::Live(..))))
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
    ) -> Result<TouchOutcome, StoreError> {
        match self.native().touch(key, seen).await? {
            // It may be pending, which a touch does not tell from gone.
            TouchOutcome::Gone if self.is_pending(key).await? && self.settled(key).await? => {
                self.native().touch(key, seen).await
            }
            outcome => Ok(outcome),
        }
    }

    async fn is_pending(&self, key: &StoreKey) -> Result<bool, StoreError> {
        Ok(matches!(self.stored(key).await?.0, Some(Ok(Stored::Pending(..)))))
    }

    /// On its own: whoever asked may stop waiting, and it is carried out all the same.
    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let (spread, old, new) = (self.clone(), old_key.clone(), new_key.clone());
        let (expected, record) = (counted(expected).0, record.clone());
        let moving = tokio::spawn(async move {
            spread.moved(&old, &expected, &new, &record, pointer_until).await
        });
        let cut_off = |_| failed(StoreErrorKind::Unavailable, "the runtime is shutting down");
        moving.await.map_err(cut_off)?
    }

    async fn moved(
        &self,
        old: &StoreKey,
        expected: &[u8],
        new: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let (version, now) = (first_version(&RandomState::new()), now());
        let (old_name, new_name) = (self.names.session(old), self.names.session(new));
        let value = fitting(entry::pending(record, version, old))?;
        self.enter(new, record, now).await?;
        let kept = kept_for(record.ends(), now);
        if !self.put_new(&new_name, &value, kept).await? {
            return self.is_there(old).await;
        }
        let pointer = match pointer_until {
            Some(until) => entry::moved(new, until),
            None => entry::tombstone(new, now),
        };
        let kept = text(kept_for(Some(pointer_until.unwrap_or(now)), now));
        let arguments = [expected, &pointer, kept.as_bytes()];
        let keys = [old_name.as_bytes()];
        let since = Instant::now();
        let mut answer = match self.server.script(&POINT, &keys, &arguments, Effect::Durable).await
        {
            Err(fault) => {
                let moved = async { matches!(self.has_moved(old, new).await, Ok(true)) };
                if !self.server.was_done(&fault, since, moved).await {
                    return Err(fault.into());
                }
                // Its answer was lost; told that it failed, nobody would find it by the old id.
                Value::BulkString(Vec::new())
            }
            Ok(answer) => answer,
        };
        if matches!(answer, Value::Int(PENDING)) && self.settled(old).await? {
            answer = self.server.script(&POINT, &keys, &arguments, Effect::Durable).await?;
        }
        let Value::BulkString(seen) = answer else {
            let (keys, version) = ([new_name.as_bytes()], version.to_be_bytes());
            self.server.script(&TAKE_BACK, &keys, &[&version], Effect::Writes).await?;
            if number(&answer)? == PENDING {
                return Ok(WriteOutcome::Gone);
            }
            return outcome(&answer, || Version::Number(0));
        };
        if self.promote(new, version, &seen).await.is_err() {
            // It has moved all the same: whoever loads it marks it live.
            tracing::warn!("a session that moved is marked live by its next reader");
        }
        if let Some(subject) = &record.subject {
            // Where this fails, or the user was another, readers take it out.
            let _ = self.forget(&self.names.subject(subject), &member(old)).await;
        }
        Ok(WriteOutcome::Written(Version::Number(version)))
    }

    async fn is_there(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        Ok(match self.load(key).await?.0 {
            Some(Entry::Live(..)) => WriteOutcome::Conflict,
            _ => WriteOutcome::Gone,
        })
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let name = self.names.session(key);
        let answer = self.server.script(&DELETE, &[name.as_bytes()], &[], Effect::Durable).await?;
        let Value::BulkString(subject) = answer else { return Err(Fault::Strange.into()) };
        let subject = std::str::from_utf8(&subject).ok().and_then(Subject::new);
        if let Some(subject) = subject {
            self.forget(&self.names.subject(&subject), &member(key)).await?;
        }
        Ok(())
    }

    /// Removes what is under `key` unless it is a pointer; where that leads. What a change of id
    /// has left unfinished there is removed if the old id points to it.
    pub(crate) async fn end(&self, key: &StoreKey) -> Result<Option<StoreKey>, StoreError> {
        let mut committed = false;
        loop {
            match self.end_if(key, None, committed).await? {
                Met::Pointer(to) => return Ok(Some(to)),
                Met::Nothing => return Ok(None),
                Met::Ended(subject) => {
                    if let Some(subject) = subject {
                        self.forget(&self.names.subject(&subject), &member(key)).await?;
                    }
                    return Ok(None);
                }
                Met::Unfinished(old) => {
                    if !self.has_moved(&old, key).await? {
                        return Ok(None);
                    }
                    committed = true;
                }
            }
        }
    }

    async fn forget(&self, index: &str, member: &str) -> Result<(), StoreError> {
        let forget = cmd("HDEL").arg(index).arg(member).take();
        self.server.one(index.as_bytes(), &forget, Effect::Writes).await?;
        Ok(())
    }

    /// What the index names, and when each was written there.
    async fn listed(&self, index: &str) -> Result<Vec<(StoreKey, i64)>, StoreError> {
        let all = cmd("HGETALL").arg(index).take();
        let pairs: Vec<(Value, Value)> =
            match self.server.one(index.as_bytes(), &all, Effect::Reads).await? {
                Value::Map(pairs) => pairs,
                Value::Array(flat) => {
                    let mut flat = flat.into_iter();
                    std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
                }
                _ => return Err(Fault::Strange.into()),
            };
        let pairs = pairs.into_iter().filter_map(|(member, value)| {
            let (Value::BulkString(member), Value::BulkString(value)) = (member, value) else {
                return None;
            };
            let written = std::str::from_utf8(&value).ok()?.rsplit_once(' ')?.1.parse().ok()?;
            Some((StoreKey::from_name(&member)?, written))
        });
        Ok(pairs.collect())
    }

    pub(crate) async fn by_subject(&self, subject: &Subject) -> Result<Listing, StoreError> {
        let index = self.names.subject(subject);
        let long_ago = now().as_millis().saturating_sub(slack());
        let mut found = Listing::default();
        let mut seen = BTreeSet::new();
        for (listed, written) in self.listed(&index).await? {
            let mut at = listed.clone();
            let mut theirs = false;
            // One that moves meanwhile is met at one of its keys.
            while seen.insert(at.clone()) {
                match self.load(&at).await?.0 {
                    Some(Entry::Live(record, _)) => {
                        if record.subject.as_ref() == Some(subject) {
                            theirs = at == listed;
                            found.sessions.push((at, record));
                        }
                        break;
                    }
                    Some(Entry::Moved { to, .. }) => at = to,
                    // Listed as theirs, and perhaps a newer release's.
                    Some(Entry::Unreadable(_)) => {
                        theirs = at == listed;
                        found.unreadable += 1;
                        break;
                    }
                    None => break,
                }
            }
            if self.tidies && !theirs && written < long_ago {
                self.forget(&index, &member(&listed)).await?;
            }
        }
        Ok(found.newest_first())
    }

    pub(crate) async fn delete_by_subject(
        &self,
        subject: &Subject,
        keep: Option<&StoreKey>,
    ) -> Result<usize, StoreError> {
        let index = self.names.subject(subject);
        let (mut seen, mut chased) = (BTreeSet::new(), BTreeSet::new());
        let mut ended = 0;
        // Again while it names sessions that came meanwhile under other names.
        loop {
            let listed = self.listed(&index).await?;
            let fresh: Vec<_> = listed.into_iter().filter(|(key, _)| !seen.contains(key)).collect();
            if fresh.is_empty() {
                return Ok(ended);
            }
            for (key, _) in fresh {
                seen.insert(key.clone());
                if Some(&key) != keep && self.chase(&key, subject, keep, &mut chased).await? {
                    ended += 1;
                    self.forget(&index, &member(&key)).await?;
                }
            }
        }
    }

    /// Ends the session that is or was under `key`; whether there was one.
    async fn chase(
        &self,
        key: &StoreKey,
        subject: &Subject,
        keep: Option<&StoreKey>,
        chased: &mut BTreeSet<StoreKey>,
    ) -> Result<bool, StoreError> {
        let (mut at, mut committed) = (key.clone(), false);
        loop {
            match self.end_if(&at, Some(subject), committed).await? {
                Met::Ended(_) => return Ok(true),
                Met::Nothing => return Ok(false),
                Met::Pointer(to) => {
                    // From here on it was followed before, to an end that was ended.
                    if Some(&to) == keep || !chased.insert(at.clone()) {
                        return Ok(false);
                    }
                    // What an old key points to has moved there, marked or not.
                    (at, committed) = (to, true);
                }
                Met::Unfinished(old) => {
                    // Its old key is live still, and in the index, too; or it is nobody's.
                    if !self.has_moved(&old, &at).await? {
                        return Ok(false);
                    }
                    committed = true;
                }
            }
        }
    }

    /// Removes the session under `key` if it is `subject`'s, or anybody's where nobody is named.
    async fn end_if(
        &self,
        key: &StoreKey,
        subject: Option<&Subject>,
        committed: bool,
    ) -> Result<Met, StoreError> {
        let name = self.names.session(key);
        let whose = subject.map(Subject::as_str).unwrap_or_default();
        let committed = if committed { "committed" } else { "" };
        let (keys, arguments) = ([name.as_bytes()], [whose.as_bytes(), committed.as_bytes()]);
        let answer = self.server.script(&END, &keys, &arguments, Effect::Durable).await?;
        let Value::Array(parts) = answer else { return Err(Fault::Strange.into()) };
        let Ok([Value::BulkString(what), Value::BulkString(more)]) = <[Value; 2]>::try_from(parts)
        else {
            return Err(Fault::Strange.into());
        };
        let there = || StoreKey::from_name(&more);
        Ok(match &what[..] {
            b"ended" => Met::Ended(std::str::from_utf8(&more).ok().and_then(Subject::new)),
            b"pointer" => there().map_or(Met::Nothing, Met::Pointer),
            b"unfinished" => there().map_or(Met::Nothing, Met::Unfinished),
            _ => Met::Nothing,
        })
    }
}

/// What was under a key that was to end.
enum Met {
    /// A session, which has ended; whose it was.
    Ended(Option<Subject>),
    /// A session has moved from there.
    Pointer(StoreKey),
    /// A change of id from there has not been finished.
    Unfinished(StoreKey),
    /// Nothing, or somebody else's.
    Nothing,
}

fn slack() -> i64 {
    i64::try_from(SLACK.as_millis()).unwrap_or_default()
}
