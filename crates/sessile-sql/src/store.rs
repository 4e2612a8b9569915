//! One type for every database.

use std::fmt;

use sessile_core::store::{
    CreateOutcome, Directory, Entry, Record, Scan, Sweep, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{SessionStore, StoreError, StoreKey, Timestamp};

#[cfg(feature = "sqlite")]
use crate::sqlite::{self, Sqlite};
use crate::{ConnectError, Options};

/// Sessions in a SQL database. Clones share its connections.
#[derive(Clone)]
pub struct SqlStore(Backend);

#[derive(Clone)]
enum Backend {
    #[cfg(feature = "sqlite")]
    Sqlite(Sqlite),
}

/// Calls the same method on whichever database it is.
macro_rules! each {
    ($store:expr, $backend:ident => $call:expr) => {
        match &$store.0 {
            #[cfg(feature = "sqlite")]
            Backend::Sqlite($backend) => $call,
        }
    };
}

impl SqlStore {
    /// Opens the database at `url`, and makes the table where
    /// [`Options::create`] says so. Any number of processes may do it at once.
    ///
    /// SQLite's URLs are `sqlite:PATH`, and SQLAlchemy's `sqlite:///relative`
    /// and `sqlite:////absolute`. A database in memory is refused: that is
    /// [`MemoryStore`](sessile_core::MemoryStore)'s work.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`] and [`ConnectError::Table`] before anything is
    /// opened, [`ConnectError::Newer`] when a later release wrote the table,
    /// else [`ConnectError::Store`].
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        options.checked_table()?;
        #[cfg(feature = "sqlite")]
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = sqlite::path_in(rest)?;
            return Ok(Self(Backend::Sqlite(Sqlite::open(path, options).await?)));
        }
        let _ = url;
        Err(ConnectError::Url("this build has no driver for its scheme"))
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlStore")
    }
}

impl SessionStore for SqlStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        each!(self, backend => backend.load(key).await)
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        each!(self, backend => backend.create(key, record).await)
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        each!(self, backend => backend.update(key, record, expected).await)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Timestamp>,
    ) -> Result<TouchOutcome, StoreError> {
        each!(self, backend => backend.touch(key, seen, idle).await)
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        grace: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        each!(self, backend => backend.replace(old_key, expected, new_key, record, grace).await)
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, backend => backend.delete(key).await)
    }

    fn as_sweep(&self) -> Option<&dyn Sweep> {
        each!(self, backend => Some(backend))
    }

    fn as_directory(&self) -> Option<&dyn Directory> {
        each!(self, backend => Some(backend))
    }

    fn as_scan(&self) -> Option<&dyn Scan> {
        each!(self, backend => Some(backend))
    }
}
