//! Sessions kept in this process until the server says that they changed.
//!
//! The server remembers what each connection has read and tells that connection
//! when it changes (`CLIENT TRACKING`). Its word comes in order with the answers,
//! but an answer is handled by whoever asked, who may be woken after the word.
//! (The driver's own cache keeps the old answer then; this is why it is not
//! used.) So a load announces itself before it is sent, and what it brings is
//! kept only if nothing was said of its key since.
//!
//! What was read over a connection counts while that connection lives: with the
//! first of them that is lost, or in doubt, everything is forgotten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::Value;
use sessile_core::store::Entry;
use sessile_core::{StoreKey, Subject};
use tokio::time::Instant;

use crate::keys::Names;
use crate::{NearCache, NearCacheUse};

/// What an entry costs besides its bytes: places in maps, fields, counters.
const FIXED: usize = 400;

pub(crate) struct Near {
    limits: NearCache,
    names: Arc<Names>,
    foreign: bool,
    state: Mutex<State>,
    hits: AtomicU64,
    misses: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The connections whose word reaches us.
    tracked: BTreeSet<u64>,
    kept: BTreeMap<StoreKey, Kept>,
    /// What is kept, oldest first, and what was.
    order: VecDeque<(u64, StoreKey)>,
    /// Loads under way.
    fills: BTreeMap<StoreKey, Fills>,
    bytes: usize,
    /// Counts all that happens.
    stamp: u64,
    /// When it was last emptied.
    emptied: u64,
}

struct Kept {
    entry: Entry,
    until: Instant,
    stamp: u64,
    cost: usize,
}

#[derive(Default)]
struct Fills {
    count: usize,
    /// When something was last said of the key.
    spoiled: u64,
}

/// A load under way, whose result may be kept.
pub(crate) struct Fill<'a> {
    near: &'a Near,
    key: &'a StoreKey,
    stamp: u64,
    since: Instant,
}

/// Writes under way: when they end, however they end, their keys are forgotten.
pub(crate) struct Changing<'a> {
    pub(crate) near: &'a Near,
    pub(crate) keys: [Option<&'a StoreKey>; 2],
    pub(crate) user: Option<&'a Subject>,
}

impl Near {
    pub(crate) fn new(limits: NearCache, names: Arc<Names>, foreign: bool) -> Self {
        let (hits, misses, dropped) = Default::default();
        Self { limits, names, foreign, state: Mutex::default(), hits, misses, dropped }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &StoreKey) -> Option<Entry> {
        let state = self.state();
        let kept = state.kept.get(key).filter(|kept| Instant::now() < kept.until);
        let count = if kept.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        kept.map(|kept| kept.entry.clone())
    }

    /// Before a load is sent.
    pub(crate) fn fill<'a>(&'a self, key: &'a StoreKey) -> Fill<'a> {
        let since = Instant::now();
        let mut state = self.state();
        state.fills.entry(key.clone()).or_default().count += 1;
        Fill { near: self, key, stamp: state.next(), since }
    }

    /// From now on the server tells this connection what changes.
    pub(crate) fn track(&self, connection: u64) {
        self.state().tracked.insert(connection);
    }

    pub(crate) fn lost(&self, connection: u64) {
        let mut state = self.state();
        if state.tracked.remove(&connection) {
            state.empty();
        }
    }

    pub(crate) fn empty(&self) {
        self.state().empty();
    }

    /// What the server said: names, or nothing when all is gone.
    pub(crate) fn told(&self, data: &[Value]) {
        let mut state = self.state();
        match data.first() {
            Some(Value::Array(names)) => {
                for name in names {
                    let Value::BulkString(name) = name else { continue };
                    if let Some(key) = self.key_of(name) {
                        self.dropped.fetch_add(u64::from(state.forget(&key)), Ordering::Relaxed);
                    }
                }
            }
            _ => state.empty(),
        }
    }

    fn key_of(&self, name: &[u8]) -> Option<StoreKey> {
        if self.foreign {
            return std::str::from_utf8(name).ok().map(StoreKey::from_text);
        }
        self.names.key_of(name)
    }

