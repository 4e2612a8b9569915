//! Our own layout on a database server: hashed ids, versions, subjects, both deadlines.
//!
//! SQLite has the same layout in [`sqlite`](crate::sqlite), where writes are
//! committed together.

mod tables;

use std::time::Duration;

use std::hash::RandomState;
use std::sync::Arc;

use bytes::Bytes;
use sessile_core::store::rotation::HOPS_TO_END;
use sessile_core::store::{
    BoxFuture, CreateOutcome, Cursor, Directory, Entry, Listing, Page, Record, Scan, Sweep,
    TouchOutcome, Unreadable, Version, WriteOutcome, first_version,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};

use self::tables::{KNOWN, Sql, making};
use crate::pages::rows_after;
use crate::ready::ready;
use crate::server::{Database, Param, Refused, Row, Swapped, is_in_doubt, unreadable};
use crate::{ConnectError, Options};

/// Larger payloads are refused before they reach the driver.
const MAX_PAYLOAD: usize = 16 << 20;

/// How often a user's sessions are looked for until none is left.
const MAX_PASSES: usize = 100;

/// Comes before every key, and is none.
const BEFORE_ALL: Param = Param::Bytes(Some(Bytes::new()));

#[derive(Clone)]
pub(crate) struct Native<D> {
    database: D,
    sql: Arc<Sql>,
}

impl<D: Database> Native<D> {
    pub(crate) fn database(&self) -> &D {
        &self.database
    }

    pub(crate) async fn open(database: D, options: &Options) -> Result<Self, ConnectError> {
        let dialect = database.dialect();
        let table = options.quoted_table(dialect);
        match ready(&database, &making(dialect, options), options).await? {
            version if version > KNOWN => Err(ConnectError::Newer { found: version, known: KNOWN }),
            _ => Ok(Self { database, sql: Arc::new(Sql::new(dialect, &table)) }),
        }
    }

    fn error(&self, kind: StoreErrorKind, what: &'static str) -> StoreError {
        self.database.dialect().error(kind, what)
    }

    /// None for a key of a foreign layout: no row has such.
    fn key(key: &StoreKey) -> Option<Param> {
        Some(Param::Bytes(Some(Bytes::copy_from_slice(key.hash()?))))
    }

    fn row(&self, key: &StoreKey, version: i64, record: &Record) -> Result<Vec<Param>, StoreError> {
        if record.payload.len() > MAX_PAYLOAD {
            return Err(self.error(StoreErrorKind::TooLarge, "a payload of over 16 MiB"));
        }
        let key = Self::key(key).ok_or_else(|| {
            self.error(StoreErrorKind::Unrepresentable, "a foreign key in our own layout")
        })?;
        let millis = |time: Option<Timestamp>| Param::Int(time.map(Timestamp::as_millis));
        Ok(vec![
            key,
            Param::Int(Some(version)),
            millis(record.created),
            millis(record.seen),
            millis(record.rotated),
            millis(record.authenticated),
            Param::Int(record.idle_millis()),
            millis(record.absolute),
            Param::Bool(record.permanent),
            Param::Bytes(record.subject.as_ref().map(name)),
            Param::Bytes(Some(record.payload.clone())),
        ])
    }

    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let Some(key) = Self::key(key) else { return Ok(None) };
        let rows = self.database.rows(&self.sql.load, vec![key]).await?;
        Ok(rows.into_iter().next().map(|row| entry(row).unwrap_or_else(Entry::Unreadable)))
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let version = first_version(&RandomState::new()).cast_signed();
        match self.database.change(&self.sql.create, self.row(key, version, record)?).await {
            Ok(_) => Ok(CreateOutcome::Created(Version::Number(version.unsigned_abs()))),
            Err(Refused::Taken) => Ok(CreateOutcome::Exists),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    pub(crate) async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        if key.hash().is_none() {
            return Ok(WriteOutcome::Gone);
        }
        let expected = number(expected);
        let params = self.row(key, expected, record)?;
        match self.database.change_alone(&self.sql.update, params).await? {
            0 => self.refused(key).await,
            _ => Ok(WriteOutcome::Written(Version::Number(expected.unsigned_abs() + 1))),
        }
    }

