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
    BoxFuture, CreateOutcome, Cursor, Entry, Layout, Page, Record, Scan, TouchOutcome, Unreadable,
    Version, WriteOutcome,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Timestamp};

use self::sweeping::START;
use self::tables::Sql;
pub(crate) use self::tables::ddl;
use crate::pages::rows_after;
use crate::ready::ready;
use crate::server::{
    Database, Making, Param, Refused, Row, Swapped, is_in_doubt, or_absent, unreadable,
};
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
        let lock = format!("sessile:{table}");
        let making = Making { table: table.clone(), lock, ddl, versioned: None };
        ready(&database, &making, options).await?;
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

    /// None for a key that no row can have: a hash, too many characters for the column,
    /// or a NUL, which no text of a database holds.
    fn key(&self, key: &StoreKey) -> Option<Param> {
        let longest = if self.is_django() { DJANGO_KEY } else { FLASK_KEY };
        let text = key.hash().is_none().then(|| key.to_text())?;
        let fits = !text.contains('\0') && text.chars().nth(longest).is_none();
        fits.then_some(Param::Text(Some(text)))
    }

    fn key_to_write(&self, key: &StoreKey) -> Result<Param, StoreError> {
        self.key(key).ok_or_else(|| {
            self.error(StoreErrorKind::Unrepresentable, "a key that its column cannot hold")
        })
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
            _ => Err(self.error(StoreErrorKind::Unrepresentable, "data that are no text")),
        }
    }

    fn expires(record: &Record) -> Param {
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
        let Some(key) = self.key(key) else { return Ok(None) };
        let rows = or_absent(self.database.rows(&self.sql.load, vec![key]).await, Vec::new())?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let read = key_in(&mut row).and_then(|_| self.record(&mut row));
        Ok(Some(match read {
            Ok(record) => {
                let version = Version::Bytes(record.payload.clone());
                Entry::Live(record, version)
            }
            Err(why) => Entry::Unreadable(why),
        }))
    }

    /// What follows the key.
    fn record(&self, row: &mut Row) -> Result<Record, Unreadable> {
        let payload = match self.is_django() {
            true => row.text()?.map(|text| Bytes::from(text.into_bytes())),
            false => row.bytes()?,
        };
        let payload = payload.ok_or_else(unreadable)?;
        // Flask-Session takes a row without an expiry for one that has expired.
        let end = row.time()?.unwrap_or(Timestamp::from_millis(0));
        Ok(Record::ending(payload, Some(end).filter(|end| *end < NEVER)))
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let key = self.key_to_write(key)?;
        let params = vec![key, self.data(&record.payload)?, Self::expires(record)];
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
        let Some(this) = self.key(key) else { return Ok(WriteOutcome::Gone) };
        let data = self.data(&record.payload)?;
        let Some(expected) = self.expected(expected) else { return self.refused(key).await };
        let params = vec![this, expected, data, Self::expires(record)];
        match self.database.change_alone(&self.sql.update, params).await {
            Ok(0) => self.refused(key).await,
            Ok(_) => Ok(WriteOutcome::Written(Version::Bytes(record.payload.clone()))),
            Err(error) => self.unless_gone(key, error).await,
        }
    }

    /// Why no row was the expected one.
    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        Ok(match self.load(key).await? {
            Some(Entry::Live(..)) => WriteOutcome::Conflict,
            Some(Entry::Moved { .. } | Entry::Unreadable(_)) | None => WriteOutcome::Gone,
        })
    }

    /// The character set may lack what is in the key, and then it is `Gone`; or what is in the data.
    async fn unless_gone(
        &self,
        key: &StoreKey,
        error: StoreError,
    ) -> Result<WriteOutcome, StoreError> {
        if error.kind() == StoreErrorKind::Unrepresentable
            && self.refused(key).await? == WriteOutcome::Gone
        {
            return Ok(WriteOutcome::Gone);
        }
        Err(error)
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let Some(key) = self.key(key) else { return Ok(TouchOutcome::Gone) };
        let later = idle.map_or(seen, |span| seen + span);
        let params = vec![key, Param::Time(Some(seen)), Param::Time(Some(later))];
        let touched = self.database.change_alone(&self.sql.touch, params).await;
        Ok(match or_absent(touched, 0)? {
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
        let Some(old) = self.key(old_key) else { return Ok(WriteOutcome::Gone) };
        let new = self.key_to_write(new_key)?;
        let second = vec![new, self.data(&record.payload)?, Self::expires(record)];
        let Some(expected) = self.expected(expected).filter(|_| old_key != new_key) else {
            return self.refused(old_key).await;
        };
        let first = vec![old, expected];
        let swapped = match self.database.swap(&self.sql.replace, first, second).await {
            // It may have happened and the answer be lost: then nobody finds it by the old id.
            Err(error) if is_in_doubt(&error) => match self.load(new_key).await {
                Ok(Some(Entry::Live(found, _))) if found.payload == record.payload => Swapped::Done,
                _ => return Err(error),
            },
            Err(error) => return self.unless_gone(old_key, error).await,
            Ok(swapped) => swapped,
        };
        match swapped {
            Swapped::Done => Ok(WriteOutcome::Written(Version::Bytes(record.payload.clone()))),
            Swapped::Taken => Ok(WriteOutcome::Conflict),
            Swapped::NotThere => self.refused(old_key).await,
        }
    }

    /// There are no pointers in these layouts.
    pub(crate) async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.delete(key).await
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let Some(key) = self.key(key) else { return Ok(()) };
        let deleted = self.database.change_alone(&self.sql.delete, vec![key]).await;
        or_absent(deleted, 0).map(|_| ())
    }
}

impl<D: Database> Scan for Foreign<D> {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let name = self.database.dialect().name();
            let after = match after {
                Some(cursor) => Param::Text(Some(cursor.key(name)?.to_text())),
                None => Param::Text(Some(String::new())),
            };
            let key = |row: &mut Row| key_in(row).ok();
            let (rows, next) =
                rows_after(&self.database, &self.sql.scan, after, limit, key).await?;
            let session = |(key, mut row): (Option<StoreKey>, Row)| {
                let key = key.ok_or_else(unreadable)?;
                Ok((key, self.record(&mut row)?))
            };
            let listing = rows.into_iter().map(session).collect();
            Ok(Page::of(listing, next.as_ref().map(Cursor::after_key)))
        })
    }
}

fn key_in(row: &mut Row) -> Result<StoreKey, Unreadable> {
    row.text()?.map(StoreKey::from_text).ok_or_else(unreadable)
}
