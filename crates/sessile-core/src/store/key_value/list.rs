//! What goes through all sessions of a key-value store: listing, ending a user's, sweeping.

use std::collections::BTreeSet;

use super::{KeyPage, KeyValue, KeyValueStore, envelope};
use crate::id::{StoreKey, Subject};
use crate::store::rotation::{self, Entries as _, Stored, Whose};
use crate::store::{
    BoxFuture, Cursor, Directory, Listing, Page, Record, Scan, StoreError, StoreErrorKind, Sweep,
};
use sessile_formats::Timestamp;

/// Keys asked for at once.
const KEYS_PER_PAGE: usize = 1000;

/// What a cursor of ours begins with.
const CURSOR: &[u8] = b"keys after ";

/// All keys, page by page.
struct Keys<'a, K> {
    values: &'a K,
    after: Option<String>,
    ended: bool,
}

impl<K: KeyValue> Keys<'_, K> {
    async fn page(&mut self) -> Result<Option<Vec<StoreKey>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.values.list(self.after.as_deref(), KEYS_PER_PAGE).await;
        let KeyPage { keys, next } = page.map_err(K::failed)?;
        self.ended = next.is_none();
        self.after = next;
        Ok(Some(keys.iter().filter_map(|key| StoreKey::from_hex(key)).collect()))
    }
}

/// A session that was met, under one of the keys it had since.
struct Met {
    keys: BTreeSet<StoreKey>,
    at: StoreKey,
    record: Record,
}

impl<K: KeyValue> KeyValueStore<K> {
    fn keys(&self) -> Keys<'_, K> {
        Keys { values: &self.values, after: None, ended: false }
    }

    /// Follows the session that is or was under `key` to where it is, but by no pointer that was
    /// `passed`.
    async fn followed(
        &self,
        key: StoreKey,
        passed: &mut BTreeSet<StoreKey>,
    ) -> Result<Option<Met>, StoreError> {
        let (mut at, mut keys) = (key, BTreeSet::new());
        while keys.insert(at.clone()) {
            match rotation::load(self, &at).await? {
                Some((Stored::Live(record, _), _)) => return Ok(Some(Met { keys, at, record })),
                Some((Stored::Moved(pointer), _)) if passed.insert(at) => at = pointer.to,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Whether it removed what is under `key`, if that has ended by `now`.
    async fn swept(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        let Some((found, stamp)) = self.find(key).await? else { return Ok(false) };
        match found {
            Stored::Live(record, _) if record.has_ended(now) => {}
            Stored::Moved(pointer) if now >= pointer.until => {
                rotation::complete(self, key, &pointer.to).await?;
            }
            Stored::Unseen { record, from, .. } => {
                let is_possible = match self.find(&from).await? {
                    Some((Stored::Live(..) | Stored::Unseen { .. }, _)) => true,
                    Some((Stored::Moved(pointer), _)) => pointer.to == *key,
                    Some((Stored::Unreadable, _)) | None => false,
                };
                if is_possible && !record.has_ended(now) {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
        self.remove(key, &stamp).await
    }
}

impl<K: KeyValue> Scan for KeyValueStore<K> {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let after = match after.map(|cursor| cursor.as_bytes().strip_prefix(CURSOR)) {
                None => None,
                Some(after) => match after.map(std::str::from_utf8) {
                    Some(Ok(after)) => Some(after),
                    _ => {
                        return Err(StoreError::new(K::NAME, StoreErrorKind::Unsupported)
                            .because("the cursor is of another kind of store"));
                    }
                },
            };
            let page = self.values.list(after, limit.max(1)).await;
            let KeyPage { keys, next } = page.map_err(K::failed)?;
            let mut listing = Listing::default();
            for key in keys.iter().filter_map(|key| StoreKey::from_hex(key)) {
                match rotation::load(self, &key).await? {
                    Some((Stored::Live(record, _), _)) => listing.push(Ok((key, record))),
                    Some((Stored::Unreadable, _)) => listing.push(Err(envelope::unreadable())),
                    _ => {}
                }
            }
            let next = next.map(|next| Cursor::from_bytes([CURSOR, next.as_bytes()].concat()));
            Ok(Page::of(listing, next))
        })
    }
}

impl<K: KeyValue> Directory for KeyValueStore<K> {
    /// Whose an entry is that cannot be read is not known, so none is counted.
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(async move {
            let (mut keys, mut found) = (self.keys(), BTreeSet::new());
            let mut passed = BTreeSet::new();
            while let Some(page) = keys.page().await? {
                for key in page {
                    // One that moves meanwhile is met under one of its keys at least.
                    let met = self.followed(key, &mut passed).await?;
                    let theirs = met.filter(|met| met.record.subject.as_ref() == Some(subject));
                    found.extend(theirs.map(|met| met.at));
                }
            }
            // And under two of them at times: from the first a pointer leads to the second by now.
            let mut sessions: Vec<Met> = Vec::with_capacity(found.len());
            for key in found {
                let met = self.followed(key, &mut BTreeSet::new()).await?;
                let Some(mut met) = met else { continue };
                match sessions.iter_mut().find(|other| !other.keys.is_disjoint(&met.keys)) {
                    Some(other) => {
                        met.keys.append(&mut other.keys);
                        *other = met;
                    }
                    None => sessions.push(met),
                }
            }
            let theirs = |met: &Met| met.record.subject.as_ref() == Some(subject);
            let sessions =
                sessions.into_iter().filter(theirs).map(|met| (met.at, met.record)).collect();
            Ok(Listing { sessions, unreadable: 0 }.newest_first())
        })
    }

    /// A session that moves meanwhile is met under the key it had at the beginning, or one that it
    /// had since: from there its pointers are followed, faster than it can move.
    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let whose = Whose { subject: Some(subject), keep };
            let (mut keys, mut ended, mut passed) = (self.keys(), 0, BTreeSet::new());
            while let Some(page) = keys.page().await? {
                for key in page {
                    let end = rotation::end_unless_passed(self, &key, whose, &mut passed);
                    ended += usize::from(end.await?.is_some());
                }
            }
            Ok(ended)
        })
    }
}

impl<K: KeyValue> Sweep for KeyValueStore<K> {
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let (mut keys, mut removed) = (self.keys(), 0);
            while let Some(page) = keys.page().await? {
                for key in page {
                    if removed == limit {
                        return Ok(removed);
                    }
                    removed += usize::from(self.swept(&key, now).await?);
                }
            }
            Ok(removed)
        })
    }
}
