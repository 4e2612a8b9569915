//! SQLite behind the same statements as the servers: for the layouts of others.

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ToSql, params_from_iter};
use sessile_core::StoreError;

use super::moment;
use super::{Cell, Database, Dialect, Kind, Making, Param, Refused, Row, Statement, Swap, Swapped};
use crate::sqlite::Sqlite;
use crate::sqlite::statements::Db;

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn rows(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Result<Vec<Row>, StoreError> {
        let (text, columns) = (statement.text.clone(), statement.columns.clone());
        let cells = self
            .read(move |db| {
                let mut statement = db.connection.prepare_cached(&text)?;
                let rows = statement.query_map(params_from_iter(&params), |row| {
                    let cells = columns.iter().enumerate();
                    cells.map(|(place, kind)| Ok(cell(row.get_ref(place)?, *kind))).collect()
                })?;
                rows.collect::<rusqlite::Result<Vec<Vec<Cell>>>>()
            })
            .await?;
        Ok(cells.into_iter().map(Row::new).collect())
    }

    async fn change(&self, statement: &Statement, params: Vec<Param>) -> Result<u64, Refused> {
        let text = statement.text.clone();
        let changed = self.write(move |db| run(db, &text, &params)).await?;
        changed.ok_or(Refused::Taken)
    }

    async fn change_aside(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Result<u64, StoreError> {
        let text = statement.text.clone();
        let changed = self.write_aside(move |db| run(db, &text, &params)).await?;
        changed.ok_or_else(|| self.taken())
    }

    fn aside_rows(&self) -> usize {
        Self::aside_rows(self)
    }

    async fn swap(
        &self,
        swap: &Swap,
        first: Vec<Param>,
        second: Vec<Param>,
    ) -> Result<Swapped, StoreError> {
        let texts = (swap.first.text.clone(), swap.second.text.clone());
        self.write(move |db| {
            // Others have written in the same transaction: only this is undone.
            db.connection.execute_batch("SAVEPOINT swap_one")?;
            let swapped = run(db, &texts.0, &first).and_then(|changed| match changed {
                Some(0) | None => Ok(Swapped::NotThere),
                Some(_) => Ok(match run(db, &texts.1, &second)? {
                    Some(_) => Swapped::Done,
                    None => Swapped::Taken,
                }),
            });
            let end = match swapped {
                Ok(Swapped::Done) => "RELEASE swap_one",
                _ => "ROLLBACK TO swap_one; RELEASE swap_one",
            };
            // After a failure SQLite may have rolled back everything itself.
            let ended = db.connection.execute_batch(end);
            swapped.and_then(|swapped| ended.map(|()| swapped))
        })
        .await
    }

    /// Whoever opened the file has seen to it: a foreign table is made there, or it is an error.
    async fn look(&self, _: &Making) -> Result<Option<i64>, StoreError> {
        Ok(Some(0))
    }

    async fn make(&self, _: &Making) -> Result<(), StoreError> {
        Ok(())
    }
}

/// How many rows it changed; `None` when a unique key is taken.
fn run(db: &Db<'_>, sql: &str, params: &[Param]) -> rusqlite::Result<Option<u64>> {
    let done = db.connection.prepare_cached(sql)?.execute(params_from_iter(params));
    match done {
        Ok(changed) => Ok(Some(u64::try_from(changed).unwrap_or(u64::MAX))),
        Err(rusqlite::Error::SqliteFailure(code, _)) if is_taken(code.extended_code) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `SQLITE_CONSTRAINT_UNIQUE`, `SQLITE_CONSTRAINT_PRIMARYKEY`.
fn is_taken(code: i32) -> bool {
    matches!(code, 2067 | 1555)
}

fn cell(value: ValueRef<'_>, kind: Kind) -> Cell {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let cell = match (kind, value) {
        (_, ValueRef::Null) => Some(Cell::Null),
        (Kind::Int | Kind::Bool, ValueRef::Integer(number)) => Some(Cell::Int(number)),
        (Kind::Bytes, ValueRef::Blob(bytes) | ValueRef::Text(bytes)) => {
            Some(Cell::Bytes(Bytes::copy_from_slice(bytes)))
        }
        (Kind::Text, ValueRef::Text(bytes)) => text(bytes).map(|text| Cell::Text(text.to_owned())),
        (Kind::Time, ValueRef::Text(bytes)) => {
            text(bytes).and_then(moment::from_text).map(Cell::Time)
        }
        _ => None,
    };
    cell.unwrap_or(Cell::Strange)
}

impl ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(number) => number.map_or(ToSqlOutput::Borrowed(ValueRef::Null), |number| {
                ToSqlOutput::Borrowed(ValueRef::Integer(number))
            }),
            Self::Bool(value) => ToSqlOutput::Borrowed(ValueRef::Integer((*value).into())),
            Self::Bytes(bytes) => {
                ToSqlOutput::Borrowed(bytes.as_deref().map_or(ValueRef::Null, ValueRef::Blob))
            }
            Self::Text(text) => ToSqlOutput::Borrowed(
                text.as_deref().map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
            ),
            Self::Time(None) => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Time(Some(moment)) => ToSqlOutput::from(moment::to_text(*moment)),
        })
    }
}
