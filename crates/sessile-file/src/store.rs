//! The store: the operations on tokio's blocking threads, in turn.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sessile_core::store::rotation::HOPS_TO_END;
use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Cursor, Diagnose, Directory, Entry, Finding, Layout,
    Listing, Page, Record, Scan, Sweep, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{SessionStore, StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::{failed, locked, slow};
use crate::files::AnyFiles;
use crate::folder::{Folder, LOCKS};
use crate::foreign::Foreign;
use crate::foreign_folder::ForeignFolder;
use crate::lock::ended;
use crate::operations::Files;
use crate::options::Options;

/// Sessions in a folder. Clones share it; other processes may too.
#[derive(Clone)]
pub struct FileStore(Arc<Inner>);

struct Inner {
    files: AnyFiles,
    layout: Layout,
    read_only: bool,
    lock_timeout: Duration,
    /// Writers of this process wait here, in turn and without a thread each;
    /// the locks in the folder are for other processes.
    turns: Vec<Arc<Mutex<()>>>,
    /// Readers wait here where the disk does not answer. What was handed to a thread cannot be
    /// taken back, and nobody may be waiting for it any more.
    reads: Arc<Semaphore>,
}

/// Reads under way at once. There are as many turns for writes; tokio has 512 threads for all.
const READS: usize = 64;

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileStore")
    }
}

impl FileStore {
    /// Opens the folder, and makes it where [`Options::create`] says so.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](sessile_core::StoreErrorKind::Unavailable) when the folder is missing,
    /// no folder, another user's, or writable by others; [`Corrupt`](sessile_core::StoreErrorKind::Corrupt)
    /// when another release laid it out; else what the file system says.
    pub async fn open(folder: impl Into<PathBuf>, options: Options) -> Result<Self, StoreError> {
        let (root, options) = (folder.into(), options.bounded());
        blocking(move || {
            let (layout, lock_timeout) = (options.layout, options.lock_timeout);
            let read_only = options.read_only;
            let files = if layout.is_foreign() {
                let folder = ForeignFolder::open(root, options.create, read_only)?;
                AnyFiles::Foreign(Foreign::new(folder, options))
            } else {
                let folder = Folder::open(root, options.create)?;
                AnyFiles::Native(Files { folder, options })
            };
            let turns = (0..LOCKS).map(|_| Arc::default()).collect();
            let reads = Arc::new(Semaphore::new(READS));
            Ok(Self(Arc::new(Inner { files, layout, read_only, lock_timeout, turns, reads })))
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AnyFiles) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        let turn = timeout(inner.lock_timeout, Arc::clone(&inner.reads).acquire_owned()).await;
        let turn = turn.map_err(|_| slow())?;
        blocking(move || {
            let outcome = work(&inner.files);
            drop(turn);
            outcome
        })
        .await
    }

    /// Waits for the turns of these keys, then does the work. A future dropped
    /// before has done nothing; one dropped after leaves a thread that does all of it.
    async fn write<T: Send + 'static>(
        &self,
        keys: &[&StoreKey],
        work: impl FnOnce(&AnyFiles) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.may_write()?;
        let mut numbers: Vec<_> = keys.iter().map(|key| self.0.files.lock_of(key)).collect();
        // Always in the same order, or two rotations could wait for each other.
        numbers.sort_unstable();
        numbers.dedup();
        let inner = Arc::clone(&self.0);
        let patience = inner.lock_timeout;
        let turns = timeout(patience, self.turns(&numbers)).await.map_err(|_| locked())?;
        blocking(move || {
            let outcome = work(&inner.files);
            drop(turns);
            outcome
        })
        .await
    }

    fn may_write(&self) -> Result<(), StoreError> {
        let refused = || failed(StoreErrorKind::ReadOnly, "it was opened to look at it");
        if self.0.read_only { Err(refused()) } else { Ok(()) }
    }

    async fn turns(&self, numbers: &[usize]) -> Vec<OwnedMutexGuard<()>> {
        let mut turns = Vec::with_capacity(numbers.len());
        for turn in numbers.iter().filter_map(|number| self.0.turns.get(*number)) {
            turns.push(Arc::clone(turn).lock_owned().await);
        }
        turns
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(ended()))
}

