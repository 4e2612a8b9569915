//! The fast store: what is asked of it, and what of its answers is believed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use super::kept::{Kept, What};
use super::suspects::{Suspects, Suspicion};
use std::time::Duration;

use super::CachedOptions;
use sessile_core::store::{
    CreateOutcome, Entry, Record, SessionStore, StoreError, StoreErrorKind, Version, WriteOutcome,
};
use sessile_core::{StoreKey, Timestamp};

/// A place in the front that changes faster than this can be written is given up.
const MAX_TRIES: usize = 50;

pub(super) struct Front<F> {
    store: F,
    options: CachedOptions,
    suspects: Suspects,
    failures: AtomicU64,
    resting: Mutex<Option<Timestamp>>,
}

#[allow(clippy::large_enum_variant)] // One lives briefly on the stack per load.
pub(super) enum Found {
    /// A session, with the back's version.
    Live(Record, Version),
    /// Nothing that counts; what was read since may be put there.
    Nothing(Place),
    /// The back must be asked, and the front left alone.
    Unknown,
}

/// Where a session may be put: only if nothing was put there since.
pub(super) struct Place {
    /// What lies there and counts no more; `None` is nothing.
    over: Option<Version>,
    /// When nothing had been read from the back yet.
    at: Timestamp,
}

