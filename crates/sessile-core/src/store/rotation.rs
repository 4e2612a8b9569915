//! How a session moves to another key where the backend changes one entry at a time.
//!
//! No such backend can write the new entry and end the old one in one step, and its caller may be
//! cancelled or killed between two. The steps are ordered so that at every moment exactly one key
//! has the session. Every step is conditional: it happens if nobody changed that entry meanwhile.
//!
//! | step of [`replace`] | on | what |
//! |---|---|---|
//! | 1 | new | written **unseen**, naming the old key. It is no session yet. |
//! | 2 | old | becomes a **pointer** to the new key. With this the session has moved. |
//! | 3 | new | **promoted**: live by itself. |
//!
//! An unseen entry is the session if, and only if, the old key points to it. Whoever meets one looks
//! there, and promotes it if it is. A pointer is kept as long as the session it leads to, because
//! step 3 may have failed; readers follow it for the grace period (with none, never), whoever ends
//! the session always.
//!
//! | stops after | new | old | who has the session |
//! |---|---|---|---|
//! | nothing | absent | live | old |
//! | 1 | unseen | live | old; the unseen entry is no session, and is swept or expires |
//! | 2 | unseen | pointer | new: its next reader promotes it |
//! | 3 | live | pointer | new |
//!
//! | comes between | what happens |
//! |---|---|
//! | a writer before 2 | step 2 fails, the unseen entry is taken back, the answer is `Conflict` |
//! | a renewal before 2 | the unseen entry is taken back and all begins again with the later `seen` |
//! | a second [`replace`] | one of the two makes step 2, the other takes its unseen entry back |
//! | [`end`] before 2 | removes the old entry; step 2 fails, the unseen entry never becomes a session: `Gone` |
//! | [`end`] after 2 | follows the pointer and removes the new entry, seen or unseen; step 3 fails: `Gone` |
//! | [`end`] after 3 | follows the pointer and removes the new entry |
//! | a reader of the new key before 2 | finds nothing |
//! | a reader of the new key after 2 | promotes it; step 3 finds that done |
//! | a failure of 1 | the answer; at worst an unseen entry is left that never becomes a session |
//! | a failure of 2, or its lost answer | a look at the old key: a pointer means that it was done. If the entry is as it was, the failure is the answer, and the unseen entry stays: a delayed write may still make it the session. If not, the unseen entry is taken back; if that has been promoted, the move was done |
//! | a failure of 3 | a warning: the next reader promotes it |
//!
//! The move of a session takes three writes and following a pointer one read, so nobody who ends
//! sessions is outrun.

mod ending;
mod entries;

use std::borrow::Cow;

use sessile_formats::Timestamp;

pub use self::ending::{HOPS_TO_END, Whose, complete, delete, end, end_unless_passed};
pub use self::entries::{Entries, Pointer, Stored};
use super::{Record, StoreError, StoreErrorKind};
use crate::id::StoreKey;

/// A step that loses this often against others meets something strange.
pub(super) const MAX_TRIES: usize = 100;

/// A move that [`replace`] is to make.
#[derive(Debug)]
pub struct Move<'a, S> {
    /// Where the session is.
    pub old: &'a StoreKey,
    /// The number it must still have.
    pub expected: u64,
    /// The state it was in when it was loaded. Renewals since are no obstacle.
    pub unchanged: S,
    /// Where it goes.
    pub new: &'a StoreKey,
    /// What it is there. A later `seen` under the old key is taken along.
    pub record: &'a Record,
    /// Its number there: one that no session under that key ever had.
    pub number: u64,
    /// Until when readers are led from the old key to the new one.
    pub pointer_until: Option<Timestamp>,
}

/// What came of a [`Move`].
#[derive(Debug)]
pub enum Moved<S> {
    /// The session is under its new key, with this `seen`, and its entry is in this state.
    Done(Option<Timestamp>, S),
    /// Another session is under the new key, or the old one has another number.
    Conflict,
    /// No session is under the old key, or it was ended meanwhile.
    Gone,
}

