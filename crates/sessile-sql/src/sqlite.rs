//! SQLite: one writing connection and a few reading ones, each on its own thread.
//!
//! SQLite lets one writer in at a time and waits for the disk at every commit.
//! So one thread takes all writes that wait and commits them together, which
//! keeps the wait per batch instead of per write. Dropping a request's future
//! never cuts a statement short: the thread ends it.

mod connection;
mod fault;
mod jobs;
mod look;
#[cfg(unix)]
mod owner;
mod schema;
pub(crate) mod statements;

use std::time::Duration;

use std::path::PathBuf;
use std::sync::Arc;

use sessile_core::store::{
    BoxFuture, CreateOutcome, Cursor, Directory, Entry, Listing, Page, Record, Scan, Sweep,
    TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};
use tokio::sync::oneshot;

use self::connection::Opener;
use self::fault::Fault;
use self::jobs::{Job, Queue, Refused};
use self::statements::Db;
use crate::{ConnectError, Options};

/// Larger payloads are refused before they reach the driver.
const MAX_PAYLOAD: usize = 64 << 20;

/// The file in what follows `sqlite:`.
pub(crate) fn path_in(rest: &str) -> Result<PathBuf, ConnectError> {
    let path = rest.strip_prefix("///").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
    if path.is_empty() || path.starts_with(':') {
        return Err(ConnectError::Url("sessions in memory belong in a MemoryStore"));
    }
    if path.contains(['?', '#', '\0']) {
        return Err(ConnectError::Url("parameters belong in Options"));
    }
    Ok(PathBuf::from(path))
}

#[derive(Clone)]
pub(crate) struct Sqlite(Arc<Inner>);

struct Inner {
    writes: Arc<Queue>,
    reads: Arc<Queue>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
    }
}

impl Sqlite {
    pub(crate) async fn open(path: PathBuf, options: Options) -> Result<Self, ConnectError> {
        let (writes, reads) = (Queue::new(options.waiting), Queue::new(options.waiting));
        let store = Self(Arc::new(Inner { writes: writes.clone(), reads: reads.clone() }));
        let readers = options.readers.max(1);
        let opener = Opener::new(path, options);
        let (reply, opened) = oneshot::channel();
        let writer = opener.clone();
        spawn("sessile-sqlite-w", move || jobs::serve_writes(&writer, &writes, reply))?;
        for _ in 0..readers {
            let (opener, reads) = (opener.clone(), reads.clone());
            spawn("sessile-sqlite-r", move || jobs::serve_reads(&opener, &reads))?;
        }
        let gone = || ConnectError::Store(Fault::worker_gone().into());
        opened.await.map_err(|_| gone())??;
        Ok(store)
    }

    pub(crate) fn database(&self) -> &Self {
        self
    }

    async fn call<T: Send + 'static>(
        push: impl FnOnce(Box<dyn Job>) -> Result<(), Refused>,
        work: impl Fn(&Db<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        push(jobs::call(work, reply)).map_err(|refused| match refused {
            Refused::Full => Fault::too_many_wait(),
            Refused::Closed => Fault::worker_gone(),
        })?;
        Ok(answer.await.unwrap_or_else(|_| Err(Fault::worker_gone()))?)
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Db<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Self::call(|job| self.0.reads.push(job), work).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Db<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Self::call(|job| self.0.writes.push(job), work).await
    }

    /// A write that nobody is in a hurry for, of at most [`Self::aside_rows`] rows: it is a
    /// transaction of its own, and others have their turn before the next of the kind.
    pub(crate) async fn write_aside<T: Send + 'static>(
        &self,
        work: impl Fn(&Db<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Self::call(|job| self.0.writes.push_aside(job), work).await
    }

