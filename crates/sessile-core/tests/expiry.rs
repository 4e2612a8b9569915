//! `get_expiry_age`, `get_expiry_date` and `get_expire_at_browser_close` in every profile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fake;

use std::time::Duration;

use fake::{START, Visit};
use sessile_core::{
    Config, DateTime, Expiry, KeyRing, Lifetime, SecretKey, Session, Timestamp, Value,
};

const DAY: i64 = 86_400;

impl Visit {
    fn later(&mut self, secs: u64) -> &mut Self {
        self.world.0 = self.world.0 + Duration::from_secs(secs);
        self
    }
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap())
}

/// Age, seconds until the date, and whether it ends with the browser.
fn said(session: &Session, now: Timestamp) -> (Option<i64>, Option<i64>, bool) {
    let date = session.get_expiry_date().map(|date| date.as_secs() - now.as_secs());
    (session.get_expiry_age(), date, session.get_expire_at_browser_close())
}

#[test]
fn native_sessions_say_what_will_be_stored_of_them() {
    let mut visit = Visit::new(Config::native());
    let session = visit.open();
    assert_eq!(said(&session, START), (Some(3600), Some(3600), true));
    session.insert("cart", 1);
    visit.close(&session);

    // Nothing but time has passed: what the store holds.
    let session = visit.later(60).open();
    assert_eq!(session.get_expiry_age(), Some(3540));
    // A change moves the idle limit on.
    session.insert("cart", 2);
    assert_eq!(session.get_expiry_age(), Some(3600));
    visit.close(&session);
    let session = visit.open();
    assert_eq!(session.get_expiry_age(), Some(3600));

    // In all, and the session began a minute ago.
    session.set_permanent(true);
    assert_eq!(said(&session, START), (Some(30 * DAY - 60), Some(30 * DAY), false));
    visit.close(&session);
    let session = visit.later(1).open();
    assert_eq!(said(&session, START), (Some(30 * DAY - 61), Some(30 * DAY), false));

    session.set_expiry(Expiry::At(START + Duration::from_secs(100)));
    assert_eq!(said(&session, START), (Some(39), Some(100), false));
    session.set_expiry(Expiry::BrowserClose);
    assert_eq!(said(&session, visit.world.0), (Some(3600), Some(3600), true));
    session.flush();
    session.insert("next", 1);
    assert_eq!(session.get_expiry_age(), Some(3600));
}

/// Every request of a visitor who comes each day for two months.
#[test]
fn r06_choosing_the_same_lifetime_again_prolongs_nothing() {
    let choices: [fn(&sessile_core::Session); 3] = [
        |session| session.set_permanent(true),
        |session| session.set_expiry(Expiry::After(Duration::from_secs(20 * DAY as u64))),
        |session| {
            session.set_permanent(true);
            session.set_expiry(Expiry::After(Duration::from_secs(20 * DAY as u64)));
        },
    ];
    for (number, choose) in choices.into_iter().enumerate() {
        let mut visit = Visit::new(Config::native());
        let session = visit.open();
        session.insert("began", 1);
        choose(&session);
        visit.close(&session);
        for day in 1..60 {
            let session = visit.later(DAY as u64).open();
            assert_eq!(session.contains_key("began"), day < 30, "choice {number}, day {day}");
            session.insert("day", day);
            choose(&session);
            visit.close(&session);
            if day >= 30 {
                break;
            }
        }
    }
}

#[test]
fn the_absolute_limit_counts_where_it_comes_first() {
    let mut config = Config::native();
    config.lifetime.absolute = Some(Duration::from_secs(4000));
    let mut visit = Visit::new(config);
    let session = visit.open();
    session.insert("a", 1);
    visit.close(&session);
    let session = visit.later(1000).open();
    session.insert("a", 2);
    assert_eq!(session.get_expiry_age(), Some(3000));
    // Proving it again begins both limits anew.
    session.log_in("ada");
    assert_eq!(session.get_expiry_age(), Some(3600));
}

