//! A server with a clock of its own, for cases that go through the engine.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sessile_core::exchange::Runtime;
use sessile_core::store::BoxFuture;
use sessile_core::transaction::Context;
use sessile_core::{RandomError, ResponsePlan, Timestamp};

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
    drawn: AtomicU64,
}

impl Server {
    /// One whose clock says `start`.
    pub(crate) fn at(start: Timestamp) -> Self {
        let (random, drawn) = (RandomState::new(), AtomicU64::new(0));
        Self { start, passed: Duration::ZERO, random, drawn }
    }

    /// Its transactions' context.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::new(self)
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

impl Runtime for Server {
    fn now(&self) -> Timestamp {
        self.start + self.passed
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for byte in bytes {
            let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
            *byte = self.random.hash_one(drawn).to_le_bytes()[0];
        }
        Ok(())
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}
