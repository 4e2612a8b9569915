//! What the drivers have in common: statements, parameters, rows.
//!
//! The layouts ([`native`](crate::native), [`foreign`](crate::foreign)) are
//! written once over this; a driver says how its database takes a statement.

#![cfg_attr(
    not(all(feature = "mysql", feature = "postgres", feature = "sqlite")),
    allow(dead_code, reason = "no database needs all of it")
)]

#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod moment;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use sessile_core::store::Unreadable;
use sessile_core::{StoreError, StoreErrorKind, Timestamp};

/// Which database it is, where its SQL differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
    #[cfg(feature = "mysql")]
    MySql,
}

impl Dialect {
    /// What tables of statements call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres => "postgres",
            #[cfg(feature = "mysql")]
            Self::MySql => "mysql",
        }
    }

    /// A row that only counts, or tells of the database itself, and is not as it must be.
    pub(crate) fn strange_answer(self) -> impl Fn(Unreadable) -> StoreError {
        move |why| self.error(StoreErrorKind::Corrupt, why.to_string())
    }

    pub(crate) fn is_mysql(self) -> bool {
        self.name() == "mysql"
    }

    pub(crate) fn is_postgres(self) -> bool {
        self.name() == "postgres"
    }

    /// A failure of this database's.
    pub(crate) fn error(self, kind: StoreErrorKind, what: impl Into<String>) -> StoreError {
        let name = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "SQLite",
            #[cfg(feature = "postgres")]
            Self::Postgres => "PostgreSQL",
            #[cfg(feature = "mysql")]
            Self::MySql => "MySQL",
        };
        StoreError::new(name, kind).because(what.into())
    }

    /// A name as this database quotes it. Names are checked before: see `Options`.
    pub(crate) fn quoted(self, name: &str) -> String {
        if self.is_mysql() { format!("`{name}`") } else { format!("\"{name}\"") }
    }
}

/// "connection refused", where that is behind an error. More of it may quote what is secret.
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
}

/// What goes into a statement.
#[derive(Clone, Debug)]
pub(crate) enum Param {
    Int(Option<i64>),
    Bool(bool),
    Bytes(Option<Bytes>),
    Text(Option<String>),
    /// A moment, in the database's own type.
    Time(Option<Timestamp>),
}

/// What comes out of a row.
#[derive(Debug)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Bytes(Bytes),
    Text(String),
    Time(Timestamp),
    /// What the layout never writes there.
    Strange,
}

/// What a column holds, which some drivers must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Bool,
    Bytes,
    Text,
    Time,
}

/// A row, cell by cell. With a cell of another kind than wanted it cannot be read.
#[derive(Debug)]
pub(crate) struct Row {
    cells: std::vec::IntoIter<Cell>,
}

/// A row that the layout does not write.
pub(crate) fn unreadable() -> Unreadable {
    Unreadable::new("a row is not what the layout writes")
}

impl Row {
    pub(crate) fn new(cells: Vec<Cell>) -> Self {
        Self { cells: cells.into_iter() }
    }

    pub(crate) fn int(&mut self) -> Result<Option<i64>, Unreadable> {
        match self.cells.next() {
            Some(Cell::Int(number)) => Ok(Some(number)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unreadable()),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Option<Bytes>, Unreadable> {
        match self.cells.next() {
            Some(Cell::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Cell::Text(text)) => Ok(Some(text.into_bytes().into())),
            Some(Cell::Null) => Ok(None),
            _ => Err(unreadable()),
        }
    }

    pub(crate) fn text(&mut self) -> Result<Option<String>, Unreadable> {
        match self.cells.next() {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unreadable()),
        }
    }

    pub(crate) fn time(&mut self) -> Result<Option<Timestamp>, Unreadable> {
        match self.cells.next() {
            Some(Cell::Time(moment)) => Ok(Some(moment)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unreadable()),
        }
    }
}

/// A statement, written with `?1`, `?2`, … and spelt as the database takes it.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: Arc<str>,
    /// Which parameter goes where; MySQL counts places, not parameters.
    order: Arc<[usize]>,
    /// What the columns of its rows hold.
    pub(crate) columns: Arc<[Kind]>,
}

