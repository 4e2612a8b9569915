//! Flask-Session 0.8's layout: `{id: key, val: Binary, expiration: datetime}`.
//!
//! Theirs has no index on `id`, so that two first saves of one id at once can
//! leave two documents, and every request reads the whole collection. We make
//! the index, but not a unique one: with that, a save of theirs that lost such
//! a race would fail. What we create cannot be there twice all the same: `_id`,
//! which they leave to the driver, is made from the key, and is always unique.

use std::time::Duration;

use bytes::Bytes;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use sessile_core::store::{
    CreateOutcome, Cursor, Entry, Page, Record, TouchOutcome, Unreadable, Version, WriteOutcome,
};
use sessile_core::{StoreError, StoreKey, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::calls::{Calls, Inserted, bounded, to_the_end};
use crate::diagnose::Indexes;
use crate::fault::{STORE, unreadable};
use crate::native::document::{binary, bytes, date, text, time};

pub(crate) const INDEXES: Indexes =
    Indexes { forget: &[("expiration", Duration::ZERO)], find: ("id", "every request") };

#[derive(Clone)]
pub(crate) struct FlaskSession(pub(crate) Calls);

fn of(key: &StoreKey) -> Document {
    doc! { "id": key.to_text() }
}

/// The document with the bytes that were loaded; none has those of another kind of version.
fn at_version(key: &StoreKey, version: &Version) -> Document {
    match version {
        Version::Bytes(loaded) => doc! { "id": key.to_text(), "val": binary(loaded) },
        Version::Number(_) => doc! { "id": key.to_text(), "_id": { "$exists": false } },
    }
}

fn object_id(key: &StoreKey) -> ObjectId {
    let digest: [u8; 32] =
        Sha256::new().chain_update(b"sessile _id\0").chain_update(key.as_bytes()).finalize().into();
    let mut id = [0; 12];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    ObjectId::from_bytes(id)
}

fn version(payload: &Bytes) -> Version {
    Version::Bytes(payload.clone())
}

fn read(document: &RawDocument) -> Result<Record, Unreadable> {
    Ok(Record::ending(bytes(document, "val")?, time(document, "expiration")?))
}

impl FlaskSession {
    pub(crate) async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let Some(found) = self.0.find(of(key)).await? else { return Ok(None) };
        Ok(Some(match read(&found) {
            Ok(record) => {
                let version = version(&record.payload);
                Entry::Live(record, version)
            }
            Err(why) => Entry::Unreadable(why),
        }))
    }

    pub(crate) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        bounded(record)?;
        let mut document = doc! { "_id": object_id(key), "val": binary(&record.payload) };
        if let Some(end) = record.ends() {
            document.insert("expiration", date(end));
        }
        Ok(match self.0.insert_unless(of(key), document).await? {
            Inserted::Yes => CreateOutcome::Created(version(&record.payload)),
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
        let mut set = doc! { "val": binary(&record.payload) };
        let change = match record.ends() {
            Some(end) => {
                set.insert("expiration", date(end));
                doc! { "$set": set }
            }
            None => doc! { "$set": set, "$unset": { "expiration": "" } },
        };
        if self.0.update(at_version(key, expected), change).await? {
            return Ok(WriteOutcome::Written(version(&record.payload)));
        }
        self.refused(key).await
    }

    async fn refused(&self, key: &StoreKey) -> Result<WriteOutcome, StoreError> {
        let live = matches!(self.load(key).await?, Some(Entry::Live(..)));
        Ok(if live { WriteOutcome::Conflict } else { WriteOutcome::Gone })
    }

    pub(crate) async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let mut live = of(key);
        live.insert("expiration", doc! { "$gt": date(seen) });
        let touched = match idle {
            Some(span) => {
                self.0.update(live, doc! { "$max": { "expiration": date(seen + span) } }).await?
            }
            None => self.0.find(live).await?.is_some(),
        };
        let mut endless = of(key);
        endless.insert("expiration", doc! { "$exists": false });
        let touched = touched || self.0.find(endless).await?.is_some();
        Ok(if touched { TouchOutcome::Touched } else { TouchOutcome::Gone })
    }

    /// Without a pointer: their layout has none.
    pub(crate) async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
    ) -> Result<WriteOutcome, StoreError> {
        bounded(record)?;
        let (this, old, new) = (self.clone(), old_key.clone(), new_key.clone());
        let (record, expected) = (record.clone(), expected.clone());
        to_the_end(async move {
            let CreateOutcome::Created(version) = this.create(&new, &record).await? else {
                return this.refused(&old).await;
            };
            if this.0.delete(at_version(&old, &expected)).await? == 0 {
                this.delete(&new).await?;
                return this.refused(&old).await;
            }
            Ok(WriteOutcome::Written(version))
        })
        .await
    }

    /// There are no pointers in this layout.
    pub(crate) async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.delete(key).await
    }

    /// Every document of that id, should a race of theirs have left two.
    pub(crate) async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.0.delete(of(key)).await.map(|_| ())
    }

    pub(crate) async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.sweep(doc! { "expiration": { "$lte": date(now) } }, limit).await
    }

    pub(crate) async fn scan(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let from = match after {
            Some(after) => doc! { "$gt": after.key(STORE)?.to_text() },
            // Of any other type there is no key.
            None => doc! { "$gte": "" },
        };
        let key = |found: &RawDocument| text(found, "id").ok().flatten().map(StoreKey::from_text);
        let (found, next) = self.0.page(doc! { "id": from }, "id", limit, key).await?;
        let session = |found: &RawDocumentBuf| {
            let key = key(found).ok_or_else(|| unreadable("id"))?;
            Ok((key, read(found)?))
        };
        let listing = found.iter().map(session).collect();
        Ok(Page::of(listing, next.as_ref().map(Cursor::after_key)))
    }
}
