//! Ending a user's oldest sessions beyond a limit.

use std::cmp::Reverse;
use std::time::Duration;

use bytes::Bytes;

use super::{MAX_TRIES, World};
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
/// came after it, that login is first written down as the newest. A session is ended only if it is
/// still as old as it was listed, so that two logins never end each other.
pub(super) async fn enforce_limit<S: SessionStore>(
    store: &S,
    limit: usize,
    own: &StoreKey,
    record: &Record,
    world: &mut impl World,
) -> Result<(), CommitError> {
    let (Some(directory), Some(subject)) = (store.capabilities().directory, &record.subject) else {
        return Ok(());
    };
    for tries in 1..=MAX_TRIES {
        let sessions = newest_first(directory, subject, world.now()).await?;
        // A later login may have ended it already.
        let Some(place) = sessions.iter().position(|(key, _)| key == own) else { return Ok(()) };
        let settled = match place < limit {
            true => end_all_of(store, &sessions[limit.min(sessions.len())..], world).await?,
            false => {
                make_newest(store, own, began(&sessions[0].1)).await?;
                false
            }
        };
        if settled {
            return Ok(());
        }
        world.pause(tries).await;
    }
    Err(CommitError::Contended)
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

/// Whether all of them have ended: not when one has changed since it was listed.
async fn end_all_of<S: SessionStore>(
    store: &S,
    sessions: &[(StoreKey, Record)],
    world: &mut impl World,
) -> Result<bool, StoreError> {
    for (key, listed) in sessions {
        let Some(Entry::Live(record, version)) = store.load(key).await? else {
            // It has ended, or it has moved and is listed again.
            return Ok(false);
        };
        if began(&record) != began(listed) {
            return Ok(false);
        }
        let (payload, absolute) = (Bytes::new(), Some(world.now()));
        let ended = Record { payload, absolute, subject: None, ..record };
        match store.update(key, &ended, &version).await? {
            WriteOutcome::Written(_) => store.end(key).await?,
            WriteOutcome::Conflict | WriteOutcome::Gone => return Ok(false),
        }
        let (session, subject) = (Some(key.handle()), listed.subject.clone());
        world.report(Event { kind: EventKind::Evicted, session, subject });
    }
    Ok(true)
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
