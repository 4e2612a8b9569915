//! PostgreSQL: a pool of pipelined connections, to a server or to a pooler before it.
//!
//! A dropped future loses nothing here: the driver's own task owns the
//! connection and throws away answers that nobody waits for. Every call of ours
//! is one statement, so no transaction can be left open, and one message, so a pooler may run
//! each on another connection of its own. Statements are sent without a name: behind a pooler
//! names are shared, and those that the driver gives are the same in every process.

mod cancel;
mod connector;
mod fault;
pub(crate) mod tls;
mod values;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
    TimeoutType,
};
use sessile_core::{StoreError, StoreErrorKind};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Kind as Class, ToSql, Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use self::connector::Connector;
use self::fault::{failed, is_full, is_going, is_overtaken, is_read_only, said};
use super::{
    Database, Dialect, Making, Param, Refused, Row, Statement, Swap, Swapped, Versioned, waits,
};
use crate::{ConnectError, Options, address};

#[derive(Clone)]
pub(crate) struct Postgres {
    pool: Pool,
    limit: Duration,
    connector: Connector,
    /// Connections made before this are not used again: they lead to a server that takes no
    /// writes any more.
    fresh: Arc<Mutex<std::time::Instant>>,
    /// Type 0, by which the server finds out a parameter's type itself.
    unspecified: Type,
}

/// How often a statement is tried again that changed nothing: the server undid it for the sake
/// of another, or takes no writes while another at its address may.
const AGAIN: u32 = 10;

/// What is wanted of a statement.
#[derive(Clone, Copy)]
enum Answers {
    Count,
    Rows,
}

/// How many rows it changed, or those it found.
type Answered = (u64, Vec<tokio_postgres::Row>);

impl Postgres {
    /// Reads the address after its scheme; connects when first asked.
    pub(crate) fn new(rest: &str, options: &Options) -> Result<Self, ConnectError> {
        let (mut config, wanted) = address::postgres::read(rest, options)?;
        let longest = options.busy_timeout;
        if config.get_connect_timeout().is_none_or(|given| *given > longest) {
            config.connect_timeout(longest);
        }
        let limit = options.busy_timeout;
        let tls = MakeRustlsConnect::new(tls::client(&wanted)?);
        let connector = Connector::new(tls, config.clone(), limit);
        let fresh = Arc::new(Mutex::new(std::time::Instant::now()));
        let since = Arc::clone(&fresh);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_connect(config, connector.clone(), recycling))
            .max_size(options.connections.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(deadpool_postgres::Timeouts {
                wait: Some(limit),
                create: Some(limit),
                recycle: Some(limit),
            })
            .pre_recycle(Hook::sync_fn(move |_, metrics| {
                let since = *since.lock().unwrap_or_else(PoisonError::into_inner);
                match metrics.created < since {
                    true => Err(HookError::message("it leads to a server that takes no writes")),
                    false => Ok(()),
                }
            }))
            .build()
            .map_err(|_| ConnectError::Url("the pool of connections cannot be made"))?;
        let unspecified = Type::new(String::new(), 0, Class::Pseudo, String::new());
        Ok(Self { pool, limit, connector, fresh, unspecified })
    }

    async fn connection(&self, until: Instant) -> Result<Object, StoreError> {
        for wait in waits() {
            let got = timeout_at(until, self.pool.get()).await;
            let late = |_| Err(PoolError::Timeout(TimeoutType::Wait));
            let error = match got.unwrap_or_else(late) {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            match &error {
                // Others' are given back, or ours: then there is one.
                PoolError::Backend(error) if is_full(error) && Instant::now() + wait < until => {
                    sleep(wait).await;
                }
                PoolError::Backend(error) => return Err(said(error)),
                PoolError::Timeout(TimeoutType::Wait) => {
                    return Err(failed(StoreErrorKind::Timeout, "no connection was free in time"));
                }
                PoolError::Timeout(_) => {
                    let late = "it took no connection in time";
                    return Err(failed(StoreErrorKind::Unavailable, late));
                }
                other => return Err(failed(StoreErrorKind::Unavailable, other.to_string())),
            }
        }
        Err(failed(StoreErrorKind::Timeout, "no connection was free in time"))
    }

    /// Runs a statement within bounds, the wait for a connection included. One that is late takes
    /// its connection with it: the answers of others would wait behind it.
    async fn run(
        &self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
        wanted: Answers,
    ) -> Result<Result<Answered, Error>, StoreError> {
        let until = Instant::now() + self.limit;
        let mut tries = 0;
        loop {
            let connection = self.connection(until).await?;
            let call = async {
                match wanted {
                    Answers::Count => {
                        connection.execute_typed(sql, params).await.map(|count| (count, Vec::new()))
                    }
                    Answers::Rows => {
                        connection.query_typed(sql, params).await.map(|rows| (0, rows))
                    }
                }
            };
            let Ok(answer) = timeout_at(until, call).await else {
                self.give_up(connection);
                let late = format!("no answer after {:?}", self.limit);
                return Err(failed(StoreErrorKind::Timeout, late));
            };
            let Err(error) = &answer else { return Ok(answer) };
            let has_moved = is_read_only(error);
            if has_moved {
                self.leave_server(&connection);
            }
            tries += 1;
            // Of a server that takes no writes the next connection tells enough.
            let again = if has_moved { tries < 2 } else { is_overtaken(error) && tries < AGAIN };
            if has_moved || is_going(error) {
                drop(Object::take(connection));
            }
            if !again {
                return Ok(answer);
            }
        }
    }

    /// What nobody waits for any more is not to go on, whatever the server was asked for.
    fn give_up(&self, connection: Object) {
        let (connection, connector) = (Object::take(connection), self.connector.clone());
        tokio::spawn(async move {
            let over = async {
                connector.cancel(&connection.cancel_token()).await;
                // A pooler forgets whose the statement was when we go: this is answered after it.
                let _ = connection.batch_execute("").await;
            };
            let _ = timeout(Duration::from_secs(2), over).await;
        });
    }

    /// After a failover the address leads elsewhere, and connections from before do not.
    fn leave_server(&self, connection: &Object) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if Object::metrics(connection).created >= *fresh {
            *fresh = std::time::Instant::now();
        }
    }