    /// Why no row was the expected one.
    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        Ok(match self.load(key).await? {
            Some(Entry::Live(..)) => WriteOutcome::Conflict,
            Some(Entry::Moved { .. } | Entry::Unreadable(_)) | None => WriteOutcome::Gone,
        })
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        _: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let Some(key) = Self::key(key) else { return Ok(TouchOutcome::Gone) };
        let params = vec![key, Param::Int(Some(seen.as_millis()))];
        Ok(match self.database.change_alone(&self.sql.touch, params).await? {
            0 => TouchOutcome::Gone,
            _ => TouchOutcome::Touched,
        })
    }

    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        if old_key == new_key {
            return match self.refused(old_key).await? {
                WriteOutcome::Gone => Ok(WriteOutcome::Gone),
                _ => Ok(WriteOutcome::Conflict),
            };
        }
        let Some(old) = Self::key(old_key) else { return Ok(WriteOutcome::Gone) };
        let version = first_version(&RandomState::new()).cast_signed();
        let mut first = vec![old, Param::Int(Some(number(expected)))];
        let mut second = self.row(new_key, version, record)?;
        let swap = match pointer_until {
            Some(until) => {
                first.extend(Self::key(new_key));
                first.push(Param::Int(Some(until.as_millis())));
                &self.sql.point
            }
            None => &self.sql.move_at_once,
        };
        if self.database.dialect().is_mysql() {
            // Its statements share their parameters: the old key's come first.
            first.truncate(2);
            first.append(&mut second);
            if let Some(until) = pointer_until {
                first.push(Param::Int(Some(until.as_millis())));
            }
            second = first.clone();
        }
        let written = Version::Number(version.unsigned_abs());
        let swapped = match self.database.swap(swap, first, second).await {
            // It may have happened and the answer be lost: then nobody finds it by the old id.
            Err(error) if is_in_doubt(&error) => match self.load(new_key).await {
                Ok(Some(Entry::Live(_, found))) if found == written => Swapped::Done,
                _ => return Err(error),
            },
            swapped => swapped?,
        };
        match swapped {
            Swapped::Done => Ok(WriteOutcome::Written(written)),
            Swapped::Taken => Ok(WriteOutcome::Conflict),
            Swapped::NotThere => self.refused(old_key).await,
        }
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let Some(key) = Self::key(key) else { return Ok(()) };
        self.database.change_alone(&self.sql.delete, vec![key]).await.map(|_| ())
    }

    /// In one statement, unless the id has changed.
    pub(crate) async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let mut key = key.clone();
        for _ in 0..HOPS_TO_END {
            let Some(param) = Self::key(&key) else { return Ok(()) };
            if self.database.change_alone(&self.sql.end, vec![param]).await? > 0 {
                return Ok(());
            }
            match self.load(&key).await? {
                Some(Entry::Moved { to, .. }) => key = to,
                None => return Ok(()),
                // A pointer that cannot be read.
                Some(Entry::Unreadable(_)) => return self.delete(&key).await,
                // It came since.
                Some(Entry::Live(..)) => {}
            }
        }
        Err(self.error(StoreErrorKind::Locked, "the session keeps changing its id"))
    }
}

impl<D: Database> Sweep for Native<D> {
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let mut removed = 0;
            while removed < limit {
                let at_once = (limit - removed).min(self.database.aside_rows());
                let params = vec![Param::Int(Some(now.as_millis())), bound(at_once)];
                let some = self.database.change_aside(&self.sql.sweep, params).await?;
                let some = usize::try_from(some).unwrap_or(at_once);
                removed += some;
                if some < at_once {
                    break;
                }
            }
            Ok(removed)
        })
    }
}

