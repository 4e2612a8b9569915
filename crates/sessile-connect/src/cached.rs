//! A fast store in front of a durable one.

mod front;
mod kept;
mod suspects;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::front::Front;
use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Diagnose, Directory, Entry, Finding, Listing, Record,
    SessionStore, StoreError, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{StoreKey, Subject, Timestamp};

/// How a [`Cached`] store uses its front.
#[derive(Clone)]
pub struct CachedOptions {
    /// How long what the front holds is believed after it was read from the back.
    /// 5 seconds by default. See [`Cached`] for what hangs on it.
    pub lease: Duration,
    /// How far the clocks of the processes may be apart. 1 second by default.
    pub skew: Duration,
    /// How long a front that failed is not asked for sessions. 1 second by default.
    pub rest: Duration,
    /// How long the front may take for one answer. 250 milliseconds by default: a front that hangs
    /// costs the requests that ask it so much, once in each [`rest`](Self::rest).
    pub patience: Duration,
    /// Whether sessions read from the back are put into the front, as they are by default.
    /// Not where a store is only to be looked at.
    pub fill: bool,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pause: Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    report: Arc<dyn Fn(&StoreError) + Send + Sync>,
}

impl CachedOptions {
    /// With the caller's clock, and its way to wait: a runtime's sleep.
    pub fn new(
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        pause: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            lease: Duration::from_secs(5),
            skew: Duration::from_secs(1),
            rest: Duration::from_secs(1),
            patience: Duration::from_millis(250),
            fill: true,
            clock: Arc::new(clock),
            pause: Arc::new(pause),
            report: Arc::new(|_| {}),
        }
    }

    /// Told of every failure of the front, which no caller of the store hears of.
    #[must_use]
    pub fn report(mut self, report: impl Fn(&StoreError) + Send + Sync + 'static) -> Self {
        self.report = Arc::new(report);
        self
    }
}

impl fmt::Debug for CachedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedOptions").field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// Any fast store in front of any durable one, in any number of processes.
///
/// Everything is written to the back, and versions are the back's: an update of
/// something stale meets `Conflict` there. Sessions are read from the front, and
/// on a miss from the back, which then fills the front. The front fails no call:
/// what it would have saved is read from the back.
///
/// # What the front is believed
///
/// - Only life, never death: a session that the front takes for missing or
///   expired is looked up in the back.
/// - Only for [`lease`](CachedOptions::lease) after the moment before it was read
///   from the back, whoever put it there however late.
/// - Nothing while a mark lies under the key, for a lease and the skew of the
///   clocks. `delete` and `replace` put it there before they go to the back, an
///   update that meets a conflict afterwards. Sessions read before the mark
///   cannot be put in its place, and when it goes their leases are over.
/// - Nothing of a session whose id is younger than a lease. So ending all of a
///   user's sessions need not know of one that just got its id.
///
/// So from the answer to a logout on, no process finds the session. Where the
/// mark cannot be put because the front cannot be reached, the logout waits a
/// lease and the skew before it is answered. An update in that case is answered
/// at once: other processes may read the data before it until the lease is over.
///
/// One window is left: a front that loses the mark within its time (it is evicted,
/// or the server restarts) and is then filled by a reader that has been asleep
/// since before the logout, within the lease of its reading.
///
/// The front must hold our own layout and be used for this alone.
pub struct Cached<F, B> {
    front: Front<F>,
    back: B,
}

impl<F: SessionStore, B: SessionStore> Cached<F, B> {
    /// `front` before `back`.
    pub fn new(front: F, back: B, options: CachedOptions) -> Self {
        Self { front: Front::new(front, options), back }
    }

    /// How often the front has failed.
    pub fn front_failures(&self) -> u64 {
        self.front.failures()
    }

    /// The store behind.
    pub fn back(&self) -> &B {
        &self.back
    }
}

impl<F, B: fmt::Debug> fmt::Debug for Cached<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("back", &self.back).finish_non_exhaustive()
    }
}

