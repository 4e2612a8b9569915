//! Opening stores, making keys and records, running cases.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sessile_core::store::{BoxFuture, CreateOutcome, Entry, Record, Version};
use sessile_core::{SessionStore, StoreError, StoreKey, Subject, Timestamp};

use crate::check::{Failure, Verdict, ensure, ensure_eq};
use crate::{Capabilities, CaseResult, Keys};

/// Opens a store. Every call gives one more handle on the same backend.
///
/// Closures that return futures are this.
pub trait Open: Send + Sync {
    /// What it opens.
    type Store: SessionStore;
    /// One more handle.
    fn open(&self) -> BoxFuture<'_, Result<Self::Store, StoreError>>;
}

impl<F, Fut, S> Open for F
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = Result<S, StoreError>> + Send + 'static,
    S: SessionStore,
{
    type Store = S;

    fn open(&self) -> BoxFuture<'_, Result<S, StoreError>> {
        Box::pin(self())
    }
}

/// A store to test and what it says it can do.
pub struct Suite<O> {
    open: O,
    can: Capabilities,
    base: [u8; 24],
    keys: AtomicU64,
    #[cfg(feature = "http")]
    door: std::sync::Arc<dyn crate::http::Door>,
}

impl<O: Open> Suite<O> {
    /// A suite for the stores that `open` opens.
    pub fn new(open: O, can: Capabilities) -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        // Keys of this run only, so that a shared server may keep those of other runs.
        let mut base = [0; 24];
        for part in base.chunks_mut(8) {
            part.copy_from_slice(&RandomState::new().hash_one(now().as_millis()).to_le_bytes());
        }
        Self {
            open,
            can,
            base,
            keys: AtomicU64::new(0),
            #[cfg(feature = "http")]
            door: std::sync::Arc::new(crate::http::Axum),
        }
    }

    /// Enters through another framework than axum.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn through(self, door: impl crate::http::Door + 'static) -> Self {
        Self { door: std::sync::Arc::new(door), ..self }
    }

    /// The framework that the scripts enter through.
    #[cfg(feature = "http")]
    pub fn door(&self) -> std::sync::Arc<dyn crate::http::Door> {
        self.door.clone()
    }

    /// What the store says it can do.
    pub fn can(&self) -> &Capabilities {
        &self.can
    }

    /// One more handle on the store.
    pub async fn open(&self) -> Result<O::Store, StoreError> {
        self.open.open().await
    }

    /// A key nobody has used, of the layout's kind.
    pub fn key(&self) -> StoreKey {
        let mut hash = [0; 32];
        let number = self.keys.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash[8..].copy_from_slice(&self.base);
        match self.can.keys {
            Keys::Hashed => StoreKey::from_hash(hash),
            Keys::Text(prefix) => {
                let text = StoreKey::from_hash(hash).to_text();
                StoreKey::from_text(format!("{prefix}{}", &text[..32]))
            }
        }
    }

    /// A user nobody else uses.
    pub fn subject(&self, name: &str) -> Result<Subject, Failure> {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        let base = u64::from_le_bytes(self.base[..8].try_into().unwrap_or_default());
        Subject::new(format!("{name} {number} {base:x}"))
            .ok_or_else(|| Failure(format!("{name:?} is no subject")))
    }

    /// A record that lives for an hour, with every field set that the store keeps.
    pub fn record(&self, payload: impl Into<Bytes>) -> Record {
        let now = now();
        let ago = |millis: i64| Some(Timestamp::from_millis(now.as_millis() - millis));
        Record {
            created: ago(7_200_123),
            seen: ago(1_001),
            rotated: ago(3_600_007),
            authenticated: ago(3_600_999),
            idle: Some(Duration::from_millis(3_601_322)),
            absolute: Some(now + Duration::from_millis(86_400_654)),
            permanent: true,
            ..Record::new(payload)
        }
    }

    /// Creates an entry that must not have been there.
    pub async fn create(
        &self,
        store: &O::Store,
        key: &StoreKey,
        record: &Record,
    ) -> Result<Version, Failure> {
        match store.create(key, record).await? {
            CreateOutcome::Created(version) => Ok(version),
            CreateOutcome::Exists => Err(Failure("a fresh key is taken already".into())),
        }
    }

    /// What is under a key; where another handle's writes take a while to be
    /// seen, what is there once it is `wanted`.
    pub(crate) async fn seen(
        &self,
        store: &O::Store,
        key: &StoreKey,
        wanted: impl Fn(&Option<Entry>) -> bool,
    ) -> Result<Option<Entry>, StoreError> {
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let found = store.load(key).await?;
            let late = tokio::time::Instant::now() >= patience;
            if self.can.immediate || late || wanted(&found) {
                return Ok(found);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Whether two moments are the same to this store.
    pub fn same_moment(&self, found: Option<Timestamp>, wanted: Option<Timestamp>) -> bool {
        match (found, wanted) {
            (Some(found), Some(wanted)) => {
                let apart = found.as_millis().abs_diff(wanted.as_millis());
                u128::from(apart) < self.can.precision.as_millis()
            }
            (found, wanted) => found == wanted,
        }
    }

    /// Fails unless `found` is `wanted` in everything that the store keeps.
    pub fn same(&self, found: &Record, wanted: &Record, what: &str) -> Result<(), Failure> {
        ensure!(
            found.payload == wanted.payload,
            "{what}: the payload came back changed ({} bytes, wanted {})",
            found.payload.len(),
            wanted.payload.len()
        );
        let (one, other) = (found.deadlines(), wanted.deadlines());
        if self.can.two_deadlines {
            let same = self.same_moment(one.idle, other.idle)
                && self.same_moment(one.absolute, other.absolute);
            ensure!(same, "{what}: deadlines: found {one:?}, wanted {other:?}");
            ensure_eq!(found.idle, wanted.idle, "{what}: idle span");
        } else {
            let same = self.same_moment(one.earliest(), other.earliest());
            ensure!(same, "{what}: deadlines: found {one:?}, wanted {other:?}");
        }
        if self.can.directory {
            ensure_eq!(found.subject, wanted.subject, "{what}: subject");
        }
        if self.can.metadata {
            for (name, found, wanted) in [
                ("created", found.created, wanted.created),
                ("seen", found.seen, wanted.seen),
                ("rotated", found.rotated, wanted.rotated),
                ("authenticated", found.authenticated, wanted.authenticated),
            ] {
                let same = self.same_moment(found, wanted);
                ensure!(same, "{what}: {name}: found {found:?}, wanted {wanted:?}");
            }
            ensure_eq!(found.permanent, wanted.permanent, "{what}: permanent");
        }
        Ok(())
    }
}

/// Has the record end at these moments: the idle deadline by its span if it is after the last
/// activity, else by an activity a minute before it.
pub(crate) fn ending(record: &mut Record, idle: Option<Timestamp>, absolute: Option<Timestamp>) {
    record.absolute = absolute;
    record.idle = idle.map(|end| {
        let minute = Timestamp::from_millis(end.as_millis() - 60_000);
        let seen = record.seen.filter(|seen| *seen <= minute).unwrap_or(minute);
        record.seen = Some(seen);
        end.saturating_since(seen)
    });
}

/// The clock of the machine, in the milliseconds a [`Timestamp`] has.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(0) + since
}