    /// As many rows as are soon changed, going by how long the last took.
    pub(crate) fn aside_rows(&self) -> usize {
        self.0.writes.aside_rows()
    }

    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let key = key.clone();
        self.read(move |db| db.load(&key)).await
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        let (key, record) = (key.clone(), bounded(record)?);
        self.write(move |db| db.create(&key, &record)).await
    }

    pub(crate) async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let (key, record, expected) = (key.clone(), bounded(record)?, number(expected));
        self.write(move |db| db.update(&key, &record, expected)).await
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        _: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let key = key.clone();
        self.write(move |db| db.touch(&key, seen)).await
    }

    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let (old, new) = (old_key.clone(), new_key.clone());
        let (record, expected) = (bounded(record)?, number(expected));
        self.write(move |db| db.replace(&old, expected, &new, &record, pointer_until)).await
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(move |db| db.delete(&key)).await
    }

    pub(crate) async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let key = key.clone();
        match self.write(move |db| db.end(&key)).await? {
            true => Ok(()),
            false => Err(StoreError::new(fault::STORE, StoreErrorKind::Locked)
                .because("the session keeps changing its id")),
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), ConnectError> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(|_| ()).map_err(|error| {
        let failed = StoreError::new(fault::STORE, StoreErrorKind::Unavailable);
        ConnectError::Store(failed.because(error))
    })
}

fn bounded(record: &Record) -> Result<Record, StoreError> {
    if record.payload.len() > MAX_PAYLOAD {
        return Err(StoreError::new(fault::STORE, StoreErrorKind::TooLarge));
    }
    Ok(record.clone())
}

/// A version that this store made; no row has the number of any other.
fn number(version: &Version) -> i64 {
    match version {
        Version::Number(number) => i64::try_from(*number).unwrap_or(-1),
        Version::Bytes(_) => -1,
    }
}

impl Sweep for Sqlite {
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let mut removed = 0;
            while removed < limit {
                let at_once = (limit - removed).min(self.aside_rows());
                let some = self.write_aside(move |db| db.sweep(now, at_once)).await?;
                removed += some;
                if some < at_once {
                    break;
                }
            }
            Ok(removed)
        })
    }
}

impl Directory for Sqlite {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let subject = subject.clone();
        Box::pin(self.read(move |db| db.by_subject(&subject)))
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        let (subject, keep) = (subject.clone(), keep.cloned());
        Box::pin(self.write(move |db| db.delete_by_subject(&subject, keep.as_ref())))
    }
}

impl Scan for Sqlite {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let after = after.map(|cursor| cursor.key("SQLite")).transpose()?;
            let page = self.read(move |db| db.iterate(after.as_ref(), limit));
            let (listing, next) = page.await?;
            Ok(Page::of(listing, next.as_ref().map(Cursor::after_key)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a job panics over, the next finds mended or not there: as many as there are threads,
    /// and a few more, so that none of them can have ended.
    #[tokio::test]
    async fn s14_a_job_that_panics_is_answered_and_its_thread_takes_the_next() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("s.db");
        let sqlite = Sqlite::open(path, Options::default()).await.unwrap();
        let key = |byte| StoreKey::from_hash([byte; 32]);
        let record = Record::new(&b"data"[..]);
        for byte in 0..5 {
            let panicked = sqlite.read(|_| -> rusqlite::Result<()> { panic!("a test's") }).await;
            assert_eq!(panicked.unwrap_err().kind(), StoreErrorKind::Corrupt);
            // What it had written is undone, what was asked for beside it is done.
            let row = record.clone();
            let bad = sqlite.write(move |db| -> rusqlite::Result<()> {
                db.create(&key(100), &row)?;
                panic!("a test's")
            });
            let (aside, new) =
                (sqlite.write_aside(|_| -> rusqlite::Result<()> { panic!() }), key(byte));
            let good = sqlite.create(&new, &record);
            let (bad, aside, good) = tokio::join!(bad, aside, good);
            assert_eq!(bad.unwrap_err().kind(), StoreErrorKind::Corrupt);
            assert_eq!(aside.unwrap_err().kind(), StoreErrorKind::Corrupt);
            assert!(matches!(good.unwrap(), CreateOutcome::Created(_)));
            assert!(matches!(sqlite.load(&key(byte)).await.unwrap(), Some(Entry::Live(..))));
            assert_eq!(sqlite.load(&key(100)).await.unwrap(), None);
        }
    }
}
