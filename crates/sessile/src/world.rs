//! The clock, the randomness and the patience that the core is given.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::drive::World;
use sessile_core::{Event, EventKind, RandomError, StoreError, Timestamp};

/// Reads the time. Replaced in tests that must not wait for a deadline.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long sessions are over when they are swept: a server whose clock is ahead, or stepped,
/// by no more ends nobody's session for the others. The stores that forget by themselves wait as long.
const SWEPT_AFTER: Duration = Duration::from_secs(600);

/// What has ended by then is swept at `now`.
pub(crate) fn swept_at(now: Timestamp) -> Timestamp {
    let wait = i64::try_from(SWEPT_AFTER.as_millis()).unwrap_or_default();
    Timestamp::from_millis(now.as_millis().saturating_sub(wait))
}

/// Is told of every event.
pub(crate) type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// What every request of one layer shares of the world.
#[derive(Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) clock: Option<Clock>,
    pub(crate) listener: Option<Listener>,
}

/// The surroundings as the core asks for them.
pub(crate) struct Live<'s>(pub(crate) &'s Surroundings);

impl Surroundings {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(system_time, |clock| clock())
    }

    pub(crate) fn report(&self, event: &Event) {
        let session = event.session.map(|handle| handle.to_string());
        tracing::info!(target: "sessile", event = %event.kind, session, "session event");
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl Surroundings {
    pub(crate) fn store_failed(&self, error: &StoreError) {
        tracing::error!(target: "sessile", %error, "session store failed");
        self.report(&Event { kind: EventKind::StoreFailed, session: None, subject: None });
    }
}

impl World for Live<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn about_now(&self) -> Timestamp {
        self.0.clock.as_ref().map_or_else(last_tick, |clock| clock())
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(RandomError::new)
    }

    async fn pause(&mut self, tries: u32) {
        // Full jitter: those who lost together do not come back together.
        let ceiling_micros = 500u64 << tries.min(6);
        let mut random = [0; 8];
        let micros = match getrandom::fill(&mut random) {
            Ok(()) => u64::from_ne_bytes(random) % ceiling_micros,
            Err(_) => ceiling_micros,
        };
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }

    fn report(&mut self, event: Event) {
        self.0.report(&event);
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
