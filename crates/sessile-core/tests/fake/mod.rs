//! The world as tests want it.
#![allow(dead_code, reason = "each test file uses some")]

use std::future::Future;
use std::task::{Context, Poll, Waker};

use sessile_core::transaction::{self, World};
use sessile_core::{Config, Engine, Event, MemoryStore, RandomError, Session, Timestamp};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_323_045);

/// A clock that is set by hand; random bytes that count.
pub(crate) struct Fake(pub(crate) Timestamp, u8);

impl Fake {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(now, 0)
    }
}

impl World for Fake {
    fn now(&self) -> Timestamp {
        self.0
    }
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.1 = self.1.wrapping_add(1);
        bytes.fill(self.1);
        Ok(())
    }
    async fn pause(&mut self, _tries: u32) {}
    fn report(&mut self, _event: Event) {}
}

/// What a future comes to that never waits, as with memory stores.
pub(crate) fn done<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
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
        done(transaction::open(&self.engine, &self.store, cookie, &mut self.world)).unwrap()
    }

    pub(crate) fn close(&mut self, session: &Session) {
        let saved = transaction::commit(&self.engine, &self.store, session, false, &mut self.world);
        if let Some(cookie) = &done(saved).unwrap().cookie {
            let cookie = std::str::from_utf8(cookie.as_bytes()).unwrap();
            let (_, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookie = Some(value.as_bytes().to_vec());
        }
    }
}
