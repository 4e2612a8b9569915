//! Two stores while sessions move from one to the other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Cursor, Directory, Entry, Listing, Page, Record, Scan,
    SessionStore, StoreError, StoreErrorKind, Sweep, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{StoreKey, Subject, Timestamp};

/// A store and the one it takes over from, so that nobody is logged out meanwhile.
///
/// Sessions are looked up in the new store, then in the old one. New ones are
/// made in the new store; one that is found in the old store moves with its next
/// change, its key and bytes as they are. Of one that both have, as after `sessile migrate`, the
/// old copy goes with the next change. A logout ends it in both and leaves a mark
/// in the new store, so that a change under way cannot bring it there afterwards.
///
/// Both stores have the same keys and payloads. All who write go through this:
/// what a process of before writes to the old store alone after a session has
/// moved is not seen. When the old store is empty, or all of its sessions have
/// been moved (`sessile migrate`), the new one is used alone.
pub struct MigratingStore<N, O> {
    new: N,
    old: O,
    options: MigratingOptions,
}

/// How a [`MigratingStore`] store moves sessions.
#[derive(Clone)]
pub struct MigratingOptions {
    /// How long the mark of a logout stays. 10 minutes by default; a process that is
    /// suspended for longer in the middle of a move brings a session back that was ended meanwhile.
    pub mark_for: Duration,
    /// The payload of a mark. In a foreign layout it is to be what the original
    /// takes for an empty session, such as `{}` in its format.
    pub mark: Bytes,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl MigratingOptions {
    /// With the caller's clock.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            mark_for: Duration::from_secs(600),
            mark: Bytes::from_static(b"\0ended"),
            clock: Arc::new(clock),
        }
    }
}

impl fmt::Debug for MigratingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigratingOptions").field("mark_for", &self.mark_for).finish_non_exhaustive()
    }
}

impl<N: fmt::Debug, O: fmt::Debug> fmt::Debug for MigratingStore<N, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MigratingStore({:?}, before {:?})", self.new, self.old)
    }
}

/// How often a session that is to end may come from the old store meanwhile.
const MAX_TRIES: usize = 100;

/// Begins the versions of the old store. No store's own version begins so.
const OLD: &[u8; 16] = b"\0sessile, before";

fn of_old(version: &Version) -> Version {
    let mut bytes = BytesMut::from(&OLD[..]);
    match version {
        Version::Number(number) => {
            bytes.put_u8(b'n');
            bytes.put_u64(*number);
        }
        Version::Bytes(own) => {
            bytes.put_u8(b'b');
            bytes.put_slice(own);
        }
    }
    Version::Bytes(bytes.freeze())
}

fn is_of_old(version: &Version) -> bool {
    matches!(version, Version::Bytes(bytes) if bytes.starts_with(OLD))
}

/// What became of a session that was to move.
enum Move {
    Done(Version),
    Refused(WriteOutcome),
}

impl<N: SessionStore, O: SessionStore> MigratingStore<N, O> {
    /// `new`, and `old` as long as sessions are there.
    pub fn new(new: N, old: O, options: MigratingOptions) -> Self {
        Self { new, old, options }
    }

    fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    fn is_mark(&self, record: &Record) -> bool {
        record.payload == self.options.mark && record.subject.is_none() && record.created.is_none()
    }

    fn unless_mark(&self, entry: Entry) -> Option<Entry> {
        match entry {
            Entry::Live(record, _) if self.is_mark(&record) => None,
            entry => Some(entry),
        }
    }

