//! One type for every store, so that configuration can choose at run time.

use std::fmt;
use std::sync::Arc;

use super::*;

/// Any store behind one type, chosen at run time. Cloning shares it.
#[derive(Clone)]
pub struct AnyStore(Arc<dyn DynStore>);

impl AnyStore {
    /// Wraps a store.
    pub fn new(store: impl SessionStore) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyStore")
    }
}

/// [`SessionStore`] with boxed futures, so that it can be a trait object.
trait DynStore: Send + Sync {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>>;
    fn create<'a>(
        &'a self,
        key: &'a StoreKey,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<CreateOutcome, StoreError>>;
    fn update<'a>(
        &'a self,
        key: &'a StoreKey,
        record: &'a Record,
        expected: &'a Version,
    ) -> BoxFuture<'a, Result<WriteOutcome, StoreError>>;
    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        seen: Timestamp,
        idle: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<TouchOutcome, StoreError>>;
    fn replace<'a>(
        &'a self,
        old_key: &'a StoreKey,
        expected: &'a Version,
        new_key: &'a StoreKey,
        record: &'a Record,
        grace: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<WriteOutcome, StoreError>>;
    fn delete<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<(), StoreError>>;
    fn as_sweep(&self) -> Option<&dyn Sweep>;
    fn as_directory(&self) -> Option<&dyn Directory>;
}

impl<S: SessionStore> DynStore for S {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(SessionStore::load(self, key))
    }

    fn create<'a>(
        &'a self,
        key: &'a StoreKey,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<CreateOutcome, StoreError>> {
        Box::pin(SessionStore::create(self, key, record))
    }

    fn update<'a>(
        &'a self,
        key: &'a StoreKey,
        record: &'a Record,
        expected: &'a Version,
    ) -> BoxFuture<'a, Result<WriteOutcome, StoreError>> {
        Box::pin(SessionStore::update(self, key, record, expected))
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        seen: Timestamp,
        idle: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<TouchOutcome, StoreError>> {
        Box::pin(SessionStore::touch(self, key, seen, idle))
    }

    fn replace<'a>(
        &'a self,
        old_key: &'a StoreKey,
        expected: &'a Version,
        new_key: &'a StoreKey,
        record: &'a Record,
        grace: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<WriteOutcome, StoreError>> {
        Box::pin(SessionStore::replace(self, old_key, expected, new_key, record, grace))
    }

    fn delete<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(SessionStore::delete(self, key))
    }

    fn as_sweep(&self) -> Option<&dyn Sweep> {
        SessionStore::as_sweep(self)
    }

    fn as_directory(&self) -> Option<&dyn Directory> {
        SessionStore::as_directory(self)
    }
}

impl SessionStore for AnyStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.0.load(key).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.0.create(key, record).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.0.update(key, record, expected).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Timestamp>,
    ) -> Result<TouchOutcome, StoreError> {
        self.0.touch(key, seen, idle).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        grace: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.0.replace(old_key, expected, new_key, record, grace).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    fn as_sweep(&self) -> Option<&dyn Sweep> {
        self.0.as_sweep()
    }

    fn as_directory(&self) -> Option<&dyn Directory> {
        self.0.as_directory()
    }
}
