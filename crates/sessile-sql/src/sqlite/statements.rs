//! The statements, and rows as records.

use std::hash::RandomState;

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, ToSql};
use sessile_core::store::rotation::HOPS_TO_END;
use sessile_core::store::{
    CreateOutcome, Entry, Listing, Record, TouchOutcome, Unreadable, Version, WriteOutcome,
    first_version,
};
use sessile_core::{StoreKey, Subject, Timestamp};

/// The statements for one table, written once.
pub(super) struct Sql {
    load: String,
    create: String,
    update: String,
    seen: String,
    touch: String,
    point: String,
    remove: String,
    delete: String,
    end: String,
    sweep: String,
    by_subject: String,
    delete_by_subject: String,
    iterate: String,
}

use crate::times::later;

const COLUMNS: &str = "key, version, created, seen, rotated, authenticated, idle_span, \
                       absolute_until, permanent, subject, payload";

impl Sql {
    pub(super) fn new(table: &str) -> Self {
        let live = "key = ?1 AND version = ?2 AND moved_to IS NULL";
        Self {
            load: format!("SELECT {COLUMNS}, moved_to FROM {table} WHERE key = ?1"),
            create: format!(
                "INSERT INTO {table} ({COLUMNS})
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (key) DO NOTHING"
            ),
            update: format!(
                "UPDATE {table} SET version = version + 1, created = ?3, seen = {}, rotated = ?5,
                 authenticated = ?6, idle_span = ?7, absolute_until = ?8, permanent = ?9,
                 subject = ?10, payload = ?11 WHERE {live}",
                later("seen", "?4")
            ),
            seen: format!("SELECT seen FROM {table} WHERE key = ?1"),
            touch: format!(
                "UPDATE {table} SET seen = {}
                 WHERE key = ?1 AND moved_to IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
                later("seen", "?2")
            ),
            point: format!(
                "UPDATE {table} SET version = version + 1, created = NULL, seen = NULL,
                 rotated = NULL, authenticated = NULL, idle_span = NULL, absolute_until = ?4,
                 permanent = 0, subject = NULL, moved_to = ?3, payload = x'' WHERE {live}"
            ),
            remove: format!("DELETE FROM {table} WHERE {live}"),
            delete: format!("DELETE FROM {table} WHERE key = ?1"),
            end: format!("DELETE FROM {table} WHERE key = ?1 AND moved_to IS NULL"),
            sweep: format!(
                "DELETE FROM {table} WHERE rowid IN
                 (SELECT rowid FROM {table} WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)"
            ),
            by_subject: format!(
                "SELECT {COLUMNS} FROM {table} WHERE subject = ?1 ORDER BY created DESC"
            ),
            delete_by_subject: format!("DELETE FROM {table} WHERE subject = ?1 AND key IS NOT ?2"),
            iterate: format!(
                "SELECT {COLUMNS} FROM {table} WHERE (?1 IS NULL OR key > ?1)
                 AND moved_to IS NULL ORDER BY key LIMIT ?2"
            ),
        }
    }
}

/// A connection and the statements for its table.
pub(crate) struct Db<'a> {
    pub(crate) connection: &'a Connection,
    pub(super) sql: &'a Sql,
}