impl Statement {
    pub(crate) fn new(dialect: Dialect, sql: &str, columns: &[Kind]) -> Self {
        let (mut text, mut order) = (String::with_capacity(sql.len()), Vec::new());
        let mut pieces = sql.split('?');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(digits);
            match number.parse::<usize>() {
                Ok(number) if dialect.is_mysql() => {
                    order.push(number - 1);
                    text.push('?');
                }
                _ if dialect.is_postgres() => {
                    text.push('$');
                    text.push_str(number);
                }
                _ => {
                    text.push('?');
                    text.push_str(number);
                }
            }
            text.push_str(rest);
        }
        Self { text: text.into(), order: order.into(), columns: columns.into() }
    }

    /// The parameters in the order of the statement's places.
    pub(crate) fn places(&self, params: Vec<Param>) -> Vec<Param> {
        if self.order.is_empty() {
            return params;
        }
        self.order.iter().filter_map(|&number| params.get(number).cloned()).collect()
    }
}

/// Why a statement changed nothing.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A unique key is taken.
    Taken,
    /// The database failed.
    Failed(StoreError),
}

#[cfg(feature = "mysql")]
impl Refused {
    /// Of a statement that meets no unique key.
    fn failed(self) -> StoreError {
        match self {
            Self::Failed(error) => error,
            Self::Taken => Dialect::MySql.error(StoreErrorKind::Corrupt, "a key that is taken"),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Two statements of which both happen or neither: the first must change one row.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    pub(crate) first: Statement,
    pub(crate) second: Statement,
    /// Both as one statement, where the database has such: the parameters of the
    /// first, then those of the second. It changes a row when both happened.
    pub(crate) both: Option<Statement>,
}

/// What came of a [`Swap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    Done,
    /// The first changed nothing.
    NotThere,
    /// The second met a unique key that is taken.
    Taken,
}

/// Whether a write that failed so may have happened: the connection was lost. (Where no
/// answer came in time, none will come to a question about it either.)
pub(crate) fn is_in_doubt(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Unavailable
}

/// The answer, or `absent` where a text of the statement is none that the database's
/// character set has: nothing can be there under such a key.
pub(crate) fn or_absent<T>(answer: Result<T, StoreError>, absent: T) -> Result<T, StoreError> {
    match answer {
        Err(error) if error.kind() == StoreErrorKind::Unrepresentable => Ok(absent),
        answer => answer,
    }
}

/// The pauses between tries to get what others have all of.
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn waits() -> impl Iterator<Item = std::time::Duration> {
    let longer = |wait: &u64| Some((wait * 2).min(100));
    std::iter::successors(Some(5), longer).map(std::time::Duration::from_millis)
}

/// How a table comes about.
pub(crate) struct Making {
    /// Its name, quoted.
    pub(crate) table: String,
    /// One process at a time makes tables of this name.
    pub(crate) lock: String,
    /// Run in this order, each harmless where it was run before.
    pub(crate) ddl: Vec<String>,
    /// Of our own layout: the version that stands in `sessile_schema` for this name.
    pub(crate) versioned: Option<Versioned>,
}

/// The version of a table of ours.
pub(crate) struct Versioned {
    /// The table of versions, quoted.
    pub(crate) schema_table: String,
    /// Makes the table of versions.
    pub(crate) schema_ddl: String,
    /// The name it keeps this table's version under.
    pub(crate) name: String,
    /// The version that `ddl` makes.
    pub(crate) version: i64,
}

/// A database that answers statements.
pub(crate) trait Database: Clone + Send + Sync + 'static {
    fn dialect(&self) -> Dialect;

    /// The rows a statement finds or returns.
    fn rows(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// How many rows a statement matched and changed.
    fn change(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<u64, Refused>> + Send;

    /// A change that meets no unique key.
    fn change_alone(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async {
            self.change(statement, params).await.map_err(|refused| match refused {
                Refused::Failed(error) => error,
                Refused::Taken => self.taken(),
            })
        }
    }

    fn taken(&self) -> StoreError {
        self.dialect().error(StoreErrorKind::Corrupt, "a key that is taken")
    }

    /// A change that nobody is in a hurry for, of at most [`Self::aside_rows`] rows: where
    /// writes hold others up, those have their turn before the next of the kind.
    fn change_aside(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send {
        self.change_alone(statement, params)
    }

    /// Servers keep readers from waiting; other writers of the same rows should not wait long.
    fn aside_rows(&self) -> usize {
        500
    }

    fn swap(
        &self,
        swap: &Swap,
        first: Vec<Param>,
        second: Vec<Param>,
    ) -> impl Future<Output = Result<Swapped, StoreError>> + Send;

    /// The version of a table that is there, 0 for one of others. It only looks, so that a role
    /// without rights to make anything will do, and nobody waits for a lock.
    fn look(&self, making: &Making)
    -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;

    /// Makes a table that was not there; another process may have made it meanwhile.
    fn make(&self, making: &Making) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether something between us and the server has shown itself.
    fn met_a_pooler(&self) -> bool {
        false
    }
}
