//! A server with a clock of its own, for cases that go through the engine.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use sessile_core::ResponsePlan;
use sessile_core::transaction::World;

use sessile_core::{Event, RandomError, Timestamp};

use crate::Failure;

/// The id in the cookie that goes with a response.
pub(crate) fn id_in(sent: &ResponsePlan) -> Result<String, Failure> {
    let cookie = sent.cookie.as_ref().ok_or_else(|| Failure("no id was sent".into()))?;
    let value = cookie.as_str().split(['=', ';']).nth(1);
    Ok(value.unwrap_or_default().to_owned())
}

/// What a server is to the engine. Its clock stands until it is told to go.
pub(crate) struct Server {
    start: Timestamp,
    passed: Duration,
    random: RandomState,
    drawn: u64,
    /// What was reported.
    pub(crate) events: Vec<Event>,
}

impl Server {
    /// One whose clock says `start`.
    pub(crate) fn at(start: Timestamp) -> Self {
        let random = RandomState::new();
        Self { start, passed: Duration::ZERO, random, drawn: 0, events: Vec::new() }
    }

    /// Time goes by.
    pub(crate) fn pass(&mut self, span: Duration) {
        self.passed += span;
    }

    /// How long its clock has gone.
    pub(crate) fn passed(&self) -> Duration {
        self.passed
    }
}

impl World for Server {
    fn now(&self) -> Timestamp {
        self.start + self.passed
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for byte in bytes {
            self.drawn += 1;
            *byte = self.random.hash_one(self.drawn).to_le_bytes()[0];
        }
        Ok(())
    }

    fn pause(&mut self, tries: u32) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(Duration::from_millis(u64::from(tries.min(20))))
    }

    fn report(&mut self, event: Event) {
        self.events.push(event);
    }
}
