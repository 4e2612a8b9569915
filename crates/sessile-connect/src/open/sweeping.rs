//! Removing expired sessions behind the requests, as settings say.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sessile_core::exchange::sweep;
use sessile_core::store::{
    Capabilities, CreateOutcome, Entry, Record, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{AnyStore, Config, SessionStore, StoreError, StoreKey, Timestamp};

use crate::runtime::TokioRuntime;

/// The store, swept for as long as it is in use; as it was where the configuration does not ask
/// for that or it forgets by itself. Sweeping begins at once within a tokio runtime, else with the
/// first request.
pub(super) fn swept(store: AnyStore, config: &Config) -> AnyStore {
    let wanted = config.sweep_every.is_some() || config.cleanup_n_requests.is_some();
    if !wanted || store.capabilities().sweep.is_none() {
        return store;
    }
    let swept = Swept {
        store: Arc::new(Sweepable { store, under_way: AtomicBool::new(false) }),
        period: config.sweep_every,
        started: AtomicBool::new(false),
        per_requests: config.cleanup_n_requests.map_or(u32::MAX, |requests| requests.get()),
        requests: AtomicU32::new(0),
    };
    if tokio::runtime::Handle::try_current().is_ok() {
        swept.start();
    }
    AnyStore::new(swept)
}

/// A store that is swept once in so many requests, or once a period.
struct Swept {
    store: Arc<Sweepable>,
    period: Option<Duration>,
    /// Whether the sweeps of each period have begun.
    started: AtomicBool,
    per_requests: u32,
    requests: AtomicU32,
}

struct Sweepable {
    store: AnyStore,
    under_way: AtomicBool,
}

impl Swept {
    fn start(&self) {
        if let Some(period) = self.period
            && !self.started.swap(true, Ordering::AcqRel)
        {
            tokio::spawn(sweep_every(period, Arc::downgrade(&self.store)));
        }
    }

    fn count(&self) {
        self.start();
        // Where it wraps the distance is once another one.
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        if before % self.per_requests == self.per_requests - 1 {
            let store = self.store.clone();
            tokio::spawn(async move { store.sweep().await });
        }
    }
}

/// Holds the store only while it sweeps: once nobody else does, it ends.
async fn sweep_every(period: Duration, store: Weak<Sweepable>) {
    loop {
        tokio::time::sleep(period).await;
        let Some(store) = store.upgrade() else { return };
        store.sweep().await;
    }
}

impl Sweepable {
    async fn sweep(&self) {
        // One at a time in this process; the rest is that one's.
        if self.under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        sweep(&self.store, &TokioRuntime).await;
        self.under_way.store(false, Ordering::Release);
    }
}

impl SessionStore for Swept {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.count();
        self.store.store.load(key).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.count();
        self.store.store.create(key, record).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.store.store.update(key, record, expected).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.store.store.touch(key, seen, idle).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.store.store.replace(old_key, expected, new_key, record, pointer_until).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.store.store.delete(key).await
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.store.store.end(key).await
    }

    fn capabilities(&self) -> Capabilities<'_> {
        self.store.store.capabilities()
    }
}
