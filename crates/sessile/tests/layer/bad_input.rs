//! Whatever stands in the cookie: a fresh anonymous session, no panic, no cookie sent.

use std::time::Duration;

use http::{HeaderValue, Method, Request, header};
use sessile::{Config, Storage};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Reply, Site, Stage};

use crate::support::{HELD, OTHER_SECRET, SECRET, held, ring, stage};

fn flask(secrets: &[&str]) -> Config {
    Config::flask(ring(secrets))
}

/// The profiles: their name, their settings with the right key and with another.
fn profiles() -> Vec<(&'static str, Config, Config)> {
    let [signed, sealed] = HELD;
    vec![
        ("native, stored", Config::native(), Config::native()),
        ("native, signed", held(signed, &[SECRET]), held(signed, &[OTHER_SECRET])),
        ("native, encrypted", held(sealed, &[SECRET]), held(sealed, &[OTHER_SECRET])),
        ("flask", flask(&[SECRET]), flask(&[OTHER_SECRET])),
    ]
}

async fn ask(stage: &Stage, method: Method, target: &str, fields: &[Vec<u8>]) -> Reply {
    let mut request = Request::new(String::new());
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().unwrap();
    for field in fields {
        let value = HeaderValue::from_bytes(field).unwrap();
        request.headers_mut().append(header::COOKIE, value);
    }
    InMemory(stage.app()).answer(request).await.unwrap()
}

/// Reading is anonymous and sends nothing; writing begins a session of our own making.
async fn is_nobody(stage: &Stage, what: &str, fields: &[Vec<u8>]) {
    let reply = ask(stage, Method::GET, "/get?k=a", fields).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "-"), "{what}");
    assert!(reply.set_cookies().is_empty(), "{what}: a cookie was sent");
    let reply = ask(stage, Method::POST, "/set?k=b&v=1", fields).await;
    assert_eq!(reply.status, 200, "{what}");
    assert_eq!(reply.set_cookies().len(), 1, "{what}: no session of its own");
}

/// A good cookie of this stage: name and value.
async fn good(stage: &Stage) -> (String, String) {
    let mut visitor = stage.browser();
    visitor.post("/set?k=a&v=found").await.unwrap().expect(200).unwrap();
    visitor.get("/get?k=a").await.unwrap().expect_body("found").unwrap();
    let (name, value) = visitor.only_cookie().unwrap();
    (name.to_owned(), value.to_owned())
}

fn pair(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"=", value].concat()
}

#[tokio::test]
async fn r19_any_changed_character_is_anonymous() {
    for (profile, config, _) in profiles() {
        let stage = stage(config);
        let (name, value) = good(&stage).await;
        for at in 0..value.len() {
            let mut changed = value.clone().into_bytes();
            // Not B: itsdangerous ignores the last character's spare bits, which alone differ.
            changed[at] = if changed[at] == b'A' { b'Q' } else { b'A' };
            let what = format!("{profile}: character {at} changed");
            let reply = ask(&stage, Method::GET, "/get?k=a", &[pair(&name, &changed)]).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "-"), "{what}");
            assert!(reply.set_cookies().is_empty(), "{what}");
        }
    }
}

#[tokio::test]
async fn r19_any_cut_or_addition_is_anonymous() {
    for (profile, config, _) in profiles() {
        let stage = stage(config);
        let (name, value) = good(&stage).await;
        for at in 0..value.len() {
            let what = format!("{profile}: cut at {at}");
            let reply =
                ask(&stage, Method::GET, "/get?k=a", &[pair(&name, &value.as_bytes()[..at])]).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "-"), "{what}");
            assert!(reply.set_cookies().is_empty(), "{what}");
        }
        for more in ["A", ".", "=", "%00", ".AAAA"] {
            if (profile, more) == ("flask", "=") {
                // itsdangerous takes a signature with or without its padding.
                continue;
            }
            let what = format!("{profile}: {more:?} added");
            let longer = [value.as_bytes(), more.as_bytes()].concat();
            is_nobody(&stage, &what, &[pair(&name, &longer)]).await;
        }
    }
}

#[tokio::test]
async fn r19_garbage_of_every_size_is_anonymous() {
    for (profile, config, _) in profiles() {
        let stage = stage(config);
        let (name, _) = good(&stage).await;
        let garbage: [&[u8]; 14] = [
            b"",
            b".",
            b"..",
            b"....",
            b"\"\"",
            b"\"",
            b"null",
            b"{}",
            b"-.-.-",
            b"\xff\xfe\xfd",
            b"\xc3\x28",
            b"%ff%fe",
            b".eJwDAAAAAAE.AAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA",
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ];
        for value in garbage {
            let what = format!("{profile}: {:?}", String::from_utf8_lossy(value));
            is_nobody(&stage, &what, &[pair(&name, value)]).await;
        }
        for size in [4096, 8192, 65_535, 65_537, 200_000] {
            for byte in [b'A', b'.', 0xff] {
                let what = format!("{profile}: {size} bytes of {byte:#x}");
                is_nobody(&stage, &what, &[pair(&name, &vec![byte; size])]).await;
            }
        }
    }
}