impl<F: SessionStore> Front<F> {
    pub(super) fn new(store: F, options: CachedOptions) -> Self {
        Self {
            store,
            options,
            suspects: Suspects::default(),
            failures: AtomicU64::new(0),
            resting: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// After this long nothing counts that was put into the front before.
    pub(super) fn span(&self) -> Duration {
        self.options.lease.saturating_add(self.options.skew)
    }

    /// Whether a call has taken so long that half a lease is over. A mark put
    /// before one that has not is still there, whoever looks, for another such call.
    pub(super) fn is_late(&self, since: Timestamp) -> bool {
        self.now() >= since + self.options.lease / 2
    }

    /// Whether a mark put at `before` still lies there, now that the back has
    /// answered: one that a slow back has outlived is put anew.
    pub(super) async fn still_marked(
        &self,
        key: &StoreKey,
        marked: bool,
        before: Timestamp,
    ) -> bool {
        marked && (!self.is_late(before) || self.mark(key).await)
    }

    pub(super) fn patience(&self) -> Duration {
        self.options.patience
    }

    /// One call to the front, given up when it hangs. What a write that was given up does later
    /// is as unknown as after a lost answer.
    async fn asked<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut call = pin!(call);
        let mut timer = None;
        poll_fn(|cx| {
            if let Poll::Ready(answer) = call.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            let timer = timer.get_or_insert_with(|| (self.options.pause)(self.options.patience));
            let late = || StoreError::new("cached", StoreErrorKind::Timeout);
            timer.as_mut().poll(cx).map(|()| Err(late().because("its cache hangs")))
        })
        .await
    }

    pub(super) async fn wait_out(&self) {
        (self.options.pause)(self.span()).await;
    }

    pub(super) fn suspect<'a>(&'a self, key: &'a StoreKey) -> Suspicion<'a> {
        // Twice: once for the call that is about to be made.
        self.suspects.add(key, self.now(), self.span().saturating_mul(2))
    }

    fn failed(&self, error: &StoreError) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        (self.options.report)(error);
        if matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout) {
            let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.now();
            if resting.is_none_or(|until| now >= until) {
                tracing::warn!(%error, "a session cache failed; sessions are read from behind it");
            }
            *resting = Some(now + self.options.rest);
        }
    }

    fn is_resting(&self, now: Timestamp) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.is_some_and(|until| now < until && until <= now + self.options.rest)
    }

    /// Asked for what nobody has.
    pub(super) async fn answers(&self) -> Result<(), StoreError> {
        self.asked(self.store.load(&StoreKey::from_hash([0; 32]))).await.map(|_| ())
    }

    pub(super) async fn load(&self, key: &StoreKey) -> Found {
        let at = self.now();
        if self.is_resting(at) || self.suspects.holds(key, at) {
            return Found::Unknown;
        }
        let (record, version) = match self.asked(self.store.load(key)).await {
            Ok(None) => return Found::Nothing(Place { over: None, at }),
            Ok(Some(Entry::Live(record, version))) => (record, version),
            Ok(Some(Entry::Moved { .. } | Entry::Unreadable(_))) => return Found::Unknown,
            Err(error) => {
                self.failed(&error);
                return Found::Unknown;
            }
        };
        // It was asked before its answer was read, and time has passed since.
        let now = self.now();
        match Kept::from_record(&record) {
            Some(Kept { until, what: What::Session(record, version) })
                if self.counts(until, now)
                    && !record.has_ended(now)
                    && !self.suspects.holds(key, now) =>
            {
                Found::Live(record, version)
            }
            Some(Kept { until, what: What::Mark }) if now < until => Found::Unknown,
            _ => Found::Nothing(Place { over: Some(version), at }),
        }
    }

    /// Not when a clock was set back and it would count for longer than a lease.
    fn counts(&self, until: Timestamp, now: Timestamp) -> bool {
        now < until && until <= now + self.span()
    }

    /// Whether the id has been in use for longer than anybody is believed.
    fn is_settled(&self, record: &Record, at: Timestamp) -> bool {
        let since = record.created.max(record.rotated).max(record.authenticated);
        since.is_none_or(|since| since + self.span() <= at)
    }

    fn session(&self, record: &Record, version: &Version, at: Timestamp) -> Record {
        let what = What::Session(record.clone(), version.clone());
        Kept { until: at + self.options.lease, what }.into_record()
    }

    /// Puts there what the back has said.
    pub(super) async fn fill(
        &self,
        key: &StoreKey,
        place: Place,
        record: &Record,
        version: &Version,
    ) {
        if !self.options.fill || !self.is_settled(record, place.at) || self.is_late(place.at) {
            return;
        }
        let kept = self.session(record, version, place.at);
        let filled = match &place.over {
            None => self.asked(self.store.create(key, &kept)).await.map(|_| ()),
            Some(over) => self.asked(self.store.update(key, &kept, over)).await.map(|_| ()),
        };
        match filled {
            Err(error) if !is_no_key(&error) => self.failed(&error),
            _ => {}
        }
    }

    /// Puts a mark there, whatever there is; whether that was done.
    pub(super) async fn mark(&self, key: &StoreKey) -> bool {
        let mark = |_: Option<Kept>| {
            Some(Kept { until: self.now() + self.span(), what: What::Mark }.into_record())
        };
        self.change(key, mark).await
    }

    /// After an update of the back: the new session in place of the one before
    /// it, or else a mark. Whether nothing older is there any more.
    pub(super) async fn follow(
        &self,
        key: &StoreKey,
        expected: &Version,
        record: &Record,
        version: &Version,
        before: Timestamp,
    ) -> bool {
        let settled = self.is_settled(record, before);
        let followed = self.change(key, |found| {
            let now = self.now();
            let mut record = record.clone();
            let fits = match &found {
                // Of an id this young nobody has put anything there.
                None if !settled => return None,
                None => true,
                // It says to look behind, which is right; put anew, because to a
                // clock that is ahead it may be over, and about to be filled.
                Some(Kept { until, what: What::Mark }) if now < *until => false,
                Some(Kept { what: What::Mark, .. }) => true,
                Some(Kept { what: What::Session(there, found), .. }) => {
                    record.see(there.seen);
                    found == expected
                }
            };
            // An update this slow may be older than a mark that came and went.
            Some(if fits && settled && !self.is_late(before) {
                self.session(&record, version, before)
            } else {
                Kept { until: now + self.span(), what: What::Mark }.into_record()
            })
        });
        // What is too large for the front must not leave the older one there.
        followed.await || self.mark(key).await
    }

    /// After a renewal in the back: the same in what is there, with no longer lease.
    pub(super) async fn touch(&self, key: &StoreKey, seen: Timestamp) -> bool {
        let touch = |found: Option<Kept>| {
            let Kept { until, what: What::Session(mut record, version) } = found? else {
                return None;
            };
            record.see(Some(seen));
            Some(Kept { until, what: What::Session(record, version) }.into_record())
        };
        self.change(key, touch).await
    }

    /// Puts there what `change` makes of what is there, `None` leaving it; whether
    /// that was done.
    async fn change(
        &self,
        key: &StoreKey,
        change: impl Fn(Option<Kept>) -> Option<Record> + Send + Sync,
    ) -> bool {
        if self.is_resting(self.now()) {
            return false;
        }
        for _ in 0..MAX_TRIES {
            match self.try_change(key, &change).await {
                Ok(true) => return true,
                Ok(false) => {}
                // Nothing lies under a key that the front cannot hold.
                Err(error) if is_no_key(&error) => return true,
                Err(error) => {
                    self.failed(&error);
                    return false;
                }
            }
        }
        false
    }

    async fn try_change(
        &self,
        key: &StoreKey,
        change: &(impl Fn(Option<Kept>) -> Option<Record> + Send + Sync),
    ) -> Result<bool, StoreError> {
        Ok(match self.asked(self.store.load(key)).await? {
            None => match change(None) {
                Some(record) => {
                    matches!(
                        self.asked(self.store.create(key, &record)).await?,
                        CreateOutcome::Created(_)
                    )
                }
                None => true,
            },
            Some(Entry::Live(record, version)) => match change(Kept::from_record(&record)) {
                Some(record) => {
                    let outcome = self.asked(self.store.update(key, &record, &version)).await?;
                    matches!(outcome, WriteOutcome::Written(_))
                }
                None => true,
            },
            // What is damaged is not believed either way, and can be removed.
            Some(Entry::Moved { .. } | Entry::Unreadable(_)) => {
                self.asked(self.store.delete(key)).await?;
                false
            }
        })
    }
}

fn is_no_key(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Unrepresentable
}