impl SessionStore for FileStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let key = key.clone();
        self.read(move |files| files.load(&key)).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        let (own, record) = (key.clone(), record.clone());
        self.write(&[key], move |files| files.create(&own, &record)).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let (own, record, expected) = (key.clone(), record.clone(), expected.clone());
        self.write(&[key], move |files| files.update(&own, &record, &expected)).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let own = key.clone();
        self.write(&[key], move |files| files.touch(&own, seen, idle)).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let (old, new) = (old_key.clone(), new_key.clone());
        let (record, expected) = (record.clone(), expected.clone());
        let work =
            move |files: &AnyFiles| files.replace(&old, &expected, &new, &record, pointer_until);
        self.write(&[old_key, new_key], work).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let own = key.clone();
        self.write(&[key], move |files| files.delete(&own)).await
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let mut at = key.clone();
        for _ in 0..HOPS_TO_END {
            let own = at.clone();
            match self.write(&[&at], move |files| files.end(&own)).await? {
                Some(to) => at = to,
                None => return Ok(()),
            }
        }
        let what = "the ids of a session lead in a circle";
        Err(failed(StoreErrorKind::Corrupt, what))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            sweep: Some(self),
            // In our layout only: the others know no users.
            directory: (!self.0.layout.is_foreign()).then_some(self),
            // Not for cachelib's files: their names are hashes of the keys.
            scan: (self.0.layout != Layout::FlaskSession).then_some(self),
            diagnose: Some(self),
            ..Capabilities::default()
        }
    }
}

impl Diagnose for FileStore {
    /// Looks at ten thousand files at most, and counts all.
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>> {
        let now = clock();
        Box::pin(self.read(move |files| files.findings(now)))
    }
}

impl Sweep for FileStore {
    /// Looks at every file's first bytes, so it costs as much as there are sessions.
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            self.may_write()?;
            self.read(move |files| files.sweep(now, limit)).await
        })
    }
}

impl Directory for FileStore {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let subject = subject.clone();
        Box::pin(self.read(move |files| files.native()?.by_subject(&subject)))
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        let (subject, keep) = (subject.clone(), keep.cloned());
        Box::pin(async move {
            self.may_write()?;
            let work =
                move |files: &AnyFiles| files.native()?.delete_by_subject(&subject, keep.as_ref());
            self.read(work).await
        })
    }
}

impl Scan for FileStore {
    /// Reads the names of all sessions for every page, then the files of one.
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let after = after.map(|cursor| cursor.key("file")).transpose()?;
            self.read(move |files| files.iterate(after.as_ref(), limit)).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use sessile_core::StoreErrorKind;

    use super::*;

    /// As many reads as may be under way hang; those that come then are refused after a while
    /// and leave nothing behind in a queue.
    #[tokio::test]
    async fn reads_of_a_disk_that_hangs_are_refused_and_never_queue() {
        let folder = tempfile::TempDir::new().unwrap();
        let options = Options { lock_timeout: Duration::from_millis(20), ..Options::default() };
        let store = FileStore::open(folder.path().join("s"), options).await.unwrap();
        let (begun, mut hung) = (Arc::new(AtomicUsize::new(0)), Vec::new());
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..READS {
            let (release, released) = mpsc::channel::<()>();
            let (store, begun, told) = (store.clone(), Arc::clone(&begun), told.clone());
            let read = tokio::spawn(async move {
                let work = move |_: &AnyFiles| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    told.send(()).unwrap();
                    // Until the test lets go of its end.
                    let _ = released.recv();
                    Ok(())
                };
                store.read(work).await
            });
            hung.push((read, release));
        }
        for _ in 0..READS {
            heard.recv().await.unwrap();
        }
        let key = StoreKey::from_hash([1; 32]);
        for _ in 0..10 {
            let begun = Arc::clone(&begun);
            let more = store.read(move |_| Ok(begun.fetch_add(1, Ordering::Relaxed))).await;
            assert_eq!(more.unwrap_err().kind(), StoreErrorKind::Timeout);
            let refused = store.load(&key).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Timeout, "{refused}");
        }
        // Who was hung up on frees no thread.
        hung.iter().take(10).for_each(|(read, _)| read.abort());
        assert_eq!(store.load(&key).await.unwrap_err().kind(), StoreErrorKind::Timeout);
        for (read, release) in hung {
            drop(release);
            let _ = read.await;
        }
        assert_eq!(store.load(&key).await.unwrap(), None);
        assert_eq!(begun.load(Ordering::Relaxed), READS, "a refused read was carried out later");
    }
}
