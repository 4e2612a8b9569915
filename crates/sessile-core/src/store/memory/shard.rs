//! One lock's worth of sessions, findable by key, by end and by user.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};

use crate::id::{StoreKey, Subject};
use crate::store::Record;
use sessile_formats::Timestamp;

pub(super) enum Content {
    Live(Live),
    Moved { to: StoreKey, until: Timestamp },
}

pub(super) struct Live {
    pub(super) record: Record,
    pub(super) version: u64,
}

impl Content {
    /// When it ends; never is last.
    fn end(&self) -> Timestamp {
        match self {
            Self::Live(live) => live.record.ends().unwrap_or(Timestamp::MAX),
            Self::Moved { until, .. } => *until,
        }
    }

    fn passed(&self, now: Timestamp) -> bool {
        match self {
            Self::Live(live) => live.record.has_ended(now),
            Self::Moved { until, .. } => now >= *until,
        }
    }

    fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Live(live) => live.record.subject.as_ref(),
            Self::Moved { .. } => None,
        }
    }
}

/// The three views change together, in `insert`, `change`, `remove` and `touch` only.
pub(super) struct Shard {
    entries: HashMap<StoreKey, Content, KeyHash>,
    by_end: BTreeSet<(Timestamp, StoreKey)>,
    by_subject: HashMap<Subject, BTreeSet<StoreKey>>,
}

impl Shard {
    pub(super) fn new(keyed: RandomState) -> Self {
        Self {
            entries: HashMap::with_hasher(KeyHash(keyed)),
            by_end: BTreeSet::new(),
            by_subject: HashMap::new(),
        }
    }

    pub(super) fn get(&self, key: &StoreKey) -> Option<&Content> {
        self.entries.get(key)
    }

    pub(super) fn live(&self, key: &StoreKey) -> Option<&Record> {
        match self.get(key)? {
            Content::Live(live) => Some(&live.record),
            Content::Moved { .. } => None,
        }
    }

    /// Adds an entry under a key that has none.
    pub(super) fn insert(&mut self, key: StoreKey, content: Content) {
        self.by_end.insert((content.end(), key.clone()));
        if let Some(subject) = content.subject() {
            self.by_subject.entry(subject.clone()).or_default().insert(key.clone());
        }
        self.entries.insert(key, content);
    }

    /// Puts other content under a key that has some.
    pub(super) fn change(&mut self, key: &StoreKey, content: Content) {
        let Some(slot) = self.entries.get_mut(key) else { return };
        let before = std::mem::replace(slot, content);
        if before.end() != slot.end() {
            self.by_end.remove(&(before.end(), key.clone()));
            self.by_end.insert((slot.end(), key.clone()));
        }
        if before.subject() != slot.subject() {
            unlist(&mut self.by_subject, key, &before);
            if let Some(subject) = slot.subject() {
                self.by_subject.entry(subject.clone()).or_default().insert(key.clone());
            }
        }
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, key: &StoreKey) -> bool {
        let Some((key, content)) = self.entries.remove_entry(key) else { return false };
        unlist(&mut self.by_subject, &key, &content);
        self.by_end.remove(&(content.end(), key));
        true
    }

    /// Whether there was a live one.
    pub(super) fn touch(&mut self, key: &StoreKey, seen: Timestamp) -> bool {
        let Some(Content::Live(live)) = self.entries.get_mut(key) else { return false };
        if live.record.has_ended(seen) {
            return false;
        }
        let before = live.record.ends();
        live.record.see(Some(seen));
        let after = live.record.ends();
        if before != after {
            self.by_end.remove(&(before.unwrap_or(Timestamp::MAX), key.clone()));
            self.by_end.insert((after.unwrap_or(Timestamp::MAX), key.clone()));
        }
        true
    }

    /// Removes the entry that ends first, other than the two named.
    pub(super) fn evict_soonest(&mut self, keep: &StoreKey, also: Option<&StoreKey>) -> bool {
        let soonest = self.by_end.iter().find(|(_, key)| key != keep && Some(key) != also);
        let Some((_, key)) = soonest.cloned() else { return false };
        self.remove(&key)
    }

    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit {
            let Some((_, key)) = self.by_end.first().cloned() else { break };
            if !self.get(&key).is_some_and(|content| content.passed(now)) {
                break;
            }
            self.remove(&key);
            removed += 1;
        }
        removed
    }

    pub(super) fn of_subject(&self, subject: &Subject) -> Vec<(StoreKey, Record)> {
        let keys = self.by_subject.get(subject).into_iter().flatten();
        keys.filter_map(|key| Some((key.clone(), self.live(key)?.clone()))).collect()
    }

    pub(super) fn remove_subject(&mut self, subject: &Subject, keep: Option<&StoreKey>) -> usize {
        let keys = self.by_subject.get(subject).cloned().unwrap_or_default();
        keys.iter().filter(|key| Some(*key) != keep && self.remove(key)).count()
    }

    /// Adds the keys of live entries that come after `after` to a page of the first `limit`.
    pub(super) fn keys_after(
        &self,
        after: Option<&StoreKey>,
        hashed: bool,
        limit: usize,
        page: &mut BTreeSet<StoreKey>,
    ) {
        for (key, content) in &self.entries {
            let wanted = key.hash().is_some() == hashed
                && after.is_none_or(|after| key > after)
                && matches!(content, Content::Live(_))
                && (page.len() < limit || page.last().is_some_and(|last| key < last));
            if wanted {
                page.insert(key.clone());
                if page.len() > limit {
                    page.pop_last();
                }
            }
        }
    }
}

fn unlist(
    by_subject: &mut HashMap<Subject, BTreeSet<StoreKey>>,
    key: &StoreKey,
    content: &Content,
) {
    let Some(subject) = content.subject() else { return };
    let Some(keys) = by_subject.get_mut(subject) else { return };
    keys.remove(key);
    if keys.is_empty() {
        by_subject.remove(subject);
    }
}

/// Takes eight bytes of a SHA-256 as they are; hashes text with a secret key,
/// because its writer may be an attacker.
struct KeyHash(RandomState);

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher { plain: None, keyed: self.0.build_hasher() }
    }
}

struct KeyHasher {
    plain: Option<u64>,
    keyed: DefaultHasher,
}

impl Hasher for KeyHasher {
    fn write_u64(&mut self, number: u64) {
        self.plain = Some(number);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.keyed.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.plain.unwrap_or_else(|| self.keyed.finish())
    }
}
