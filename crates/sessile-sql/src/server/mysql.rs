//! MySQL and MariaDB.
//!
//! The driver's pool takes a connection back whose call is dropped half-way, and
//! the next caller reads the answer that comes late. So every call runs to its
//! end in a task of its own, whoever waits for it, and one that takes too long
//! closes its connection.

mod fault;
mod values;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, Params, Pool, PoolConstraints, PoolOpts, TxOpts};
use sessile_core::store::BoxFuture;
use sessile_core::{StoreError, StoreErrorKind};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::fault::{DUPLICATE, failed, is_full, is_going, said, takes_no_writes};
use self::values::{places, read};
use super::{
    Database, Dialect, Making, Param, Refused, Row, Statement, Swap, Swapped, Versioned, waits,
};
use crate::{ConnectError, Options, address};

#[derive(Clone)]
pub(crate) struct MySql {
    pools: Arc<Pools>,
    limit: Duration,
}

/// The pool of today. One whose server takes no writes any more is left: after a failover the
/// address leads elsewhere, and its connections do not.
struct Pools {
    opts: Opts,
    today: Mutex<(u64, Pool)>,
}

impl Pools {
    fn today(&self) -> (u64, Pool) {
        self.today.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves the pool of that number, unless it has been left before.
    fn leave(&self, number: u64) {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 == number {
            let old = std::mem::replace(&mut *today, (number + 1, Pool::new(self.opts.clone())));
            // It ends when those who use its connections have their answers.
            tokio::spawn(old.1.disconnect());
        }
    }
}

/// A connection that nobody uses is closed after this long.
const IDLE: Duration = Duration::from_secs(300);

impl MySql {
    /// Reads the address after its scheme; connects when first asked.
    pub(crate) fn new(rest: &str, options: &Options) -> Result<Self, ConnectError> {
        let (opts, _patience) = address::mysql::read(rest, options)?;
        let limit = options.busy_timeout;
        let (seconds, statement) = (limit.as_secs().max(1), limit.as_secs_f64().max(0.001));
        let most = options.connections.max(1);
        let constraints = PoolConstraints::new(0, most)
            .ok_or(ConnectError::Url("the pool of connections cannot be made"))?;
        // Nothing of a connection's state is changed between calls, so that a
        // trip to reset it is not needed.
        let pool = PoolOpts::default()
            .with_constraints(constraints)
            .with_reset_connection(false)
            // Else one that comes back would be closed at once.
            .with_inactive_connection_ttl(IDLE);
        let opts = opts
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
        let opts = Opts::from(opts);
        let today = Mutex::new((0, Pool::new(opts.clone())));
        Ok(Self { pools: Arc::new(Pools { opts, today }), limit })
    }

    /// Runs a call to its end, whoever waits for it, within one limit of time.
    async fn call<T: Send + 'static>(
        &self,
        work: impl for<'c> Fn(&'c mut Conn) -> BoxFuture<'c, Result<T, Error>> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        let (pools, limit) = (Arc::clone(&self.pools), self.limit);
        let until = Instant::now() + limit;
        let done = tokio::spawn(async move {
            let mut tries = 0;
            loop {
                let (number, pool) = pools.today();
                let mut connection = connection(&pool, until).await?;
                let done = timeout_at(until, work(&mut connection)).await;
                let goes_on = match &done {
                    Ok(Ok(_)) => true,
                    Ok(Err(Error::Server(server))) => !is_going(server.code),
                    _ => false,
                };
                if goes_on {
                    drop(connection);
                } else {
                    // The pool would hand it on with an answer in it that nobody has
                    // read. From the first moment of this it no longer does.
                    let _ = timeout(Duration::from_millis(100), connection.disconnect()).await;
                }
                match done {
                    Ok(Ok(done)) => return Ok(done),
                    // Nothing was done, and another server may be there by now.
                    Ok(Err(Error::Server(server))) if takes_no_writes(server.code) => {
                        pools.leave(number);
                        tries += 1;
                        if tries > 1 {
                            return Err(said(&Error::Server(server)));
                        }
                    }
                    Ok(Err(error)) => return Err(said(&error)),
                    Err(_) => {
                        let late = format!("no answer after {limit:?}");
                        return Err(Refused::Failed(failed(StoreErrorKind::Timeout, late)));
                    }
                }
            }
        });
        let gone = |_| Refused::Failed(failed(StoreErrorKind::Unavailable, "it stopped".into()));
        done.await.map_err(gone)?
    }
}

