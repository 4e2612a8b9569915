//! How a session is ended by the store's other methods, where a store has no better way.

use super::{Entry, Record, SessionStore, StoreError, StoreErrorKind, WriteOutcome};
use crate::Timestamp;
use crate::id::StoreKey;

/// Who loses this often against other writers meets something strange.
const MAX_TRIES: usize = 100;

/// Ends the session that `key` leads to, by the contract's other methods. Every store of this
/// project has a way of its own.
///
/// A bare `delete` could meet the pointer that a change of id has just left there, and would leave
/// the session. So the session is first made to have ended long ago, by a conditional write:
/// from then on no other write or change of id succeeds.
///
/// # Errors
///
/// The backend's; the session may still be there.
pub async fn end_by_steps<S: SessionStore>(store: &S, key: &StoreKey) -> Result<(), StoreError> {
    let mut key = key.clone();
    for _ in 0..MAX_TRIES {
        let version = match store.load(&key).await? {
            Some(Entry::Live(_, version)) => version,
            Some(Entry::Moved { to, .. }) => {
                // The pointer stays: whoever fails half-way can try again by it.
                key = to;
                continue;
            }
            // What cannot be read is nobody's session.
            Some(Entry::Unreadable(_)) => return store.delete(&key).await,
            None => return Ok(()),
        };
        let ended = Record::ending(bytes::Bytes::new(), Some(Timestamp::from_millis(0)));
        match store.update(&key, &ended, &version).await {
            Ok(WriteOutcome::Written(_)) => {
                if let Err(error) = store.delete(&key).await {
                    tracing::warn!(%error, "an ended session's record was left to the sweeper");
                }
                return Ok(());
            }
            Ok(WriteOutcome::Conflict | WriteOutcome::Gone) => {}
            // Where nothing can be written, nothing moves either, and most can still delete.
            Err(error) if error.kind().refuses_writes() => return store.delete(&key).await,
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::new("configured", StoreErrorKind::Unavailable)
        .because("others kept writing to a session that was to end"))
}
