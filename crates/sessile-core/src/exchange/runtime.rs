//! What the exchange is given from outside: a clock, randomness, timers, and somebody to tell.

use std::sync::Arc;
use std::time::Duration;

use super::renewals::Renewals;
use crate::Timestamp;
use crate::event::Event;
use crate::id::StoreKey;
use crate::random::RandomError;
use crate::store::BoxFuture;
use crate::transaction::World;

/// The clock, the randomness and the timers of one program.
///
/// Everything that an [`App`](super::App) does with time or chance goes through here, so that a
/// test can replace both, and so that the exchange runs under tokio, under another runtime, or
/// polled by hand.
pub trait Runtime: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// The time to within some milliseconds, where that is cheaper. It is used for our own
    /// deadlines, never for the seconds that another program's clock counted.
    fn about_now(&self) -> Timestamp {
        self.now()
    }

    /// Fills `bytes` with random bytes fit for secrets.
    ///
    /// # Errors
    ///
    /// When there are none. Nothing takes their place: a guessable id is worse than none.
    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError>;

    /// Is done after `span`.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;

    /// Is told of everything that happens to sessions. It runs within the request.
    fn report(&self, event: &Event) {
        let _ = event;
    }
}

/// A runtime with another clock.
pub(super) struct WithClock<C>(pub(super) Arc<dyn Runtime>, pub(super) C);

impl<C: Fn() -> Timestamp + Send + Sync + 'static> Runtime for WithClock<C> {
    fn now(&self) -> Timestamp {
        self.1()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.random(bytes)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(span)
    }

    fn report(&self, event: &Event) {
        self.0.report(event);
    }
}

/// A runtime with one more listener.
pub(super) struct WithListener<L>(pub(super) Arc<dyn Runtime>, pub(super) L);

impl<L: Fn(&Event) + Send + Sync + 'static> Runtime for WithListener<L> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn about_now(&self) -> Timestamp {
        self.0.about_now()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.random(bytes)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(span)
    }

    fn report(&self, event: &Event) {
        self.0.report(event);
        self.1(event);
    }
}

/// A runtime as the transactions with a store ask for it, and what the program has renewed of late.
pub(super) struct Ambient<'r>(pub(super) &'r dyn Runtime, pub(super) &'r Renewals);

/// The longest wait before the first retry, in microseconds. It doubles with each lost try.
const FIRST_PAUSE_MICROS: u64 = 500;
/// The wait stops growing after this many doublings: at 32 ms.
const MAX_DOUBLINGS: u32 = 6;

impl World for Ambient<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn about_now(&self) -> Timestamp {
        self.0.about_now()
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.random(bytes)
    }

    fn begins_renewal(&mut self, key: &StoreKey, now: Timestamp, every: Duration) -> bool {
        self.1.begin(key, now, every)
    }

    fn renewed(&mut self, key: &StoreKey, now: Timestamp, every: Duration) {
        self.1.done(key, now, every);
    }

    async fn pause(&mut self, tries: u32) {
        // Full jitter: requests that lost at the same moment do not come back at the same moment.
        let ceiling = FIRST_PAUSE_MICROS << tries.min(MAX_DOUBLINGS);
        let mut random = [0; 8];
        let micros = match self.0.random(&mut random) {
            Ok(()) => u64::from_ne_bytes(random) % ceiling,
            Err(_) => ceiling,
        };
        self.0.sleep(Duration::from_micros(micros)).await;
    }

    fn report(&mut self, event: Event) {
        report(self.0, &event);
    }
}

/// Writes an event to the log and tells the runtime.
pub(super) fn report(runtime: &dyn Runtime, event: &Event) {
    let session = event.session.map(|handle| handle.to_string());
    tracing::info!(target: "sessile", event = %event.kind, session, "session event");
    runtime.report(event);
}