    /// What a write from a version of the old store answers, when the session is there no more.
    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        let found = self.new.load(key).await?.and_then(|entry| self.unless_mark(entry));
        Ok(match found {
            Some(Entry::Live(..)) => WriteOutcome::Conflict,
            Some(Entry::Moved { .. } | Entry::Unreadable(_)) | None => WriteOutcome::Gone,
        })
    }

    /// Puts `record` into the new store in place of the expected one in the old.
    async fn move_over(
        &self,
        key: &StoreKey,
        expected: &Version,
        record: Option<&Record>,
    ) -> Result<Move, StoreError> {
        let before = self.now();
        let (found, version) = match self.old.load(key).await? {
            Some(Entry::Live(found, version)) => (found, version),
            _ => return Ok(Move::Refused(self.refused(key).await?)),
        };
        if of_old(&version) != *expected {
            return Ok(Move::Refused(WriteOutcome::Conflict));
        }
        let mut moved = record.unwrap_or(&found).clone();
        moved.see(found.seen);
        let CreateOutcome::Created(version) = self.new.create(key, &moved).await? else {
            return Ok(Move::Refused(self.refused(key).await?));
        };
        let slow = self.now() >= before + self.options.mark_for / 2;
        let deleted = self.old.delete(key).await;
        if slow || deleted.is_err() {
            // A mark may have come and gone, or an older copy would stay: as it was.
            self.new.delete(key).await?;
            deleted?;
            return Err(StoreError::new("dual", StoreErrorKind::Timeout));
        }
        Ok(Move::Done(version))
    }

    fn new_mark(&self) -> Record {
        Record::ending(self.options.mark.clone(), Some(self.now() + self.options.mark_for))
    }

    /// Whatever is in the new store under a key gives way to a mark.
    async fn mark(&self, key: &StoreKey) -> Result<(), StoreError> {
        loop {
            self.new.delete(key).await?;
            match self.new.create(key, &self.new_mark()).await {
                Ok(CreateOutcome::Created(_)) => return Ok(()),
                Ok(CreateOutcome::Exists) => {}
                // Where this key cannot be, no session can come under it.
                Err(error) if error.kind() == StoreErrorKind::Unrepresentable => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl<N: SessionStore, O: SessionStore> SessionStore for MigratingStore<N, O> {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        if let Some(entry) = self.new.load(key).await? {
            return Ok(self.unless_mark(entry));
        }
        Ok(match self.old.load(key).await? {
            Some(Entry::Live(record, version)) => Some(Entry::Live(record, of_old(&version))),
            Some(other) => Some(other),
            // It may have moved between the two.
            None => self.new.load(key).await?.and_then(|entry| self.unless_mark(entry)),
        })
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        if self.old.load(key).await?.is_some() {
            return Ok(CreateOutcome::Exists);
        }
        match self.new.create(key, record).await? {
            CreateOutcome::Exists => {}
            created => return Ok(created),
        }
        // The key of an ended session may be used anew, as in any store.
        match self.new.load(key).await? {
            Some(Entry::Live(found, version)) if self.is_mark(&found) => {
                Ok(match self.new.update(key, record, &version).await? {
                    WriteOutcome::Written(version) => CreateOutcome::Created(version),
                    WriteOutcome::Conflict | WriteOutcome::Gone => CreateOutcome::Exists,
                })
            }
            _ => Ok(CreateOutcome::Exists),
        }
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        if is_of_old(expected) {
            return Ok(match self.move_over(key, expected, Some(record)).await? {
                Move::Done(version) => WriteOutcome::Written(version),
                Move::Refused(refused) => refused,
            });
        }
        match self.new.update(key, record, expected).await? {
            WriteOutcome::Written(version) => {
                // A copy from before (of `sessile migrate`, or a move cut short) may say that the
                // session lives longer than it does from now on. After the write, so that
                // whoever misses the copy finds that the session was written here.
                self.old.delete(key).await?;
                Ok(WriteOutcome::Written(version))
            }
            WriteOutcome::Conflict => self.refused(key).await,
            WriteOutcome::Gone if self.load(key).await?.is_some_and(|it| is_live(&it)) => {
                Ok(WriteOutcome::Conflict)
            }
            WriteOutcome::Gone => Ok(WriteOutcome::Gone),
        }
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        match self.new.load(key).await? {
            Some(Entry::Live(record, _)) if self.is_mark(&record) => return Ok(TouchOutcome::Gone),
            Some(_) => return self.new.touch(key, seen, idle).await,
            None => {}
        }
        match self.old.touch(key, seen, idle).await? {
            TouchOutcome::Touched => Ok(TouchOutcome::Touched),
            // It may have moved between the two.
            TouchOutcome::Gone => match self.new.load(key).await? {
                Some(Entry::Live(record, _)) if self.is_mark(&record) => Ok(TouchOutcome::Gone),
                Some(_) => self.new.touch(key, seen, idle).await,
                None => Ok(TouchOutcome::Gone),
            },
        }
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let mut here = expected.clone();
        // A key that is taken moves nothing.
        if self.load(new_key).await?.is_some() {
            let live = self.load(old_key).await?.is_some_and(|it| is_live(&it));
            return Ok(if live { WriteOutcome::Conflict } else { WriteOutcome::Gone });
        }
        if is_of_old(expected) {
            match self.move_over(old_key, expected, None).await? {
                Move::Done(version) => here = version,
                Move::Refused(refused) => return Ok(refused),
            }
        } else {
            // A copy from before (of `sessile migrate`, or a move cut short) would be
            // found again where the session has left.
            self.old.delete(old_key).await?;
        }
        match self.new.replace(old_key, &here, new_key, record, pointer_until).await? {
            WriteOutcome::Written(version) => Ok(WriteOutcome::Written(version)),
            WriteOutcome::Conflict => self.refused(old_key).await,
            WriteOutcome::Gone if self.load(old_key).await?.is_some_and(|it| is_live(&it)) => {
                Ok(WriteOutcome::Conflict)
            }
            WriteOutcome::Gone => Ok(WriteOutcome::Gone),
        }
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.old.delete(key).await?;
        self.mark(key).await
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.old.end(key).await?;
        for _ in 0..MAX_TRIES {
            self.new.end(key).await?;
            match self.new.create(key, &self.new_mark()).await {
                Ok(CreateOutcome::Created(_)) => return Ok(()),
                Ok(CreateOutcome::Exists) => match self.new.load(key).await? {
                    // It came from the old store meanwhile.
                    Some(Entry::Live(..)) => {}
                    // What is left there, such as a pointer, is as good as a mark: nothing comes
                    // under this key.
                    _ => return self.new.end(key).await,
                },
                Err(error) if error.kind() == StoreErrorKind::Unrepresentable => return Ok(()),
                // Where no mark can be written, no session that is on its way can be either.
                Err(error) if error.kind().refuses_writes() => {
                    tracing::warn!(%error, "a session was ended without a mark in the new store");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::new("migrating", StoreErrorKind::Unavailable)
            .because("a session that was to end keeps coming from the old store"))
    }

    /// What both can; sweeping, where one of them must.
    fn capabilities(&self) -> Capabilities<'_> {
        let (new, old) = (self.new.capabilities(), self.old.capabilities());
        Capabilities {
            sweep: new.sweep.or(old.sweep).map(|_| self as &dyn Sweep),
            directory: new.directory.and(old.directory).map(|_| self as &dyn Directory),
            scan: new.scan.and(old.scan).map(|_| self as &dyn Scan),
            diagnose: new.diagnose,
            waits: new.waits.saturating_add(old.waits),
        }
    }
}

fn is_live(entry: &Entry) -> bool {
    matches!(entry, Entry::Live(..))
}

fn no_directory() -> StoreError {
    StoreError::no_directory("dual")
}

fn unsupported() -> StoreError {
    StoreError::new("dual", StoreErrorKind::Unsupported)
}

impl<N: SessionStore, O: SessionStore> Sweep for MigratingStore<N, O> {
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let mut removed = 0;
            let sweeps = [self.new.capabilities().sweep, self.old.capabilities().sweep];
            for sweep in sweeps.into_iter().flatten() {
                removed += sweep.sweep(now, limit.saturating_sub(removed)).await?;
            }
            Ok(removed)
        })
    }
}

