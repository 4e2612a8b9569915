//! A store that notes each call to it.

use std::time::Duration;

use sessile::store::{
    BoxFuture, Capabilities, CreateOutcome, Directory, Entry, Listing, Record, TouchOutcome,
    Version, WriteOutcome,
};
use sessile::{AnyStore, SessionStore, StoreError, StoreKey, Subject, Timestamp};

use super::note;

/// Hands every call on, and notes it with what came of it.
pub(crate) struct Counted(pub(crate) AnyStore);

fn came<T>(
    call: &'static str,
    answer: Result<T, StoreError>,
    words: impl FnOnce(&T) -> &'static str,
) -> Result<T, StoreError> {
    let came = answer.as_ref().map_or("failed", words);
    note(|notes| notes.trips.push((call, came)));
    answer
}

fn written(outcome: &WriteOutcome) -> &'static str {
    match outcome {
        WriteOutcome::Conflict => "somebody else wrote in between",
        WriteOutcome::Gone => "the session is gone",
        _ => "written",
    }
}

impl SessionStore for Counted {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        came("load", self.0.load(key).await, |entry| match entry {
            Some(Entry::Live(..)) => "found",
            Some(_) => "moved to a new id",
            None => "nothing there",
        })
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        came("create", self.0.create(key, record).await, |outcome| match outcome {
            CreateOutcome::Exists => "taken",
            _ => "written",
        })
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        came("update", self.0.update(key, record, expected).await, written)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        came("touch", self.0.touch(key, seen, idle).await, |outcome| match outcome {
            TouchOutcome::Gone => "the session is gone",
            _ => "renewed",
        })
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let answer = self.0.replace(old_key, expected, new_key, record, pointer_until).await;
        came("replace", answer, written)
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        came("delete", self.0.delete(key).await, |()| "gone")
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        came("end", self.0.end(key).await, |()| "ended")
    }

    fn capabilities(&self) -> Capabilities<'_> {
        let inner = self.0.capabilities();
        let directory = inner.directory.map(|_| self as &dyn Directory);
        Capabilities { directory, ..inner }
    }
}

impl Counted {
    fn directory(&self) -> Result<&dyn Directory, StoreError> {
        let none = || StoreError::no_directory("demo");
        self.0.capabilities().directory.ok_or_else(none)
    }
}

impl Directory for Counted {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(async move {
            let answer = self.directory()?.by_subject(subject).await;
            came("list a user’s", answer, |_| "listed")
        })
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let answer = self.directory()?.delete_by_subject(subject, keep).await;
            came("end a user’s", answer, |_| "gone")
        })
    }
}
