//! A key-value store in memory that waits before every call, and fails where it is told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use sessile_core::store::key_value::{KeyPage, KeyValue, Put, Stamp};
use sessile_core::store::{StoreError, StoreErrorKind};

use crate::explore::Fault;

/// One change that may happen.
#[derive(Clone)]
struct Change {
    key: String,
    expected: Option<Stamp>,
    value: Option<Bytes>,
}

/// What all clients share.
#[derive(Clone, Default)]
pub(crate) struct Contents {
    pub(crate) values: BTreeMap<String, Bytes>,
    /// Changes whose client was told that nobody knows; they are still under way.
    late: Vec<Change>,
    /// Counts changes.
    pub(crate) changes: usize,
}

impl Contents {
    fn apply(&mut self, Change { key, expected, value }: Change) -> Option<Stamp> {
        if self.values.get(&key).map(|value| Stamp::of(value)) != expected {
            return None;
        }
        self.changes += 1;
        match value {
            Some(value) => {
                let stamp = Stamp::of(&value);
                self.values.insert(key, value);
                Some(stamp)
            }
            None => {
                self.values.remove(&key);
                expected
            }
        }
    }

    /// What was under way arrives.
    pub(crate) fn arrive(&mut self) {
        for change in std::mem::take(&mut self.late) {
            self.apply(change);
        }
    }
}

/// One client's way to the store.
#[derive(Clone, Default)]
pub(crate) struct Values {
    pub(crate) contents: Arc<Mutex<Contents>>,
    /// Which of this client's calls fails, and how.
    pub(crate) fault: Option<(Fault, usize)>,
    calls: Arc<AtomicUsize>,
    pub(crate) has_failed: Arc<AtomicBool>,
}

impl Values {
    pub(crate) fn over(contents: Contents) -> Self {
        Self { contents: Arc::new(Mutex::new(contents)), ..Self::default() }
    }

    pub(crate) fn client(&self, fault: Option<(Fault, usize)>) -> Self {
        Self { contents: self.contents.clone(), fault, ..Self::default() }
    }

    /// Waits for its turn. Which fault this call has.
    async fn turn(&self) -> Option<Fault> {
        let mut waited = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let (fault, at) = self.fault?;
        if fault == Fault::Cancelled || at != call {
            return None;
        }
        self.has_failed.store(true, Ordering::Relaxed);
        Some(fault)
    }

    async fn change(&self, change: Change) -> Result<Option<Stamp>, StoreError> {
        let fault = self.turn().await;
        let mut contents = self.contents.lock().unwrap();
        match fault {
            None => return Ok(contents.apply(change)),
            Some(Fault::Before | Fault::Full | Fault::Cancelled) => {}
            Some(Fault::After) => drop(contents.apply(change)),
            Some(Fault::Late) => contents.late.push(change),
        }
        Err(fault.unwrap().error())
    }
}

impl Fault {
    fn error(self) -> StoreError {
        let kind = match self {
            Self::Full => StoreErrorKind::Full,
            Self::Before => StoreErrorKind::Unavailable,
            Self::After | Self::Late | Self::Cancelled => StoreErrorKind::Timeout,
        };
        StoreError::new("model", kind)
    }
}

impl KeyValue for Values {
    type Error = StoreError;
    const NAME: &'static str = "model";
    const LISTS: bool = true;

    async fn get(&self, key: &str) -> Result<Option<(Bytes, Stamp)>, StoreError> {
        match self.turn().await {
            // What is full can be read.
            None | Some(Fault::Full) => {
                let found = self.contents.lock().unwrap().values.get(key).cloned();
                Ok(found.map(Stamp::beside))
            }
            Some(fault) => Err(fault.error()),
        }
    }

    async fn put_if(
        &self,
        key: &str,
        expected: Option<&Stamp>,
        new: Put,
    ) -> Result<Option<Stamp>, StoreError> {
        let (key, expected) = (key.to_owned(), expected.cloned());
        self.change(Change { key, expected, value: Some(new.value) }).await
    }

    async fn delete_if(&self, key: &str, expected: &Stamp) -> Result<bool, StoreError> {
        let (key, expected) = (key.to_owned(), Some(expected.clone()));
        Ok(self.change(Change { key, expected, value: None }).await?.is_some())
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<KeyPage, StoreError> {
        let _ = self.turn().await;
        let contents = self.contents.lock().unwrap();
        // Small pages, so that much happens between two.
        Ok(KeyPage::of_sorted(contents.values.keys(), after, limit.min(2)))
    }

    fn failed(error: StoreError) -> StoreError {
        error
    }
}