async fn connection(pool: &Pool, until: Instant) -> Result<Conn, Refused> {
    for wait in waits() {
        match timeout_at(until, pool.get_conn()).await {
            Ok(Ok(connection)) => return Ok(connection),
            // Others' are given back, or ours: then there is one.
            Ok(Err(Error::Server(server)))
                if is_full(server.code) && Instant::now() + wait < until =>
            {
                sleep(wait).await;
            }
            Ok(Err(error)) => return Err(said(&error)),
            Err(_) => break,
        }
    }
    let late = "no connection was free or came about in time".into();
    Err(Refused::Failed(failed(StoreErrorKind::Timeout, late)))
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
            .call(move |connection| {
                let (text, params) = (text.clone(), params.clone());
                Box::pin(async move { connection.exec(&*text, params).await })
            })
            .await;
        let found: Vec<mysql_async::Row> = found.map_err(Refused::failed)?;
        Ok(found.into_iter().map(|row| read(row, &columns)).collect())
    }

    async fn change(&self, statement: &Statement, params: Vec<Param>) -> Result<u64, Refused> {
        let text = statement.text.clone();
        let params = places(statement, params);
        self.call(move |connection| {
            let (text, params) = (text.clone(), params.clone());
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
            let (texts, first, second) = (texts.clone(), first.clone(), second.clone());
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

    async fn look(&self, making: &Making) -> Result<Option<i64>, StoreError> {
        let (sql, params) = match &making.versioned {
            Some(versioned) => (
                format!("SELECT version FROM {} WHERE name = ?", versioned.schema_table),
                Params::Positional(vec![versioned.name.clone().into()]),
            ),
            None => (format!("SELECT 1 FROM {} LIMIT 0", making.table), Params::Empty),
        };
        let is_theirs = making.versioned.is_none();
        let found = self.call(move |connection| {
            let (sql, params) = (sql.clone(), params.clone());
            Box::pin(async move {
                match connection.exec_first(sql, params).await {
                    // No such table.
                    Err(Error::Server(server)) if server.code == 1146 => Ok(None),
                    Ok(None) if is_theirs => Ok(Some(0)),
                    other => other,
                }
            })
        });
        found.await.map_err(Refused::failed)
    }

    async fn make(&self, making: &Making) -> Result<(), StoreError> {
        let seconds = self.limit.as_secs().max(1);
        let lock = lock_name(&making.lock);
        let versions = making.versioned.iter().map(|it| it.schema_ddl.clone());
        let mut steps: Vec<_> = versions.chain(making.ddl.iter().cloned()).collect();
        if let Some(Versioned { schema_table, name, version, .. }) = &making.versioned {
            let sql = "INSERT IGNORE INTO";
            steps
                .push(format!("{sql} {schema_table} (name, version) VALUES ('{name}', {version})"));
        }
        let done = self.call(move |connection| {
            let (steps, lock) = (steps.clone(), lock.clone());
            Box::pin(async move {
                // One process at a time: every statement about tables commits by itself here.
                connection.exec_drop("DO GET_LOCK(?, ?)", (&lock, seconds)).await?;
                let mut made = Ok(());
                for step in steps {
                    made = connection.query_drop(step).await;
                    if made.is_err() {
                        break;
                    }
                }
                // It would end with the connection; the next process should not wait for that.
                let unlocked = connection.exec_drop("DO RELEASE_LOCK(?)", (lock,)).await;
                made.and(unlocked)
            })
        });
        done.await.map_err(Refused::failed)
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