impl<D: Database> Directory for Native<D> {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(async move {
            let subject = Param::Bytes(Some(name(subject)));
            let rows = self.database.rows(&self.sql.by_subject, vec![subject]).await?;
            Ok(rows.into_iter().map(keyed).collect())
        })
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let subject = Param::Bytes(Some(name(subject)));
            let keep = keep.and_then(Self::key).unwrap_or(BEFORE_ALL);
            let mut removed = 0;
            for _ in 0..MAX_PASSES {
                let params = vec![subject.clone(), keep.clone()];
                let some =
                    self.database.change_alone(&self.sql.delete_by_subject, params.clone()).await?;
                removed += usize::try_from(some).unwrap_or(0);
                // A session that changed its id meanwhile was skipped under its old
                // one, and its new one came after the statement had looked.
                if self.database.rows(&self.sql.has_subject, params).await?.is_empty() {
                    return Ok(removed);
                }
            }
            Err(self.error(StoreErrorKind::Locked, "the user's sessions keep coming"))
        })
    }
}

impl<D: Database> Scan for Native<D> {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let after = match after {
                Some(cursor) => {
                    let key = cursor.as_bytes().strip_prefix(b"h").ok_or_else(|| {
                        let what = "the cursor is of another kind of store";
                        self.error(StoreErrorKind::Unsupported, what)
                    })?;
                    Param::Bytes(Some(Bytes::copy_from_slice(key)))
                }
                None => BEFORE_ALL,
            };
            let key = |row: &mut Row| row.bytes().ok().flatten();
            let (rows, next) =
                rows_after(&self.database, &self.sql.scan, after, limit, key).await?;
            let session = |(key, mut row): (Option<Bytes>, Row)| {
                let key = hash_in(key)?;
                Ok((key, record(&mut row)?.1))
            };
            let listing = rows.into_iter().map(session).collect();
            let next = next.map(|key| Cursor::from_bytes([b"h", &key[..]].concat()));
            Ok(Page::of(listing, next))
        })
    }
}

fn bound(limit: usize) -> Param {
    Param::Int(Some(i64::try_from(limit).unwrap_or(i64::MAX)))
}

/// A version that this store made; no row has the number of any other.
fn number(version: &Version) -> i64 {
    match version {
        Version::Number(number) => i64::try_from(*number).unwrap_or(-1),
        Version::Bytes(_) => -1,
    }
}

fn hash_in(key: Option<Bytes>) -> Result<StoreKey, Unreadable> {
    let key = key.and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok());
    key.map(StoreKey::from_hash).ok_or_else(unreadable)
}

/// A user's name as it is stored.
fn name(subject: &Subject) -> Bytes {
    Bytes::copy_from_slice(subject.as_str().as_bytes())
}

/// What follows the key.
fn record(row: &mut Row) -> Result<(u64, Record), Unreadable> {
    let version = row.int()?.and_then(|version| u64::try_from(version).ok());
    let version = version.ok_or_else(unreadable)?;
    let mut time = || Ok::<_, Unreadable>(row.int()?.map(Timestamp::from_millis));
    let (created, seen, rotated, authenticated) = (time()?, time()?, time()?, time()?);
    let idle = match row.int()? {
        Some(millis) => Some(Record::idle_from_millis(millis).ok_or_else(unreadable)?),
        None => None,
    };
    let absolute = row.int()?.map(Timestamp::from_millis);
    let permanent = row.int()?.ok_or_else(unreadable)? != 0;
    let subject = match row.bytes()? {
        Some(name) => {
            let name = std::str::from_utf8(&name).ok().and_then(Subject::new);
            Some(name.ok_or_else(unreadable)?)
        }
        None => None,
    };
    let payload = row.bytes()?.ok_or_else(unreadable)?;
    let times = Record { created, seen, rotated, authenticated, ..Record::new(payload) };
    Ok((version, Record { idle, absolute, permanent, subject, ..times }))
}

fn keyed(mut row: Row) -> Result<(StoreKey, Record), Unreadable> {
    let key = hash_in(row.bytes()?)?;
    Ok((key, record(&mut row)?.1))
}

fn entry(mut row: Row) -> Result<Entry, Unreadable> {
    hash_in(row.bytes()?)?;
    let (version, record) = record(&mut row)?;
    let Some(to) = row.bytes()? else {
        return Ok(Entry::Live(record, Version::Number(version)));
    };
    let until = record.absolute.ok_or_else(unreadable)?;
    Ok(Entry::Moved { to: hash_in(Some(to))?, until })
}
