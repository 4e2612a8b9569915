//! Cookie-held sessions, configuration that must be accepted in words, keys that change.

use std::time::Duration;

use sessile::store::NoStore;
use sessile::{
    Config, ConfigError, CookieError, Engine, Lifetime, MemoryStore, SecretKey, SessionLayer,
    Storage, WeakKey,
};

use crate::support::{HELD, OTHER_SECRET, SECRET, held, stage};

#[test]
fn r05_cookie_held_sessions_need_an_explicit_opt_in() {
    for storage in HELD {
        let mut config = held(storage, &[SECRET]);
        config.cookie_sessions_cannot_be_revoked = false;
        let refused = SessionLayer::in_cookies(config).err();
        assert_eq!(refused, Some(ConfigError::NotRevocable));
        assert!(SessionLayer::in_cookies(held(storage, &[SECRET])).is_ok());
    }
    let text = ConfigError::NotRevocable.to_string().to_lowercase();
    assert!(text.contains("cookie_sessions_cannot_be_revoked"), "{text}");
}

/// What the opt-in is about, so that nobody takes it for something else: the
/// browser's cookie goes, a copy of it works until it expires.
#[tokio::test]
async fn r05_a_copied_cookie_outlives_logout_where_that_was_accepted() {
    for storage in HELD {
        let stage = stage(held(storage, &[SECRET]));
        let mut browser = stage.browser();
        browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
        let mut copy = browser.clone();
        browser.post("/logout").await.unwrap().expect(200).unwrap();
        assert!(browser.jar().is_empty());
        copy.get("/who").await.unwrap().expect_body("alice").unwrap();
        stage.clock.pass(Duration::from_secs(3600));
        copy.get("/who").await.unwrap().expect_body("-").unwrap();
    }
}

#[test]
fn r08_the_presets_are_the_documents_limits() {
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
    assert_eq!(Lifetime::AAL1, Lifetime { idle: None, absolute: hours(30 * 24) });
    assert_eq!(Lifetime::AAL2, Lifetime { idle: hours(1), absolute: hours(24) });
    let quarter = Some(Duration::from_secs(15 * 60));
    assert_eq!(Lifetime::AAL3, Lifetime { idle: quarter, absolute: hours(12) });
    let config = Config::native();
    assert_eq!((config.lifetime, config.permanent_lifetime), (Lifetime::AAL2, Lifetime::AAL1));
}

/// Each preset, served: the last millisecond is in, the limit is out.
#[tokio::test]
async fn r08_the_presets_hold_when_served() {
    for storage in [Storage::Store, Storage::SignedCookie, Storage::EncryptedCookie] {
        for lifetime in [Lifetime::AAL1, Lifetime::AAL2, Lifetime::AAL3] {
            let mut config = held(storage, &[SECRET]);
            config.lifetime = lifetime;
            let stage = stage(config);
            let mut browser = stage.browser();
            browser.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
            let limit = lifetime.idle.or(lifetime.absolute).unwrap();
            let began = stage.clock.now();
            stage.clock.set(began + (limit - Duration::from_millis(1)));
            browser.clone().get("/get?k=a").await.unwrap().expect_body("1").unwrap();
            if storage != Storage::Store {
                stage.clock.set(began + limit);
                browser.get("/get?k=a").await.unwrap().expect_body("-").unwrap();
            }
        }
    }
}

#[tokio::test]
async fn r09_a_held_session_ends_whatever_the_browser_does() {
    for storage in HELD {
        let stage = stage(held(storage, &[SECRET]));
        let mut browser = stage.browser();
        browser.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
        // Kept active all day: the absolute limit is in the cookie and is not moved.
        for _ in 0..47 {
            stage.clock.pass(Duration::from_secs(1800));
            browser.get("/get?k=a").await.unwrap().expect_body("1").unwrap();
        }
        stage.clock.pass(Duration::from_secs(1800));
        browser.get("/get?k=a").await.unwrap().expect_body("-").unwrap();
    }
}

/// A limit that nothing could keep must not look as if it were kept.
#[test]
fn r12_a_limit_without_a_directory_is_a_build_error() {
    for storage in HELD {
        let mut config = held(storage, &[SECRET]);
        config.sessions_per_subject = Some(3);
        let refused = SessionLayer::in_cookies(config).err();
        let limit = |error| matches!(error, ConfigError::NoEffect { setting, .. } if setting.starts_with("sessions_per_subject "));
        assert!(refused.is_some_and(limit));
    }
    let mut config = Config::native();
    config.sessions_per_subject = Some(3);
    assert!(SessionLayer::new(config.clone(), NoStore).is_err());
    assert!(SessionLayer::new(config, MemoryStore::new()).is_ok());
}

