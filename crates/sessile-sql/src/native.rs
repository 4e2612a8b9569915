//! Our own layout on a database server: hashed ids, versions, subjects, both deadlines.
//!
//! SQLite has the same layout in [`sqlite`](crate::sqlite), where writes are
//! committed together.

mod tables;

use std::time::Duration;

use std::hash::RandomState;
use std::sync::Arc;

use bytes::Bytes;
use sessile_core::store::{
    BoxFuture, CreateOutcome, Cursor, Directory, Entry, Page, Record, Scan, Sweep, TouchOutcome,
    Version, WriteOutcome, first_version,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};

use self::tables::{KNOWN, Sql, making};
use crate::server::{Database, Param, Refused, Row, Swapped, is_in_doubt};
use crate::{ConnectError, Options};

/// Larger payloads are refused before they reach the driver.
const MAX_PAYLOAD: usize = 16 << 20;

/// How often a user's sessions are looked for until none is left.
const MAX_PASSES: usize = 100;

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
        let found = database.make(making(dialect, options), options.create).await;
        match found.map_err(ConnectError::Store)? {
            Some(version) if version > KNOWN => {
                Err(ConnectError::Newer { found: version, known: KNOWN })
            }
            Some(_) => Ok(Self { database, sql: Arc::new(Sql::new(dialect, &table)) }),
            None => Err(ConnectError::Store(
                dialect.error(StoreErrorKind::Unavailable, "it has no session table"),
            )),
        }
    }

    fn error(&self, kind: StoreErrorKind, what: &'static str) -> StoreError {
        self.database.dialect().error(kind, what)
    }

    fn key(&self, key: &StoreKey) -> Result<Param, StoreError> {
        let hash = key.hash().ok_or_else(|| {
            self.error(StoreErrorKind::Unsupported, "a foreign key in our own layout")
        })?;
        Ok(Param::Bytes(Some(Bytes::copy_from_slice(hash))))
    }

    fn row(&self, key: &StoreKey, version: i64, record: &Record) -> Result<Vec<Param>, StoreError> {
        if record.payload.len() > MAX_PAYLOAD {
            return Err(self.error(StoreErrorKind::TooLarge, "a payload of over 16 MiB"));
        }
        let millis = |time: Option<Timestamp>| Param::Int(time.map(Timestamp::as_millis));
        Ok(vec![
            self.key(key)?,
            Param::Int(Some(version)),
            millis(record.created),
            millis(record.seen),
            millis(record.rotated),
            millis(record.authenticated),
            Param::Int(record.idle_millis()),
            millis(record.absolute),
            Param::Bool(record.permanent),
            Param::Text(record.subject.as_ref().map(|subject| subject.as_str().to_owned())),
            Param::Bytes(Some(record.payload.clone())),
        ])
    }

    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let rows = self.database.rows(&self.sql.load, vec![self.key(key)?]).await?;
        rows.into_iter().next().map(entry).transpose()
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
        let expected = number(expected);
        let params = self.row(key, expected, record)?;
        match self.database.change_alone(&self.sql.update, params).await? {
            0 => self.refused(key).await,
            _ => Ok(WriteOutcome::Written(Version::Number(expected.unsigned_abs() + 1))),
        }
    }

    /// Why no row was the expected one.
    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        self.database.refused(&self.sql.is_live, self.key(key)?).await
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        _: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let params = vec![self.key(key)?, Param::Int(Some(seen.as_millis()))];
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
        grace: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        if old_key == new_key {
            return match self.refused(old_key).await? {
                WriteOutcome::Gone => Ok(WriteOutcome::Gone),
                _ => Ok(WriteOutcome::Conflict),
            };
        }
        let version = first_version(&RandomState::new()).cast_signed();
        let mut first = vec![self.key(old_key)?, Param::Int(Some(number(expected)))];
        let mut second = self.row(new_key, version, record)?;
        let swap = match grace {
            Some(until) => {
                first.extend([self.key(new_key)?, Param::Int(Some(until.as_millis()))]);
                &self.sql.point
            }
            None => &self.sql.move_at_once,
        };
        if self.database.dialect().is_mysql() {
            // Its statements share their parameters: the old key's come first.
            first.truncate(2);
            first.append(&mut second);
            if let Some(until) = grace {
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
        self.database.change_alone(&self.sql.delete, vec![self.key(key)?]).await.map(|_| ())
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
    ) -> BoxFuture<'a, Result<Vec<(StoreKey, Record)>, StoreError>> {
        Box::pin(async move {
            let subject = Param::Text(Some(subject.as_str().to_owned()));
            let rows = self.database.rows(&self.sql.by_subject, vec![subject]).await?;
            rows.into_iter().map(keyed).collect()
        })
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let subject = Param::Text(Some(subject.as_str().to_owned()));
            let keep = match keep {
                Some(keep) => self.key(keep)?,
                None => Param::Bytes(Some(Bytes::new())),
            };
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
                Some(cursor) => self.key(&cursor.key(self.database.dialect().name())?)?,
                None => Param::Bytes(Some(Bytes::new())),
            };
            let rows = self.database.rows(&self.sql.scan, vec![after, bound(limit)]).await?;
            let entries = rows.into_iter().map(keyed).collect::<Result<_, _>>()?;
            Ok(Page::in_key_order(entries, limit))
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

fn record(row: &mut Row) -> Result<(StoreKey, i64, Record), StoreError> {
    let key = row.bytes()?.and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok());
    let key = StoreKey::from_hash(row.needed(key)?);
    let version = row.int()?;
    let version = row.needed(version)?;
    let mut time = || Ok::<_, StoreError>(row.int()?.map(Timestamp::from_millis));
    let (created, seen, rotated, authenticated) = (time()?, time()?, time()?, time()?);
    let idle = match row.int()? {
        Some(millis) => {
            let span = Record::idle_from_millis(millis);
            Some(row.needed(span)?)
        }
        None => None,
    };
    let absolute = row.int()?.map(Timestamp::from_millis);
    let permanent = row.int()?;
    let permanent = row.needed(permanent)? != 0;
    let subject = match row.text()? {
        Some(name) => {
            let subject = Subject::new(name);
            Some(row.needed(subject)?)
        }
        None => None,
    };
    let payload = row.bytes()?;
    let payload = row.needed(payload)?;
    let times = Record { created, seen, rotated, authenticated, ..Record::new(payload) };
    Ok((key, version, Record { idle, absolute, permanent, subject, ..times }))
}

fn keyed(mut row: Row) -> Result<(StoreKey, Record), StoreError> {
    record(&mut row).map(|(key, _, record)| (key, record))
}

fn entry(mut row: Row) -> Result<Entry, StoreError> {
    let (_, version, record) = record(&mut row)?;
    if let Some(to) = row.bytes()? {
        let to = <[u8; 32]>::try_from(&to[..]).ok();
        let (to, until) = (row.needed(to)?, row.needed(record.absolute)?);
        return Ok(Entry::Moved { to: StoreKey::from_hash(to), until });
    }
    let version = u64::try_from(version).ok();
    Ok(Entry::Live(record, Version::Number(row.needed(version)?)))
}
