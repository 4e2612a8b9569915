//! The tables of Flask-Session and Django, used as they are.
//!
//! A row is a key, the session's data as the original writes them, and one
//! moment of expiry. There is no version: a write names the data it was made
//! from, and the statement compares them.

mod sweeping;
mod tables;

use std::time::Duration;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bytes::Bytes;
use sessile_core::store::{
    BoxFuture, CreateOutcome, Cursor, Entry, Layout, Page, Record, Scan, TouchOutcome, Version,
    WriteOutcome,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Timestamp};

use self::sweeping::START;
use self::tables::Sql;
pub(crate) use self::tables::ddl;
use crate::server::{Database, Making, Param, Refused, Row, Swapped, is_in_doubt};
use crate::{ConnectError, Options};

/// What Flask-Session's table holds on MySQL: a BLOB.
const MYSQL_BLOB: usize = 65_535;
/// Larger payloads are refused before they reach the driver.
const MAX_PAYLOAD: usize = 16 << 20;
/// Django's column; Flask-Session's holds 255.
const DJANGO_KEY: usize = 40;
const FLASK_KEY: usize = 255;

/// A session's end where the layout needs one and the record has none: year 9999.
const NEVER: Timestamp = Timestamp::from_secs(253_402_300_799);

#[derive(Clone)]
pub(crate) struct Foreign<D> {
    database: D,
    layout: Layout,
    sql: Arc<Sql>,
    /// Where the last walk of a sweep has come to.
    walked: Arc<AtomicI64>,
}

impl<D: Database> Foreign<D> {
    pub(crate) fn database(&self) -> &D {
        &self.database
    }

    pub(crate) async fn open(database: D, options: &Options) -> Result<Self, ConnectError> {
        let dialect = database.dialect();
        let table = options.quoted_table(dialect);
        let ddl = ddl(dialect, options);
        let making = Making { lock: format!("sessile:{table}"), ddl, versioned: None };
        database.make(making, options.create).await.map_err(ConnectError::Store)?;
        let sql = Arc::new(Sql::new(dialect, options.layout, &table));
        let store =
            Self { database, layout: options.layout, sql, walked: Arc::new(AtomicI64::new(START)) };
        // Whether it is there, and is theirs.
        let looked = store.scan(None, 1).await;
        looked.map_err(ConnectError::Store).map(|_| store)
    }

    fn error(&self, kind: StoreErrorKind, what: &'static str) -> StoreError {
        self.database.dialect().error(kind, what)
    }

    fn is_django(&self) -> bool {
        self.layout == Layout::Django
    }

    fn key(&self, key: &StoreKey) -> Result<Param, StoreError> {
        let longest = if self.is_django() { DJANGO_KEY } else { FLASK_KEY };
        match key.hash() {
            Some(_) => {
                Err(self.error(StoreErrorKind::Unsupported, "a hashed key in a foreign layout"))
            }
            None if key.as_bytes().len() > longest => {
                Err(self.error(StoreErrorKind::TooLarge, "a key that its column cannot hold"))
            }
            None if key.as_bytes().contains(&0) => {
                Err(self.error(StoreErrorKind::Unsupported, "a key with a NUL"))
            }
            None => Ok(Param::Text(Some(key.to_text()))),
        }
    }

    /// The data: bytes with Flask-Session, text with Django.
    fn data(&self, bytes: &Bytes) -> Result<Param, StoreError> {
        let blob = self.database.dialect().is_mysql() && !self.is_django();
        if bytes.len() > if blob { MYSQL_BLOB } else { MAX_PAYLOAD } {
            return Err(self.error(StoreErrorKind::TooLarge, "a payload beyond its column"));
        }
        if !self.is_django() {
            return Ok(Param::Bytes(Some(bytes.clone())));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(Param::Text(Some(text.to_owned()))),
            _ => Err(self.error(StoreErrorKind::Unsupported, "data that are no text")),
        }
    }

    fn end(record: &Record) -> Param {
        Param::Time(Some(record.ends().unwrap_or(NEVER)))
    }

