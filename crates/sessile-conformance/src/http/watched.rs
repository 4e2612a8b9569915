//! A store that counts what it is asked and fails when told to.

use std::time::Duration;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Directory, Entry, Listing, Record, TouchOutcome,
    Version, WriteOutcome,
};
use sessile_core::{
    AnyStore, SessionStore, StoreError, StoreErrorKind, StoreKey, Subject, Timestamp,
};

/// Any store, watched. Clones watch the same.
#[derive(Clone)]
pub struct Watched {
    inner: AnyStore,
    seen: Arc<Seen>,
}

/// How often each call was made, and which fail.
#[derive(Default)]
struct Seen {
    calls: [AtomicUsize; 8],
    down: [AtomicBool; 8],
}

/// A call to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `load`
    Load,
    /// `create`
    Create,
    /// `update`
    Update,
    /// `touch`
    Touch,
    /// `replace`
    Replace,
    /// `delete`
    Delete,
    /// `end`
    End,
    /// Anything of the directory.
    Directory,
}

/// All of them.
pub const CALLS: [Call; 8] = [
    Call::Load,
    Call::Create,
    Call::Update,
    Call::Touch,
    Call::Replace,
    Call::Delete,
    Call::End,
    Call::Directory,
];

impl Watched {
    /// Watches a store.
    pub fn new(inner: AnyStore) -> Self {
        Self { inner, seen: Arc::default() }
    }

    /// The calls since the last time this was asked, those that were made at all.
    pub fn calls(&self) -> Vec<(Call, usize)> {
        let taken = CALLS.map(|call| (call, self.seen.calls[call as usize].swap(0, SeqCst)));
        taken.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Makes a call fail from now on, or work again.
    pub fn set_down(&self, call: Call, down: bool) {
        self.seen.down[call as usize].store(down, SeqCst);
    }

    /// Makes every call fail from now on, or work again.
    pub fn set_all_down(&self, down: bool) {
        CALLS.into_iter().for_each(|call| self.set_down(call, down));
    }

    fn note(&self, call: Call) -> Result<(), StoreError> {
        self.seen.calls[call as usize].fetch_add(1, SeqCst);
        if self.seen.down[call as usize].load(SeqCst) {
            return Err(StoreError::new("watched", StoreErrorKind::Unavailable)
                .because("it was told to fail"));
        }
        Ok(())
    }
}

impl SessionStore for Watched {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.note(Call::Load)?;
        self.inner.load(key).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.note(Call::Create)?;
        self.inner.create(key, record).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.note(Call::Update)?;
        self.inner.update(key, record, expected).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.note(Call::Touch)?;
        self.inner.touch(key, seen, idle).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.note(Call::Replace)?;
        self.inner.replace(old_key, expected, new_key, record, pointer_until).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.note(Call::Delete)?;
        self.inner.delete(key).await
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.note(Call::End)?;
        self.inner.end(key).await
    }

    fn capabilities(&self) -> Capabilities<'_> {
        let inner = self.inner.capabilities();
        let directory = inner.directory.map(|_| self as &dyn Directory);
        Capabilities { directory, ..inner }
    }
}

impl Directory for Watched {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(async move { self.directory()?.by_subject(subject).await })
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move { self.directory()?.delete_by_subject(subject, keep).await })
    }
}

impl Watched {
    fn directory(&self) -> Result<&dyn Directory, StoreError> {
        self.note(Call::Directory)?;
        let none = || StoreError::new("watched", StoreErrorKind::Unsupported);
        self.inner.capabilities().directory.ok_or_else(none)
    }
}
