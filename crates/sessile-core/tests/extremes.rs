//! R30: the ends of time, and of size, in every profile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fake;

use std::time::Duration;

use fake::{Fake, START, Visit, done};
use sessile_core::store::Record;
use sessile_core::transaction;
use sessile_core::{
    CommitError, Config, Engine, Expiry, KeyRing, Lifetime, MemoryStore, Profile, SecretKey,
    Session, SessionStore as _, Storage, Timestamp,
};

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
        configs.push(match long.profile {
            Profile::Native => Config {
                lifetime,
                permanent_lifetime: lifetime,
                grace: Duration::MAX,
                rotate_after: Some(Duration::ZERO),
                renew_after: Some(Duration::ZERO),
                ..long
            },
            profile => Config {
                permanent_lifetime: Lifetime { idle: None, ..lifetime },
                grace: Duration::MAX,
                refresh_each_request: profile != Profile::Starlette || long.refresh_each_request,
                ..long
            },
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
        START,
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
                    let mut world = Fake::at(begin);
                    let first =
                        done(transaction::open(&engine, &store, None, &world.context())).unwrap();
                    first.insert("a", 1);
                    change(&first);
                    let sent =
                        done(transaction::commit(&engine, &store, &first, false, &world.context()));
                    let Some(cookie) = sent.ok().and_then(|sent| sent.cookie) else { continue };
                    let text = String::from_utf8(cookie.as_bytes().to_vec()).unwrap();
                    let value = text.split(';').next().unwrap().split_once('=').unwrap().1;
                    world.0 = later;
                    for _ in 0..2 {
                        let context = world.context();
                        let opened =
                            transaction::open(&engine, &store, Some(value.as_bytes()), &context);
                        let Ok(session) = done(opened) else { continue };
                        let _: Option<i64> = session.get("a");
                        change(&session);
                        let _ = done(transaction::commit(
                            &engine,
                            &store,
                            &session,
                            false,
                            &world.context(),
                        ));
                    }
                }
            }
        }
    }
}

/// A record that somebody altered in the store, with moments of any time.
#[test]
fn s14_a_record_with_any_moments_is_a_session_or_none() {
    let moments = [None, Some(i64::MIN), Some(-1), Some(START.as_millis()), Some(i64::MAX)]
        .map(|millis| millis.map(Timestamp::from_millis));
    let spans = [None, Some(Duration::ZERO), Some(Duration::from_millis(i64::MAX.unsigned_abs()))];
    let mut altered = Vec::new();
    for (created, seen) in moments.into_iter().flat_map(|it| moments.map(|other| (it, other))) {
        for (absolute, idle) in moments.into_iter().flat_map(|it| spans.map(|span| (it, span))) {
            let record = Record { created, seen, absolute, idle, ..Record::new(&b""[..]) };
            altered.push(Record { rotated: seen, authenticated: created, ..record });
        }
    }
    let uses: [Use; 4] = [
        |_| {},
        |session| session.insert("b", 2),
        |session| session.cycle_id(),
        |session| session.log_in("alice"),
    ];
    for config in configs() {
        let mut visit = Visit::new(config);
        if !visit.engine.needs_store() {
            continue;
        }
        let first = visit.open();
        first.insert("a", 1);
        visit.close(&first);
        let page = done(visit.store.capabilities().scan.unwrap().scan(None, 2)).unwrap();
        let Some((key, made)) = page.entries.first() else { continue };
        for hostile in &altered {
            let record = Record { payload: made.payload.clone(), ..hostile.clone() };
            for change in uses {
                let store = MemoryStore::new();
                let _ = done(store.create(key, &record)).unwrap();
                let world = Fake::at(START);
                let cookie = visit.cookie.as_deref();
                let opened =
                    done(transaction::open(&visit.engine, &store, cookie, &world.context()))
                        .unwrap();
                let found = opened.get::<i64>("a");
                assert!(found.is_none() || !record.has_ended(START), "{record:?}");
                change(&opened);
                let context = world.context();
                let saved = transaction::commit(&visit.engine, &store, &opened, false, &context);
                // It may be too late for a session that ends in this moment.
                let saved = done(saved);
                assert!(matches!(saved, Ok(_) | Err(CommitError::Ended)), "{saved:?}, {record:?}");
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
            let world = Fake::at(START);
            let first = done(transaction::open(&engine, &store, None, &world.context())).unwrap();
            first.insert("a", "a".repeat(size));
            let sent = done(transaction::commit(&engine, &store, &first, false, &world.context()));
            let Ok(sent) = sent else { continue };
            let text = String::from_utf8(sent.cookie.unwrap().as_bytes().to_vec()).unwrap();
            let value = text.split(';').next().unwrap().split_once('=').unwrap().1;
            let context = world.context();
            let opened = transaction::open(&engine, &store, Some(value.as_bytes()), &context);
            let found: Option<String> = done(opened).unwrap().get("a");
            assert_eq!(found.unwrap().len(), size, "{engine:?}");
        }
    }
}
