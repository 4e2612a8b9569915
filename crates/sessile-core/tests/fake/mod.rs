//! The program as tests want it.
#![allow(dead_code, reason = "each test file uses some")]

use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use sessile_core::exchange::Runtime;
use sessile_core::store::BoxFuture;
use sessile_core::transaction::{self, Context};
use sessile_core::{Config, Engine, MemoryStore, RandomError, Session, Timestamp};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_323_045);

/// A clock that is set by hand; random bytes that count.
pub(crate) struct Fake(pub(crate) Timestamp, AtomicU8);

impl Fake {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(now, AtomicU8::new(0))
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context::new(self)
    }
}

impl Runtime for Fake {
    fn now(&self) -> Timestamp {
        self.0
    }
    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.1.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        Ok(())
    }
    fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// What a future comes to that never waits, as with memory stores.
pub(crate) fn done<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

/// A site with one visitor.
pub(crate) struct Visit {
    pub(crate) engine: Engine,
    pub(crate) store: MemoryStore,
    pub(crate) world: Fake,
    pub(crate) cookie: Option<Vec<u8>>,
}

impl Visit {
    pub(crate) fn new(config: Config) -> Self {
        let engine = Engine::new(config).unwrap();
        Self { engine, store: MemoryStore::new(), world: Fake::at(START), cookie: None }
    }

    pub(crate) fn open(&mut self) -> Session {
        let cookie = self.cookie.as_deref();
        done(transaction::open(&self.engine, &self.store, cookie, &self.world.context())).unwrap()
    }

    pub(crate) fn close(&mut self, session: &Session) {
        let context = self.world.context();
        let saved = transaction::commit(&self.engine, &self.store, session, false, &context);
        if let Some(cookie) = &done(saved).unwrap().cookie {
            let cookie = std::str::from_utf8(cookie.as_bytes()).unwrap();
            let (_, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookie = Some(value.as_bytes().to_vec());
        }
    }
}