#[tokio::test]
async fn r13_authenticated_at_is_the_last_login_and_nothing_else_moves_it() {
    for storage in [Storage::Store, Storage::SignedCookie, Storage::EncryptedCookie] {
        let stage = stage(held(storage, &[SECRET]));
        let mut browser = stage.browser();
        browser.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
        browser.get("/authenticated").await.unwrap().expect_body("-").unwrap();
        for _ in 0..2 {
            let at = stage.clock.now().as_millis().to_string();
            browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
            for path in ["/set?k=a&v=2", "/rotate", "/remember", "/clear"] {
                stage.clock.pass(Duration::from_secs(400));
                browser.post(path).await.unwrap().expect(200).unwrap();
                browser.get("/authenticated").await.unwrap().expect_body(&at).unwrap();
            }
        }
        browser.post("/logout").await.unwrap().expect(200).unwrap();
        browser.get("/authenticated").await.unwrap().expect_body("-").unwrap();
    }
}

#[tokio::test]
async fn r17_an_encrypted_cookie_hides_what_a_signed_one_shows() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    for (storage, shown) in [(Storage::SignedCookie, true), (Storage::EncryptedCookie, false)] {
        let stage = stage(held(storage, &[SECRET]));
        let mut browser = stage.browser();
        browser.post("/set?k=a&v=plaintext-marker").await.unwrap().expect(200).unwrap();
        let (_, value) = browser.only_cookie().unwrap();
        // Two characters name version and kind.
        let bytes = URL_SAFE_NO_PAD.decode(&value[2..]).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.contains("plaintext-marker"), shown, "{storage:?}");
    }
}

#[tokio::test]
async fn r23_a_new_key_signs_the_old_one_verifies_a_removed_one_fails() {
    for storage in HELD {
        let old = stage(held(storage, &[OTHER_SECRET]));
        let both = stage(held(storage, &[SECRET, OTHER_SECRET]));
        let new = stage(held(storage, &[SECRET]));
        let mut browser = old.browser();
        browser.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
        let carry = |from: &sessile_conformance::http::Browser,
                     to: &sessile_conformance::http::Stage| {
            let (name, value) = from.only_cookie().unwrap();
            to.browser().with_cookie(name, value)
        };
        carry(&browser, &new).get("/get?k=a").await.unwrap().expect_body("-").unwrap();
        let mut moved = carry(&browser, &both);
        moved.get("/get?k=a").await.unwrap().expect_body("1").unwrap();
        moved.post("/set?k=b&v=2").await.unwrap().expect(200).unwrap();
        carry(&moved, &old).get("/get?k=b").await.unwrap().expect_body("-").unwrap();
        carry(&moved, &new).get("/get?k=b").await.unwrap().expect_body("2").unwrap();
    }
}

#[test]
fn r24_a_configuration_gets_no_weak_key() {
    assert_eq!(SecretKey::new("").err(), Some(WeakKey::Empty));
    assert_eq!(SecretKey::new("x".repeat(31)).err(), Some(WeakKey::Short { len: 31 }));
    let known = SecretKey::new("CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET_KEY").err();
    assert_eq!(known, Some(WeakKey::WellKnown));
    for storage in HELD {
        let mut config = held(storage, &[SECRET]);
        config.keys = None;
        assert_eq!(Engine::new(config).err(), Some(ConfigError::NoKey));
    }
}

/// Another cookie's name, another application, the other kind of cookie, and a
/// cookie of another purpose: none of them is a session.
#[tokio::test]
async fn inv10_a_cookie_made_for_something_else_is_no_session() {
    let other_name = |storage| {
        let mut config = held(storage, &[SECRET]);
        config.cookie.name = "__Host-admin".into();
        config
    };
    let other_audience = |storage| {
        let mut config = held(storage, &[SECRET]);
        config.audience = "the other application".into();
        config
    };
    for storage in HELD {
        let other_kind = HELD.into_iter().find(|kind| *kind != storage).unwrap();
        let own = stage(held(storage, &[SECRET]));
        for config in [other_name(storage), other_audience(storage), held(other_kind, &[SECRET])] {
            let other = stage(config);
            let mut browser = other.browser();
            browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
            browser.get("/who").await.unwrap().expect_body("alice").unwrap();
            let (_, value) = browser.only_cookie().unwrap();
            let mut carried = own.browser().with_cookie("__Host-id", value);
            let reply = carried.get("/who").await.unwrap();
            reply.expect_body("-").unwrap().expect_no_cookie().unwrap();
        }
    }
}

#[test]
fn r26_a_name_with_a_prefix_its_settings_break_is_a_build_error() {
    let mut config = Config::native();
    config.cookie.domain = Some("example.org".into());
    let refused = Engine::new(config).err();
    assert!(matches!(refused, Some(ConfigError::Cookie(CookieError::Requires { .. }))));
}
