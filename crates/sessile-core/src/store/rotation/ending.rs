//! Ending sessions, and removing entries, while sessions move.

use std::collections::BTreeSet;

use super::{Entries, MAX_TRIES, Stored, busy, load, points};
use crate::id::{StoreKey, Subject};
use crate::store::{Record, StoreError};

/// Pointers that are followed to a session that is to end: no session has moved this often within
/// the life of its pointers.
pub const HOPS_TO_END: usize = 10_000;

/// Removes what is under `key`, a session or a pointer; what it removed. The session that a pointer
/// leads to stays.
///
/// # Errors
///
/// The backend's.
pub async fn delete<E: Entries>(entries: &E, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
    for _ in 0..MAX_TRIES {
        let Some((found, stamp)) = load(entries, key).await? else { return Ok(None) };
        if let Stored::Moved(pointer) = &found {
            complete(entries, key, &pointer.to).await?;
        }
        if entries.remove(key, &stamp).await? {
            return Ok(Some(found));
        }
    }
    Err(busy())
}

/// Promotes what `old` points to, before that pointer goes.
///
/// # Errors
///
/// The backend's: then the pointer must stay.
pub async fn complete<E: Entries>(
    entries: &E,
    old: &StoreKey,
    new: &StoreKey,
) -> Result<(), StoreError> {
    match entries.find(new).await? {
        Some((Stored::Unseen { record, number, from }, unseen)) if from == *old => {
            // Where this finds another entry, somebody else was first.
            entries.promote(new, &unseen, &record, number).await.map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Whose session [`end`] ends, if it is not anybody's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whose<'a> {
    /// Only this user's.
    pub subject: Option<&'a Subject>,
    /// Not the one under this key, nor where that one has moved.
    pub keep: Option<&'a StoreKey>,
}

/// Ends the session that is, or was, under `key`, wherever it has moved; the key it had and what it
/// was. It only removes, so it works where the backend has no room left.
///
/// # Errors
///
/// The backend's.
pub async fn end<E: Entries>(
    entries: &E,
    key: &StoreKey,
    whose: Whose<'_>,
) -> Result<Option<(StoreKey, Record)>, StoreError> {
    end_unless_passed(entries, key, whose, &mut BTreeSet::new()).await
}

/// As [`end`], for who ends the sessions under many keys: pointers in `passed` were followed before,
/// and are not followed again.
///
/// # Errors
///
/// The backend's.
pub async fn end_unless_passed<E: Entries>(
    entries: &E,
    key: &StoreKey,
    whose: Whose<'_>,
    passed: &mut BTreeSet<StoreKey>,
) -> Result<Option<(StoreKey, Record)>, StoreError> {
    let mut at = key.clone();
    let mut followed = None;
    for _ in 0..HOPS_TO_END {
        let Some((found, stamp)) = entries.find(&at).await? else { return Ok(None) };
        let record = match found {
            Stored::Live(record, _) => record,
            Stored::Moved(pointer) => {
                if !passed.insert(at.clone()) {
                    return Ok(None);
                }
                followed = Some(std::mem::replace(&mut at, pointer.to));
                continue;
            }
            Stored::Unseen { record, from, .. } => {
                if followed.as_ref() != Some(&from) && !points(entries, &from, &at).await? {
                    let again = entries.find(&at).await?;
                    if matches!(again, Some((_, since)) if since == stamp) {
                        return Ok(None);
                    }
                    continue;
                }
                record
            }
            // Nobody's session, and nobody knows of which user.
            Stored::Unreadable => {
                if whose.subject.is_none()
                    && whose.keep.is_none()
                    && !entries.remove(&at, &stamp).await?
                {
                    continue;
                }
                return Ok(None);
            }
        };
        if whose.subject.is_some_and(|subject| record.subject.as_ref() != Some(subject)) {
            return Ok(None);
        }
        if let Some(keep) = whose.keep
            && leads(entries, keep, &at).await?
        {
            return Ok(None);
        }
        if entries.remove(&at, &stamp).await? {
            return Ok(Some((at, record)));
        }
    }
    Err(busy())
}

/// Whether `key` is `from`, or the session that was there has moved to it.
async fn leads<E: Entries>(
    entries: &E,
    from: &StoreKey,
    key: &StoreKey,
) -> Result<bool, StoreError> {
    let mut at = from.clone();
    for _ in 0..HOPS_TO_END {
        if at == *key {
            return Ok(true);
        }
        match entries.find(&at).await? {
            Some((Stored::Moved(pointer), _)) => at = pointer.to,
            _ => return Ok(false),
        }
    }
    Err(busy())
}
