//! The store of those who need none.

use super::*;

/// Stands where a store is expected and sessions travel in cookies. It holds
/// nothing, and refuses to pretend otherwise.
#[derive(Clone, Copy, Debug)]
pub struct NoStore;

fn refused<T>() -> Result<T, StoreError> {
    Err(StoreError::new("absent", StoreErrorKind::Unsupported)
        .because("sessions are configured to live in cookies"))
}

impl SessionStore for NoStore {
    async fn load(&self, _key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        refused()
    }

    async fn create(&self, _key: &StoreKey, _record: &Record) -> Result<CreateOutcome, StoreError> {
        refused()
    }

    async fn update(
        &self,
        _key: &StoreKey,
        _record: &Record,
        _expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        refused()
    }

    async fn touch(
        &self,
        _key: &StoreKey,
        _seen: Timestamp,
        _idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        refused()
    }

    async fn replace(
        &self,
        _old_key: &StoreKey,
        _expected: &Version,
        _new_key: &StoreKey,
        _record: &Record,
        _grace: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        refused()
    }

    async fn delete(&self, _key: &StoreKey) -> Result<(), StoreError> {
        refused()
    }

    async fn end(&self, _key: &StoreKey) -> Result<(), StoreError> {
        refused()
    }
}