impl Db<'_> {
    fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    /// Takes the writer's place, waiting for it as long as the busy timeout.
    pub(super) fn begin(&self) -> rusqlite::Result<()> {
        self.prepare("BEGIN IMMEDIATE")?.execute([]).map(|_| ())
    }

    pub(super) fn commit(&self) -> rusqlite::Result<()> {
        self.prepare("COMMIT")?.execute([]).map(|_| ())
    }

    pub(super) fn rollback(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("ROLLBACK")
    }

    pub(super) fn load(&self, key: &StoreKey) -> rusqlite::Result<Option<Entry>> {
        let mut statement = self.prepare(&self.sql.load)?;
        let mut rows = statement.query([Key(key)])?;
        Ok(rows.next()?.map(|row| entry(row).unwrap_or_else(|_| Entry::Unreadable(unreadable()))))
    }

    pub(super) fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> rusqlite::Result<CreateOutcome> {
        let version = first_version(&RandomState::new()).cast_signed();
        Ok(match self.write_row(&self.sql.create, key, version, record)? {
            0 => CreateOutcome::Exists,
            _ => CreateOutcome::Created(Version::Number(version.unsigned_abs())),
        })
    }

    pub(super) fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: i64,
    ) -> rusqlite::Result<WriteOutcome> {
        match self.write_row(&self.sql.update, key, expected, record)? {
            0 => self.refused(key),
            _ => Ok(WriteOutcome::Written(Version::Number(expected.unsigned_abs() + 1))),
        }
    }

    fn write_row(
        &self,
        sql: &str,
        key: &StoreKey,
        version: i64,
        record: &Record,
    ) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute((
            Key(key),
            version,
            millis(record.created),
            millis(record.seen),
            millis(record.rotated),
            millis(record.authenticated),
            record.idle_millis(),
            millis(record.absolute),
            record.permanent,
            record.subject.as_ref().map(Subject::as_str),
            &record.payload[..],
        ))
    }

    /// Why no row was the expected one. Within the same transaction, so that it is the reason.
    fn refused(&self, key: &StoreKey) -> rusqlite::Result<WriteOutcome> {
        Ok(match self.load(key)? {
            Some(Entry::Live(..)) => WriteOutcome::Conflict,
            Some(Entry::Moved { .. } | Entry::Unreadable(_)) | None => WriteOutcome::Gone,
        })
    }

    pub(super) fn touch(&self, key: &StoreKey, seen: Timestamp) -> rusqlite::Result<TouchOutcome> {
        let parameters = (Key(key), seen.as_millis());
        Ok(match self.prepare(&self.sql.touch)?.execute(parameters)? {
            0 => TouchOutcome::Gone,
            _ => TouchOutcome::Touched,
        })
    }

    pub(super) fn replace(
        &self,
        old: &StoreKey,
        expected: i64,
        new: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> rusqlite::Result<WriteOutcome> {
        // A new key that is taken undoes the first step, not what others
        // have written in the same transaction.
        self.connection.execute_batch("SAVEPOINT replace_one")?;
        let last_seen = self.prepare(&self.sql.seen)?.query_row([Key(old)], |row| row.get(0));
        let last_seen = last_seen.optional()?.flatten().map(Timestamp::from_millis);
        let moved = match pointer_until {
            Some(until) => self.prepare(&self.sql.point)?.execute((
                Key(old),
                expected,
                Key(new),
                until.as_millis(),
            )),
            None if old == new => Ok(0),
            None => self.prepare(&self.sql.remove)?.execute((Key(old), expected)),
        };
        let outcome = moved.and_then(|moved| {
            if moved == 0 {
                return self.refused(old);
            }
            let mut record = record.clone();
            record.see(last_seen);
            Ok(match self.create(new, &record)? {
                CreateOutcome::Created(version) => WriteOutcome::Written(version),
                CreateOutcome::Exists => WriteOutcome::Conflict,
            })
        });
        let end = match outcome {
            Ok(WriteOutcome::Written(_)) => "RELEASE replace_one",
            _ => "ROLLBACK TO replace_one; RELEASE replace_one",
        };
        // After a failure SQLite may have rolled back everything itself.
        let ended = self.connection.execute_batch(end);
        outcome.and_then(|outcome| ended.map(|()| outcome))
    }

    pub(super) fn delete(&self, key: &StoreKey) -> rusqlite::Result<()> {
        self.prepare(&self.sql.delete)?.execute([Key(key)]).map(|_| ())
    }

    /// Nobody else writes between the statements. Whether that was all: the key may lead on and on.
    pub(super) fn end(&self, key: &StoreKey) -> rusqlite::Result<bool> {
        let mut key = key.clone();
        for _ in 0..HOPS_TO_END {
            if self.prepare(&self.sql.end)?.execute([Key(&key)])? > 0 {
                return Ok(true);
            }
            match self.load(&key)? {
                Some(Entry::Moved { to, .. }) => key = to,
                // A pointer that cannot be read.
                Some(Entry::Unreadable(_)) => return self.delete(&key).map(|()| true),
                Some(Entry::Live(..)) | None => return Ok(true),
            }
        }
        Ok(false)
    }

    pub(super) fn sweep(&self, now: Timestamp, limit: usize) -> rusqlite::Result<usize> {
        self.prepare(&self.sql.sweep)?.execute((now.as_millis(), bound(limit)))
    }

    pub(super) fn by_subject(&self, subject: &Subject) -> rusqlite::Result<Listing> {
        let mut statement = self.prepare(&self.sql.by_subject)?;
        let (mut rows, mut listing) = (statement.query([subject.as_str()])?, Listing::default());
        while let Some(row) = rows.next()? {
            listing.push(keyed(row));
        }
        Ok(listing)
    }

    pub(super) fn delete_by_subject(
        &self,
        subject: &Subject,
        keep: Option<&StoreKey>,
    ) -> rusqlite::Result<usize> {
        self.prepare(&self.sql.delete_by_subject)?.execute((subject.as_str(), keep.map(Key)))
    }

    /// As [`rows_after`](crate::pages::rows_after): a page ends with a row whose key can be
    /// read, or with the table.
    pub(super) fn iterate(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
    ) -> rusqlite::Result<(Listing, Option<StoreKey>)> {
        let mut statement = self.prepare(&self.sql.iterate)?;
        let mut at_once = limit.max(1);
        loop {
            let mut rows = statement.query((after.map(Key), bound(at_once)))?;
            let mut read = Vec::new();
            while let Some(row) = rows.next()? {
                read.push((key(row, 0).ok(), keyed(row)));
            }
            drop(rows);
            let full = read.len() >= at_once;
            let last = read.iter().rposition(|(key, _)| key.is_some());
            match last {
                Some(last) if full => read.truncate(last + 1),
                None if full => {
                    at_once = at_once.saturating_mul(2);
                    continue;
                }
                _ => {}
            }
            let next = read.last().filter(|_| full).and_then(|(key, _)| key.clone());
            return Ok((read.into_iter().map(|(_, session)| session).collect(), next));
        }
    }
}

