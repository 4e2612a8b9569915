//! Sessions in this process's memory: for tests, for one process, for a cache.

mod shard;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::shard::{Content, Live, Shard};
use super::*;

/// A power of two, at most 256: a shard is chosen by the leading bits of a key's first byte.
const SHARDS: usize = 64;
const SHARD_SHIFT: u32 = u8::BITS - SHARDS.trailing_zeros();

/// Entries a [`MemoryStore`] holds unless told otherwise.
const MAX_ENTRIES: usize = 1_000_000;

/// What a [`MemoryStore`] does with a new session when it is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtBound {
    /// Drops the entry that ends soonest among those in the new one's shard (a
    /// 64th of all). With no clock it cannot tell an expired one, but those end soonest.
    #[default]
    Evict,
    /// Refuses the new session with [`StoreErrorKind::Full`]; the others live on.
    Refuse,
}

/// Sessions in this process's memory, gone when it ends. Clones share them.
///
/// Bounded: at most a million entries, or what [`MemoryStore::bounded`] says.
/// A load takes one lock out of 64 and copies no payload; no future ever waits.
///
/// ```
/// use sessile_core::MemoryStore;
/// use sessile_core::store::AtBound;
///
/// let store = MemoryStore::bounded(10_000, AtBound::Refuse);
/// assert!(store.is_empty());
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    shards: [Mutex<Shard>; SHARDS],
    /// Chooses the shard of a text key; an attacker must not.
    keyed: RandomState,
    entries: AtomicUsize,
    /// Versions are unique in the store, so that a key created anew is another entry.
    versions: AtomicU64,
    max_entries: usize,
    at_bound: AtBound,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("entries", &self.len()).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store for a million entries, [evicting](AtBound::Evict) beyond.
    pub fn new() -> Self {
        Self::bounded(MAX_ENTRIES, AtBound::default())
    }

    /// An empty store for `max_entries` (at least one), pointers of moved sessions included.
    pub fn bounded(max_entries: usize, at_bound: AtBound) -> Self {
        let keyed = RandomState::new();
        Self(Arc::new(Inner {
            shards: std::array::from_fn(|_| Mutex::new(Shard::new(keyed.clone()))),
            keyed,
            entries: AtomicUsize::new(0),
            versions: AtomicU64::new(1),
            max_entries: max_entries.max(1),
            at_bound,
        }))
    }

    /// How many entries it holds, expired ones and pointers included.
    pub fn len(&self) -> usize {
        self.0.entries.load(Ordering::Relaxed)
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn shard_of(&self, key: &StoreKey) -> usize {
        let first = match key.hash() {
            Some([first, ..]) => *first,
            None => (self.keyed.hash_one(key.as_bytes()) >> 56) as u8,
        };
        usize::from(first >> SHARD_SHIFT) % SHARDS
    }

    fn lock_at(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // No code of ours leaves a shard half-changed by panicking.
        self.shards[shard % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self, key: &StoreKey) -> MutexGuard<'_, Shard> {
        self.lock_at(self.shard_of(key))
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts one entry more, or says that there is no room.
    fn reserve(&self) -> Result<Reserved, StoreError> {
        let before = self.entries.fetch_add(1, Ordering::Relaxed);
        if before < self.max_entries {
            return Ok(Reserved::Room);
        }
        if self.at_bound == AtBound::Refuse {
            self.forget(1);
            return Err(StoreError::new("memory", StoreErrorKind::Full));
        }
        Ok(Reserved::EvictOne)
    }

    fn forget(&self, entries: usize) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
    }

    /// Makes good an [`Reserved::EvictOne`]. Called with no shard locked.
    fn evict_near(&self, key: &StoreKey, also_keep: Option<&StoreKey>) {
        let first = self.shard_of(key);
        for step in 0..SHARDS {
            if self.lock_at(first + step).evict_soonest(key, also_keep) {
                self.forget(1);
                return;
            }
        }
    }
}

enum Reserved {
    Room,
    EvictOne,
}

fn number(version: &Version) -> Option<u64> {
    match version {
        Version::Number(number) => Some(*number),
        Version::Bytes(_) => None,
    }
}

