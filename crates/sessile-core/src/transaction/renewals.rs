//! Which sessions this program has renewed of late, so that many readers at once make one renewal.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::id::StoreKey;
use sessile_formats::Timestamp;

/// Sessions that are remembered. One that takes another's place costs that one a renewal more.
const SLOTS: usize = 1024;

/// How long the others leave a renewal to the request that has begun it. It may fail.
const BEGUN_FOR: Duration = Duration::from_secs(1);

/// What was renewed of late, in bounded room.
pub(crate) struct Renewals {
    slots: Mutex<Vec<Option<Renewal>>>,
    keyed: RandomState,
}

struct Renewal {
    key: StoreKey,
    since: Timestamp,
    until: Timestamp,
}

impl Default for Renewals {
    fn default() -> Self {
        let mut slots = Vec::new();
        slots.resize_with(SLOTS, || None);
        Self { slots: Mutex::new(slots), keyed: RandomState::new() }
    }
}

impl Renewals {
    fn with<T>(&self, key: &StoreKey, change: impl FnOnce(&mut Option<Renewal>) -> T) -> Option<T> {
        let at = usize::try_from(self.keyed.hash_one(key) % SLOTS as u64).unwrap_or_default();
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at).map(change)
    }

    /// Whether the session under `key` is to be renewed at `now`, by the one who asks.
    pub(super) fn begin(&self, key: &StoreKey, now: Timestamp, every: Duration) -> bool {
        let begun = self.with(key, |slot| {
            // Not if the clock went back since, and by the limit that the session has now.
            let is_fresh = |it: &Renewal| {
                let until = it.until.min(it.since + every);
                it.key == *key && it.since <= now && now < until
            };
            if slot.as_ref().is_some_and(is_fresh) {
                return false;
            }
            let until = now + every.min(BEGUN_FOR);
            *slot = Some(Renewal { key: key.clone(), since: now, until });
            true
        });
        begun.unwrap_or(true)
    }

    /// The renewal that was begun at `now` is written down.
    pub(super) fn done(&self, key: &StoreKey, now: Timestamp, every: Duration) {
        self.with(key, |slot| {
            if let Some(renewal) = slot.as_mut().filter(|it| it.key == *key && it.since == now) {
                renewal.until = now + every;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_was_shortened_is_renewed_by_its_new_limit() {
        let (renewals, key) = (Renewals::default(), StoreKey::from_hash([1; 32]));
        let (start, minute) = (Timestamp::from_secs(1000), Duration::from_secs(60));
        assert!(renewals.begin(&key, start, minute * 60));
        renewals.done(&key, start, minute * 60);
        assert!(!renewals.begin(&key, start + minute * 2, minute * 60));
        assert!(renewals.begin(&key, start + minute * 2, minute));
    }

    #[test]
    fn one_that_has_not_come_back_is_left_to_another_after_a_second() {
        let (renewals, key) = (Renewals::default(), StoreKey::from_hash([1; 32]));
        let (start, second) = (Timestamp::from_secs(1000), Duration::from_secs(1));
        assert!(renewals.begin(&key, start, second * 360));
        assert!(!renewals.begin(&key, start, second * 360));
        assert!(renewals.begin(&key, start + second, second * 360));
        // A clock that was set back holds nobody up.
        assert!(renewals.begin(&key, Timestamp::from_secs(900), second * 360));
    }
}
