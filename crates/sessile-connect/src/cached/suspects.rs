//! Keys of which this process does not know what the front says.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sessile_core::{StoreKey, Timestamp};

/// With more than this many, all keys are suspect.
const MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Suspects(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    keys: HashMap<StoreKey, (Timestamp, u64)>,
    /// Until when all are.
    all: Option<Timestamp>,
    number: u64,
}

impl Suspects {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code of ours leaves it half-changed by panicking.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn holds(&self, key: &StoreKey, now: Timestamp) -> bool {
        let inner = self.lock();
        inner.all.is_some_and(|until| now < until)
            || inner.keys.get(key).is_some_and(|(until, _)| now < *until)
    }

    /// Until `until`, or until the answer is [cleared](Suspicion::clear).
    pub(super) fn add<'a>(
        &'a self,
        key: &'a StoreKey,
        now: Timestamp,
        for_: Duration,
    ) -> Suspicion<'a> {
        let until = now + for_;
        let mut inner = self.lock();
        if inner.keys.len() >= MAX {
            inner.keys.retain(|_, (until, _)| now < *until);
        }
        inner.number = inner.number.wrapping_add(1);
        let number = inner.number;
        if inner.keys.len() >= MAX {
            inner.all = inner.all.max(Some(until));
        } else {
            inner.keys.insert(key.clone(), (until, number));
        }
        drop(inner);
        Suspicion { suspects: self, key, number }
    }
}

/// A key that is suspect.
pub(super) struct Suspicion<'a> {
    suspects: &'a Suspects,
    key: &'a StoreKey,
    number: u64,
}

impl Suspicion<'_> {
    /// It is known again what the front says, unless somebody else suspects it too.
    pub(super) fn clear(self) {
        let mut inner = self.suspects.lock();
        if inner.keys.get(self.key).is_some_and(|(_, number)| *number == self.number) {
            inner.keys.remove(self.key);
        }
    }
}
