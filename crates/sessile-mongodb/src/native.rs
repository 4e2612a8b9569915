//! Our own layout.

pub(crate) mod document;
mod rotation;

use std::time::Duration;

use std::hash::RandomState;

use bytes::Bytes;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use sessile_core::store::rotation::HOPS_TO_END;
use sessile_core::store::{
    CreateOutcome, Cursor, Entry, Listing, Page, Record, TouchOutcome, Version, WriteOutcome,
    first_version,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};

use self::document::{Found, date, fields, number};
use crate::calls::{Calls, Inserted, bounded, to_the_end};
use crate::diagnose::Indexes;
use crate::fault::STORE;

pub(crate) const INDEXES: Indexes = Indexes {
    forget: &[("idle_until", SLACK), ("absolute", SLACK)],
    find: ("subject", "listing a user's sessions"),
};

/// How much longer than its deadlines a document is kept: the clocks of the servers may be
/// apart by this much. Expiry is decided by whoever reads.
const SLACK: Duration = Duration::from_secs(600);

/// How often the sessions of one user are looked for that change their ids meanwhile.
const PASSES: usize = 100;

#[derive(Clone)]
pub(crate) struct Native(pub(crate) Calls);

fn of(key: &StoreKey) -> Document {
    doc! { "_id": key.to_text() }
}

fn at_version(key: &StoreKey, version: i64) -> Document {
    doc! { "_id": key.to_text(), "version": version }
}

/// What has ended by `now`: sessions by either deadline, and pointers.
fn ended(now: Timestamp) -> [Document; 2] {
    let passed = doc! { "$lte": date(now) };
    [doc! { "idle_until": passed.clone() }, doc! { "absolute": passed }]
}