#[tokio::test]
async fn r19_a_cookie_of_another_key_is_anonymous() {
    for (profile, config, other) in profiles() {
        let (stage, other) = (stage(config), stage(other));
        let (name, value) = good(&other).await;
        is_nobody(&stage, profile, &[pair(&name, value.as_bytes())]).await;
    }
}

/// Every profile's cookie under every other profile, with the same key (rack-session
/// CVE-2026-39324 fell back to a decoder without a signature).
#[tokio::test]
async fn r20_a_cookie_of_another_format_is_anonymous() {
    for (own, config, _) in profiles() {
        let stage = stage(config);
        let (name, _) = good(&stage).await;
        for (other, config, _) in profiles() {
            if own == other {
                continue;
            }
            let (_, value) = good(&crate::support::stage(config)).await;
            is_nobody(
                &stage,
                &format!("{own}: a cookie of {other}"),
                &[pair(&name, value.as_bytes())],
            )
            .await;
        }
    }
}

#[tokio::test]
async fn r21_expired_and_future_cookies_are_anonymous() {
    const DAY: Duration = Duration::from_secs(86_400);
    for (profile, config, _) in profiles() {
        let age = if profile == "flask" { 31 * DAY } else { DAY };
        let stage = stage(config);
        let (name, value) = good(&stage).await;
        let field = pair(&name, value.as_bytes());
        let made = stage.clock.now();
        stage.clock.set(made + age + Duration::from_secs(2));
        is_nobody(&stage, &format!("{profile}: expired"), std::slice::from_ref(&field)).await;
        if !profile.ends_with("stored") {
            let past = made.as_millis() - 86_400_000;
            stage.clock.set(sessile::Timestamp::from_millis(past));
            is_nobody(&stage, &format!("{profile}: of the future"), &[field]).await;
        }
    }
}

#[tokio::test]
async fn r33_duplicate_and_many_cookies_read_as_documented() {
    for (profile, config, _) in profiles() {
        let stage = stage(config);
        let (name, value) = good(&stage).await;
        let field = pair(&name, value.as_bytes());
        let bad = pair(&name, b"bad");
        let joined = |one: &[u8], two: &[u8]| [one, b"; ", two].concat();
        // The first one counts, and a bad first one does not fall back to the second.
        let reply = ask(&stage, Method::GET, "/get?k=a", &[joined(&field, &bad)]).await;
        assert_eq!(reply.body, "found", "{profile}");
        is_nobody(&stage, profile, &[joined(&bad, &field)]).await;
        is_nobody(&stage, profile, &[bad.clone(), field.clone()]).await;
        // A thousand others before it, in one field and in a thousand.
        let others: Vec<Vec<u8>> =
            (0..1000).map(|number| format!("c{number}={number}").into_bytes()).collect();
        let one = joined(&others.join(&b"; "[..]), &field);
        let reply = ask(&stage, Method::GET, "/get?k=a", &[one]).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "found"), "{profile}");
        let many: Vec<Vec<u8>> = others.into_iter().chain([field]).collect();
        let reply = ask(&stage, Method::GET, "/get?k=a", &many).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "found"), "{profile}");
    }
}

/// 64 KiB of cookies are read and no more; what is behind does not exist.
#[tokio::test]
async fn inv12_a_session_behind_64_kib_of_cookies_is_not_read() {
    for (profile, config, _) in profiles() {
        let stage = stage(config);
        let (name, value) = good(&stage).await;
        let mut field = format!("p={}; ", "x".repeat(70_000)).into_bytes();
        field.extend(pair(&name, value.as_bytes()));
        let reply = ask(&stage, Method::GET, "/get?k=a", &[field]).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "-"), "{profile}");
        assert!(reply.set_cookies().is_empty(), "{profile}");
    }
}

/// A session that does not fit its cookie is an error, not a cookie browsers drop.
#[tokio::test]
async fn r28_a_session_too_large_for_its_cookie_is_500() {
    for storage in [Storage::SignedCookie, Storage::EncryptedCookie] {
        let stage = stage(held(storage, &[SECRET]));
        let mut visitor = stage.browser();
        visitor.post("/set?k=a&v=found").await.unwrap().expect(200).unwrap();
        let large = format!("/set?k=b&v={}", "x".repeat(4096));
        visitor.post(&large).await.unwrap().expect(500).unwrap().expect_no_cookie().unwrap();
        visitor.get("/get?k=a").await.unwrap().expect_body("found").unwrap();
    }
}
