//! A durable store whose sessions another program keeps in its cache: Django's `cached_db`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Diagnose, Directory, Entry, Finding, Listing, Record,
    SessionStore, StoreError, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{StoreKey, Subject, Timestamp};

use crate::cached::findings_of;

/// A durable store before which another program has a cache: Django's `cached_db` engine.
///
/// Django reads its cache first and asks the database on a miss. So everything is
/// read from and written to `back` here, and what is written is deleted from the
/// cache, for Django to read it anew.
///
/// The cache itself is not read. Django deletes from it after the database, and
/// ignores errors of it, so that an ended session may lie there: whoever believes
/// it revives that session, which no invariant of this crate allows. For a cache
/// of our own there is [`Cached`](crate::Cached).
///
/// A cache that cannot be reached fails no call. Django may then go on with what it has
/// there until that ends, as it does when it cannot reach it itself.
pub struct InvalidatedCache<F, B> {
    front: F,
    back: B,
    prefix: Box<str>,
    failures: AtomicU64,
    report: Arc<dyn Fn(&StoreError) + Send + Sync>,
}

impl<F: SessionStore, B: SessionStore> InvalidatedCache<F, B> {
    /// `prefix` is what the cache's keys have before those of `back`:
    /// `:1:django.contrib.sessions.cached_db` unless Django's `KEY_PREFIX` or
    /// `VERSION` are set. `report` is told of every failure of the cache.
    pub fn new(
        front: F,
        back: B,
        prefix: impl Into<Box<str>>,
        report: impl Fn(&StoreError) + Send + Sync + 'static,
    ) -> Self {
        let (prefix, report) = (prefix.into(), Arc::new(report));
        Self { front, back, prefix, failures: AtomicU64::new(0), report }
    }

    /// How often the cache has failed.
    pub fn front_failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// The cache has what was before this write, or is about to.
    async fn forget(&self, key: &StoreKey) {
        let name = StoreKey::from_text(format!("{}{}", self.prefix, key.to_text()));
        if let Err(error) = self.front.delete(&name).await {
            self.failures.fetch_add(1, Ordering::Relaxed);
            (self.report)(&error);
            tracing::warn!(%error, "a session stays in the cache of another program until it ends there");
        }
    }
}

impl<F, B: fmt::Debug> fmt::Debug for InvalidatedCache<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvalidatedCache").field("back", &self.back).finish_non_exhaustive()
    }
}

impl<F: SessionStore, B: SessionStore> SessionStore for InvalidatedCache<F, B> {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.back.load(key).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.back.create(key, record).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let outcome = self.back.update(key, record, expected).await?;
        if matches!(outcome, WriteOutcome::Written(_)) {
            self.forget(key).await;
        }
        Ok(outcome)
    }

    /// The cache keeps its own time; what ends there is read from the database.
    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.back.touch(key, seen, idle).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let outcome = self.back.replace(old_key, expected, new_key, record, pointer_until).await?;
        if matches!(outcome, WriteOutcome::Written(_)) {
            self.forget(old_key).await;
        }
        Ok(outcome)
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.back.delete(key).await?;
        self.forget(key).await;
        Ok(())
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.back.end(key).await?;
        self.forget(key).await;
        Ok(())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        let back = self.back.capabilities();
        Capabilities {
            directory: back.directory.map(|_| self as &dyn Directory),
            diagnose: Some(self),
            ..back
        }
    }
}

impl<F: SessionStore, B: SessionStore> Diagnose for InvalidatedCache<F, B> {
    /// What the store says, and whether the other program's cache answers.
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>> {
        Box::pin(async move {
            let mut findings = findings_of(&self.back, clock).await?;
            let nobodys = StoreKey::from_text(format!("{}sessile-doctor", self.prefix));
            findings.push(match self.front.load(&nobodys).await {
                Ok(_) => Finding::good("cache", "it answers"),
                Err(error) => Finding::bad("cache", error.to_string()).advise(
                    "what is ended here stays in the other program's cache, and its visitors are \
                     logged in there until it ends by itself: check SESSION_CACHE_URL",
                ),
            });
            Ok(findings)
        })
    }
}

impl<F: SessionStore, B: SessionStore> Directory for InvalidatedCache<F, B> {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        match self.back.capabilities().directory {
            Some(directory) => directory.by_subject(subject),
            None => Box::pin(async { Err(StoreError::no_directory("cached")) }),
        }
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let directory = self
                .back
                .capabilities()
                .directory
                .ok_or_else(|| StoreError::no_directory("cached"))?;
            let ending = directory.by_subject(subject).await?;
            let removed = directory.delete_by_subject(subject, keep).await?;
            for (key, _) in ending.sessions.iter().filter(|(key, _)| Some(key) != keep) {
                self.forget(key).await;
            }
            Ok(removed)
        })
    }
}