    /// The data a version stands for; no row has those of any other kind.
    fn expected(&self, version: &Version) -> Option<Param> {
        match version {
            Version::Bytes(bytes) => self.data(bytes).ok(),
            Version::Number(_) => None,
        }
    }

    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let rows = self.database.rows(&self.sql.load, vec![self.key(key)?]).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        key_in(&mut row)?;
        let record = self.record(&mut row)?;
        let version = Version::Bytes(record.payload.clone());
        Ok(Some(Entry::Live(record, version)))
    }

    /// What follows the key.
    fn record(&self, row: &mut Row) -> Result<Record, StoreError> {
        let payload = match self.is_django() {
            true => row.text()?.map(|text| Bytes::from(text.into_bytes())),
            false => row.bytes()?,
        };
        let payload = row.needed(payload)?;
        // Flask-Session takes a row without an expiry for one that has expired.
        let end = row.time()?.unwrap_or(Timestamp::from_millis(0));
        Ok(Record::ending(payload, Some(end).filter(|end| *end < NEVER)))
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let params = vec![self.key(key)?, self.data(&record.payload)?, Self::end(record)];
        match self.database.change(&self.sql.create, params).await {
            Ok(_) => Ok(CreateOutcome::Created(Version::Bytes(record.payload.clone()))),
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
        let data = self.data(&record.payload)?;
        let Some(expected) = self.expected(expected) else { return self.refused(key).await };
        let params = vec![self.key(key)?, expected, data, Self::end(record)];
        match self.database.change_alone(&self.sql.update, params).await? {
            0 => self.refused(key).await,
            _ => Ok(WriteOutcome::Written(Version::Bytes(record.payload.clone()))),
        }
    }

    /// Why no row was the expected one.
    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        self.database.refused(&self.sql.load, self.key(key)?).await
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let later = idle.map_or(seen, |span| seen + span);
        let params = vec![self.key(key)?, Param::Time(Some(seen)), Param::Time(Some(later))];
        Ok(match self.database.change_alone(&self.sql.touch, params).await? {
            0 => TouchOutcome::Gone,
            _ => TouchOutcome::Touched,
        })
    }

    /// The layout has no pointers, so the old key dies at once, grace or not.
    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
    ) -> Result<WriteOutcome, StoreError> {
        let second = vec![self.key(new_key)?, self.data(&record.payload)?, Self::end(record)];
        let Some(expected) = self.expected(expected).filter(|_| old_key != new_key) else {
            return self.refused(old_key).await;
        };
        let first = vec![self.key(old_key)?, expected];
        let swapped = match self.database.swap(&self.sql.replace, first, second).await {
            // It may have happened and the answer be lost: then nobody finds it by the old id.
            Err(error) if is_in_doubt(&error) => match self.load(new_key).await {
                Ok(Some(Entry::Live(found, _))) if found.payload == record.payload => Swapped::Done,
                _ => return Err(error),
            },
            swapped => swapped?,
        };
        match swapped {
            Swapped::Done => Ok(WriteOutcome::Written(Version::Bytes(record.payload.clone()))),
            Swapped::Taken => Ok(WriteOutcome::Conflict),
            Swapped::NotThere => self.refused(old_key).await,
        }
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.database.change_alone(&self.sql.delete, vec![self.key(key)?]).await.map(|_| ())
    }
}

impl<D: Database> Scan for Foreign<D> {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let after = match after {
                Some(cursor) => self.key(&cursor.key(self.database.dialect().name())?)?,
                None => Param::Text(Some(String::new())),
            };
            let count = i64::try_from(limit).unwrap_or(i64::MAX);
            let params = vec![after, Param::Int(Some(count))];
            let rows = self.database.rows(&self.sql.scan, params).await?;
            let (full, mut entries, mut last) = (rows.len() >= limit, Vec::new(), None);
            for mut row in rows {
                // One that is not what the original writes must not hide the others.
                let Ok(key) = key_in(&mut row) else { continue };
                last = Some(Cursor::after_key(&key));
                if let Ok(record) = self.record(&mut row) {
                    entries.push((key, record));
                }
            }
            Ok(Page { entries, next: last.filter(|_| full) })
        })
    }
}

fn key_in(row: &mut Row) -> Result<StoreKey, StoreError> {
    let key = row.text()?;
    Ok(StoreKey::from_text(row.needed(key)?))
}
