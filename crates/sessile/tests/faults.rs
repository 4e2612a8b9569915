//! What takes too long for every run of the tests: `cargo xtask faults`.
#![cfg(feature = "faults")]

use std::time::Instant;

use sessile::{AnyStore, Config, MemoryStore, SessionStore as _};
use sessile_conformance::http::{Clock, Stage};

const REQUESTS: u32 = 1_000_000;

#[tokio::test]
async fn f26_a_million_requests_without_a_cookie_leave_no_record() {
    let store = MemoryStore::new();
    let kept = store.clone();
    let stage = Stage::over(AnyStore::new(store), Config::native(), Clock::default()).unwrap();
    let mut browser = stage.browser();
    let started = Instant::now();
    for number in 0..REQUESTS {
        let reply = match number % 20 {
            18 => browser.post("/logout").await.unwrap(),
            19 => browser.post("/clear").await.unwrap(),
            _ => browser.get("/get?k=a").await.unwrap(),
        };
        reply.expect(200).unwrap().expect_no_cookie().unwrap();
    }
    let calls = stage.store.calls();
    let records = kept.capabilities().scan.unwrap().scan(None, 10).await.unwrap().entries.len();
    let seconds = started.elapsed().as_secs();
    println!(
        "{REQUESTS} requests in {seconds} s: {records} records, calls to the store: {calls:?}"
    );
    assert!(records == 0 && calls.is_empty());
}
