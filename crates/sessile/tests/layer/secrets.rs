//! Nothing secret is printed: not in logs of any level, errors, `Debug` output.

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use sessile::{Config, EventKind, Failure, Storage, StoreError, StoreErrorKind};
use sessile_conformance::http::Call;

use crate::support::{HELD, SECRET, held, stage};
use crate::traced::Everything;

const MARKER: &str = "the-value-in-the-session";

/// A visit with everything in it that is logged; what must not be in the log is returned.
async fn visit(config: Config, shown: &mut String) -> Vec<String> {
    let stored = config.storage == Storage::Store;
    let (mut secrets, mut replies) = (vec![MARKER.to_owned()], String::new());
    if config.keys.is_some() {
        secrets.push(SECRET.to_owned());
    }
    let _ = writeln!(shown, "{config:?}");
    let stage = stage(config);
    let mut visitor = stage.browser();
    let steps = [
        format!("/set?k=a&v={MARKER}"),
        "/login?user=alice".into(),
        "/rotate".into(),
        "/set?k=%0d%0a&v=1".into(),
        format!("/set-then-500?k=a&v={MARKER}"),
        "/remember".into(),
    ];
    for path in &steps {
        let reply = visitor.post(path).await.unwrap();
        let _ = writeln!(replies, "{} {}", reply.status, reply.body);
        secrets.extend(visitor.jar().values().cloned());
    }
    // Of the wrong type, unencodable, too large, forged, unknown, expired, with a failing store.
    let (_, id) = visitor.only_cookie().unwrap();
    let forged = format!("x{id}");
    let mut other = stage.browser().with_cookie("__Host-id", &forged);
    other.get("/get?k=a").await.unwrap();
    secrets.push(forged);
    let unknown = "unknown-id-that-somebody-invente";
    let mut other = stage.browser().with_cookie("__Host-id", unknown);
    other.get("/get?k=a").await.unwrap();
    secrets.push(unknown.to_owned());
    if stored {
        for call in [Call::Load, Call::Update, Call::Replace] {
            stage.store.set_down(call, true);
            let reply = visitor.post("/login?user=alice").await.unwrap();
            let _ = writeln!(replies, "{} {}", reply.status, reply.body);
            stage.store.set_down(call, false);
        }
        let slow = visitor.start(Method::POST, "/set?k=a&v=1&gate=slow");
        stage.gates.reached("slow", 1).await.unwrap();
        visitor.clone().post("/logout").await.unwrap().expect(200).unwrap();
        stage.gates.open("slow", 1);
        slow.await.unwrap().unwrap().expect(409).unwrap();
    }
    stage.clock.pass(Duration::from_secs(40 * 86_400));
    visitor.get("/get?k=a").await.unwrap();
    let events = stage.events();
    assert!(events.iter().any(|event| event.kind == EventKind::LoggedIn));
    let _ = writeln!(shown, "{replies}{events:?}{visitor:?}");
    secrets
}

#[tokio::test]
async fn inv11_logs_errors_and_debug_output_hold_no_secret() {
    let log = Everything::default();
    // With a single subscriber in the process, tracing decides by the thread that comes to a
    // place first whether anybody listens there; other tests' threads have none.
    let _second = tracing::Dispatch::new(Everything::default());
    let guard = tracing::subscriber::set_default(log.clone());
    let mut shown = String::new();
    let mut secrets = Vec::new();
    secrets.extend(visit(Config::native(), &mut shown).await);
    for storage in HELD {
        secrets.extend(visit(held(storage, &[SECRET]), &mut shown).await);
    }
    secrets.extend(inside(&mut shown));
    drop(guard);
    let traced = log.0.lock().unwrap().clone();
    assert!(traced.contains("logged_in") && traced.contains("session store failed"), "{traced}");
    let everything = traced + &shown;
    assert!(secrets.len() > 20);
    for secret in &secrets {
        assert!(!everything.contains(secret.as_str()), "printed: {secret}");
        for part in secret.split('.').filter(|part| part.len() >= 16) {
            assert!(!everything.contains(part), "printed in part: {part}");
        }
    }
}

/// What handlers and errors print of a session, an id and a key.
fn inside(shown: &mut String) -> Vec<String> {
    let core = sessile_core::Session::anonymous();
    core.insert("password", MARKER);
    assert_eq!(core.get::<u32>("password"), None);
    let wrong = core.try_get::<u32>("password").unwrap_err();
    core.seal();
    core.insert("late", MARKER);
    let id = sessile_core::SessionId::from_random(&[3; 24]);
    let key = id.store_key();
    let store = StoreError::new("memory", StoreErrorKind::Full);
    let failure = Failure::from(store);
    let cookie = sessile::Cookie::new("theme", MARKER);
    let refused = sessile::Cookie::new("theme", format!("{MARKER}\r\n"))
        .set(sessile::Timestamp::from_secs(0))
        .unwrap_err();
    let set = cookie.clone().set(sessile::Timestamp::from_secs(0)).unwrap();
    let _ = writeln!(shown, "{core:?} {wrong} {wrong:?} {id:?} {key:?} {failure} {failure:?}");
    let _ = writeln!(shown, "{refused} {refused:?} {set:?}");
    vec![id.expose().to_owned(), key.to_text(), format!("{MARKER}\r\n")]
}
