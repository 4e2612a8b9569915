//! MySQL and MariaDB.
//!
//! The driver's pool takes a connection back whose call is dropped half-way, and
//! the next caller reads the answer that comes late. So every call runs to its
//! end in a task of its own, whoever waits for it, and one that takes too long
//! closes its connection.

use std::time::Duration;

use bytes::Bytes;
use mysql_async::prelude::Queryable as _;
use mysql_async::{
    Conn, Error, Opts, OptsBuilder, Params, Pool, PoolConstraints, PoolOpts, TxOpts, Value,
};
use sessile_core::store::BoxFuture;
use sessile_core::{StoreError, StoreErrorKind, Timestamp};
use tokio::time::{Instant, timeout, timeout_at};

use super::moment;
use super::{
    Cell, Database, Dialect, Kind, Making, Param, Refused, Row, Statement, Swap, Swapped,
    Versioned, io_kind,
};
use crate::{ConnectError, Options};

#[derive(Clone)]
pub(crate) struct MySql {
    pool: Pool,
    limit: Duration,
}

/// A connection that nobody uses is closed after this long.
const IDLE: Duration = Duration::from_secs(300);

/// A taken unique key (`ER_DUP_ENTRY`).
const DUPLICATE: u16 = 1062;

impl MySql {
    /// Reads the address; connects when first asked.
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let wrong = ConnectError::Url("it is no address of MySQL's: mysql://user:…@host/database");
        let rest = url.split_once("://").map(|(_, rest)| rest);
        let Some(rest) = rest else { return Err(wrong) };
        let Ok(opts) = Opts::from_url(&format!("mysql://{rest}")) else { return Err(wrong) };
        let limit = options.busy_timeout;
        let (seconds, statement) = (limit.as_secs().max(1), limit.as_secs_f64().max(0.001));
        let most = options.connections.max(1);
        let Some(constraints) = PoolConstraints::new(0, most) else { return Err(wrong) };
        // Nothing of a connection's state is changed between calls, so that a
        // trip to reset it is not needed.
        let pool = PoolOpts::default()
            .with_constraints(constraints)
            .with_reset_connection(false)
            // Else one that comes back would be closed at once.
            .with_inactive_connection_ttl(IDLE);
        let opts = OptsBuilder::from_opts(opts)
            .pool_opts(pool)
            // Rows that were found, not only those whose values differ.
            .client_found_rows(true)
            .tcp_nodelay(true)
            .stmt_cache_size(64)
            .setup(vec![
                // Too long a value is an error, never cut; times are UTC.
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'".to_owned(),
                "SET SESSION time_zone = '+00:00'".to_owned(),
                // The server gives up too, so that nothing goes on that nobody waits
                // for: on rows, on tables, and (MariaDB alone can) on anything else.
                format!(
                    "SET SESSION innodb_lock_wait_timeout = {seconds}, \
                     lock_wait_timeout = {seconds} /*M! , max_statement_time = {statement} */"
                ),
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            ]);
        Ok(Self { pool: Pool::new(opts), limit })
    }

    /// Runs a call to its end, whoever waits for it, within one limit of time.
    async fn call<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    ) -> Result<T, Refused> {
        let (pool, limit) = (self.pool.clone(), self.limit);
        let until = Instant::now() + limit;
        let done = tokio::spawn(async move {
            let mut connection = match timeout_at(until, pool.get_conn()).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return Err(said(&error)),
                Err(_) => {
                    let late = "no connection was free or came about in time".into();
                    return Err(Refused::Failed(failed(StoreErrorKind::Timeout, late)));
                }
            };
            let done = timeout_at(until, work(&mut connection)).await;
            if matches!(done, Ok(Ok(_) | Err(Error::Server(_)))) {
                drop(connection);
            } else {
                // The pool would hand it on with an answer in it that nobody has
                // read. From the first moment of this it no longer does.
                let _ = timeout(Duration::from_millis(100), connection.disconnect()).await;
            }
            match done {
                Ok(done) => done.map_err(|error| said(&error)),
                Err(_) => {
                    let late = format!("no answer after {limit:?}");
                    Err(Refused::Failed(failed(StoreErrorKind::Timeout, late)))
                }
            }
        });
        let gone = |_| Refused::Failed(failed(StoreErrorKind::Unavailable, "it stopped".into()));
        done.await.map_err(gone)?
    }
}

impl Database for MySql {
    fn dialect(&self) -> Dialect {
        Dialect::MySql
    }

