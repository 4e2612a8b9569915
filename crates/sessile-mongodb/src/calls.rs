//! The commands we give, each within the time allowed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;
use sessile_core::store::Record;
use sessile_core::{StoreError, StoreErrorKind, StoreKey};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::fault;

/// MongoDB's bound for a document, less what stands beside the payload.
const MAX_PAYLOAD: usize = (16 << 20) - (16 << 10);

/// A sweep gives others a turn after this many documents.
pub(crate) const SWEEP_AT_ONCE: usize = 500;

/// One collection, and how long a call to it may take.
///
/// A command that was given to the driver is left to it, in a task of its own,
/// when its caller stops waiting. Dropped at once it would be safe too: the
/// driver closes a connection whose reply was not read. But whoever is dropped
/// while he waits for a connection keeps his place in the driver's queue, which
/// moves on by one at a time, if need be every half second; hundreds of such
/// places hold up everybody for minutes. So those wait here instead, and no more
/// than there are connections ask the driver for one.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) collection: Collection<RawDocumentBuf>,
    pub(crate) timeout: Duration,
    /// Callers.
    pub(crate) waiting: Arc<Semaphore>,
    /// Connections.
    pub(crate) connections: Arc<Semaphore>,
}

/// What became of an insertion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    Yes,
    Taken,
}

