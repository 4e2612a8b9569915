//! The system's clock and randomness, and tokio's timers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::exchange::Runtime;
use sessile_core::store::BoxFuture;
use sessile_core::{RandomError, Timestamp};

/// What a server under tokio has of time and chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioRuntime;

impl Runtime for TokioRuntime {
    fn now(&self) -> Timestamp {
        system_time()
    }

    fn about_now(&self) -> Timestamp {
        last_tick()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(RandomError::new)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// The system's time.
pub fn system_time() -> Timestamp {
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
