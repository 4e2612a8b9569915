//! What is reported of a session's life.

use std::time::Duration;

use http::Method;
use sessile::store::Entry;
use sessile::{Config, EventKind, SessionStore, Storage};
use sessile_conformance::http::Call;

use crate::support::{SECRET, held, stage};

#[tokio::test]
async fn r16_everything_that_happens_is_one_event() {
    use EventKind::*;
    let stage = stage(Config::native());
    let mut visitor = stage.browser();
    let steps: [(&str, u16, &[EventKind]); 9] = [
        ("/set?k=a&v=1", 200, &[Created]),
        ("/set?k=a&v=2", 200, &[]),
        ("/rotate", 200, &[Rotated]),
        ("/login?user=alice", 200, &[LoggedIn]),
        ("/login?user=alice", 200, &[LoggedIn]),
        ("/rotate-then-500", 500, &[]),
        ("/login-then-500?user=bob", 500, &[]),
        ("/logout", 200, &[Ended]),
        ("/logout", 200, &[]),
    ];
    for (path, status, wanted) in steps {
        visitor.post(path).await.unwrap().expect(status).unwrap();
        assert_eq!(stage.kinds(), wanted, "{path}");
    }
    let mut visitor = stage.browser();
    visitor.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    let events = stage.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].subject.as_ref().map(|subject| subject.as_str()), Some("alice"));
    assert!(events[0].session.is_some());
    visitor.get("/who").await.unwrap().expect(200).unwrap();
    assert_eq!(stage.kinds(), []);
}

#[tokio::test]
async fn r16_every_refusal_and_failure_is_one_event() {
    use EventKind::*;
    let stage = stage(Config::native());
    let mut forged = stage.browser().with_cookie("__Host-id", "forged");
    forged.get("/get?k=a").await.unwrap().expect(200).unwrap();
    assert_eq!(stage.kinds(), [Rejected]);
    let mut unknown = stage.browser().with_cookie("__Host-id", "A".repeat(32));
    unknown.get("/get?k=a").await.unwrap().expect(200).unwrap();
    assert_eq!(stage.kinds(), [Unknown]);
    let mut visitor = stage.browser();
    visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    stage.events();
    stage.clock.pass(Duration::from_secs(3600));
    visitor.get("/get?k=a").await.unwrap().expect_body("-").unwrap();
    assert_eq!(stage.kinds(), [Expired]);
    stage.store.set_down(Call::Load, true);
    visitor.get("/get?k=a").await.unwrap().expect(503).unwrap();
    assert_eq!(stage.kinds(), [StoreFailed]);
    stage.store.set_down(Call::Load, false);
    let mut visitor = stage.browser();
    visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    stage.events();
    for (between, status, wanted) in
        [("/set?k=b&v=1", 200, &[Conflicted][..]), ("/logout", 409, &[Ended, Late])]
    {
        let slow = visitor.start(Method::POST, "/set?k=a&v=2&gate=slow");
        stage.gates.reached("slow", 1).await.unwrap();
        visitor.post(between).await.unwrap().expect(200).unwrap();
        stage.gates.open("slow", 1);
        slow.await.unwrap().unwrap().expect(status).unwrap();
        assert_eq!(stage.kinds(), wanted, "{between}");
    }
}

#[tokio::test]
async fn r16_cookie_held_sessions_are_reported_too() {
    use EventKind::*;
    let stage = stage(held(Storage::SignedCookie, &[SECRET]));
    let mut visitor = stage.browser();
    for (path, wanted) in [
        ("/set?k=a&v=1", &[Created][..]),
        ("/login?user=alice", &[LoggedIn]),
        ("/set?k=a&v=2", &[]),
        ("/logout", &[Ended]),
    ] {
        visitor.post(path).await.unwrap().expect(200).unwrap();
        assert_eq!(stage.kinds(), wanted, "{path}");
    }
}

/// A record that cannot be read is a new visitor, not a 500 at every request
/// (spring-session#529), and what was stored is not overwritten.
#[tokio::test]
async fn r16_an_unreadable_record_is_one_event_and_a_new_session() {
    let stage = stage(Config::native());
    let mut visitor = stage.browser();
    visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    stage.events();
    let scan = stage.store.capabilities().scan.unwrap();
    let (key, mut record) = scan.scan(None, 10).await.unwrap().entries.pop().unwrap();
    let Some(Entry::Live(_, version)) = stage.store.load(&key).await.unwrap() else {
        unreachable!()
    };
    record.payload = "\u{ff}damaged".into();
    stage.store.update(&key, &record, &version).await.unwrap();
    visitor.get("/get?k=a").await.unwrap().expect_body("-").unwrap().expect_no_cookie().unwrap();
    assert_eq!(stage.kinds(), [EventKind::Unreadable]);
    visitor.post("/set?k=b&v=2").await.unwrap().expect(200).unwrap();
    visitor.get("/get?k=b").await.unwrap().expect_body("2").unwrap();
    let Some(Entry::Live(kept, _)) = stage.store.load(&key).await.unwrap() else { unreachable!() };
    assert_eq!(kept.payload, record.payload);
}
