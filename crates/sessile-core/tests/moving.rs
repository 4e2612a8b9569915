//! Moving sessions between deployments.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use sessile_core::moving::{MoveError, Moved, Mover};
use sessile_core::store::{Entry, Record, Version};
use sessile_core::{
    Begun, Config, Engine, KeyRing, Loaded, Map, Profile, SecretKey, StoreKey, Timestamp,
};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);
const SID: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn keys(text: &str) -> KeyRing {
    KeyRing::new(SecretKey::allow_weak(text.to_owned()).unwrap())
}

fn after(secs: u64) -> Timestamp {
    NOW + Duration::from_secs(secs)
}

/// A record as a foreign store gives it: its data and one deadline.
fn foreign(config: &Config, data: &Map, end: Timestamp) -> Record {
    let payload = Engine::new(config.clone()).unwrap().encode(data, NOW).unwrap();
    Record::ending(payload, Some(end))
}

fn data(pairs: &[(&str, &str)]) -> Map {
    let mut map = Map::new();
    for (key, value) in pairs {
        map.insert(*key, *value);
    }
    map
}

fn moved(mover: &Mover, key: &StoreKey, record: &Record) -> (StoreKey, Record) {
    match mover.convert(key, record, NOW) {
        Moved::To(key, record) => (key, record),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flask_session_is_found_in_our_store_under_the_id_its_browser_has() {
    let old = Config::flask_session(None);
    let mut map = data(&[("_user_id", "ann"), ("cart", "3")]);
    map.insert("_permanent", true);
    let record = foreign(&old, &map, after(3600));
    let mut new = Config::native();
    new.former_ids = Some(Profile::FlaskSession);
    let mover = Mover::new(old, new.clone()).unwrap();
    let (key, record) = moved(&mover, &StoreKey::from_text(format!("session:{SID}")), &record);
    assert_eq!(record.subject.as_ref().map(|subject| subject.as_str()), Some("ann"));
    assert!(record.permanent);
    // Not longer than Flask-Session promised, though a remembered one of ours would be.
    assert_eq!(record.ends(), Some(after(3600)));

    let engine = Engine::new(new).unwrap();
    for cookie in [SID.to_owned(), format!("{SID}.f3kXakUCeA5kxNwbCon2rjSSpY0")] {
        let Begun::Load(at) = engine.begin(Some(cookie.as_bytes()), NOW).unwrap() else {
            panic!("{cookie} is no id")
        };
        assert!(*at.key() == key);
        let entry = Entry::Live(record.clone(), Version::Number(1));
        let Loaded::Ready(opened) = engine.loaded(at, Some(entry), NOW) else { panic!() };
        assert_eq!(opened.session.get::<String>("cart").as_deref(), Some("3"));
        assert!(!opened.session.contains_key("_permanent"));
    }
    // Without the setting it is nobody's.
    let strict = Engine::new(Config::native()).unwrap();
    assert!(matches!(strict.begin(Some(SID.as_bytes()), NOW), Ok(Begun::Ready(_))));
}

#[test]
fn between_two_of_one_format_the_bytes_stay_and_the_prefix_changes() {
    let old = Config::flask_session(None);
    let new = Config { key_prefix: "shop:".to_owned(), ..Config::flask_session(None) };
    let record = foreign(&old, &data(&[("a", "b")]), after(60));
    let mover = Mover::new(old.clone(), new).unwrap();
    let (key, same) = moved(&mover, &StoreKey::from_text("session:abc"), &record);
    assert!(key == StoreKey::from_text("shop:abc") && same == record);
    let stranger = mover.convert(&StoreKey::from_text("celery:abc"), &record, NOW);
    assert_eq!(stranger, Moved::OtherKey);
    assert_eq!(mover.convert(&key, &record, after(61)), Moved::Expired);

    let native = Mover::new(Config::native(), Config::native()).unwrap();
    let (key, same) = moved(&native, &StoreKey::from_hash([7; 32]), &record);
    assert!(key == StoreKey::from_hash([7; 32]) && same == record);
}

#[test]
fn formats_and_keys_are_converted() {
    let map = data(&[("x", "y")]);
    let json = Config {
        serialization_format: sessile_formats::flask_session::Format::Json,
        ..Config::flask_session(None)
    };
    let pickled = Config { stored_pickled: true, ..Config::flask_session(None) };
    for (from, to, key, at) in [
        (Config::flask_session(None), json.clone(), "session:abc", "session:abc"),
        (Config::flask_session(None), pickled.clone(), "session:abc", "session:abc"),
        (pickled, Config::django(keys("new")), "session:abcdefgh", "abcdefgh"),
        (Config::django(keys("old")), Config::django(keys("new")), "abcdefgh", "abcdefgh"),
        (Config::django(keys("old")), json, "abcdefgh", "session:abcdefgh"),
    ] {
        let record = foreign(&from, &map, after(60));
        let mover = Mover::new(from, to.clone()).unwrap();
        let (key, record) = moved(&mover, &StoreKey::from_text(key), &record);
        assert!(key == StoreKey::from_text(at));
        let read = Engine::new(to).unwrap().decode_strictly(&record.payload).unwrap();
        assert_eq!(read.get("x").and_then(|x| x.as_str()), Some("y"));
        assert_eq!(record.ends(), Some(after(60)));
    }
}

#[test]
fn what_cannot_be_moved_is_said() {
    let impossible = Mover::new(Config::native(), Config::flask_session(None));
    assert_eq!(impossible.unwrap_err(), MoveError::Hashed);
    let cookies = Mover::new(Config::flask(keys("k")), Config::native());
    assert_eq!(cookies.unwrap_err(), MoveError::InCookies);

    // Signed with a key the old side's settings do not name.
    let record = foreign(&Config::django(keys("other")), &data(&[("x", "y")]), after(60));
    let mover = Mover::new(Config::django(keys("old")), Config::native()).unwrap();
    let key = StoreKey::from_text("abcdefgh");
    assert_eq!(mover.convert(&key, &record, NOW), Moved::Unreadable);

    let mut binary = Map::new();
    binary.insert("raw", sessile_core::Value::Bytes(vec![1]));
    let record = foreign(&Config::flask_session(None), &binary, after(60));
    let mover = Mover::new(Config::flask_session(None), Config::django(keys("k"))).unwrap();
    let key = StoreKey::from_text("session:abcdefgh");
    assert!(matches!(mover.convert(&key, &record, NOW), Moved::Unwritable(_)));
}