    async fn rows(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Result<Vec<Row>, StoreError> {
        let (text, columns) = (statement.text.clone(), statement.columns.clone());
        let params = places(statement, params);
        let found = self
            .call(move |connection| Box::pin(async move { connection.exec(&*text, params).await }))
            .await;
        let found: Vec<mysql_async::Row> = found.map_err(|refused| match refused {
            Refused::Failed(error) => error,
            Refused::Taken => failed(StoreErrorKind::Corrupt, "a key that is taken".into()),
        })?;
        Ok(found.into_iter().map(|row| read(row, &columns)).collect())
    }

    async fn change(&self, statement: &Statement, params: Vec<Param>) -> Result<u64, Refused> {
        let text = statement.text.clone();
        let params = places(statement, params);
        self.call(move |connection| {
            Box::pin(async move {
                let mut tries = 0;
                loop {
                    match connection.exec_drop(&*text, params.clone()).await {
                        Err(error) if is_deadlock(&error) && tries < DEADLOCKS => tries += 1,
                        done => return done.map(|()| connection.affected_rows()),
                    }
                }
            })
        })
        .await
    }

    async fn swap(
        &self,
        swap: &Swap,
        first: Vec<Param>,
        second: Vec<Param>,
    ) -> Result<Swapped, StoreError> {
        let texts = (swap.first.text.clone(), swap.second.text.clone());
        let (first, second) = (places(&swap.first, first), places(&swap.second, second));
        let done = self.call(move |connection| {
            Box::pin(async move {
                let mut tries = 0;
                loop {
                    let (texts, first, second) = (texts.clone(), first.clone(), second.clone());
                    match both(connection, texts, first, second).await {
                        Err(error) if is_deadlock(&error) && tries < DEADLOCKS => tries += 1,
                        done => return done,
                    }
                }
            })
        });
        match done.await {
            Ok(swapped) => Ok(swapped),
            Err(Refused::Taken) => Ok(Swapped::Taken),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    async fn make(&self, making: Making, create: bool) -> Result<Option<i64>, StoreError> {
        let seconds = self.limit.as_secs().max(1);
        let done = self.call(move |connection| {
            Box::pin(async move {
                let made = make(connection, &making, create, seconds).await;
                // It would end with the connection; the next process should not wait for that.
                let name = (lock_name(&making.lock),);
                let unlocked = connection.exec_drop("DO RELEASE_LOCK(?)", name).await;
                made.and_then(|found| unlocked.map(|()| found))
            })
        });
        done.await.map_err(|refused| match refused {
            Refused::Failed(error) => error,
            Refused::Taken => failed(StoreErrorKind::Corrupt, "a key that is taken".into()),
        })
    }
}

/// How often a statement is tried again that the server undid to end a deadlock.
const DEADLOCKS: u32 = 10;

/// Whether the server undid the whole transaction, so that trying again is safe.
fn is_deadlock(error: &Error) -> bool {
    matches!(error, Error::Server(server) if server.code == 1213)
}

/// Names of locks have at most 64 characters.
fn lock_name(name: &str) -> String {
    name.chars().take(64).collect()
}

async fn both(
    connection: &mut Conn,
    (first, second): (std::sync::Arc<str>, std::sync::Arc<str>),
    first_params: Params,
    second_params: Params,
) -> Result<Swapped, Error> {
    // READ COMMITTED is the connection's own: to say so here is a round trip more.
    let mut step = connection.start_transaction(TxOpts::default()).await?;
    if let Err(error) = step.exec_drop(&*first, first_params).await {
        step.rollback().await?;
        return Err(error);
    }
    if step.affected_rows() == 0 {
        step.rollback().await?;
        return Ok(Swapped::NotThere);
    }
    match step.exec_drop(&*second, second_params).await {
        Ok(()) => step.commit().await.map(|()| Swapped::Done),
        Err(error) => {
            step.rollback().await?;
            match &error {
                Error::Server(server) if server.code == DUPLICATE => Ok(Swapped::Taken),
                _ => Err(error),
            }
        }
    }
}

async fn make(
    connection: &mut Conn,
    making: &Making,
    create: bool,
    seconds: u64,
) -> Result<Option<i64>, Error> {
    // One process at a time: every statement about tables commits by itself here.
    let lock = (lock_name(&making.lock), seconds);
    connection.exec_drop("DO GET_LOCK(?, ?)", lock).await?;
    let mut found = None;
    if let Some(Versioned { schema_table, schema_ddl, name, .. }) = &making.versioned {
        if create {
            connection.query_drop(schema_ddl).await?;
        }
        let sql = format!("SELECT version FROM {schema_table} WHERE name = ?");
        found = match connection.exec_first(sql, (name,)).await {
            // No such table.
            Err(Error::Server(server)) if server.code == 1146 => None,
            other => other?,
        };
    }
    if create && (making.versioned.is_none() || found.is_none()) {
        for ddl in &making.ddl {
            connection.query_drop(ddl).await?;
        }
        if let Some(Versioned { schema_table, name, version, .. }) = &making.versioned {
            let sql = format!("INSERT INTO {schema_table} (name, version) VALUES (?, ?)");
            connection.exec_drop(sql, (name, version)).await?;
            found = Some(*version);
        }
    }
    Ok(found)
}

fn places(statement: &Statement, params: Vec<Param>) -> Params {
    let values = statement.places(params).into_iter().map(|param| match param {
        Param::Int(number) => number.map_or(Value::NULL, Value::Int),
        Param::Bool(value) => Value::Int(value.into()),
        Param::Bytes(bytes) => bytes.map_or(Value::NULL, |bytes| Value::Bytes(bytes.to_vec())),
        Param::Text(text) => text.map_or(Value::NULL, |text| Value::Bytes(text.into_bytes())),
        Param::Time(moment) => {
            moment.map_or(Value::NULL, |moment| Value::Bytes(moment::to_text(moment).into_bytes()))
        }
    });
    match values.collect::<Vec<_>>() {
        none if none.is_empty() => Params::Empty,
        values => Params::Positional(values),
    }
}

fn read(row: mysql_async::Row, columns: &[Kind]) -> Row {
    let cells = row.unwrap().into_iter().zip(columns);
    Row::new(cells.map(|(value, kind)| cell(value, *kind)).collect())
}

fn cell(value: Value, kind: Kind) -> Cell {
    let cell = match (kind, value) {
        (_, Value::NULL) => Some(Cell::Null),
        (Kind::Int | Kind::Bool, Value::Int(number)) => Some(Cell::Int(number)),
        (Kind::Int | Kind::Bool, Value::UInt(number)) => i64::try_from(number).ok().map(Cell::Int),
        (Kind::Bytes, Value::Bytes(bytes)) => Some(Cell::Bytes(Bytes::from(bytes))),
        (Kind::Text, Value::Bytes(bytes)) => String::from_utf8(bytes).ok().map(Cell::Text),
        (Kind::Time, Value::Date(year, month, day, hour, minute, second, micros)) => {
            date([year.into(), month.into(), day.into()], [hour, minute, second], micros)
                .map(Cell::Time)
        }
        _ => None,
    };
    cell.unwrap_or(Cell::Strange)
}

fn date([year, month, day]: [i64; 3], time: [u8; 3], micros: u32) -> Option<Timestamp> {
    moment::from_parts([year, month, day], time.map(i64::from), i64::from(micros / 1000))
}

fn failed(kind: StoreErrorKind, what: String) -> StoreError {
    Dialect::MySql.error(kind, what)
}

/// What the server said, as what a caller can act on. Its words may quote
/// values, so only its code is repeated.
fn said(error: &Error) -> Refused {
    let Error::Server(server) = error else {
        let what = match io_kind(error) {
            Some(kind) => format!("the connection failed: {kind}"),
            None => "the connection failed".to_owned(),
        };
        return Refused::Failed(failed(StoreErrorKind::Unavailable, what));
    };
    let kind = match server.code {
        DUPLICATE => return Refused::Taken,
        // Too many connections; a deadlock; a lock wait that was too long.
        1205 | 1213 => StoreErrorKind::Locked,
        // MariaDB's max_statement_time, MySQL's max_execution_time.
        1969 | 3024 => StoreErrorKind::Timeout,
        // Table full, disk full.
        1021 | 1114 => StoreErrorKind::Full,
        // Read-only: by option, by transaction; no right to write.
        1290 | 1792 | 1836 | 1142 | 1044 => StoreErrorKind::ReadOnly,
        // Too long for its column, for the packet, for InnoDB's log.
        1406 | 1153 | 1118 | 1301 => StoreErrorKind::TooLarge,
        // A text in characters that the column's character set lacks: compared, written,
        // converted (MySQL 8.0.28 and later).
        1267 | 1366 | 3854 | 3988 => StoreErrorKind::Unrepresentable,
        // No such table or column.
        1146 | 1054 => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    };
    let meaning = match server.code {
        1045 | 1698 => ": it does not take this user or password",
        1044 => ": this user may not use the database",
        1049 => ": there is no such database",
        1040 => ": it has no connection left",
        1146 => ": there is no such table",
        1267 | 1366 | 3854 | 3988 => ": the column's character set lacks one of the characters",
        _ => "",
    };
    Refused::Failed(failed(kind, format!("error {} ({}){meaning}", server.code, server.state)))
}