impl SessionStore for MemoryStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.lock(key).get(key).map(|content| match content {
            Content::Live(live) => Entry::Live(live.record.clone(), Version::Number(live.version)),
            Content::Moved { to, until } => Entry::Moved { to: to.clone(), until: *until },
        }))
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        let inner = &*self.0;
        let mut shard = inner.lock(key);
        if shard.get(key).is_some() {
            return Ok(CreateOutcome::Exists);
        }
        let reserved = inner.reserve()?;
        let version = inner.next_version();
        shard.insert(key.clone(), Content::Live(Live { record: record.clone(), version }));
        drop(shard);
        if let Reserved::EvictOne = reserved {
            inner.evict_near(key, None);
        }
        Ok(CreateOutcome::Created(Version::Number(version)))
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let mut shard = self.0.lock(key);
        let mut record = record.clone();
        match shard.get(key) {
            Some(Content::Live(live)) if number(expected) == Some(live.version) => {
                record.see(live.record.seen);
            }
            Some(Content::Live(_)) => return Ok(WriteOutcome::Conflict),
            Some(Content::Moved { .. }) | None => return Ok(WriteOutcome::Gone),
        }
        let version = self.0.next_version();
        shard.change(key, Content::Live(Live { record, version }));
        Ok(WriteOutcome::Written(Version::Number(version)))
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        _: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let touched = self.0.lock(key).touch(key, seen);
        Ok(if touched { TouchOutcome::Touched } else { TouchOutcome::Gone })
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let inner = &*self.0;
        // Both shards, always in the same order, or two rotations could wait for each other.
        let (old_at, new_at) = (inner.shard_of(old_key), inner.shard_of(new_key));
        let mut first = inner.lock_at(old_at.min(new_at));
        let mut second = (old_at != new_at).then(|| inner.lock_at(old_at.max(new_at)));

        let (old, new_taken) = match &second {
            None => (first.get(old_key), first.get(new_key).is_some()),
            Some(second) if old_at < new_at => (first.get(old_key), second.get(new_key).is_some()),
            Some(second) => (second.get(old_key), first.get(new_key).is_some()),
        };
        let mut record = record.clone();
        match old {
            Some(Content::Live(live)) if number(expected) == Some(live.version) && !new_taken => {
                record.see(live.record.seen);
            }
            Some(Content::Live(_)) => return Ok(WriteOutcome::Conflict),
            Some(Content::Moved { .. }) | None => return Ok(WriteOutcome::Gone),
        }
        // Without a pointer there are as many entries after as before.
        let reserved = if pointer_until.is_some() { inner.reserve()? } else { Reserved::Room };
        let version = inner.next_version();
        let new = Content::Live(Live { record, version });
        let (old_shard, new_shard) = match &mut second {
            None => (&mut *first, None),
            Some(second) if old_at < new_at => (&mut *first, Some(&mut **second)),
            Some(second) => (&mut **second, Some(&mut *first)),
        };
        match pointer_until {
            Some(until) => {
                old_shard.change(old_key, Content::Moved { to: new_key.clone(), until });
            }
            None => {
                old_shard.remove(old_key);
            }
        }
        new_shard.unwrap_or(old_shard).insert(new_key.clone(), new);
        drop((first, second));
        if let Reserved::EvictOne = reserved {
            inner.evict_near(new_key, Some(old_key));
        }
        Ok(WriteOutcome::Written(Version::Number(version)))
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        if self.0.lock(key).remove(key) {
            self.0.forget(1);
        }
        Ok(())
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let mut key = Cow::Borrowed(key);
        loop {
            let mut shard = self.0.lock(&key);
            let to = match shard.get(&key) {
                Some(Content::Moved { to, .. }) => to.clone(),
                Some(Content::Live(_)) => {
                    shard.remove(&key);
                    self.0.forget(1);
                    return Ok(());
                }
                None => return Ok(()),
            };
            drop(shard);
            key = Cow::Owned(to);
        }
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            sweep: Some(self),
            directory: Some(self),
            scan: Some(self),
            ..Capabilities::default()
        }
    }
}

impl Sweep for MemoryStore {
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        let mut removed = 0;
        for shard in 0..SHARDS {
            removed += self.0.lock_at(shard).sweep(now, limit - removed);
            if removed == limit {
                break;
            }
        }
        self.0.forget(removed);
        Box::pin(std::future::ready(Ok(removed)))
    }
}

impl Directory for MemoryStore {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        // All locked at once, as in `delete_by_subject`: one that moves is listed, once.
        let shards: Vec<_> = (0..SHARDS).map(|shard| self.0.lock_at(shard)).collect();
        let sessions = shards.iter().flat_map(|shard| shard.of_subject(subject)).collect();
        drop(shards);
        let found = Listing { sessions, unreadable: 0 }.newest_first();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        // All at once, in the order of `replace`: a session that changes its id
        // must not slip from a shard to come into one that was done already.
        let mut shards: Vec<_> = (0..SHARDS).map(|shard| self.0.lock_at(shard)).collect();
        let removed = shards.iter_mut().map(|shard| shard.remove_subject(subject, keep)).sum();
        drop(shards);
        self.0.forget(removed);
        Box::pin(std::future::ready(Ok(removed)))
    }
}

impl Scan for MemoryStore {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        let after = after.map(|cursor| cursor.key("memory")).transpose();
        let page = after.map(|after| self.page_after(after.as_ref(), limit.max(1)));
        Box::pin(std::future::ready(page))
    }
}

impl MemoryStore {
    /// Keys of our own layout lie in shards by their first byte, so a page of
    /// them looks into few shards; text keys lie anywhere and come last.
    fn page_after(&self, after: Option<&StoreKey>, limit: usize) -> Page {
        let mut page = BTreeSet::new();
        let start = after.and_then(StoreKey::hash).map_or(0, |[first, ..]| usize::from(*first));
        let past_hashed = after.is_some_and(|key| key.hash().is_none());
        if !past_hashed {
            for shard in (start >> SHARD_SHIFT)..SHARDS {
                self.0.lock_at(shard).keys_after(after, true, limit, &mut page);
                if page.len() >= limit {
                    break;
                }
            }
        }
        if page.len() < limit {
            for shard in 0..SHARDS {
                self.0.lock_at(shard).keys_after(after, false, limit, &mut page);
            }
        }
        // Of the keys that were found: some of their sessions may have gone since.
        let last = page.last().filter(|_| page.len() >= limit);
        let next = last.map(Cursor::after_key);
        let records = page.into_iter().filter_map(|key| {
            let record = self.0.lock(&key).live(&key).cloned()?;
            Some((key, record))
        });
        Page { entries: records.collect(), unreadable: 0, next }
    }
}