/// Moves a session to a key that nothing is under.
///
/// # Errors
///
/// The backend's. The session is under one of the two keys.
pub async fn replace<E: Entries>(
    entries: &E,
    wanted: Move<'_, E::Stamp>,
) -> Result<Moved<E::Stamp>, StoreError> {
    let Move { old, expected, mut unchanged, new, record, number, pointer_until } = wanted;
    let mut record = Cow::Borrowed(record);
    for _ in 0..MAX_TRIES {
        let Some(unseen) = entries.add_unseen(new, old, &record, number).await? else {
            return Ok(match load(entries, old).await? {
                Some((Stored::Live(..), _)) => Moved::Conflict,
                _ => Moved::Gone,
            });
        };
        let pointer = Pointer::new(new, &record, pointer_until);
        let fault = match entries.point(old, &unchanged, &pointer).await {
            Ok(true) => return Ok(completed(entries, new, unseen, &record, number).await),
            Ok(false) => None,
            Err(fault) => Some(fault),
        };
        // One look for both: was it renewed, or was it done and the answer lost?
        let found = match (entries.find(old).await, fault) {
            (Ok(Some((Stored::Moved(pointer), _))), _) if pointer.to == *new => {
                return Ok(completed(entries, new, unseen, &record, number).await);
            }
            (Ok(found), None) => found,
            (Ok(found), Some(fault)) => {
                let is_as_it_was = matches!(&found, Some((_, since)) if *since == unchanged);
                if is_as_it_was && !was_refused(&fault) {
                    return Err(fault);
                }
                // The pointer that failed can no longer arrive. It may have, and gone again.
                if !entries.remove(new, &unseen).await? {
                    return Ok(completed(entries, new, unseen, &record, number).await);
                }
                return match found {
                    Some((Stored::Live(_, found), _)) if found == expected => Err(fault),
                    Some((Stored::Live(..), _)) => Ok(Moved::Conflict),
                    _ => Ok(Moved::Gone),
                };
            }
            (Err(_), Some(fault)) | (Err(fault), None) => return Err(fault),
        };
        take_back(entries, new, &unseen).await;
        match found {
            Some((Stored::Live(renewed, found), since)) if found == expected => {
                if renewed.seen > record.seen {
                    record.to_mut().seen = renewed.seen;
                }
                unchanged = since;
            }
            // The move that brought it here was not completed.
            Some((Stored::Unseen { number: found, .. }, _)) if found == expected => {
                match load(entries, old).await? {
                    Some((Stored::Live(..), since)) => unchanged = since,
                    _ => return Ok(Moved::Gone),
                }
            }
            Some((Stored::Live(..), _)) => return Ok(Moved::Conflict),
            _ => return Ok(Moved::Gone),
        }
    }
    Ok(Moved::Conflict)
}

/// Step 3. The session has moved, whatever comes of this.
async fn completed<E: Entries>(
    entries: &E,
    key: &StoreKey,
    unseen: E::Stamp,
    record: &Record,
    number: u64,
) -> Moved<E::Stamp> {
    match entries.promote(key, &unseen, record, number).await {
        Ok(Some(live)) => Moved::Done(record.seen, live),
        Ok(None) => match entries.find(key).await {
            Ok(None) => Moved::Gone,
            // A reader came first.
            Ok(Some((Stored::Live(found, of), live))) if of == number => {
                Moved::Done(found.seen, live)
            }
            _ => Moved::Done(record.seen, unseen),
        },
        Err(error) => {
            tracing::warn!(%error, "a session has moved; its next reader completes that");
            Moved::Done(record.seen, unseen)
        }
    }
}

/// Removes an unseen entry that nothing can make a session any more.
async fn take_back<E: Entries>(entries: &E, key: &StoreKey, unseen: &E::Stamp) {
    if let Err(error) = entries.remove(key, unseen).await {
        tracing::debug!(%error, "an entry that is no session was left to the sweeper");
    }
}

/// Whether the error says that nothing was written, nor will be.
fn was_refused(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::Full
            | StoreErrorKind::ReadOnly
            | StoreErrorKind::TooLarge
            | StoreErrorKind::Unsupported
            | StoreErrorKind::Locked
    )
}

/// What is under `key` to a reader: never [`Unseen`](Stored::Unseen).
///
/// # Errors
///
/// The backend's.
pub async fn load<E: Entries>(
    entries: &E,
    key: &StoreKey,
) -> Result<Option<(Stored, E::Stamp)>, StoreError> {
    let found = entries.find(key).await?;
    settled(entries, key, found).await
}

/// As [`load`], of what was found under `key` just now.
///
/// # Errors
///
/// The backend's.
pub async fn settled<E: Entries>(
    entries: &E,
    key: &StoreKey,
    mut found: Option<(Stored, E::Stamp)>,
) -> Result<Option<(Stored, E::Stamp)>, StoreError> {
    for _ in 0..MAX_TRIES {
        let (record, number, from, unseen) = match found {
            Some((Stored::Unseen { record, number, from }, unseen)) => {
                (record, number, from, unseen)
            }
            other => return Ok(other),
        };
        if points(entries, &from, key).await? {
            let stamp = match entries.promote(key, &unseen, &record, number).await {
                Ok(Some(live)) => Some(live),
                Ok(None) => None,
                // It can be read all the same.
                Err(_) => Some(unseen),
            };
            if let Some(stamp) = stamp {
                return Ok(Some((Stored::Live(record, number), stamp)));
            }
            found = entries.find(key).await?;
            continue;
        }
        // Perhaps it was promoted since, and the pointer has gone.
        found = entries.find(key).await?;
        if matches!(&found, Some((_, since)) if *since == unseen) {
            return Ok(None);
        }
    }
    Err(busy())
}

/// Whether the session that was under `old` has moved to `new`.
async fn points<E: Entries>(
    entries: &E,
    old: &StoreKey,
    new: &StoreKey,
) -> Result<bool, StoreError> {
    let found = entries.find(old).await?;
    Ok(matches!(found, Some((Stored::Moved(pointer), _)) if pointer.to == *new))
}

fn busy() -> StoreError {
    StoreError::new("configured", StoreErrorKind::Unavailable)
        .because("others kept changing the same session; try again")
}
