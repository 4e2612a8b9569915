//! A session moves to a new key, in changes of one document each.
//!
//! 1. The new document is inserted with `from`, the old key. Nobody sees it.
//! 2. The old document, if it is still the expected one, becomes a pointer to
//!    the new key. With this the session has moved; before it, it has not.
//! 3. `from` is taken away.
//! 4. Without grace, the pointer is deleted. It has been a dead one from the
//!    start, which leads nobody to the new key but says that step 2 was done.
//!
//! With step 2 the session is safe under its new key: when a later step fails,
//! the pointer stays, and the move has succeeded.
//!
//! Whoever meets a document with `from` asks the old key whether step 2 was
//! done. So a process that is killed at any point leaves the one or the other.

use std::hash::RandomState;

use mongodb::bson::doc;
use sessile_core::store::{Record, WriteOutcome, first_version};
use sessile_core::{StoreError, StoreKey, Timestamp};

use super::document::{fields, point, renewal, text, time, version};
use super::{Native, at_version, of};
use crate::calls::Inserted;

impl Native {
    pub(super) async fn rotate(
        &self,
        old: &StoreKey,
        expected: i64,
        new: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let number = first_version(&RandomState::new()).cast_signed();
        let mut document = of(new);
        document.extend(fields(record, number));
        document.insert("from", old.to_text());
        if self.0.insert(document).await? == Inserted::Taken {
            return self.refused(old).await;
        }
        let pending = doc! { "_id": new.to_text(), "from": old.to_text() };
        // Should its deletion fail, a dead pointer goes when the session would.
        let until = pointer_until.or(record.ends());
        let pointer = point(new, until, pointer_until.is_none());
        let mut sure = doc! { "$unset": { "from": "" } };
        match self.0.exchange(at_version(old, expected), pointer).await {
            Ok(Some(before)) => {
                let mut record = record.clone();
                record.see(time(&before, "seen").unwrap_or_default());
                sure.extend(renewal(&record));
            }
            // It may have been done and the answer lost: then nobody finds the session
            // but by the new key.
            Err(_) if self.points(old.to_text(), new).await? => {}
            Err(error) => return Err(error),
            Ok(None) => {
                self.0.delete_one(pending).await?;
                return self.refused(old).await;
            }
        }
        if let Err(error) = self.0.update(pending, sure).await {
            // It has moved all the same: whoever loads it makes it sure.
            tracing::warn!(%error, "a session that moved is made sure by its next reader");
        } else if pointer_until.is_none() {
            let dead = doc! { "_id": old.to_text(), "dead": true };
            if let Err(error) = self.0.delete_one(dead).await {
                tracing::warn!(%error, "a pointer that leads nowhere stays until it ends");
            }
        }
        Ok(WriteOutcome::Written(version(number)))
    }

    /// Whether the session under `key`, which was to replace `from`, has done so.
    pub(super) async fn settled(&self, key: &StoreKey, from: &str) -> Result<bool, StoreError> {
        let pending = doc! { "_id": key.to_text(), "from": from };
        if self.points(from.to_owned(), key).await? {
            // Its process was killed before, or is about to do the same.
            self.0.update(pending, doc! { "$unset": { "from": "" } }).await?;
            return Ok(true);
        }
        // Perhaps it was settled since, and the pointer has gone.
        let settled = doc! { "_id": key.to_text(), "from": { "$exists": false } };
        Ok(self.0.find(settled).await?.is_some())
    }

    /// Whether the document of the key `old` has become a pointer to `new`.
    async fn points(&self, old: String, new: &StoreKey) -> Result<bool, StoreError> {
        let Some(old) = self.0.find(doc! { "_id": old }).await? else { return Ok(false) };
        Ok(text(&old, "to").is_ok_and(|to| to == Some(&*new.to_text())))
    }
}
