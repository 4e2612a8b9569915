//! One type for every store, so that configuration can choose at run time.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::*;

/// Any store behind one type, chosen at run time. Cloning shares it.
#[derive(Clone)]
pub struct AnyStore(Inner);

#[derive(Clone)]
enum Inner {
    /// Asked without a box around each answer, which would cost more than the answer.
    Memory(MemoryStore),
    Other(Arc<dyn DynStore>),
}

impl AnyStore {
    /// Wraps a store.
    pub fn new(store: impl SessionStore) -> Self {
        let memory = (&store as &dyn Any).downcast_ref::<MemoryStore>();
        Self(match memory {
            Some(memory) => Inner::Memory(memory.clone()),
            None => Inner::Other(Arc::new(store)),
        })
    }
}

/// Calls the same method on whichever store it is.
macro_rules! each {
    ($any:expr, $method:ident($($argument:expr),*)) => {
        match &$any.0 {
            Inner::Memory(store) => SessionStore::$method(store, $($argument),*).await,
            Inner::Other(store) => DynStore::$method(&**store, $($argument),*).await,
        }
    };
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
        idle: Option<Duration>,
    ) -> BoxFuture<'a, Result<TouchOutcome, StoreError>>;
    fn replace<'a>(
        &'a self,
        old_key: &'a StoreKey,
        expected: &'a Version,
        new_key: &'a StoreKey,
        record: &'a Record,
        pointer_until: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<WriteOutcome, StoreError>>;
    fn delete<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<(), StoreError>>;
    fn end<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<(), StoreError>>;
    fn capabilities(&self) -> Capabilities<'_>;
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
        idle: Option<Duration>,
    ) -> BoxFuture<'a, Result<TouchOutcome, StoreError>> {
        Box::pin(SessionStore::touch(self, key, seen, idle))
    }

    fn replace<'a>(
        &'a self,
        old_key: &'a StoreKey,
        expected: &'a Version,
        new_key: &'a StoreKey,
        record: &'a Record,
        pointer_until: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<WriteOutcome, StoreError>> {
        Box::pin(SessionStore::replace(self, old_key, expected, new_key, record, pointer_until))
    }

    fn delete<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(SessionStore::delete(self, key))
    }

    fn end<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(SessionStore::end(self, key))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        SessionStore::capabilities(self)
    }
}

impl SessionStore for AnyStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        each!(self, load(key))
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        each!(self, create(key, record))
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        each!(self, update(key, record, expected))
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        each!(self, touch(key, seen, idle))
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        each!(self, replace(old_key, expected, new_key, record, pointer_until))
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, delete(key))
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, end(key))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        match &self.0 {
            Inner::Memory(store) => SessionStore::capabilities(store),
            Inner::Other(store) => DynStore::capabilities(&**store),
        }
    }
}
