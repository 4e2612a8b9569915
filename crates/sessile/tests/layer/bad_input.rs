//! Whatever stands in the cookie: a fresh anonymous session, no panic, no cookie sent.

use std::time::Duration;

use http::{HeaderValue, Method, Request, header};
use sessile::{Config, Storage};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Reply, Site, Stage};
use sessile_formats::itsdangerous::{Derivation, SignerOptions, TimestampSigner};

use crate::support::{HELD, OTHER_SECRET, SECRET, held, ring, stage};

/// A set of rules, and what its original demands where they differ.
struct Profile {
    name: &'static str,
    config: Config,
    /// The same with another key.
    other: Config,
    /// How long its sessions live.
    age: Duration,
    /// Of two cookies of one name the last counts, as in the original.
    last: bool,
    /// A cookie that leads nowhere is removed or emptied at the next look, as Django does.
    removes: bool,
    /// A padded signature is the same signature, as itsdangerous has it.
    padded: bool,
    /// A cookie from the future is refused. Django does not look; stores cannot tell.
    future: bool,
}

fn profiles() -> Vec<Profile> {
    const DAY: Duration = Duration::from_secs(86_400);
    let pair = |name, make: &dyn Fn(&'static str) -> Config, age| {
        let (config, other) = (make(SECRET), make(OTHER_SECRET));
        let (last, removes, padded, future) = (false, false, false, false);
        Profile { name, config, other, age, last, removes, padded, future }
    };
    let [signed, sealed] = HELD;
    let signed_ids = |key| {
        let mut config = Config::flask_session(Some(ring(&[key])));
        config.use_signer = true;
        config
    };
    let django_cookie = |key| {
        let mut config = Config::django(ring(&[key]));
        config.storage = Storage::SignedCookie;
        config
    };
    let flask = pair("flask", &|key| Config::flask(ring(&[key])), 31 * DAY);
    let flask_session = pair("flask_session", &signed_ids, 31 * DAY);
    let django = pair("django, stored", &|key| Config::django(ring(&[key])), 14 * DAY);
    let django_cookie = pair("django, signed_cookies", &django_cookie, 14 * DAY);
    let starlette = pair("starlette", &|key| Config::starlette(ring(&[key])), 14 * DAY);
    vec![
        pair("native, stored", &|_| Config::native(), DAY),
        Profile { future: true, ..pair("native, signed", &|key| held(signed, &[key]), DAY) },
        Profile { future: true, ..pair("native, encrypted", &|key| held(sealed, &[key]), DAY) },
        Profile { padded: true, future: true, ..flask },
        Profile { padded: true, ..flask_session },
        Profile { last: true, removes: true, ..django },
        Profile { last: true, removes: true, ..django_cookie },
        Profile { last: true, padded: true, future: true, ..starlette },
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

/// Reading is anonymous and sends no cookie, or its removal where the original does.
async fn reads_nothing(stage: &Stage, profile: &Profile, what: &str, fields: &[Vec<u8>]) {
    let reply = ask(stage, Method::GET, "/get?k=a", fields).await;
    let what = format!("{}: {what}", profile.name);
    assert_eq!((reply.status, reply.body.as_str()), (200, "-"), "{what}");
    for cookie in reply.set_cookies() {
        // An empty session's, `{}`, is how `signed_cookies` replaces what it cannot read.
        let harmless = cookie.contains("Max-Age=0") || cookie.starts_with("sessionid=e30:");
        assert!(profile.removes && harmless, "{what}: a cookie was sent");
    }
}

/// And writing begins a session of our own making.
async fn is_nobody(stage: &Stage, profile: &Profile, what: &str, fields: &[Vec<u8>]) {
    reads_nothing(stage, profile, what, fields).await;
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
    for profile in profiles() {
        let stage = stage(profile.config.clone());
        let (name, value) = good(&stage).await;
        for at in 0..value.len() {
            let mut changed = value.clone().into_bytes();
            // Not B: itsdangerous ignores the last character's spare bits, which alone differ.
            changed[at] = if changed[at] == b'A' { b'Q' } else { b'A' };
            let what = format!("character {at} changed");
            reads_nothing(&stage, &profile, &what, &[pair(&name, &changed)]).await;
        }
    }
}

#[tokio::test]
async fn r19_any_cut_or_addition_is_anonymous() {
    for profile in profiles() {
        let stage = stage(profile.config.clone());
        let (name, value) = good(&stage).await;
        for at in 0..value.len() {
            let what = format!("cut at {at}");
            let cut = &value.as_bytes()[..at];
            reads_nothing(&stage, &profile, &what, &[pair(&name, cut)]).await;
        }
        for more in ["A", ".", "=", "%00", ".AAAA"] {
            if profile.padded && more == "=" {
                continue;
            }
            let what = format!("{more:?} added");
            let longer = [value.as_bytes(), more.as_bytes()].concat();
            is_nobody(&stage, &profile, &what, &[pair(&name, &longer)]).await;
        }
    }
}

#[tokio::test]
async fn r19_garbage_of_every_size_is_anonymous() {
    for profile in profiles() {
        let stage = stage(profile.config.clone());
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
            let what = format!("{:?}", String::from_utf8_lossy(value));
            is_nobody(&stage, &profile, &what, &[pair(&name, value)]).await;
        }
        for size in [4096, 8192, 65_535, 65_537, 200_000] {
            for byte in [b'A', b'.', 0xff] {
                let what = format!("{size} bytes of {byte:#x}");
                is_nobody(&stage, &profile, &what, &[pair(&name, &vec![byte; size])]).await;
            }
        }
    }
}

#[tokio::test]
async fn r19_a_cookie_of_another_key_is_anonymous() {
    for profile in profiles() {
        let (stage, other) = (stage(profile.config.clone()), stage(profile.other.clone()));
        let (name, value) = good(&other).await;
        is_nobody(&stage, &profile, "another key", &[pair(&name, value.as_bytes())]).await;
    }
}

/// Every profile's cookie under every other profile, with the same key (rack-session
/// CVE-2026-39324 fell back to a decoder without a signature).
#[tokio::test]
async fn r20_a_cookie_of_another_format_is_anonymous() {
    for own in profiles() {
        let stage = stage(own.config.clone());
        let (name, _) = good(&stage).await;
        for other in profiles() {
            if own.name == other.name {
                continue;
            }
            let (_, value) = good(&crate::support::stage(other.config)).await;
            let what = format!("a cookie of {}", other.name);
            is_nobody(&stage, &own, &what, &[pair(&name, value.as_bytes())]).await;
        }
    }
}

#[tokio::test]
async fn r21_expired_and_future_cookies_are_anonymous() {
    for profile in profiles() {
        let stage = stage(profile.config.clone());
        let (name, value) = good(&stage).await;
        let field = pair(&name, value.as_bytes());
        let made = stage.clock.now();
        stage.clock.set(made + profile.age + Duration::from_secs(2));
        is_nobody(&stage, &profile, "expired", std::slice::from_ref(&field)).await;
        if profile.future {
            let past = made.as_millis() - 86_400_000;
            stage.clock.set(sessile::Timestamp::from_millis(past));
            is_nobody(&stage, &profile, "of the future", &[field]).await;
        }
    }
}

#[tokio::test]
async fn r33_duplicate_and_many_cookies_read_as_documented() {
    for profile in profiles() {
        let stage = stage(profile.config.clone());
        let (name, value) = good(&stage).await;
        let field = pair(&name, value.as_bytes());
        let bad = pair(&name, b"bad");
        let joined = |one: &[u8], two: &[u8]| [one, b"; ", two].concat();
        // One counts, and a bad one does not fall back to the other.
        let (first, second) = if profile.last { (&bad, &field) } else { (&field, &bad) };
        let reply = ask(&stage, Method::GET, "/get?k=a", &[joined(first, second)]).await;
        assert_eq!(reply.body, "found", "{}", profile.name);
        is_nobody(&stage, &profile, "the bad one counts", &[joined(second, first)]).await;
        is_nobody(&stage, &profile, "in two fields", &[second.clone(), first.clone()]).await;
        // A thousand others before it, in one field and in a thousand.
        let others: Vec<Vec<u8>> =
            (0..1000).map(|number| format!("c{number}={number}").into_bytes()).collect();
        let one = joined(&others.join(&b"; "[..]), &field);
        let many: Vec<Vec<u8>> = others.into_iter().chain([field]).collect();
        for fields in [vec![one], many] {
            let reply = ask(&stage, Method::GET, "/get?k=a", &fields).await;
            let found = (reply.status, reply.body.as_str());
            assert_eq!(found, (200, "found"), "{}", profile.name);
        }
    }
}

/// 64 KiB of cookies are read and no more; what is behind does not exist.
#[tokio::test]
async fn inv12_a_session_behind_64_kib_of_cookies_is_not_read() {
    for profile in profiles() {
        let stage = stage(profile.config.clone());
        let (name, value) = good(&stage).await;
        let mut field = format!("p={}; ", "x".repeat(70_000)).into_bytes();
        field.extend(pair(&name, value.as_bytes()));
        reads_nothing(&stage, &profile, "behind 70 KB", &[field]).await;
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

/// Signed by us and yet no session: Flask and Starlette let the error through, which is a 500.
#[tokio::test]
async fn r20_a_well_signed_cookie_that_is_no_session_is_an_error() {
    let keys = ring(&[SECRET]);
    let flask = SignerOptions {
        derivation: Derivation::Hmac,
        ..SignerOptions::salted(b"cookie-session".as_slice())
    };
    let starlette = SignerOptions::salted(b"itsdangerous.Signer".as_slice());
    for (config, options) in
        [(Config::flask(keys.clone()), flask), (Config::starlette(keys.clone()), starlette)]
    {
        let stage = stage(config);
        let (name, _) = good(&stage).await;
        let signer = TimestampSigner::new(&keys, options).unwrap();
        // "[not JSON", base64.
        let signed = signer.sign(b"W25vdCBKU09O", stage.clock.now());
        let reply = ask(&stage, Method::GET, "/get?k=a", &[pair(&name, &signed)]).await;
        assert_eq!(reply.status, 500, "{name}");
        assert!(reply.set_cookies().is_empty(), "{name}");
        assert!(!reply.body.contains("JSON"), "the visitor reads of the inside: {}", reply.body);
    }
}
