//! R30: the ends of time, and of size, in every profile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sessile_core::drive::{self, World};
use sessile_core::{
    Config, Engine, Event, Expiry, KeyRing, Lifetime, MemoryStore, RandomError, SecretKey, Session,
    Storage, Timestamp,
};

struct Fake(Timestamp, u8);

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

fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

fn configs() -> Vec<Config> {
    let keys = || KeyRing::new(SecretKey::allow_weak("0123456789abcdef0123456789abcdef").unwrap());
    let held = |storage| {
        let mut config = Config::native();
        (config.storage, config.keys) = (storage, Some(keys()));
        config.cookie_sessions_cannot_be_revoked = true;
        config
    };
    let django_held = Config { storage: Storage::SignedCookie, ..Config::django(keys()) };
    let mut configs = vec![
        Config::native(),
        held(Storage::SignedCookie),
        held(Storage::EncryptedCookie),
        Config::flask(keys()),
        Config::flask_session(None),
        Config::django(keys()),
        django_held,
        Config::starlette(keys()),
    ];
    for long in configs.clone() {
        let lifetime = Lifetime { idle: Some(Duration::MAX), absolute: Some(Duration::MAX) };
        configs.push(Config {
            lifetime,
            permanent_lifetime: lifetime,
            grace: Duration::MAX,
            rotate_after: Some(Duration::ZERO),
            renew_after: Some(Duration::ZERO),
            refresh_each_request: true,
            ..long
        });
    }
    configs
}

type Use = fn(&Session);

#[test]
fn r30_the_ends_of_time_never_panic() {
    let moments = [
        Timestamp::from_millis(i64::MIN),
        Timestamp::from_secs(-62_135_596_801),
        Timestamp::from_millis(-1),
        Timestamp::from_secs(0),
        Timestamp::from_secs(1_767_323_045),
        Timestamp::from_secs(253_402_300_800),
        Timestamp::MAX,
    ];
    let uses: [Use; 9] = [
        |_| {},
        |session| session.set_permanent(true),
        |session| session.set_expiry(Expiry::After(Duration::MAX)),
        |session| session.set_expiry(Expiry::After(Duration::ZERO)),
        |session| session.set_expiry(Expiry::At(Timestamp::MAX)),
        |session| session.set_expiry(Expiry::At(Timestamp::from_millis(i64::MIN))),
        |session| {
            session.set_lifetime(Lifetime { idle: Some(Duration::MAX), absolute: None });
        },
        |session| session.cycle_id(),
        |session| session.log_in("alice"),
    ];
    for config in configs() {
        let engine = Engine::new(config).unwrap();
        for begin in moments {
            for later in moments {
                for change in uses {
                    let store = MemoryStore::new();
                    let mut world = Fake(begin, 0);
                    let first = now(drive::open(&engine, &store, None, &mut world)).unwrap();
                    first.insert("a", 1);
                    change(&first);
                    let sent = now(drive::commit(&engine, &store, &first, false, &mut world));
                    let Some(cookie) = sent.ok().and_then(|sent| sent.cookie) else { continue };
                    let text = String::from_utf8(cookie.as_bytes().to_vec()).unwrap();
                    let value = text.split(';').next().unwrap().split_once('=').unwrap().1;
                    world.0 = later;
                    for _ in 0..2 {
                        let opened =
                            drive::open(&engine, &store, Some(value.as_bytes()), &mut world);
                        let Ok(session) = now(opened) else { continue };
                        let _: Option<i64> = session.get("a");
                        change(&session);
                        let _ = now(drive::commit(&engine, &store, &session, false, &mut world));
                    }
                }
            }
        }
    }
}

/// A cookie that compresses well, and inflates beyond what is read: Flask would
/// answer every later request of this visitor with a 500.
#[test]
fn what_could_not_be_read_again_is_not_written() {
    for config in configs() {
        let engine = Engine::new(config).unwrap();
        for size in [1 << 10, 1 << 20, 3 << 20] {
            let store = MemoryStore::new();
            let mut world = Fake(Timestamp::from_secs(1_767_323_045), 0);
            let first = now(drive::open(&engine, &store, None, &mut world)).unwrap();
            first.insert("a", "a".repeat(size));
            let sent = now(drive::commit(&engine, &store, &first, false, &mut world));
            let Ok(sent) = sent else { continue };
            let text = String::from_utf8(sent.cookie.unwrap().as_bytes().to_vec()).unwrap();
            let value = text.split(';').next().unwrap().split_once('=').unwrap().1;
            let opened = drive::open(&engine, &store, Some(value.as_bytes()), &mut world);
            let found: Option<String> = now(opened).unwrap().get("a");
            assert_eq!(found.unwrap().len(), size, "{engine:?}");
        }
    }
}
