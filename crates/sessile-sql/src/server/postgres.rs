//! PostgreSQL: a pool of pipelined connections.
//!
//! A dropped future loses nothing here: the driver's own task owns the
//! connection and throws away answers that nobody waits for. Every call of ours
//! is one statement, so no transaction can be left open.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use sessile_core::{StoreError, StoreErrorKind, Timestamp};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    Cell, Database, Dialect, Kind, Making, Param, Refused, Row, Statement, Swap, Swapped,
    Versioned, io_kind,
};
use crate::{ConnectError, Options, tls};

#[derive(Clone)]
pub(crate) struct Postgres {
    pool: Pool,
    limit: Duration,
}

impl Postgres {
    /// Reads the address; connects when first asked.
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let mut config: Config = url
            .parse()
            .map_err(|_| ConnectError::Url("it is no address of PostgreSQL's: postgres://…"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(options.busy_timeout);
        }
        if config.get_application_name().is_none() {
            config.application_name("sessile");
        }
        // The server gives up too, so that nothing goes on that nobody waits for.
        let limit = options.busy_timeout;
        // And whatever the server is set to: a write that another overtakes is to say so by the
        // rows it changes, not by an error (SQLSTATE 40001).
        let bound = format!(
            "-c statement_timeout={} -c default_transaction_isolation=read\\ committed",
            limit.as_millis().max(1)
        );
        let given = config.get_options().map(|given| format!("{given} {bound}"));
        config.options(given.unwrap_or(bound));
        config.keepalives_idle(Duration::from_secs(30));
        let tls = MakeRustlsConnect::new(tls::client(options)?);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(options.connections.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(deadpool_postgres::Timeouts {
                wait: Some(limit),
                create: Some(limit),
                recycle: Some(limit),
            })
            .build()
            .map_err(|_| ConnectError::Url("the pool of connections cannot be made"))?;
        Ok(Self { pool, limit })
    }

    async fn connection(&self, until: Instant) -> Result<Object, StoreError> {
        let got = timeout_at(until, self.pool.get()).await;
        let late = |_| Err(PoolError::Timeout(TimeoutType::Wait));
        got.unwrap_or_else(late).map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => {
                failed(StoreErrorKind::Timeout, "no connection was free in time".into())
            }
            PoolError::Timeout(_) => {
                failed(StoreErrorKind::Unavailable, "it took no connection in time".into())
            }
            PoolError::Backend(error) => said(&error),
            other => failed(StoreErrorKind::Unavailable, other.to_string()),
        })
    }

    /// Bounds a call, the wait for a connection included. One that is late takes
    /// its connection with it: the answers of others would wait behind it.
    async fn bounded<T>(
        &self,
        call: impl AsyncFnOnce(&Object) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, StoreError> {
        let until = Instant::now() + self.limit;
        let connection = self.connection(until).await?;
        match timeout_at(until, call(&connection)).await {
            Ok(answer) => Ok(answer),
            Err(_) => {
                drop(Object::take(connection));
                Err(failed(StoreErrorKind::Timeout, format!("no answer after {:?}", self.limit)))
            }
        }
    }

    async fn execute(&self, statement: &Statement, params: &[Param]) -> Result<u64, Refused> {
        let done = self
            .bounded(async |connection: &Object| {
                let prepared = connection.prepare_cached(&statement.text).await?;
                connection.execute_raw(&prepared, params).await
            })
            .await?;
        done.map_err(|error| match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => Refused::Taken,
            _ => Refused::Failed(said(&error)),
        })
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn rows(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Result<Vec<Row>, StoreError> {
        let params: Vec<_> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
        let found = self
            .bounded(async |connection: &Object| {
                let prepared = connection.prepare_cached(&statement.text).await?;
                connection.query(&prepared, &params).await
            })
            .await?
            .map_err(|error| said(&error))?;
        Ok(found.iter().map(|row| read(row, &statement.columns)).collect())
    }

    async fn change(&self, statement: &Statement, params: Vec<Param>) -> Result<u64, Refused> {
        self.execute(statement, &params).await
    }

    async fn swap(
        &self,
        swap: &Swap,
        first: Vec<Param>,
        second: Vec<Param>,
    ) -> Result<Swapped, StoreError> {
        let Some(both) = &swap.both else {
            return Err(failed(StoreErrorKind::Unsupported, "two statements at once".into()));
        };
        let params: Vec<_> = first.into_iter().chain(second).collect();
        match self.execute(both, &params).await {
            Ok(0) => Ok(Swapped::NotThere),
            Ok(_) => Ok(Swapped::Done),
            Err(Refused::Taken) => Ok(Swapped::Taken),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    async fn make(&self, making: Making, create: bool) -> Result<Option<i64>, StoreError> {
        let limit = self.limit * 4;
        let mut connection = self.connection(Instant::now() + limit).await?;
        let made = timeout(limit, async {
            let step = connection.transaction().await?;
            // Held to the end of the transaction; waiting for it is what is wanted.
            step.batch_execute("SET LOCAL statement_timeout = 0").await?;
            let lock = "SELECT pg_advisory_xact_lock(hashtext($1))";
            step.execute(lock, &[&making.lock]).await?;
            let mut found = None;
            if let Some(versioned) = &making.versioned {
                if create {
                    step.batch_execute(&versioned.schema_ddl).await?;
                }
                let table = &versioned.schema_table;
                let there = step.query_one("SELECT to_regclass($1) IS NOT NULL", &[table]).await?;
                if there.get::<_, bool>(0) {
                    let sql = format!("SELECT version FROM {table} WHERE name = $1");
                    let row = step.query_opt(&sql, &[&versioned.name]).await?;
                    found = row.map(|row| row.get::<_, i64>(0));
                }
            }
            if create && (making.versioned.is_none() || found.is_none()) {
                for ddl in &making.ddl {
                    step.batch_execute(ddl).await?;
                }
                if let Some(Versioned { schema_table, name, version, .. }) = &making.versioned {
                    let sql = format!("INSERT INTO {schema_table} (name, version) VALUES ($1, $2)");
                    step.execute(&sql, &[name, version]).await?;
                    found = Some(*version);
                }
            }
            step.commit().await?;
            Ok(found)
        });
        match made.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(said(&error)),
            Err(_) => Err(failed(StoreErrorKind::Timeout, "making the table took too long".into())),
        }
    }
}

fn read(row: &tokio_postgres::Row, columns: &[Kind]) -> Row {
    let cells = columns.iter().enumerate();
    let cells = cells.map(|(place, kind)| cell(row, place, *kind).unwrap_or(Cell::Strange));
    Row::new(cells.collect())
}

fn cell(row: &tokio_postgres::Row, place: usize, kind: Kind) -> Result<Cell, Error> {
    let cell = match kind {
        Kind::Int => row.try_get::<_, Option<i64>>(place)?.map(Cell::Int),
        Kind::Bool => row.try_get::<_, Option<bool>>(place)?.map(|value| Cell::Int(value.into())),
        Kind::Bytes => row
            .try_get::<_, Option<&[u8]>>(place)?
            .map(|bytes| Cell::Bytes(Bytes::copy_from_slice(bytes))),
        Kind::Text => row.try_get::<_, Option<String>>(place)?.map(Cell::Text),
        Kind::Time => row
            .try_get::<_, Option<SystemTime>>(place)?
            .map(|moment| Cell::Time(from_system(moment))),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

impl ToSql for Param {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(number) => number.to_sql(kind, out),
            Self::Bool(value) => value.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.as_deref().to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Time(moment) => moment.map(to_system).to_sql(kind, out),
        }
    }

    /// The statements are ours, and so are the types of their parameters.
    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Years 1 to 9999: what a column of theirs can be asked to hold.
fn to_system(moment: Timestamp) -> SystemTime {
    let millis = moment.as_millis().clamp(-62_135_596_800_000, 253_402_300_799_000);
    let span = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
    time.unwrap_or(UNIX_EPOCH)
}

fn from_system(moment: SystemTime) -> Timestamp {
    let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => millis(before.duration()).saturating_neg(),
    })
}

fn failed(kind: StoreErrorKind, what: String) -> StoreError {
    Dialect::Postgres.error(kind, what)
}

/// What the server said, as what a caller can act on. Its words may quote
/// values, so only its code is repeated.
fn said(error: &Error) -> StoreError {
    let Some(code) = error.code() else {
        let what = match io_kind(error) {
            Some(kind) => format!("no connection: {kind}"),
            None if error.is_closed() => "the connection was closed".to_owned(),
            None => "no connection".to_owned(),
        };
        return failed(StoreErrorKind::Unavailable, what);
    };
    let kind = match code {
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => StoreErrorKind::Timeout,
        &SqlState::DISK_FULL | &SqlState::OUT_OF_MEMORY | &SqlState::PROGRAM_LIMIT_EXCEEDED => {
            StoreErrorKind::Full
        }
        &SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::INSUFFICIENT_PRIVILEGE => {
            StoreErrorKind::ReadOnly
        }
        // Only keys have a bound, in bytes where the encoding knows no characters (SQL_ASCII).
        &SqlState::STRING_DATA_RIGHT_TRUNCATION
        | &SqlState::UNTRANSLATABLE_CHARACTER
        | &SqlState::CHARACTER_NOT_IN_REPERTOIRE => StoreErrorKind::Unrepresentable,
        &SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN | &SqlState::DATATYPE_MISMATCH => {
            StoreErrorKind::Corrupt
        }
        _ => StoreErrorKind::Unavailable,
    };
    let meaning = match code {
        &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            ": it does not take this user or password"
        }
        &SqlState::INVALID_CATALOG_NAME => ": there is no such database",
        &SqlState::TOO_MANY_CONNECTIONS => ": it has no connection left",
        &SqlState::UNDEFINED_TABLE => ": there is no such table",
        &SqlState::UNTRANSLATABLE_CHARACTER | &SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            ": the database's encoding lacks one of the characters"
        }
        _ => "",
    };
    failed(kind, format!("SQLSTATE {}{meaning}", code.code()))
}
