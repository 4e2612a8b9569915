//! Every call to a store ends in time, whatever the store does.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::Timestamp;
use crate::id::{StoreKey, Subject};
use crate::runtime::Runtime;
use crate::store::{
    AnyStore, BoxFuture, Capabilities, CreateOutcome, Directory, Entry, Listing, Record,
    SessionStore, StoreError, StoreErrorKind, TouchOutcome, Version, WriteOutcome,
};

/// A store whose calls are given up after a while. The call is dropped, which
/// stores must bear; whether a write happened is then unknown.
#[derive(Clone)]
pub(super) struct Bounded {
    store: AnyStore,
    limit: Duration,
    runtime: Arc<dyn Runtime>,
}

impl Bounded {
    pub(super) fn new(store: AnyStore, limit: Duration, runtime: Arc<dyn Runtime>) -> Self {
        Self { store, limit, runtime }
    }

    /// The same store with another program's timers.
    pub(super) fn with_runtime(self, runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, ..self }
    }

    /// The store without the bound, for what runs behind all requests.
    pub(super) fn unbounded(&self) -> &AnyStore {
        &self.store
    }

    /// The bound for calls in which the store may [wait](Capabilities::waits).
    fn longer(&self) -> Duration {
        self.limit.saturating_add(self.store.capabilities().waits)
    }

    /// Awaits a call within a bound. The timer is made when the call first has to wait: one
    /// that is answered at once pays nothing.
    async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut call = pin!(call);
        let mut timer = None;
        poll_fn(|cx| {
            if let Poll::Ready(answer) = call.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            let timer = timer.get_or_insert_with(|| self.runtime.sleep(limit));
            timer.as_mut().poll(cx).map(|()| Err(late(limit)))
        })
        .await
    }
}

fn late(limit: Duration) -> StoreError {
    StoreError::new("configured", StoreErrorKind::Timeout)
        .because(format!("no answer after {limit:?} (SESSION_STORE_TIMEOUT)"))
}

impl SessionStore for Bounded {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.within(self.limit, self.store.load(key)).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.within(self.limit, self.store.create(key, record)).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.within(self.limit, self.store.update(key, record, expected)).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.within(self.limit, self.store.touch(key, seen, idle)).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.within(
            self.longer(),
            self.store.replace(old_key, expected, new_key, record, pointer_until),
        )
        .await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.within(self.longer(), self.store.delete(key)).await
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.within(self.longer(), self.store.end(key)).await
    }

    /// Without a bound where it runs behind all requests, or operators' tools watch it.
    fn capabilities(&self) -> Capabilities<'_> {
        let inner = self.store.capabilities();
        let directory = inner.directory.map(|_| self as &dyn Directory);
        Capabilities { directory, ..inner }
    }
}

impl Directory for Bounded {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        match self.store.capabilities().directory {
            Some(directory) => Box::pin(self.within(self.limit, directory.by_subject(subject))),
            None => Box::pin(std::future::ready(Err(no_directory()))),
        }
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        match self.store.capabilities().directory {
            Some(directory) => {
                Box::pin(self.within(self.longer(), directory.delete_by_subject(subject, keep)))
            }
            None => Box::pin(std::future::ready(Err(no_directory()))),
        }
    }
}

/// What whoever wants a user's sessions is told where nobody knows them.
pub(super) fn no_directory() -> StoreError {
    StoreError::no_directory("configured")
}