impl<N: SessionStore, O: SessionStore> Directory for MigratingStore<N, O> {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(async move {
            let (mut found, mut unreadable) = (BTreeMap::new(), 0);
            // The old one first: what moves meanwhile is found in the new one.
            for directory in [self.old.capabilities().directory, self.new.capabilities().directory]
            {
                let listed = directory.ok_or_else(no_directory)?.by_subject(subject).await?;
                found.extend(listed.sessions);
                unreadable += listed.unreadable;
            }
            let sessions = found.into_iter().collect();
            Ok(Listing { sessions, unreadable }.newest_first())
        })
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let old = self.old.capabilities().directory.ok_or_else(no_directory)?;
            let new = self.new.capabilities().directory.ok_or_else(no_directory)?;
            let mut removed = 0;
            for (key, _) in old.by_subject(subject).await?.sessions {
                if Some(&key) != keep {
                    self.end(&key).await?;
                    removed += 1;
                }
            }
            Ok(removed + new.delete_by_subject(subject, keep).await?)
        })
    }
}

impl<N: SessionStore, O: SessionStore> Scan for MigratingStore<N, O> {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let (place, inner) = match after.map(|after| after.as_bytes().split_first()) {
                None => (b'o', None),
                Some(Some((place @ (b'o' | b'n'), []))) => (*place, None),
                Some(Some((place @ (b'o' | b'n'), inner))) => {
                    (*place, Some(Cursor::from_bytes(inner)))
                }
                _ => return Err(unsupported().because("the cursor is of another kind of store")),
            };
            // The old one first: what moves meanwhile is found in the new one.
            let scan = if place == b'o' {
                self.old.capabilities().scan
            } else {
                self.new.capabilities().scan
            };
            let mut page = scan.ok_or_else(unsupported)?.scan(inner.as_ref(), limit).await?;
            page.entries.retain(|(_, record)| !self.is_mark(record));
            let at = |place: u8, inner: &[u8]| {
                Cursor::from_bytes([&[place], inner].concat().into_boxed_slice())
            };
            page.next = match page.next {
                Some(next) => Some(at(place, next.as_bytes())),
                None if place == b'o' => Some(at(b'n', &[])),
                None => None,
            };
            Ok(page)
        })
    }
}
