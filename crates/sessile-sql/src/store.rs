//! One type for every database and layout.

use std::time::Duration;

use std::fmt;
use std::sync::Arc;

use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Diagnose, Entry, Finding, Layout, Record, TouchOutcome,
    Version, WriteOutcome,
};
use sessile_core::{SessionStore, StoreError, StoreKey, Timestamp};

use crate::diagnose::{Table, diagnose};
use crate::foreign::Foreign;
#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::native::Native;
#[cfg(feature = "mysql")]
use crate::server::mysql::MySql;
#[cfg(feature = "postgres")]
use crate::server::postgres::Postgres;
#[cfg(feature = "sqlite")]
use crate::sqlite::{self, Sqlite};
use crate::{ConnectError, Options};

/// Sessions in a SQL database. Clones share its connections.
#[derive(Clone)]
pub struct SqlStore(Backend, Arc<Table>);

#[derive(Clone)]
enum Backend {
    #[cfg(feature = "sqlite")]
    Sqlite(Sqlite),
    #[cfg(feature = "sqlite")]
    ForeignSqlite(Foreign<Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Native<Postgres>),
    #[cfg(feature = "postgres")]
    ForeignPostgres(Foreign<Postgres>),
    #[cfg(feature = "mysql")]
    MySql(Native<MySql>),
    #[cfg(feature = "mysql")]
    ForeignMySql(Foreign<MySql>),
}

/// Calls the same method on whichever database and layout it is.
macro_rules! each {
    ($store:expr, $ours:ident => $call:expr, $foreign:ident => $other:expr) => {
        match &$store.0 {
            #[cfg(feature = "sqlite")]
            Backend::Sqlite($ours) => $call,
            #[cfg(feature = "sqlite")]
            Backend::ForeignSqlite($foreign) => $other,
            #[cfg(feature = "postgres")]
            Backend::Postgres($ours) => $call,
            #[cfg(feature = "postgres")]
            Backend::ForeignPostgres($foreign) => $other,
            #[cfg(feature = "mysql")]
            Backend::MySql($ours) => $call,
            #[cfg(feature = "mysql")]
            Backend::ForeignMySql($foreign) => $other,
        }
    };
    ($store:expr, $backend:ident => $call:expr) => {
        each!($store, $backend => $call, $backend => $call)
    };
}

impl SqlStore {
    /// Opens the database at `url`, and makes the table where
    /// [`Options::create`] says so. Any number of processes may do it at once.
    ///
    /// - SQLite: `sqlite:PATH`, and SQLAlchemy's `sqlite:///relative` and
    ///   `sqlite:////absolute`. A database in memory is refused: that is
    ///   [`MemoryStore`](sessile_core::MemoryStore)'s work.
    /// - PostgreSQL: `postgres://user:password@host:port/database?sslmode=verify-full`,
    ///   with libpq's other parameters and those of psycopg, asyncpg and SQLAlchemy.
    /// - MySQL and MariaDB: `mysql://user:password@host:port/database?ssl_ca=FILE`,
    ///   or `mariadb://…`, with the parameters of PyMySQL, mysqlclient and SQLAlchemy.
    ///
    /// A parameter that is not known is refused by its name ([`ConnectError::Parameter`]).
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`] and [`ConnectError::Table`] before anything is
    /// opened, [`ConnectError::Newer`] when a later release wrote the table,
    /// else [`ConnectError::Store`].
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        let options = options.bounded();
        options.checked_table()?;
        let foreign = options.layout != Layout::Native;
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        // SQLAlchemy names its driver, too: `postgresql+psycopg2`.
        let (scheme, _) = scheme.split_once('+').unwrap_or((scheme, ""));
        let table = Table::of(&options);
        let backend = match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                let sqlite = Sqlite::open(sqlite::path_in(rest)?, options.clone()).await?;
                match foreign {
                    true => Backend::ForeignSqlite(Foreign::open(sqlite, &options).await?),
                    false => Backend::Sqlite(sqlite),
                }
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                let postgres = Postgres::new(rest, &options)?;
                match foreign {
                    true => Backend::ForeignPostgres(Foreign::open(postgres, &options).await?),
                    false => Backend::Postgres(Native::open(postgres, &options).await?),
                }
            }
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => {
                let mysql = MySql::new(rest, &options)?;
                match foreign {
                    true => Backend::ForeignMySql(Foreign::open(mysql, &options).await?),
                    false => Backend::MySql(Native::open(mysql, &options).await?),
                }
            }
            _ => {
                let _ = (foreign, rest);
                return Err(ConnectError::Url("this build has no driver for its scheme"));
            }
        };
        Ok(Self(backend, table))
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
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        each!(self, backend => backend.touch(key, seen, idle).await)
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        each!(
            self,
            ours => ours.replace(old_key, expected, new_key, record, pointer_until).await,
            foreign => foreign.replace(old_key, expected, new_key, record).await
        )
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, backend => backend.delete(key).await)
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, backend => backend.end(key).await)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            sweep: each!(self, backend => Some(backend)),
            directory: each!(self, ours => Some(ours), _foreign => None),
            scan: each!(self, backend => Some(backend)),
            diagnose: Some(self),
            ..Capabilities::default()
        }
    }
}

impl Diagnose for SqlStore {
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>> {
        each!(self, backend => Box::pin(diagnose(backend.database(), &self.1, clock)))
    }
}