#[test]
fn a_session_without_limits_does_not_end() {
    let mut config = Config::native();
    config.lifetime = Lifetime { idle: None, absolute: None };
    let mut visit = Visit::new(config);
    for _ in 0..2 {
        let session = visit.open();
        assert_eq!(said(&session, START), (None, None, true));
        session.insert("a", 1);
        visit.close(&session);
        visit.later(100 * DAY as u64);
    }
}

#[test]
fn flasks_sessions_live_as_configured() {
    for config in [Config::flask(keys()), Config::flask_session(None)] {
        let stored = config.storage == sessile_core::Storage::Store;
        let mut visit = Visit::new(config);
        let session = visit.open();
        session.insert("a", 1);
        for permanent in [true, false] {
            session.set_permanent(permanent);
            assert_eq!(said(&session, START), (Some(31 * DAY), Some(31 * DAY), !permanent));
        }
        visit.close(&session);
        let session = visit.later(60).open();
        // A cookie does not say when it was signed.
        let left = if stored { 31 * DAY - 60 } else { 31 * DAY };
        assert_eq!(session.get_expiry_age(), Some(left));
    }
}

#[test]
fn starlettes_sessions_end_with_their_max_age() {
    let mut config = Config::starlette(keys());
    let session = Visit::new(config.clone()).open();
    assert_eq!(said(&session, START), (Some(14 * DAY), Some(14 * DAY), false));
    config.expire_at_browser_close = true;
    let session = Visit::new(config).open();
    assert_eq!(said(&session, START), (None, None, true));
}

#[test]
fn djangos_sessions_say_what_django_says() {
    let mut visit = Visit::new(Config::django(keys()));
    let session = visit.open();
    assert_eq!(said(&session, START), (Some(14 * DAY), Some(14 * DAY), false));
    session.set_expiry(Expiry::After(Duration::from_secs(300)));
    assert_eq!(said(&session, START), (Some(300), Some(300), false));
    visit.close(&session);
    // A number of seconds is counted from now on, whenever that is.
    let session = visit.later(200).open();
    assert_eq!(said(&session, visit.world.0), (Some(300), Some(300), false));
    session.set_expiry(Expiry::At(START + Duration::from_secs(1000)));
    assert_eq!(said(&session, visit.world.0), (Some(800), Some(800), false));
    session.set_expiry(Expiry::At(START));
    assert_eq!(said(&session, visit.world.0), (Some(-200), Some(-200), false));
    session.set_expiry(Expiry::BrowserClose);
    assert_eq!(said(&session, visit.world.0), (Some(14 * DAY), Some(14 * DAY), true));
    session.set_expiry(Expiry::Default);
    assert_eq!(said(&session, visit.world.0), (Some(14 * DAY), Some(14 * DAY), false));
    visit.close(&session);
    // What is not set counts from now too, as in Django, not from the last save.
    assert_eq!(visit.later(60).open().get_expiry_age(), Some(14 * DAY));
}

#[test]
fn what_django_raises_for_is_none() {
    let mut config = Config::django(keys());
    config.expire_at_browser_close = true;
    let session = Visit::new(config).open();
    assert!(session.get_expire_at_browser_close());
    let naive = DateTime::from_isoformat("2026-01-02T03:04:05").unwrap();
    for (stored, age, date) in [
        (Value::Str("soon".into()), None, None),
        (Value::Str("2026-01-02T03:04:05".into()), None, None),
        (Value::DateTime(naive), None, None),
        (Value::Float(f64::NAN), None, None),
        (Value::Float(1.5), Some(1), Some(1)),
        (Value::Float(-1.5), Some(-1), Some(-2)),
        (Value::Bool(true), Some(1), Some(1)),
        (Value::Int(i64::MAX), Some(i64::MAX), None),
        (Value::Int(i64::MIN), Some(i64::MIN), None),
        (Value::List(vec![Value::Int(1)]), None, None),
    ] {
        session.insert_value("_session_expiry", stored.clone());
        assert_eq!(said(&session, START), (age, date, false), "{stored:?}");
    }
}