    pub(crate) fn used(&self) -> NearCacheUse {
        let state = self.state();
        NearCacheUse {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            invalidated: self.dropped.load(Ordering::Relaxed),
            sessions: state.kept.len(),
            bytes: state.bytes,
        }
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    fn empty(&mut self) {
        self.kept.clear();
        self.order.clear();
        self.bytes = 0;
        self.emptied = self.next();
    }

    /// Whether it was kept.
    fn forget(&mut self, key: &StoreKey) -> bool {
        let stamp = self.next();
        if let Some(fills) = self.fills.get_mut(key) {
            fills.spoiled = stamp;
        }
        self.take(key)
    }

    fn take(&mut self, key: &StoreKey) -> bool {
        let taken = self.kept.remove(key);
        self.bytes -= taken.as_ref().map_or(0, |kept| kept.cost);
        taken.is_some()
    }

    /// Makes room, oldest first, and forgets what is too old to be believed.
    fn shrink(&mut self, limits: &NearCache, now: Instant) {
        while let Some((stamp, key)) = self.order.front() {
            let found = self.kept.get(key).filter(|kept| kept.stamp == *stamp);
            let over = self.kept.len() > limits.sessions || self.bytes > limits.bytes;
            if found.is_some_and(|kept| !over && now < kept.until) {
                break;
            }
            let present = found.is_some();
            if let Some((_, key)) = self.order.pop_front()
                && present
            {
                self.take(&key);
            }
        }
        // Names of what was forgotten before its turn.
        if self.order.len() > 2 * self.kept.len() + 64 {
            let kept = &self.kept;
            self.order.retain(|(stamp, key)| kept.get(key).is_some_and(|it| it.stamp == *stamp));
        }
    }
}

impl Fill<'_> {
    /// Keeps what the load brought over `connection`, if it still counts.
    pub(crate) fn keep(self, entry: &Entry, connection: u64) {
        let Entry::Live(record, _) = entry else { return };
        let name = record.subject.as_ref().map_or(0, |subject| subject.as_str().len());
        let cost = FIXED + record.payload.len() + name + 2 * self.key.as_bytes().len();
        let (limits, now) = (&self.near.limits, Instant::now());
        let until = self.since + limits.lease;
        let mut state = self.near.state();
        let spoiled = state.fills.get(self.key).map_or(0, |fills| fills.spoiled);
        let counts = state.tracked.contains(&connection)
            && spoiled < self.stamp
            && state.emptied < self.stamp
            && now < until
            && cost <= limits.bytes;
        if !counts {
            return;
        }
        state.take(self.key);
        let stamp = state.next();
        state.kept.insert(self.key.clone(), Kept { entry: entry.clone(), until, stamp, cost });
        state.order.push_back((stamp, self.key.clone()));
        state.bytes += cost;
        state.shrink(limits, now);
    }
}

