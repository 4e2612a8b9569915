//! A memory store that waits before every call, fails at times, and tells the ledger of each write.

use std::time::Duration;

use sessile_core::store::{
    Capabilities, CreateOutcome, Entry, Record, SessionStore, StoreError, StoreErrorKind,
    TouchOutcome, Version, WriteOutcome, end_by_steps,
};
use sessile_core::{MemoryStore, StoreKey, Timestamp};

use crate::{Scene, Shared, step};

#[derive(Clone, Copy)]
pub(crate) struct Faults {
    pub(crate) fail: bool,
    pub(crate) cancel: bool,
    /// It has a way of its own to end a session, in one step.
    pub(crate) ends_at_once: bool,
}

#[derive(Clone)]
pub(crate) struct Watched {
    inner: MemoryStore,
    scene: Shared,
    faults: Faults,
    request: usize,
}

impl Watched {
    pub(crate) fn new(scene: Shared, faults: Faults) -> Self {
        Self { inner: MemoryStore::new(), scene, faults, request: 0 }
    }

    pub(crate) fn for_request(&self, request: usize) -> Self {
        Self { request, ..self.clone() }
    }

    /// Waits for its turn; then perhaps fails.
    async fn turn(&self) -> Result<(), StoreError> {
        step().await;
        self.perhaps_fail()
    }

    /// Before the call: nothing happened. After it: the answer was lost.
    fn perhaps_fail(&self) -> Result<(), StoreError> {
        if self.faults.fail && self.scene.lock().unwrap().dice.roll(25) == 0 {
            return Err(StoreError::new("watched", StoreErrorKind::Unavailable));
        }
        Ok(())
    }

    fn tell(&self, tell: impl FnOnce(&mut Scene, usize)) -> Result<(), StoreError> {
        tell(&mut self.scene.lock().unwrap(), self.request);
        self.perhaps_fail()
    }
}

impl SessionStore for Watched {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.turn().await?;
        self.inner.load(key).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.turn().await?;
        let outcome = self.inner.create(key, record).await?;
        if let CreateOutcome::Created(_) = outcome {
            self.tell(|scene, request| scene.ledger.created(request, key, record))?;
        }
        Ok(outcome)
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.turn().await?;
        let outcome = self.inner.update(key, record, expected).await?;
        if let WriteOutcome::Written(_) = outcome {
            self.tell(|scene, request| scene.ledger.updated(request, key, record))?;
        }
        Ok(outcome)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.turn().await?;
        let outcome = self.inner.touch(key, seen, idle).await?;
        if outcome == TouchOutcome::Touched {
            self.tell(|scene, request| {
                scene.ledger.touched(request, key, idle.map(|span| seen + span))
            })?;
        }
        Ok(outcome)
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.turn().await?;
        let outcome = self.inner.replace(old_key, expected, new_key, record, pointer_until).await?;
        if let WriteOutcome::Written(_) = outcome {
            self.tell(|scene, request| {
                scene.ledger.replaced(request, (old_key, new_key), record, pointer_until.is_some());
            })?;
        }
        Ok(outcome)
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.turn().await?;
        self.inner.delete(key).await?;
        self.tell(|scene, _| scene.ledger.deleted(key))
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        if !self.faults.ends_at_once {
            return end_by_steps(self, key).await;
        }
        self.turn().await?;
        let mut at = key.clone();
        while let Some(Entry::Moved { to, .. }) = self.inner.load(&at).await? {
            at = to;
        }
        self.inner.end(key).await?;
        self.tell(|scene, _| scene.ledger.deleted(&at))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            directory: self.inner.capabilities().directory,
            scan: self.inner.capabilities().scan,
            ..Capabilities::default()
        }
    }
}
