//! What a transaction is given beside its store: the program's clock, randomness and patience.

use std::fmt;
use std::time::Duration;

use super::renewals::Renewals;
use crate::event::Event;
use crate::id::StoreKey;
use crate::random::RandomError;
use crate::runtime::Runtime;
use sessile_formats::Timestamp;

/// A conditional write is tried at most this often before the request is answered 503.
pub const MAX_TRIES: u32 = 200;

/// Half of the longest wait before the first retry, in microseconds. It doubles with each lost try.
const FIRST_PAUSE_MICROS: u64 = 500;
/// The wait stops growing after this many doublings: at 32 ms.
const MAX_DOUBLINGS: u32 = 6;

/// A program as its transactions see it.
///
/// ```
/// use sessile_core::transaction::Context;
/// # use std::time::Duration;
/// # use sessile_core::exchange::Runtime;
/// # use sessile_core::{RandomError, Timestamp, store::BoxFuture};
/// # struct Program;
/// # impl Runtime for Program {
/// #     fn now(&self) -> Timestamp { Timestamp::from_secs(0) }
/// #     fn random(&self, _: &mut [u8]) -> Result<(), RandomError> { Ok(()) }
/// #     fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> { Box::pin(async {}) }
/// # }
/// let context = Context::new(&Program);
/// # let _ = context;
/// ```
#[derive(Clone, Copy)]
pub struct Context<'r> {
    runtime: &'r dyn Runtime,
    renewals: Option<&'r Renewals>,
}

impl<'r> Context<'r> {
    /// Where nothing is known of renewals by other requests: each is written.
    pub fn new(runtime: &'r dyn Runtime) -> Self {
        Self { runtime, renewals: None }
    }

    pub(crate) fn with_renewals(runtime: &'r dyn Runtime, renewals: &'r Renewals) -> Self {
        Self { runtime, renewals: Some(renewals) }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    pub(super) fn about_now(&self) -> Timestamp {
        self.runtime.about_now()
    }

    pub(super) fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.runtime.random(bytes)
    }

    /// Whether a renewal at `now` is to be written: not if another request of this program has
    /// begun one of the same session, or made one less than `every` ago.
    pub(super) fn begins_renewal(&self, key: &StoreKey, now: Timestamp, every: Duration) -> bool {
        self.renewals.is_none_or(|it| it.begin(key, now, every))
    }

    /// The renewal that was begun at `now` is written down.
    pub(super) fn renewed(&self, key: &StoreKey, now: Timestamp, every: Duration) {
        if let Some(renewals) = self.renewals {
            renewals.done(key, now, every);
        }
    }

    /// Waits before the try after `tries` lost ones: a random time below a ceiling that doubles with
    /// each, so that those who lost together do not come back together.
    pub(super) async fn pause(&self, tries: u32) {
        let ceiling = FIRST_PAUSE_MICROS << tries.min(MAX_DOUBLINGS);
        let mut random = [0; 8];
        let micros = match self.random(&mut random) {
            Ok(()) => u64::from_ne_bytes(random) % ceiling,
            Err(_) => ceiling,
        };
        self.runtime.sleep(Duration::from_micros(micros)).await;
    }

    /// Writes an event to the log and tells the runtime.
    pub(crate) fn report(&self, event: &Event) {
        let session = event.session.map(|handle| handle.to_string());
        tracing::info!(target: "sessile", event = %event.kind, session, "session event");
        self.runtime.report(event);
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