impl Calls {
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Result<T, Error>, StoreError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| fault::too_many_wait())?;
        let (deadline, limit) = (Instant::now() + self.timeout, self.timeout * 2);
        let connection = timeout_at(deadline, Arc::clone(&self.connections).acquire_owned());
        let connection = connection.await.map_err(|_| fault::timeout())?;
        let task = tokio::spawn(async move {
            let _connection = connection;
            timeout(limit, call).await
        });
        match timeout_at(deadline, task).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(_))) | Err(_) => Err(fault::timeout()),
            Ok(Err(_)) => Err(fault::runtime_ends()),
        }
    }

    async fn ok<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(call).await?.map_err(|error| fault::from(&error))
    }

    pub(crate) async fn find(
        &self,
        filter: Document,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        let collection = self.collection.clone();
        self.ok(async move { collection.find_one(filter).await }).await
    }

    /// Every document, or the first `limit` in the order of `sort`.
    pub(crate) async fn find_all(
        &self,
        filter: Document,
        sort: Option<Document>,
        limit: Option<usize>,
    ) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let collection = self.collection.clone();
        self.ok(async move {
            let mut find = collection.find(filter);
            if let Some(sort) = sort {
                find = find.sort(sort);
            }
            if let Some(limit) = limit {
                // MongoDB takes zero for no limit.
                find = find.limit(i64::try_from(limit.max(1)).unwrap_or(i64::MAX));
            }
            let mut cursor = find.await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(cursor.current().to_owned());
            }
            Ok(found)
        })
        .await
    }

    /// At least one document of the filter, and about `limit`, if there are as many, in the
    /// order of the field `by`; and the key that the next page comes after. One whose key
    /// cannot be read gives no place to go on from, so a page ends with one that can, or
    /// with the last of all.
    pub(crate) async fn page(
        &self,
        filter: Document,
        by: &'static str,
        limit: usize,
        key: impl Fn(&RawDocument) -> Option<StoreKey>,
    ) -> Result<(Vec<RawDocumentBuf>, Option<StoreKey>), StoreError> {
        let mut at_once = limit.max(1);
        loop {
            let order = Some(doc! { by: 1 });
            let mut found = self.find_all(filter.clone(), order, Some(at_once)).await?;
            if found.len() < at_once {
                return Ok((found, None));
            }
            let keys = found.iter().enumerate().rev();
            let last = keys.map(|(at, found)| Some((at, key(found)?))).find_map(|last| last);
            if let Some((at, next)) = last {
                found.truncate(at + 1);
                return Ok((found, Some(next)));
            }
            at_once = at_once.saturating_mul(2);
        }
    }

    pub(crate) async fn insert(&self, document: Document) -> Result<Inserted, StoreError> {
        let documents = self.collection.clone_with_type::<Document>();
        let inserted = self.run(async move { documents.insert_one(document).await }).await?;
        taken_or(inserted.map(|_| Inserted::Yes))
    }

    /// Inserts unless the filter finds something already.
    pub(crate) async fn insert_unless(
        &self,
        filter: Document,
        document: Document,
    ) -> Result<Inserted, StoreError> {
        let collection = self.collection.clone();
        let update = doc! { "$setOnInsert": document };
        let upsert = async move { collection.update_one(filter, update).upsert(true).await };
        taken_or(self.run(upsert).await?.map(|done| match done.upserted_id {
            Some(_) => Inserted::Yes,
            None => Inserted::Taken,
        }))
    }

    /// Changes the document that the filter finds, and never makes one; whether it found one.
    pub(crate) async fn update(
        &self,
        filter: Document,
        update: Document,
    ) -> Result<bool, StoreError> {
        let collection = self.collection.clone();
        let done = self.ok(async move { collection.update_one(filter, update).await }).await?;
        Ok(done.matched_count > 0)
    }

    /// As [`update`](Self::update); what the document was before.
    pub(crate) async fn exchange(
        &self,
        filter: Document,
        update: Document,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        let collection = self.collection.clone();
        self.ok(async move { collection.find_one_and_update(filter, update).await }).await
    }

    /// How many there were.
    pub(crate) async fn delete(&self, filter: Document) -> Result<usize, StoreError> {
        let collection = self.collection.clone();
        let done = self.ok(async move { collection.delete_many(filter).await }).await?;
        Ok(usize::try_from(done.deleted_count).unwrap_or(usize::MAX))
    }

    /// As [`delete`](Self::delete), where there is one at most; repeated by the
    /// driver when the connection is lost, which it does for no other deletion.
    pub(crate) async fn delete_one(&self, filter: Document) -> Result<bool, StoreError> {
        let collection = self.collection.clone();
        let done = self.ok(async move { collection.delete_one(filter).await }).await?;
        Ok(done.deleted_count > 0)
    }

    /// Deletes at most `limit` documents that have ended.
    pub(crate) async fn sweep(&self, ended: Document, limit: usize) -> Result<usize, StoreError> {
        let mut removed = 0;
        while removed < limit {
            let at_once = (limit - removed).min(SWEEP_AT_ONCE);
            let found = self.find_ids(ended.clone(), at_once).await?;
            let (full, mut these) = (found.len() == at_once, ended.clone());
            these.insert("_id", doc! { "$in": found });
            // Asked again: what was renewed meanwhile stays.
            removed += self.delete(these).await?;
            if !full {
                break;
            }
        }
        Ok(removed)
    }

    async fn find_ids(
        &self,
        filter: Document,
        limit: usize,
    ) -> Result<Vec<mongodb::bson::Bson>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let documents = self.collection.clone_with_type::<Document>();
        self.ok(async move {
            let find = documents.find(filter).projection(doc! { "_id": 1 }).limit(limit);
            let (mut cursor, mut found) = (find.await?, Vec::new());
            while cursor.advance().await? {
                found.extend(cursor.deserialize_current()?.remove("_id"));
            }
            Ok(found)
        })
        .await
    }
}

fn taken_or(inserted: Result<Inserted, Error>) -> Result<Inserted, StoreError> {
    match inserted {
        Ok(inserted) => Ok(inserted),
        Err(error) if fault::is_duplicate(&error) => Ok(Inserted::Taken),
        Err(error) => Err(fault::from(&error)),
    }
}

pub(crate) fn bounded(record: &Record) -> Result<(), StoreError> {
    if record.payload.len() > MAX_PAYLOAD {
        return Err(StoreError::new(fault::STORE, StoreErrorKind::TooLarge));
    }
    Ok(())
}

/// Runs a write of several steps to its end, whether its caller waits or not.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(fault::runtime_ends()))
}
