//! Cookie-held sessions that one cookie cannot hold.

use std::collections::BTreeMap;

use http::{HeaderValue, Method, Request, header};
use sessile::{Config, ConfigError, Engine, Storage};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Browser, Site as _, Stage};
use sessile_core::cookie::MAX_NAME_AND_VALUE;

use crate::support::{HELD, OTHER_SECRET, SECRET, held, stage};

fn spread(storage: Storage, chunks: u8) -> Config {
    let mut config = held(storage, &[SECRET]);
    config.cookie_chunks = chunks;
    config
}

/// Puts so much into the session under `k`, no two characters alike for long.
fn fill(key: &str, length: usize) -> String {
    let value: String = (0..length).map(|at| char::from(b'a' + (at * at % 26) as u8)).collect();
    format!("/set?k={key}&v={value}")
}

async fn length(browser: &mut Browser, key: &str) -> usize {
    let reply = browser.get(&format!("/get?k={key}")).await.unwrap().expect(200).unwrap();
    if reply.body == "-" { 0 } else { reply.body.len() }
}

/// What the session answers to exactly these cookies.
async fn with_jar(stage: &Stage, jar: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut request = Request::new(String::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = "/get?k=a".parse().unwrap();
    let value = HeaderValue::from_str(&pairs.join("; ")).unwrap();
    request.headers_mut().insert(header::COOKIE, value);
    InMemory(stage.app()).answer(request).await.unwrap().body
}

#[tokio::test]
async fn a_large_session_travels_in_several_cookies_and_shrinks_again() {
    for storage in HELD {
        let stage = stage(spread(storage, 4));
        let mut browser = stage.browser();
        for (size, cookies) in [(10, 1), (2_000, 1), (4_000, 2), (9_000, 4), (4_000, 2), (10, 1)] {
            let reply = browser.post(&fill("a", size)).await.unwrap().expect(200).unwrap();
            for cookie in reply.set_cookies() {
                let pair = cookie.split(';').next().unwrap();
                assert!(pair.len() <= MAX_NAME_AND_VALUE, "{} octets", pair.len());
                for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                    assert!(cookie.contains(attribute), "{attribute}");
                }
            }
            // What a smaller session leaves over is removed.
            let names: Vec<_> = browser.jar().keys().map(String::as_str).collect();
            let wanted = ["__Host-id", "__Host-id.1", "__Host-id.2", "__Host-id.3"];
            assert_eq!(names, wanted[..cookies], "{size}");
            assert_eq!(length(&mut browser, "a").await, size);
        }
    }
}

#[tokio::test]
async fn the_end_of_a_session_removes_all_of_its_cookies() {
    for storage in HELD {
        let stage = stage(spread(storage, 4));
        let mut browser = stage.browser();
        browser.post(&fill("a", 9_000)).await.unwrap().expect(200).unwrap();
        assert_eq!(browser.jar().len(), 4);
        browser.post("/logout").await.unwrap().expect(200).unwrap();
        assert!(browser.jar().is_empty());
    }
}

/// Parts of two generations, as when a response was lost halfway or another
/// tab's came in between: never a session made of both.
#[tokio::test]
async fn parts_of_two_generations_never_verify() {
    for storage in HELD {
        let stage = stage(spread(storage, 4));
        let mut browser = stage.browser();
        browser.post(&fill("a", 9_000)).await.unwrap().expect(200).unwrap();
        let first = browser.jar().clone();
        browser.post("/set?k=b&v=1").await.unwrap().expect(200).unwrap();
        let second = browser.jar().clone();
        let whole = with_jar(&stage, &second).await;
        assert_eq!(whole.len(), 9_000);
        let mut tried = 0;
        for mask in 1..15_u8 {
            let mixed = first.iter().zip(&second).enumerate().map(|(at, (old, new))| {
                let (name, value) = if mask & (1 << at) == 0 { old } else { new };
                (name.clone(), value.clone())
            });
            let mixed: BTreeMap<_, _> = mixed.collect();
            // A part may be the same in both.
            if mixed != first && mixed != second {
                assert_eq!(with_jar(&stage, &mixed).await, "-", "{mask:04b}");
                tried += 1;
            }
        }
        assert!(tried >= 6, "{tried}");
        for missing in second.keys() {
            let mut jar = second.clone();
            jar.remove(missing);
            assert_eq!(with_jar(&stage, &jar).await, "-", "without {missing}");
        }
        // Parts that nobody asked for change nothing.
        let mut jar = second.clone();
        for extra in ["__Host-id.4", "__Host-id.7", "__Host-id.8", "__Host-id.01", "__Host-id.x"] {
            jar.insert(extra.into(), "AAAA".into());
        }
        assert_eq!(with_jar(&stage, &jar).await, whole);
    }
}

#[tokio::test]
async fn r19_a_count_that_was_changed_is_anonymous() {
    let stage = stage(spread(Storage::SignedCookie, 8));
    let mut browser = stage.browser();
    browser.post(&fill("a", 9_000)).await.unwrap().expect(200).unwrap();
    let jar = browser.jar().clone();
    for head in ["~3~", "~5~", "~8~", "~1~", "~9~", "~0~", "~a~", "~~", "~", "", "~4"] {
        let mut jar = jar.clone();
        let first = jar.get_mut("__Host-id").unwrap();
        *first = first.replacen("~4~", head, 1);
        assert_eq!(with_jar(&stage, &jar).await, "-", "{head}");
    }
}

#[tokio::test]
async fn more_than_the_cookies_allowed_is_refused_and_the_session_stays() {
    for (chunks, fits, too_much) in [(1, 2_800, 3_100), (2, 5_000, 6_000), (8, 22_000, 23_500)] {
        for storage in HELD {
            let stage = stage(spread(storage, chunks));
            let mut browser = stage.browser();
            browser.post(&fill("a", fits)).await.unwrap().expect(200).unwrap();
            let refused = browser.post(&fill("a", too_much)).await.unwrap();
            assert_eq!(refused.status, 500);
            assert!(refused.set_cookies().is_empty());
            assert_eq!(length(&mut browser, "a").await, fits);
        }
    }
}

#[tokio::test]
async fn another_key_reads_none_of_it() {
    let stage_of = |secret| {
        let mut config = held(Storage::SignedCookie, &[secret]);
        config.cookie_chunks = 4;
        stage(config)
    };
    let stage = stage_of(SECRET);
    let mut browser = stage.browser();
    browser.post(&fill("a", 9_000)).await.unwrap().expect(200).unwrap();
    assert_eq!(with_jar(&stage_of(OTHER_SECRET), browser.jar()).await, "-");
}

#[test]
fn only_what_a_cookie_of_ours_holds_can_be_spread() {
    for chunks in [0, 9, 255] {
        assert!(matches!(
            Engine::new(spread(Storage::SignedCookie, chunks)).unwrap_err(),
            ConfigError::OutOfRange { setting: "cookie_chunks", .. }
        ));
    }
    for storage in HELD {
        assert!(Engine::new(spread(storage, 8)).is_ok());
    }
    let refused = Engine::new(spread(Storage::Store, 2)).unwrap_err();
    assert!(matches!(refused, ConfigError::OutOfRange { setting: "cookie_chunks", .. }));
}
