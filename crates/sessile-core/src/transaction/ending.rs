//! Ending a user's oldest sessions beyond a limit.

use std::cmp::Reverse;
use std::time::Duration;

use bytes::Bytes;

use super::context::{Context, MAX_TRIES};
use crate::error::CommitError;
use crate::event::{Event, EventKind};
use crate::id::StoreKey;
use crate::native::CLOCK_LEEWAY;
use crate::store::{Directory, Entry, Record, SessionStore, StoreError, WriteOutcome};
use sessile_formats::Timestamp;

/// Ends a user's oldest sessions beyond `limit`, never the one under `own`, which has just been
/// logged in.
///
/// A session's age is the moment that is stored in it, so that logins at the same time agree on
/// which is older. Where the clocks of two servers make a session seem newer than the login that
/// came after it, that login is written down as the newest. A session is ended only if it is
/// still as old as it was listed, so that two logins never end each other.
pub(super) async fn enforce_limit<S: SessionStore>(
    store: &S,
    limit: usize,
    own: &StoreKey,
    record: &Record,
    context: &Context<'_>,
) -> Result<(), CommitError> {
    let (Some(directory), Some(subject)) = (store.capabilities().directory, &record.subject) else {
        return Ok(());
    };
    let mut has_waited = false;
    for tries in 1..=MAX_TRIES {
        let sessions = newest_first(directory, subject, context.now()).await?;
        // A later login may have ended it already.
        let Some(place) = sessions.iter().position(|(key, _)| key == own) else { return Ok(()) };
        if place < limit {
            if end_all_of(store, &sessions[limit.min(sessions.len())..], context).await? {
                return Ok(());
            }
            context.pause(tries).await;
        } else if !has_waited {
            if is_ended_soon(store, own, context).await? {
                return Ok(());
            }
            has_waited = true;
        } else {
            make_newest(store, own, began(&sessions[0].1)).await?;
        }
    }
    Err(CommitError::Contended)
}

/// Whether one of the logins that seem newer ends it. If none does they came before it, whatever
/// their servers' clocks say.
async fn is_ended_soon<S: SessionStore>(
    store: &S,
    own: &StoreKey,
    context: &Context<'_>,
) -> Result<bool, StoreError> {
    for tries in 1..=8 {
        context.pause(tries).await;
        match store.load(own).await? {
            Some(Entry::Live(record, _)) if !record.has_ended(context.now()) => {}
            _ => return Ok(true),
        }
    }
    Ok(false)
}

/// The user's sessions that have not ended.
async fn newest_first(
    directory: &dyn Directory,
    subject: &crate::id::Subject,
    now: Timestamp,
) -> Result<Vec<(StoreKey, Record)>, StoreError> {
    let mut sessions = directory.by_subject(subject).await?.sessions;
    sessions.retain(|(_, record)| !record.has_ended(now));
    // A clock that went back leaves sessions that began later than now. They count as the oldest;
    // clocks of servers side by side differ by less than the leeway.
    sessions.sort_by_cached_key(|(key, record)| {
        let began = began(record);
        Reverse((began.is_none_or(|began| began <= now + CLOCK_LEEWAY), began, key.clone()))
    });
    Ok(sessions)
}

fn began(record: &Record) -> Option<Timestamp> {
    record.authenticated.max(record.created)
}

/// Ends those that are still as they were listed. Whether that was all: what has changed since is
/// listed again, and may be newer now.
async fn end_all_of<S: SessionStore>(
    store: &S,
    sessions: &[(StoreKey, Record)],
    context: &Context<'_>,
) -> Result<bool, StoreError> {
    let mut all = true;
    for (key, listed) in sessions {
        let (record, version) = match store.load(key).await? {
            Some(Entry::Live(record, version)) if began(&record) == began(listed) => {
                (record, version)
            }
            None | Some(Entry::Unreadable(_)) => continue,
            Some(Entry::Live(..) | Entry::Moved { .. }) => {
                all = false;
                continue;
            }
        };
        let (payload, absolute) = (Bytes::new(), Some(context.now()));
        let ended = Record { payload, absolute, subject: None, ..record };
        match store.update(key, &ended, &version).await? {
            WriteOutcome::Written(_) => store.end(key).await?,
            WriteOutcome::Conflict | WriteOutcome::Gone => {
                all = false;
                continue;
            }
        }
        let (session, subject) = (Some(key.handle()), listed.subject.clone());
        context.report(&Event { kind: EventKind::Evicted, session, subject });
    }
    Ok(all)
}

/// Writes down that the session under `own` began after `newest`.
async fn make_newest<S: SessionStore>(
    store: &S,
    own: &StoreKey,
    newest: Option<Timestamp>,
) -> Result<(), StoreError> {
    let Some(Entry::Live(record, version)) = store.load(own).await? else { return Ok(()) };
    let authenticated = newest.map(|newest| newest + Duration::from_millis(1));
    let newer = Record { authenticated, ..record };
    // Whatever comes of it, the list is read again.
    store.update(own, &newer, &version).await.map(|_| ())
}