impl Native {
    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let Some(found) = self.0.find(of(key)).await? else { return Ok(None) };
        Ok(match document::read(&found) {
            Ok(Found::Session { record, version, from: None }) => {
                Some(Entry::Live(record, version))
            }
            Ok(Found::Session { record, version, from: Some(from) }) => {
                self.settled(key, &from).await?.then_some(Entry::Live(record, version))
            }
            Ok(Found::Pointer { to, until }) => Some(Entry::Moved { to, until }),
            Ok(Found::Dead) => None,
            Err(why) => Some(Entry::Unreadable(why)),
        })
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        bounded(record)?;
        let version = first_version(&RandomState::new()).cast_signed();
        let mut document = of(key);
        document.extend(fields(record, version));
        Ok(match self.0.insert(document).await? {
            Inserted::Yes => CreateOutcome::Created(document::version(version)),
            Inserted::Taken => CreateOutcome::Exists,
        })
    }

    pub(crate) async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        bounded(record)?;
        let expected = number(expected);
        let next = expected.saturating_add(1);
        let change = document::change(record, next);
        if self.0.update(at_version(key, expected), change).await? {
            return Ok(WriteOutcome::Written(document::version(next)));
        }
        self.refused(key).await
    }

    /// Why no document was the expected one.
    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        Ok(match self.load(key).await? {
            Some(Entry::Live(..)) => WriteOutcome::Conflict,
            Some(Entry::Moved { .. } | Entry::Unreadable(_)) | None => WriteOutcome::Gone,
        })
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        // In one trip where the span that is stored is the one the caller knows.
        let known = Record { seen: Some(seen), idle, ..Record::new(Bytes::new()) };
        let mut live = of(key);
        live.insert("version", doc! { "$exists": true });
        live.insert("idle", known.idle_millis());
        live.insert("$nor", ended(seen).to_vec());
        if self.0.update(live, document::renewal(&known)).await? {
            return Ok(TouchOutcome::Touched);
        }
        for _ in 0..PASSES {
            let Some(found) = self.0.find(of(key)).await? else { return Ok(TouchOutcome::Gone) };
            let Ok(Found::Session { mut record, version, .. }) = document::read(&found) else {
                return Ok(TouchOutcome::Gone);
            };
            if record.has_ended(seen) {
                return Ok(TouchOutcome::Gone);
            }
            record.see(Some(seen));
            // Span and absolute deadline change with the version only; renewals do not disturb
            // each other.
            let same = at_version(key, number(&version));
            if self.0.update(same, document::renewal(&record)).await? {
                return Ok(TouchOutcome::Touched);
            }
        }
        let busy = StoreError::new(STORE, StoreErrorKind::Unavailable);
        Err(busy.because("a session changes faster than it can be renewed"))
    }

    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        bounded(record)?;
        let (this, old, new) = (self.clone(), old_key.clone(), new_key.clone());
        let (record, expected) = (record.clone(), number(expected));
        to_the_end(async move { this.rotate(&old, expected, &new, &record, pointer_until).await })
            .await
    }

    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.0.delete_one(of(key)).await.map(|_| ())
    }

    pub(crate) async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let (mut at, mut from) = (key.clone(), None);
        for _ in 0..HOPS_TO_END {
            let Some(found) = self.0.find(of(&at)).await? else { return Ok(()) };
            let version = match document::read(&found) {
                Ok(Found::Pointer { to, .. }) => {
                    from = Some(std::mem::replace(&mut at, to));
                    continue;
                }
                Ok(Found::Session { version, from: unfinished, .. }) => {
                    // Nobody's, unless its old key points to it.
                    if let Some(old) = unfinished
                        && from.as_ref().is_none_or(|from: &StoreKey| from.to_text() != old)
                        && !self.settled(&at, &old).await?
                    {
                        return Ok(());
                    }
                    version
                }
                Ok(Found::Dead) => return Ok(()),
                Err(_) => return self.delete(&at).await,
            };
            if self.0.delete_one(at_version(&at, number(&version))).await? {
                return Ok(());
            }
        }
        let busy = StoreError::new(STORE, StoreErrorKind::Unavailable);
        Err(busy.because("others kept writing to a session that was to end"))
    }

    pub(crate) async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.sweep(doc! { "$or": ended(now).to_vec() }, limit).await
    }

    pub(crate) async fn by_subject(&self, subject: &Subject) -> Result<Listing, StoreError> {
        let found = self.0.find_all(doc! { "subject": subject.as_str() }, None, None).await?;
        Ok(self.listing(&found).await?.newest_first())
    }

    /// A session that changes its id is under its old key or its new one at any moment. But a
    /// command looks at one document after the other, on one shard after the other: it may come
    /// to the new key before and to the old one after the change, and remove nothing. So it is
    /// repeated until a further look finds none of theirs.
    pub(crate) async fn delete_by_subject(
        &self,
        subject: &Subject,
        keep: Option<&StoreKey>,
    ) -> Result<usize, StoreError> {
        let mut theirs = doc! { "subject": subject.as_str() };
        if let Some(keep) = keep {
            // Nor what the kept one is about to become.
            theirs.insert("_id", doc! { "$ne": keep.to_text() });
            theirs.insert("from", doc! { "$ne": keep.to_text() });
        }
        let mut removed = 0;
        for _ in 0..PASSES {
            removed += self.0.delete(theirs.clone()).await?;
            if self.0.find(theirs.clone()).await?.is_none() {
                return Ok(removed);
            }
        }
        let busy = StoreError::new(STORE, StoreErrorKind::Locked);
        Err(busy.because("the user's sessions keep coming"))
    }

    pub(crate) async fn scan(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        // Pointers lead to a key. Keys are text; what is under another kind of `_id` is found
        // by no key.
        let keys = match after {
            Some(after) => doc! { "$gt": after.key(STORE)?.to_text() },
            None => doc! { "$gte": "" },
        };
        let sessions = doc! { "to": { "$not": { "$type": "string" } }, "_id": keys };
        let key = |found: &RawDocument| document::key_of(found).ok();
        let (found, next) = self.0.page(sessions, "_id", limit, key).await?;
        let listing = self.listing(&found).await?;
        Ok(Page::of(listing, next.as_ref().map(Cursor::after_key)))
    }

    async fn listing(&self, found: &[RawDocumentBuf]) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        for document in found {
            let read = document::key_of(document)
                .and_then(|key| document::read(document).map(|found| (key, found)));
            let (key, found) = match read {
                Ok(read) => read,
                Err(why) => {
                    listing.push(Err(why));
                    continue;
                }
            };
            match found {
                Found::Session { record, from: None, .. } => listing.push(Ok((key, record))),
                // Not one that an unfinished change of id has left.
                Found::Session { record, from: Some(from), .. } => {
                    if self.settled(&key, &from).await? {
                        listing.push(Ok((key, record)));
                    }
                }
                Found::Pointer { .. } | Found::Dead => {}
            }
        }
        Ok(listing)
    }
}
