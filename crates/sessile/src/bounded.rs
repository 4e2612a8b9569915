//! Every call to a store ends in time, whatever the store does.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use sessile_core::store::{
    BoxFuture, CreateOutcome, Directory, Entry, Record, Scan, Sweep, TouchOutcome, Version,
    WriteOutcome,
};
use sessile_core::{
    AnyStore, SessionStore, StoreError, StoreErrorKind, StoreKey, Subject, Timestamp,
};
use tokio::time::{Sleep, sleep};

/// A store whose calls are given up after a while. The call is dropped, which
/// stores must bear; whether a write happened is then unknown.
#[derive(Clone)]
pub(crate) struct Bounded {
    store: AnyStore,
    limit: Duration,
}

impl Bounded {
    pub(crate) fn new(store: AnyStore, limit: Duration) -> Self {
        Self { store, limit }
    }

    fn within<F>(&self, call: F) -> Within<F> {
        Within { call, timer: None, limit: self.limit }
    }
}

pin_project! {
    /// A call and its bound. The timer is made when the call first has to
    /// wait: one that is answered at once pays nothing.
    struct Within<F> {
        #[pin]
        call: F,
        timer: Option<Pin<Box<Sleep>>>,
        limit: Duration,
    }
}

impl<T, F: Future<Output = Result<T, StoreError>>> Future for Within<F> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(answer) = this.call.poll(cx) {
            return Poll::Ready(answer);
        }
        let limit = *this.limit;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(cx).map(|()| {
            let late = StoreError::new("configured", StoreErrorKind::Timeout);
            Err(late.because(format!("no answer after {limit:?} (SESSION_STORE_TIMEOUT)")))
        })
    }
}

impl SessionStore for Bounded {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.within(self.store.load(key)).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.within(self.store.create(key, record)).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.within(self.store.update(key, record, expected)).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Timestamp>,
    ) -> Result<TouchOutcome, StoreError> {
        self.within(self.store.touch(key, seen, idle)).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        grace: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.within(self.store.replace(old_key, expected, new_key, record, grace)).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.within(self.store.delete(key)).await
    }

    /// Without a bound: it runs behind all requests, and a batch may take long.
    fn as_sweep(&self) -> Option<&dyn Sweep> {
        self.store.as_sweep()
    }

    fn as_directory(&self) -> Option<&dyn Directory> {
        self.store.as_directory().is_some().then_some(self)
    }

    /// Without a bound: operators' tools watch it.
    fn as_scan(&self) -> Option<&dyn Scan> {
        self.store.as_scan()
    }
}

impl Directory for Bounded {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<(StoreKey, Record)>, StoreError>> {
        match self.store.as_directory() {
            Some(directory) => Box::pin(self.within(directory.by_subject(subject))),
            None => Box::pin(std::future::ready(Err(no_directory()))),
        }
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        match self.store.as_directory() {
            Some(directory) => Box::pin(self.within(directory.delete_by_subject(subject, keep))),
            None => Box::pin(std::future::ready(Err(no_directory()))),
        }
    }
}

/// What whoever wants a user's sessions is told where nobody knows them.
pub(crate) fn no_directory() -> StoreError {
    StoreError::no_directory("configured")
}