fn unreadable() -> Unreadable {
    Unreadable::new("a row is not what sessile writes")
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millis)
}

/// A hash as a BLOB, a foreign key as TEXT, so that neither can be taken for the other.
struct Key<'a>(&'a StoreKey);

impl ToSql for Key<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0.hash() {
            Some(hash) => ValueRef::Blob(hash),
            None => ValueRef::Text(self.0.as_bytes()),
        }))
    }
}

fn wrong(column: usize, found: Type) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, String::new(), found)
}

fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<StoreKey> {
    let value = row.get_ref(column)?;
    let key = match value {
        ValueRef::Blob(bytes) => bytes.try_into().ok().map(StoreKey::from_hash),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().map(StoreKey::from_text),
        _ => None,
    };
    key.ok_or_else(|| wrong(column, value.data_type()))
}

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    let version: i64 = row.get(1)?;
    u64::try_from(version).map(Version::Number).map_err(|_| wrong(1, Type::Integer))
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let time = |column| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
    };
    let subject = match row.get_ref(9)? {
        ValueRef::Null => None,
        ValueRef::Text(text) => {
            let subject = std::str::from_utf8(text).ok().and_then(Subject::new);
            Some(subject.ok_or_else(|| wrong(9, Type::Text))?)
        }
        other => return Err(wrong(9, other.data_type())),
    };
    let idle = match row.get::<_, Option<i64>>(6)? {
        Some(millis) => {
            Some(Record::idle_from_millis(millis).ok_or_else(|| wrong(6, Type::Integer))?)
        }
        None => None,
    };
    let payload = row.get_ref(10)?;
    let payload = payload.as_blob().map_err(|_| wrong(10, payload.data_type()))?;
    Ok(Record {
        payload: Bytes::copy_from_slice(payload),
        created: time(2)?,
        seen: time(3)?,
        rotated: time(4)?,
        authenticated: time(5)?,
        idle,
        absolute: time(7)?,
        permanent: row.get(8)?,
        subject,
    })
}

fn keyed(row: &Row<'_>) -> Result<(StoreKey, Record), Unreadable> {
    let key = key(row, 0).map_err(|_| unreadable())?;
    let record = version(row).and_then(|_| record(row));
    record.map(|record| (key, record)).map_err(|_| unreadable())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    if !matches!(row.get_ref(11)?, ValueRef::Null) {
        let until = Timestamp::from_millis(row.get(7)?);
        return Ok(Entry::Moved { to: key(row, 11)?, until });
    }
    Ok(Entry::Live(record(row)?, version(row)?))
}