impl Drop for Fill<'_> {
    fn drop(&mut self) {
        let mut state = self.near.state();
        if let Some(fills) = state.fills.get_mut(self.key) {
            fills.count -= 1;
            if fills.count == 0 {
                state.fills.remove(self.key);
            }
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut state = self.near.state();
        for key in self.keys.into_iter().flatten() {
            state.forget(key);
        }
        if self.user.is_some() {
            let theirs = |kept: &Kept| matches!(&kept.entry, Entry::Live(record, _) if record.subject.as_ref() == self.user);
            let keys: Vec<_> = state.kept.iter().filter(|(_, kept)| theirs(kept)).collect();
            let keys: Vec<_> = keys.into_iter().map(|(key, _)| key.clone()).collect();
            for key in keys {
                state.take(&key);
            }
            // Whose session a load under way will bring is not known.
            state.emptied = state.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sessile_core::store::{Record, Version};

    use super::*;

    const LINE: u64 = 7;

    fn near(sessions: usize, bytes: usize) -> Near {
        let limits = NearCache { sessions, bytes, lease: Duration::from_secs(3600) };
        let near = Near::new(limits, Arc::new(Names::new("p:")), false);
        near.track(LINE);
        near
    }

    fn key(number: u8) -> StoreKey {
        StoreKey::from_hash([number; 32])
    }

    fn entry(bytes: usize, user: Option<&str>) -> Entry {
        let subject = user.and_then(Subject::new);
        let record = Record { subject, ..Record::new(vec![b'x'; bytes]) };
        Entry::Live(record, Version::Number(1))
    }

    fn told(near: &Near, number: u8) {
        let name = Names::new("p:").session(&key(number)).into_bytes();
        near.told(&[Value::Array(vec![Value::BulkString(name)])]);
    }

    fn kept(near: &Near, number: u8) -> bool {
        near.get(&key(number)).is_some()
    }

    #[tokio::test]
    async fn what_the_server_speaks_of_is_forgotten() {
        let near = near(10, 1 << 20);
        for number in 0..3 {
            near.fill(&key(number)).keep(&entry(1, None), LINE);
            assert!(kept(&near, number));
        }
        told(&near, 1);
        assert!(kept(&near, 0) && !kept(&near, 1) && kept(&near, 2));
        near.told(&[Value::Nil]);
        assert!(!kept(&near, 0) && !kept(&near, 2), "after FLUSHALL");
        let used = near.used();
        assert_eq!((used.sessions, used.bytes, used.invalidated), (0, 0, 1));
    }

    /// The word overtakes the answer on its way to whoever asked.
    #[tokio::test]
    async fn an_answer_that_was_overtaken_is_not_kept() {
        let near = near(10, 1 << 20);
        let (key, other) = (key(1), key(2));
        let (early, untouched) = (near.fill(&key), near.fill(&other));
        told(&near, 1);
        let late = near.fill(&key);
        early.keep(&entry(1, None), LINE);
        assert!(!kept(&near, 1), "older than what was said of it");
        late.keep(&entry(1, None), LINE);
        untouched.keep(&entry(1, None), LINE);
        assert!(kept(&near, 1) && kept(&near, 2));
        assert!(near.state().fills.is_empty());
    }

    #[tokio::test]
    async fn a_write_of_ours_is_forgotten_when_it_ends_or_is_dropped() {
        let near = near(10, 1 << 20);
        let key = key(1);
        near.fill(&key).keep(&entry(1, None), LINE);
        let before = near.fill(&key);
        drop(Changing { near: &near, keys: [Some(&key), None], user: None });
        before.keep(&entry(1, None), LINE);
        assert!(!kept(&near, 1));
    }

    #[tokio::test]
    async fn all_of_a_user_are_forgotten_and_nobody_elses() {
        let near = near(10, 1 << 20);
        let late = key(4);
        let late = near.fill(&late);
        for (number, user) in [(1, Some("alice")), (2, Some("bob")), (3, None)] {
            near.fill(&key(number)).keep(&entry(1, user), LINE);
        }
        let alice = Subject::new("alice").unwrap();
        drop(Changing { near: &near, keys: [None, None], user: Some(&alice) });
        late.keep(&entry(1, Some("alice")), LINE);
        assert!(!kept(&near, 1) && kept(&near, 2) && kept(&near, 3) && !kept(&near, 4));
    }

    #[tokio::test]
    async fn a_lost_connection_empties_it_and_what_it_brought_no_longer_counts() {
        let near = near(10, 1 << 20);
        let (one, two) = (key(1), key(2));
        near.fill(&one).keep(&entry(1, None), LINE);
        let under_way = near.fill(&two);
        near.lost(LINE);
        under_way.keep(&entry(1, None), LINE);
        near.fill(&one).keep(&entry(1, None), LINE);
        assert!(!kept(&near, 1) && !kept(&near, 2));
        near.track(8);
        near.fill(&one).keep(&entry(1, None), 8);
        assert!(kept(&near, 1));
    }

    #[tokio::test]
    async fn it_holds_so_many_sessions_and_bytes_and_no_more() {
        let near = near(3, 1 << 20);
        for number in 0..100 {
            let key = key(number);
            near.fill(&key).keep(&entry(10, None), LINE);
            if number % 3 == 0 {
                near.fill(&key).keep(&entry(20, None), LINE);
            }
            let used = near.used();
            assert!(used.sessions <= 3);
            let state = near.state();
            assert!(state.order.len() <= 2 * 3 + 64);
            assert_eq!(state.bytes, state.kept.values().map(|kept| kept.cost).sum::<usize>());
        }
        assert!(kept(&near, 99) && kept(&near, 97) && !kept(&near, 0));
        let near = self::near(1000, 10_000);
        for number in 0..100 {
            near.fill(&key(number)).keep(&entry(1500, None), LINE);
            assert!(near.used().bytes <= 10_000);
        }
        assert!(near.used().sessions > 2);
        near.fill(&key(200)).keep(&entry(10_000, None), LINE);
        assert!(!kept(&near, 200), "larger than all of it");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_believed_beyond_its_lease() {
        let near = near(10, 1 << 20);
        let key = key(1);
        let fill = near.fill(&key);
        tokio::time::advance(Duration::from_secs(3599)).await;
        fill.keep(&entry(1, None), LINE);
        assert!(kept(&near, 1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!kept(&near, 1), "counted from before it was sent");
    }
}
