//! What a program gives from outside: a clock, randomness, timers, and somebody to tell.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::random::RandomError;
use crate::store::BoxFuture;
use sessile_formats::Timestamp;

/// The clock, the randomness and the timers of one program.
///
/// Everything that an [`App`](crate::exchange::App) does with time or chance goes through here, so that a
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
pub(crate) struct WithClock<C>(pub(crate) Arc<dyn Runtime>, pub(crate) C);

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
pub(crate) struct WithListener<L>(pub(crate) Arc<dyn Runtime>, pub(crate) L);

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
