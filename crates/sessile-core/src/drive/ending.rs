//! Ending sessions: one for good, wherever it is by now, and a user's oldest beyond a limit.

use std::cmp::Reverse;

use bytes::Bytes;

use super::{MAX_TRIES, World};
use crate::engine::Engine;
use crate::error::CommitError;
use crate::event::{Event, EventKind};
use crate::id::StoreKey;
use crate::native::CLOCK_LEEWAY;
use crate::store::{
    Entry, Record, SessionStore, StoreError, StoreErrorKind, Version, WriteOutcome,
};

/// Ends the session under `key` for good, wherever it is by now. Ending what is
/// not there is fine.
///
/// A bare [`delete`](SessionStore::delete) would not do: if another request has
/// changed the id meanwhile, it removes the pointer and leaves the session.
///
/// # Errors
///
/// The session may still be there: the store failed, or others kept writing first.
pub async fn end<S: SessionStore>(
    engine: &Engine,
    store: &S,
    key: &StoreKey,
    world: &mut impl World,
) -> Result<(), StoreError> {
    end_known(engine, store, key, None, world).await
}

pub(super) async fn end_known<S: SessionStore>(
    engine: &Engine,
    store: &S,
    key: &StoreKey,
    mut known: Option<(Record, Version)>,
    world: &mut impl World,
) -> Result<(), StoreError> {
    if !engine.leaves_pointers() {
        return store.delete(key).await;
    }
    let mut key = key.clone();
    for tries in 0..MAX_TRIES {
        let (record, version) = match known.take() {
            Some(known) => known,
            None => match store.load(&key).await? {
                Some(Entry::Live(record, version)) => (record, version),
                Some(Entry::Moved { to, .. }) => {
                    // The pointer stays: if this fails half-way, it is the way to try again by.
                    key = to;
                    continue;
                }
                // What cannot be read is nobody's session, and can be removed.
                Some(Entry::Unreadable(_)) => return store.delete(&key).await,
                None => return Ok(()),
            },
        };
        // Expired by a conditional write: from here on no other write or move succeeds.
        let absolute = Some(world.now());
        let ended = Record { payload: Bytes::new(), absolute, subject: None, ..record };
        if let WriteOutcome::Written(_) = store.update(&key, &ended, &version).await? {
            if let Err(error) = store.delete(&key).await {
                tracing::warn!(%error, "an ended session's record was left to the sweeper");
            }
            return Ok(());
        }
        if tries > 0 {
            world.pause(tries).await;
        }
    }
    Err(StoreError::new("configured", StoreErrorKind::Unavailable)
        .because("others kept writing to a session that was to end"))
}

/// Ends a user's oldest sessions beyond `limit`. Two logins at once agree on
/// which are the oldest, so both may do it.
pub(super) async fn enforce_limit<S: SessionStore>(
    engine: &Engine,
    store: &S,
    limit: usize,
    record: &Record,
    world: &mut impl World,
) -> Result<(), CommitError> {
    let (Some(directory), Some(subject)) = (store.as_directory(), &record.subject) else {
        return Ok(());
    };
    let mut sessions = directory.by_subject(subject).await?.sessions;
    let now = world.now();
    sessions.retain(|(_, record)| !record.has_ended(now));
    // A clock that went back leaves sessions that began later than now. They count as the oldest,
    // or every login until then would end itself; clocks of servers side by side differ by less.
    let age = |key: &StoreKey, record: &Record| {
        let began = record.authenticated.max(record.created);
        (began.is_none_or(|began| began <= now + CLOCK_LEEWAY), began, key.clone())
    };
    sessions.sort_by_cached_key(|(key, record)| Reverse(age(key, record)));
    for (key, record) in sessions.into_iter().skip(limit) {
        end(engine, store, &key, world).await?;
        let (session, subject) = (Some(key.handle()), record.subject);
        world.report(Event { kind: EventKind::Evicted, session, subject });
    }
    Ok(())
}
