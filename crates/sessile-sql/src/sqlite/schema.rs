//! The table, and its version.

use rusqlite::{Connection, OptionalExtension as _};

use super::fault::Fault;
use crate::Options;
use crate::foreign::ddl;
use crate::server::Dialect;
use crate::times::IDLE_END;

/// The newest version of the table this release knows.
pub(super) const KNOWN: i64 = 1;

/// What the table is found to be.
pub(super) enum Found {
    Current,
    Missing,
    Newer(i64),
}

/// Looks, and changes nothing.
pub(super) fn look(connection: &Connection, table: &str) -> Result<Found, Fault> {
    let versions = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sessile_schema'";
    if !connection.prepare(versions)?.exists([])? {
        return Ok(Found::Missing);
    }
    let sql = "SELECT version FROM sessile_schema WHERE name = ?1";
    let version: Option<i64> = connection.query_row(sql, [table], |row| row.get(0)).optional()?;
    Ok(match version {
        None => Found::Missing,
        Some(newer) if newer > KNOWN => Found::Newer(newer),
        Some(_) => Found::Current,
    })
}

/// Makes the table. Twice and at once from several processes is fine: the
/// transaction lets one in after the other, and the later ones find it made.
///
/// A later version of the table adds its step here, within the transaction.
pub(super) fn make(connection: &Connection, table: &str) -> Result<Found, Fault> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let made = look(connection, table).and_then(|found| match found {
        Found::Missing => {
            connection.execute_batch(&statements(table))?;
            let sql = "INSERT INTO sessile_schema (name, version) VALUES (?1, ?2)";
            connection.execute(sql, (table, KNOWN))?;
            Ok(Found::Current)
        }
        other => Ok(other),
    });
    match made {
        Ok(found) => {
            connection.execute_batch("COMMIT")?;
            Ok(found)
        }
        Err(fault) => {
            // It may have been rolled back already; the first failure is the one to tell.
            let _ = connection.execute_batch("ROLLBACK");
            Err(fault)
        }
    }
}

/// Whether a table of somebody else's layout is there: found, or made as they make it.
pub(super) fn foreign(
    connection: &Connection,
    options: &Options,
    create: bool,
) -> Result<bool, Fault> {
    let look = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let is_there = || connection.prepare(look)?.exists([&options.table]);
    let there = is_there()?;
    if there || !create {
        return Ok(there);
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let steps = ddl(Dialect::Sqlite, options);
    let made = steps.iter().try_for_each(|step| connection.execute_batch(step));
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.execute_batch(end);
    made.and(ended).map(|()| true).map_err(Fault::from)
}

/// Times are milliseconds since 1970, `idle_span` is milliseconds after `seen`. A hash is a BLOB key, foreign keys are
/// TEXT. A row with `moved_to` is a pointer, and `absolute_until` its end.
fn statements(table: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS sessile_schema (
            name TEXT PRIMARY KEY NOT NULL,
            version INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE {table} (
            key ANY PRIMARY KEY NOT NULL,
            version INTEGER NOT NULL,
            created INTEGER,
            seen INTEGER,
            rotated INTEGER,
            authenticated INTEGER,
            idle_span INTEGER,
            absolute_until INTEGER,
            expires_at INTEGER GENERATED ALWAYS AS (
                min(coalesce({IDLE_END}, absolute_until), coalesce(absolute_until, {IDLE_END}))
            ) VIRTUAL,
            permanent INTEGER NOT NULL,
            subject TEXT,
            moved_to ANY,
            payload BLOB NOT NULL
        ) STRICT;
        CREATE INDEX {table}_expires ON {table} (expires_at) WHERE expires_at IS NOT NULL;
        CREATE INDEX {table}_subject ON {table} (subject, created) WHERE subject IS NOT NULL;"
    )
}
