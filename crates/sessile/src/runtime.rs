//! The system's clock and randomness, and tokio's timers.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::exchange::Runtime;
use sessile_core::store::BoxFuture;
use sessile_core::{Event, RandomError, Timestamp};

/// Reads the time. Replaced in tests that must not wait for a deadline.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Is told of every event.
type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// What a server under tokio has of time and chance.
#[derive(Clone, Default)]
pub(crate) struct TokioRuntime {
    clock: Option<Clock>,
    listener: Option<Listener>,
}

impl TokioRuntime {
    pub(crate) fn with_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { clock: Some(Arc::new(clock)), ..self }
    }

    pub(crate) fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)), ..self }
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(system_time, |clock| clock())
    }

    fn about_now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(last_tick, |clock| clock())
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(RandomError::new)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }

    fn report(&self, event: &Event) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl fmt::Debug for TokioRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokioRuntime")
    }
}

pub(crate) fn system_time() -> Timestamp {
    // A clock before 1970 is a broken clock; every session then looks new, none expired.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system's time at its last tick, some milliseconds ago, for a sixth of
/// what the exact time costs.
#[cfg(target_os = "linux")]
fn last_tick() -> Timestamp {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    Timestamp::from_millis(
        time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000),
    )
}

#[cfg(not(target_os = "linux"))]
fn last_tick() -> Timestamp {
    system_time()
}
