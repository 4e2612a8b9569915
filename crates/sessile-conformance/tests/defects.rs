//! Stores with the defects of others: the suite finds each.
//!
//! A suite that passes everything would prove nothing.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use sessile_conformance::{Capabilities, block_on, run_all};
use sessile_core::store::{
    self, BoxFuture, CreateOutcome, Cursor, Directory, Entry, Listing, Page, Record, Scan,
    TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{
    MemoryStore, SessionStore, StoreError, StoreErrorKind, StoreKey, Subject, Timestamp,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    /// tower-sessions: a save makes what is not there.
    UpdateRevives,
    /// The last write wins.
    IgnoresVersions,
    /// tower-sessions 0.12: an id that collides takes over a session.
    CreateOverwrites,
    /// The old session is gone before the new one is safe.
    ReplaceForgetsTheOldFirst,
    /// A renewal may shorten.
    TouchMovesBack,
    /// A renewal counts as a write.
    TouchChangesTheVersion,
    /// A column that is too short.
    TruncatesPayloads,
    /// "Log out everywhere else" ends this one too.
    KeepsNothing,
    /// django-redis, pymemcache: a key that cannot be asked for is an error.
    FailsOnStrangeKeys,
    /// MySQL's default collation.
    IgnoresCase,
    /// A page that is not full is taken for the last.
    StopsAtShortPages,
}

#[derive(Clone)]
struct Faulty(MemoryStore, Defect);

impl Faulty {
    async fn force(&self, key: &StoreKey, record: &Record) -> Result<Version, StoreError> {
        self.0.delete(key).await?;
        match self.0.create(key, record).await? {
            CreateOutcome::Created(version) => Ok(version),
            CreateOutcome::Exists => Ok(Version::Number(0)),
        }
    }
}

impl SessionStore for Faulty {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let text = key.to_text();
        if self.1 == Defect::FailsOnStrangeKeys && text.contains(' ') {
            return Err(StoreError::new("faulty", StoreErrorKind::Unavailable));
        }
        let mut entry = self.0.load(key).await?;
        if self.1 == Defect::IgnoresCase && entry.is_none() {
            let hash = StoreKey::from_hex(&text.to_lowercase());
            entry = self.0.load(&hash.unwrap_or_else(|| key.clone())).await?;
        }
        if let (Defect::TruncatesPayloads, Some(Entry::Live(record, _))) = (self.1, &mut entry) {
            record.payload.truncate(65_535);
        }
        Ok(entry)
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        if self.1 == Defect::CreateOverwrites {
            return Ok(CreateOutcome::Created(self.force(key, record).await?));
        }
        self.0.create(key, record).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let there = self.0.load(key).await?;
        match (self.1, there) {
            (Defect::UpdateRevives, None) | (Defect::IgnoresVersions, Some(Entry::Live(..))) => {
                Ok(WriteOutcome::Written(self.force(key, record).await?))
            }
            _ => self.0.update(key, record, expected).await,
        }
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        if let Some(Entry::Live(mut record, version)) = self.0.load(key).await? {
            match self.1 {
                Defect::TouchMovesBack => {
                    record.seen = Some(seen);
                    self.force(key, &record).await?;
                    return Ok(TouchOutcome::Touched);
                }
                Defect::TouchChangesTheVersion => {}
                _ => return self.0.touch(key, seen, idle).await,
            }
            self.0.update(key, &record, &version).await?;
        }
        self.0.touch(key, seen, idle).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        if self.1 == Defect::ReplaceForgetsTheOldFirst {
            self.0.delete(old_key).await?;
            tokio::task::yield_now().await;
            return Ok(WriteOutcome::Written(self.force(new_key, record).await?));
        }
        self.0.replace(old_key, expected, new_key, record, pointer_until).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    fn capabilities(&self) -> store::Capabilities<'_> {
        store::Capabilities { directory: Some(self), scan: Some(self), ..self.0.capabilities() }
    }
}

impl Scan for Faulty {
    /// The defect meets sessions that go between the two looks of a page.
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let mut page = self.0.scan(after, limit).await?;
            if self.1 == Defect::StopsAtShortPages {
                let doomed = |record: &Record| &record.payload[..] == b"fleeting";
                page.entries.retain(|(_, record)| !doomed(record));
                page.next.take_if(|_| page.entries.len() < limit);
            }
            Ok(page)
        })
    }
}

impl Directory for Faulty {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        self.0.by_subject(subject)
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        let keep = keep.filter(|_| self.1 != Defect::KeepsNothing);
        self.0.delete_by_subject(subject, keep)
    }
}

/// The names of the cases that a store with this defect fails.
fn found(defect: Defect) -> Vec<&'static str> {
    let store = Faulty(MemoryStore::new(), defect);
    let open = move || {
        let store = store.clone();
        async move { Ok(store) }
    };
    let report = block_on(run_all(open, Capabilities::all())).unwrap();
    assert!(report.skipped.is_empty() && report.passed.len() + report.failed.len() == 67);
    report.failed.into_iter().map(|(case, _)| case).collect()
}

#[test]
fn a_store_without_a_defect_fails_nothing() {
    assert_eq!(found(Defect::None), [""; 0]);
}

#[test]
fn every_defect_of_others_is_found_by_the_case_about_it() {
    for (defect, case) in [
        (Defect::UpdateRevives, "ended::a_logout_is_not_revived_by_a_late_save"),
        (Defect::IgnoresVersions, "operations::update_from_an_older_version_conflicts"),
        (Defect::CreateOverwrites, "operations::create_never_overwrites_a_live_entry"),
        (Defect::ReplaceForgetsTheOldFirst, "cancellation::a_dropped_replace_loses_nothing"),
        (Defect::TouchMovesBack, "expiry::touch_moves_forward_only"),
        (Defect::TouchChangesTheVersion, "concurrency::touch_does_not_disturb_an_update"),
        (Defect::TruncatesPayloads, "payloads::a_large_payload_survives"),
        (Defect::KeepsNothing, "directory::ending_a_users_sessions_keeps_the_named_one"),
        (Defect::FailsOnStrangeKeys, "hostile_keys::a_hostile_key_is_a_missing_one"),
        (Defect::IgnoresCase, "hostile_keys::no_key_finds_the_session_of_another"),
        (Defect::StopsAtShortPages, "scanning::what_stays_is_found_while_others_go"),
    ] {
        let failed = found(defect);
        assert!(failed.contains(&case), "{case} was passed; failed: {failed:?}");
    }
}
