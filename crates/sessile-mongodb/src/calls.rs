//! The commands we give, each within the time allowed.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use sessile_core::store::Record;
use sessile_core::{StoreError, StoreErrorKind};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::fault;

/// MongoDB's bound for a document, less what stands beside the payload.
const MAX_PAYLOAD: usize = (16 << 20) - (16 << 10);

/// A sweep gives others a turn after this many documents.
pub(crate) const SWEEP_AT_ONCE: usize = 500;

/// One collection, and how long a call to it may take.
///
/// A call whose future is dropped costs its connection: the driver closes one
/// whose reply was not read, so that no reply reaches another call.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) collection: Collection<RawDocumentBuf>,
    pub(crate) timeout: Duration,
    pub(crate) waiting: Arc<Semaphore>,
}

/// What became of an insertion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    Yes,
    Taken,
}

impl Calls {
    async fn run<T>(
        &self,
        call: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, StoreError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| fault::too_many_wait())?;
        timeout(self.timeout, call.into_future()).await.map_err(|_| fault::timeout())
    }

    async fn ok<T>(
        &self,
        call: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        self.run(call).await?.map_err(|error| fault::from(&error))
    }

    pub(crate) async fn find(
        &self,
        filter: Document,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        self.ok(self.collection.find_one(filter)).await
    }

    /// Every document, or the first `limit` in the order of `sort`.
    pub(crate) async fn find_all(
        &self,
        filter: Document,
        sort: Option<Document>,
        limit: Option<usize>,
    ) -> Result<Vec<RawDocumentBuf>, StoreError> {
        self.ok(async {
            let mut find = self.collection.find(filter);
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

    pub(crate) async fn insert(&self, document: Document) -> Result<Inserted, StoreError> {
        let documents = self.collection.clone_with_type::<Document>();
        let inserted = self.run(documents.insert_one(document)).await?;
        taken_or(inserted.map(|_| Inserted::Yes))
    }

    /// Inserts unless the filter finds something already.
    pub(crate) async fn insert_unless(
        &self,
        filter: Document,
        document: Document,
    ) -> Result<Inserted, StoreError> {
        let update = doc! { "$setOnInsert": document };
        let done = self.run(self.collection.update_one(filter, update).upsert(true)).await?;
        taken_or(done.map(|done| match done.upserted_id {
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
        let done = self.ok(self.collection.update_one(filter, update)).await?;
        Ok(done.matched_count > 0)
    }

    /// How many there were.
    pub(crate) async fn delete(&self, filter: Document) -> Result<usize, StoreError> {
        let done = self.ok(self.collection.delete_many(filter)).await?;
        Ok(usize::try_from(done.deleted_count).unwrap_or(usize::MAX))
    }

    /// As [`delete`](Self::delete), where there is one at most; repeated by the
    /// driver when the connection is lost, which it does for no other deletion.
    pub(crate) async fn delete_one(&self, filter: Document) -> Result<bool, StoreError> {
        Ok(self.ok(self.collection.delete_one(filter)).await?.deleted_count > 0)
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
        self.ok(async {
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
    tokio::spawn(work).await.unwrap_or_else(|_| {
        Err(StoreError::new(fault::STORE, StoreErrorKind::Unavailable)
            .because("the runtime is shutting down"))
    })
}