    fn typed<'a>(&self, params: &'a [Param]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        let typed = params.iter().map(|param| param as &(dyn ToSql + Sync));
        typed.map(|param| (param, self.unspecified.clone())).collect()
    }

    async fn execute(&self, statement: &Statement, params: &[Param]) -> Result<u64, Refused> {
        let done = self.run(&statement.text, &self.typed(params), Answers::Count).await?;
        match done {
            Ok((count, _)) => Ok(count),
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Err(Refused::Taken),
            Err(error) => Err(Refused::Failed(said(&error))),
        }
    }

    async fn query(
        &self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let answered = self.run(sql, params, Answers::Rows).await?;
        answered.map(|(_, rows)| rows).map_err(|error| said(&error))
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
        let found = self.query(&statement.text, &self.typed(&params)).await?;
        Ok(found.iter().map(|row| values::read(row, &statement.columns)).collect())
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
            return Err(failed(StoreErrorKind::Unsupported, "two statements at once"));
        };
        let params: Vec<_> = first.into_iter().chain(second).collect();
        match self.execute(both, &params).await {
            Ok(0) => Ok(Swapped::NotThere),
            Ok(_) => Ok(Swapped::Done),
            Err(Refused::Taken) => Ok(Swapped::Taken),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    async fn look(&self, making: &Making) -> Result<Option<i64>, StoreError> {
        let table = making.versioned.as_ref().map_or(&making.table, |it| &it.schema_table);
        let there = "SELECT to_regclass($1) IS NOT NULL";
        let there = self.query(there, &[(table as &(dyn ToSql + Sync), Type::TEXT)]).await?;
        let is_there = |row: &tokio_postgres::Row| row.try_get(0).unwrap_or(false);
        if !there.first().is_some_and(is_there) {
            return Ok(None);
        }
        let Some(versioned) = &making.versioned else { return Ok(Some(0)) };
        let sql = format!("SELECT version FROM {table} WHERE name = $1");
        let name = &versioned.name as &(dyn ToSql + Sync);
        let found = self.query(&sql, &[(name, Type::TEXT)]).await?;
        Ok(found.first().and_then(|row| row.try_get(0).ok()))
    }

    /// One message of several statements is one transaction, which even a pooler that allows
    /// none lets pass. Nothing waits long for a lock: others would wait behind it.
    async fn make(&self, making: &Making) -> Result<(), StoreError> {
        let limit = self.limit * 4;
        let mut sql = format!(
            "SET LOCAL lock_timeout = {0}; SET LOCAL statement_timeout = {0}; \
             SELECT pg_advisory_xact_lock(hashtext('{1}')); SET LOCAL lock_timeout = {2};",
            limit.as_millis().clamp(1, 1 << 30),
            making.lock,
            self.limit.as_millis().clamp(1, 1 << 30)
        );
        let versions = making.versioned.iter().map(|it| &it.schema_ddl);
        for ddl in versions.chain(&making.ddl) {
            sql.push_str(ddl);
            sql.push(';');
        }
        if let Some(Versioned { schema_table, name, version, .. }) = &making.versioned {
            sql.push_str(&format!(
                "INSERT INTO {schema_table} (name, version) VALUES ('{name}', {version}) \
                 ON CONFLICT (name) DO NOTHING"
            ));
        }
        let connection = self.connection(Instant::now() + limit).await?;
        match timeout(limit, connection.batch_execute(&sql)).await {
            Ok(made) => made.map_err(|error| said(&error)),
            Err(_) => {
                self.give_up(connection);
                Err(failed(StoreErrorKind::Timeout, "making the table took too long"))
            }
        }
    }

    fn met_a_pooler(&self) -> bool {
        self.connector.met_a_pooler()
    }
}
