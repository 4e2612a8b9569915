//! Sessions stored as Python pickles: cachelib's files, Django's caches.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use sessile_core::store::{Entry, Record, Version};
use sessile_core::{
    Begun, CommitError, Config, ConfigError, DJANGO_CACHE_PREFIX, Engine, EventKind, KeyRing,
    Loaded, SecretKey, Session, StoreOp, Timestamp,
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

/// What names a class of the application's own: a pickle that Django reads and we cannot.
const OTHERS: &[u8] = b"\x80\x05}\x94\x8c\x04cart\x94cshop.cart\nCart\n)\x81s.";

#[test]
fn d18_what_another_program_wrote_and_we_cannot_read_is_left_alone() {
    let mut django = Config::django(keys());
    django.stored_pickled = true;
    let mut flask = Config::flask_session(None);
    flask.stored_pickled = true;
    for config in [django, flask] {
        let engine = Engine::new(config).unwrap();
        let mut random = |bytes: &mut [u8]| {
            bytes.fill(7);
            Ok(())
        };
        let opened = || {
            let begun = engine.begin(Some("h".repeat(32).as_bytes()), NOW).unwrap();
            let Begun::Load(at) = begun else { panic!("{begun:?}") };
            let entry = Entry::Live(Record::new(OTHERS), Version::Number(1));
            let loaded = engine.loaded(at, Some(entry), NOW);
            let Loaded::Ready(opened) = loaded else { panic!("{loaded:?}") };
            assert_eq!(opened.event.unwrap().kind, EventKind::Unreadable);
            opened.session
        };
        let reader = opened();
        assert_eq!(reader.get::<String>("cart"), None);
        let plan = engine.settle(&reader, false, NOW, &mut random).unwrap();
        assert!(plan.response.cookie.is_none() && matches!(plan.store, StoreOp::Nothing));
        for change in [
            (|session| session.insert("cat", "dog")) as fn(&Session),
            |session| session.log_in("ada"),
            |session| session.cycle_id(),
        ] {
            let writer = opened();
            change(&writer);
            let settled = engine.settle(&writer, false, NOW, &mut random);
            assert!(matches!(settled, Err(CommitError::Unreadable)), "{settled:?}");
        }
        // A logout that was asked for is one.
        let leaver = opened();
        leaver.flush();
        assert!(engine.settle(&leaver, false, NOW, &mut random).is_ok());
    }
}