impl<F: SessionStore, B: SessionStore> SessionStore for Cached<F, B> {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let place = match self.front.load(key).await {
            front::Found::Live(record, version) => return Ok(Some(Entry::Live(record, version))),
            front::Found::Nothing(place) => Some(place),
            front::Found::Unknown => None,
        };
        let found = self.back.load(key).await?;
        if let (Some(place), Some(Entry::Live(record, version))) = (place, &found) {
            self.front.fill(key, place, record, version).await;
        }
        Ok(found)
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
        let suspicion = self.front.suspect(key);
        let before = self.front.now();
        let outcome = self.back.update(key, record, expected).await?;
        let known = match &outcome {
            WriteOutcome::Written(version) => {
                self.front.follow(key, expected, record, version, before).await
            }
            WriteOutcome::Conflict | WriteOutcome::Gone => self.front.mark(key).await,
        };
        if known {
            suspicion.clear();
        }
        Ok(outcome)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let suspicion = self.front.suspect(key);
        let outcome = self.back.touch(key, seen, idle).await?;
        let known = match outcome {
            TouchOutcome::Touched => self.front.touch(key, seen).await,
            TouchOutcome::Gone => self.front.mark(key).await,
        };
        if known {
            suspicion.clear();
        }
        Ok(outcome)
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let suspicion = self.front.suspect(old_key);
        let before = self.front.now();
        let marked = self.front.mark(old_key).await;
        let outcome = self.back.replace(old_key, expected, new_key, record, pointer_until).await?;
        if self.front.still_marked(old_key, marked, before).await {
            suspicion.clear();
        } else if matches!(outcome, WriteOutcome::Written(_)) {
            self.front.wait_out().await;
        }
        Ok(outcome)
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let suspicion = self.front.suspect(key);
        let before = self.front.now();
        let marked = self.front.mark(key).await;
        self.back.delete(key).await?;
        if self.front.still_marked(key, marked, before).await {
            suspicion.clear();
        } else {
            self.front.wait_out().await;
        }
        Ok(())
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let before = self.front.now();
        let (mut at, mut marked) = (key.clone(), self.front.mark(key).await);
        // Every key on the way. What it moves to after this has an id younger than a lease.
        while let Some(Entry::Moved { to, .. }) = self.back.load(&at).await? {
            marked = marked && self.front.mark(&to).await;
            at = to;
        }
        let suspicion = self.front.suspect(&at);
        self.back.end(key).await?;
        if self.front.still_marked(&at, marked, before).await {
            suspicion.clear();
        } else {
            self.front.wait_out().await;
        }
        Ok(())
    }

    /// It waits for a lease and the skew, and for the front to answer on each side of the back.
    fn capabilities(&self) -> Capabilities<'_> {
        let back = self.back.capabilities();
        let asked = self.front.patience().saturating_mul(2);
        Capabilities {
            directory: back.directory.map(|_| self as &dyn Directory),
            diagnose: Some(self),
            waits: back.waits.saturating_add(self.front.span()).saturating_add(asked),
            ..back
        }
    }
}

/// What a store that others stand in front of says of itself; nothing where it cannot be asked.
pub(crate) async fn findings_of(
    store: &impl SessionStore,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Vec<Finding>, StoreError> {
    match store.capabilities().diagnose {
        Some(store) => store.diagnose(clock).await,
        None => Ok(Vec::new()),
    }
}

impl<F: SessionStore, B: SessionStore> Diagnose for Cached<F, B> {
    /// What the back says, and whether the front answers.
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>> {
        Box::pin(async move {
            let mut findings = findings_of(&self.back, clock).await?;
            findings.push(match self.front.answers().await {
                Ok(()) => Finding::good("cache", "it answers"),
                Err(error) => Finding::warning("cache", error.to_string()).advise(format!(
                    "start it again, or take it out of the settings: every session is read from \
                     behind it, and every logout waits {:.0} s",
                    self.front.span().as_secs_f64()
                )),
            });
            Ok(findings)
        })
    }
}

impl<F: SessionStore, B: SessionStore> Directory for Cached<F, B> {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        match self.back.capabilities().directory {
            Some(directory) => directory.by_subject(subject),
            None => Box::pin(async { Err(StoreError::no_directory("cached")) }),
        }
    }

    /// One that is not listed when it begins, or gets another id meanwhile, has an
    /// id younger than a lease, and so nothing in the front.
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
            let (before, mut marked) = (self.front.now(), true);
            for (key, _) in directory.by_subject(subject).await?.sessions {
                if Some(&key) != keep {
                    marked = marked && self.front.mark(&key).await;
                }
            }
            let removed = directory.delete_by_subject(subject, keep).await?;
            if !marked || self.front.is_late(before) {
                self.front.wait_out().await;
            }
            Ok(removed)
        })
    }
}