/// Runs a future to its end on a runtime of its own, with two threads.
pub fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?.block_on(future))
}

/// Runs a case to its end, which the store may not skip.
///
/// # Errors
///
/// The case's, when it is skipped, and when no runtime can be made.
pub fn passed(case: impl Future<Output = CaseResult>) -> Result<(), Failure> {
    match block_on(case)?? {
        Verdict::Passed => Ok(()),
        Verdict::Skipped(why) => Err(Failure(format!("skipped: {why}"))),
    }
}

/// What [`run_all`] found.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases the store passed.
    pub passed: Vec<&'static str>,
    /// Cases about what the store said it cannot do, with what it said.
    pub skipped: Vec<(&'static str, &'static str)>,
    /// Cases the store failed, with what was found.
    pub failed: Vec<(&'static str, Failure)>,
}

impl Report {
    pub(crate) fn add(&mut self, case: &'static str, result: CaseResult) {
        match result {
            Ok(Verdict::Passed) => self.passed.push(case),
            Ok(Verdict::Skipped(why)) => self.skipped.push((case, why)),
            Err(failure) => self.failed.push((case, failure)),
        }
    }

    /// Whether nothing failed.
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, why) in &self.skipped {
            writeln!(f, "skipped {case}: {why}")?;
        }
        for (case, failure) in &self.failed {
            writeln!(f, "FAILED  {case}: {failure}")?;
        }
        let (passed, failed) = (self.passed.len(), self.failed.len());
        write!(f, "{passed} passed, {failed} failed, {} skipped", self.skipped.len())
    }
}

/// Runs every case, one after the other, whatever the ones before found.
pub async fn run_all<O: Open>(open: O, can: Capabilities) -> Report {
    let suite = Suite::new(open, can);
    let mut report = Report::default();
    crate::cases::run(&suite, &mut report).await;
    report
}
