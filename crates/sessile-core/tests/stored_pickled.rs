//! Sessions stored as Python pickles: cachelib's files, Django's caches.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use sessile_core::store::Record;
use sessile_core::{
    Config, ConfigError, DJANGO_CACHE_PREFIX, Engine, KeyRing, SecretKey, StoreOp, Timestamp,
};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::allow_weak("dj-secret").unwrap())
}

/// The key and record of a new session holding `cat: dog`.
fn stored(engine: &Engine) -> (String, Record) {
    let session = engine.anonymous(NOW);
    session.insert("cat", "dog");
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    match engine.settle(&session, false, NOW, &mut random).unwrap().store {
        StoreOp::Create { key, record } => {
            (String::from_utf8(key.as_bytes().to_vec()).unwrap(), record)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn djangos_cache_entries_have_its_keys_and_its_pickles() {
    let mut config = Config::django(keys());
    config.stored_pickled = true;
    config.key_prefix = DJANGO_CACHE_PREFIX.to_owned();
    let engine = Engine::new(config).unwrap();
    let (key, record) = stored(&engine);
    assert_eq!(key, format!(":1:django.contrib.sessions.cache{}", "h".repeat(32)));
    assert_eq!(
        &record.payload[..],
        b"\x80\x05\x95\x10\0\0\0\0\0\0\0}\x94\x8c\x03cat\x94\x8c\x03dog\x94s."
    );
    let read = engine.decode(&record.payload).unwrap();
    assert_eq!(read.get("cat"), Some(&"dog".into()));
    // What names code is no session.
    assert!(engine.decode(b"cos\nsystem\n(S'id'\ntR.").is_none());
    assert!(engine.decode(b"\x80\x05K\x01.").is_none());
}

#[test]
fn djangos_keys_are_bare_without_a_prefix() {
    let (key, record) = stored(&Engine::new(Config::django(keys())).unwrap());
    assert_eq!(key, "h".repeat(32));
    assert!(record.payload.starts_with(b"eyJ"));
}

#[test]
fn cachelibs_values_hold_the_whole_dict() {
    let mut config = Config::flask_session(None);
    config.stored_pickled = true;
    let (key, record) = stored(&Engine::new(config).unwrap());
    assert!(key.starts_with("session:BwcHBw"));
    assert_eq!(
        &record.payload[..],
        b"\x80\x05\x95\x1f\0\0\0\0\0\0\0}\x94(\x8c\x0a_permanent\x94\x88\x8c\x03cat\x94\x8c\x03dog\x94u."
    );
}

#[test]
fn pickles_belong_to_the_profiles_of_python() {
    let mut config = Config::native();
    config.stored_pickled = true;
    let refused = Engine::new(config).unwrap_err();
    assert!(matches!(refused, ConfigError::OutOfRange { setting: "stored_pickled", .. }));
}
