//! The invariants of the design, seen from outside. 3 to 5 are in `concurrent`;
//! 10 and 11 do not depend on the store, so their tests are with the layer's.

use std::time::Duration;

use http::Method;
use sessile::{Config, EventKind, StoreFailure};
use sessile_core::AnyStore;

use super::stage::{Clock, Stage};
use super::watched::Call;
use crate::check::{ensure, ensure_eq};
use crate::{CaseResult, Open, Suite, Verdict};

const MINUTE: Duration = Duration::from_secs(60);
const MILLI: Duration = Duration::from_millis(1);

/// No store trip, no look at the cookie, no header; with a good cookie, a bad one and none.
pub async fn inv01_an_untouched_route_costs_nothing_and_sends_nothing<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut known = stage.browser();
    known.post("/set?k=a&v=1").await?.expect(200)?;
    let mut forged = stage.browser().with_cookie("__Host-id", "forged");
    stage.store.calls();
    stage.events();
    for mut browser in [known.clone(), forged.clone(), stage.browser()] {
        let reply = browser.get("/untouched").await?.expect_body("untouched")?;
        for field in ["set-cookie", "vary", "cache-control"] {
            ensure_eq!(reply.field(field), "", "{field}");
        }
    }
    ensure_eq!(stage.store.calls(), [], "calls to the store");
    ensure_eq!(stage.kinds(), [], "events, which a look at the cookie would have caused");
    // Both are seen as soon as somebody looks.
    known.get("/get?k=a").await?.expect_body("1")?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1)], "calls of a look");
    forged.get("/get?k=a").await?.expect_body("-")?;
    ensure!(!stage.kinds().is_empty(), "a look at a forged cookie causes no event");
    Ok(Verdict::Passed)
}

/// And a visitor without a cookie costs nothing even when the session is read.
pub async fn inv02_reading_is_one_load_and_changing_one_load_and_one_write<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.get("/get?k=a").await?.expect_body("-")?;
    ensure_eq!(stage.store.calls(), [], "reading without a cookie");
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    ensure_eq!(stage.store.calls(), [(Call::Create, 1)], "the first write");
    browser.get("/get?k=a").await?.expect_body("1")?.expect_no_cookie()?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1)], "reading");
    browser.post("/set?k=a&v=2").await?.expect(200)?.expect_no_cookie()?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1), (Call::Update, 1)], "changing");
    browser.post("/remove?k=missing").await?.expect(200)?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1)], "removing what is not there");
    browser.post("/rotate").await?.expect(200)?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1), (Call::Replace, 1)], "rotating");
    Ok(Verdict::Passed)
}

/// A tenth of the idle limit passes before a reader's activity is written, once.
pub async fn inv02_activity_is_written_down_with_restraint<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    stage.store.calls();
    stage.clock.pass(6 * MINUTE - MILLI);
    for _ in 0..10 {
        browser.get("/get?k=a").await?.expect_body("1")?;
    }
    ensure_eq!(stage.store.calls(), [(Call::Load, 10)], "before a tenth of the idle limit");
    stage.clock.pass(MILLI);
    for _ in 0..10 {
        browser.get("/get?k=a").await?.expect_body("1")?;
    }
    ensure_eq!(stage.store.calls(), [(Call::Load, 10), (Call::Touch, 1)], "after it");
    // What was written down counts: without it the session would end after an hour in all.
    stage.clock.pass(60 * MINUTE - MILLI);
    browser.get("/get?k=a").await?.expect_body("1")?;
    Ok(Verdict::Passed)
}

/// They have all loaded the session before one of them renews it.
pub async fn s11_many_readers_at_once_make_one_renewal<O: Open>(suite: &Suite<O>) -> CaseResult {
    const READERS: usize = 30;
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    stage.clock.pass(6 * MINUTE);
    stage.store.calls();
    let readers: Vec<_> =
        (0..READERS).map(|_| browser.start(Method::GET, "/get?k=a&gate=all")).collect();
    stage.gates.reached("all", 30).await?;
    stage.gates.open("all", READERS);
    for reader in readers {
        reader.await??.expect_body("1")?;
    }
    ensure_eq!(stage.store.calls(), [(Call::Load, READERS), (Call::Touch, 1)], "readers at once");
    // It was written down, and the next renewal is due a tenth of the limit later.
    stage.clock.pass(6 * MINUTE);
    browser.get("/get?k=a").await?.expect_body("1")?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1), (Call::Touch, 1)], "the next renewal");
    stage.clock.pass(60 * MINUTE - MILLI);
    browser.get("/get?k=a").await?.expect_body("1")?;
    Ok(Verdict::Passed)
}

/// What it came to read is there; the failure is reported, and a later request renews.
pub async fn s11_a_renewal_that_fails_fails_no_reader<O: Open>(suite: &Suite<O>) -> CaseResult {
    let mut config = Config::native();
    config.permanent_lifetime = config.lifetime;
    let stage = Stage::new(suite, config).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    stage.clock.pass(30 * MINUTE);
    stage.store.set_down(Call::Touch, true);
    stage.events();
    browser.get("/get?k=a").await?.expect_body("1")?.expect_no_cookie()?;
    ensure_eq!(stage.kinds(), [EventKind::StoreFailed], "what is reported");
    // Others do not all try in vain.
    stage.store.calls();
    browser.get("/get?k=a").await?.expect_body("1")?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1)], "right after the failure");
    stage.store.set_down(Call::Touch, false);
    stage.clock.pass(MINUTE);
    browser.get("/get?k=a").await?.expect_body("1")?;
    stage.clock.pass(60 * MINUTE - MILLI);
    browser.get("/get?k=a").await?.expect_body("1")?;
    Ok(Verdict::Passed)
}

/// Not when it is written to, not when somebody logs in with it.
pub async fn inv06_an_id_we_did_not_issue_is_never_adopted<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    for path in ["/set?k=user&v=alice", "/login?user=alice", "/rotate"] {
        let planted = stage.browser().with_cookie("__Host-id", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let mut victim = planted.clone();
        victim.post(path).await?.expect(200)?;
        planted.clone().get("/get?k=user").await?.expect_body("-")?;
        if path != "/rotate" {
            ensure!(victim.jar() != planted.jar(), "{path}: the planted id was kept");
            victim.get("/get?k=user").await?.expect_body("alice")?;
        }
    }
    Ok(Verdict::Passed)
}

/// To the millisecond, by our clock, whatever the store still holds.
pub async fn inv07_both_limits_are_decided_when_the_record_is_read<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let began = stage.clock.now();
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    stage.clock.set(began + (60 * MINUTE - MILLI));
    browser.clone().get("/get?k=a").await?.expect_body("1")?;
    stage.clock.set(began + 60 * MINUTE);
    // The reader before moved the deadline; a visitor who read nothing finds it passed.
    let mut idle = stage.browser();
    idle.post("/set?k=a&v=1").await?.expect(200)?;
    stage.clock.pass(60 * MINUTE);
    stage.store.calls();
    stage.events();
    idle.get("/get?k=a").await?.expect_body("-")?.expect_no_cookie()?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1)], "an expired session is asked for");
    ensure_eq!(stage.kinds().len(), 1, "events of an expired session");
    // Always active, but a day has passed.
    stage.clock.set(began + 60 * MINUTE);
    let mut busy = stage.browser();
    busy.post("/set?k=a&v=1").await?.expect(200)?;
    let end = stage.clock.now() + 24 * 60 * MINUTE;
    while stage.clock.now() + 30 * MINUTE < end {
        stage.clock.pass(30 * MINUTE);
        busy.get("/get?k=a").await?.expect_body("1")?;
    }
    stage.clock.set(end + Duration::ZERO);
    busy.get("/get?k=a").await?.expect_body("-")?;
    Ok(Verdict::Passed)
}

/// Whatever the store is asked: 503, no cookie, not the handler's answer, nothing changed.
pub async fn inv08_a_failing_store_is_503_and_the_cookie_stays<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await?.expect(200)?;
    let jar = browser.jar().clone();
    let failing = [
        (Call::Load, "/get?k=user"),
        (Call::Load, "/set?k=a&v=1"),
        (Call::Update, "/set?k=a&v=1"),
        (Call::Replace, "/rotate"),
        (Call::End, "/logout"),
    ];
    for (call, path) in failing {
        stage.store.set_down(call, true);
        stage.events();
        let reply = browser.post(path).await?.expect(503)?.expect_no_cookie()?;
        ensure_eq!(browser.jar(), &jar, "{path}: the cookies while {call:?} fails");
        ensure_eq!(reply.field("cache-control"), "no-store", "{path}: Cache-Control");
        ensure!(!reply.body.contains("watched"), "{path}: the visitor reads of the inside");
        let failures = stage.kinds().into_iter().filter(|kind| *kind == EventKind::StoreFailed);
        ensure_eq!(failures.count(), 1, "{path}: events of the failure");
        stage.store.set_down(call, false);
    }
    let mut stranger = stage.browser();
    stage.store.set_all_down(true);
    stranger.get("/untouched").await?.expect(200)?;
    stranger.get("/get?k=a").await?.expect_body("-")?;
    stranger.post("/set?k=a&v=1").await?.expect(503)?.expect_no_cookie()?;
    stage.store.set_all_down(false);
    browser.get("/get?k=a").await?.expect_body("-")?;
    browser.get("/who").await?.expect_body("alice")?;
    Ok(Verdict::Passed)
}

/// In words: `store_failure = ReadAsAnonymous`. Writing is refused all the same.
pub async fn inv08_readers_may_go_on_as_anonymous_when_told_so<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let mut config = Config::native();
    config.store_failure = StoreFailure::ReadAsAnonymous;
    let stage = Stage::new(suite, config).await?;
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await?.expect(200)?;
    stage.store.set_all_down(true);
    let reply = browser.get("/who").await?.expect_body("-")?.expect_no_cookie()?;
    ensure_eq!(reply.field("vary"), "Cookie", "Vary of an answer given without the session");
    for path in ["/set?k=a&v=1", "/logout", "/login?user=alice"] {
        browser.post(path).await?.expect(503)?.expect_no_cookie()?;
    }
    stage.store.set_all_down(false);
    browser.get("/who").await?.expect_body("alice")?;
    Ok(Verdict::Passed)
}

/// The session's, the application's, and every deletion; and nothing unchecked gets through.
pub async fn inv09_one_builder_makes_every_cookie<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage =
        Stage::over(AnyStore::new(suite.open().await?), Config::native(), Clock::default())?;
    let mut browser = stage.browser();
    for path in ["/set?k=a&v=1", "/login?user=alice", "/remember", "/rotate", "/logout"] {
        let reply = browser.post(path).await?.expect(200)?;
        let [cookie] = reply.set_cookies()[..] else {
            return Err(crate::Failure(format!("{path}: {:?}", reply.set_cookies().len())));
        };
        let (start, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        ensure!(start.starts_with("__Host-id="), "{path}: another cookie's name");
        let mut names: Vec<_> = attributes.split("; ").map(|text| text.trim()).collect();
        names.retain(|text| !text.starts_with("Max-Age=") && !text.starts_with("Expires="));
        names.sort_unstable();
        ensure_eq!(names, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"], "{path}: attributes");
    }
    let bad = [
        "value=a%0d%0aSet-Cookie:%20b=c",
        "value=a%3b%20Domain=x",
        "value=a%00b",
        "value=%c3%a4",
        "name=a%0db&value=1",
        "name=a%3bb&value=1",
        "value=1&path=/%0d%0ax",
        "value=1&path=/%3b%20HttpOnly",
        "value=1&domain=a.example%3bx",
        "value=1&remove&path=/%0ax",
        "name=__Host-x&value=1&domain=a.example",
    ];
    for query in bad {
        let reply = browser.post(&format!("/cookie?{query}")).await?.expect(400)?;
        ensure_eq!(reply.set_cookies().len(), 0, "{query}: cookies");
        ensure!(!reply.body.is_empty(), "{query}: nothing says why");
    }
    browser.post("/cookie?value=dark").await?.expect(200)?;
    ensure_eq!(browser.jar().len(), 1, "the application's own cookie");
    browser.post("/cookie?value=&remove").await?.expect(200)?;
    ensure_eq!(browser.jar().len(), 0, "the application's own cookie, removed");
    Ok(Verdict::Passed)
}

/// A session over `max_bytes` is a typed error, and what was stored before stays readable.
pub async fn inv12_what_is_too_large_is_refused_before_it_is_stored<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let mut config = Config::native();
    config.max_bytes = 1000;
    let stage = Stage::new(suite, config).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    stage.store.calls();
    let large = "x".repeat(1001);
    browser.post(&format!("/set?k=b&v={large}")).await?.expect(500)?.expect_no_cookie()?;
    ensure_eq!(stage.store.calls(), [(Call::Load, 1)], "calls for a session that is too large");
    browser.get("/get?k=a").await?.expect_body("1")?;
    // 64 KiB of cookies are the bound of the reader: an id behind more of them is not looked at,
    // and behind less it is.
    let (name, id) = browser.only_cookie()?;
    for (padding, body, calls) in [(60_000, "1", vec![(Call::Load, 1)]), (70_000, "-", vec![])] {
        stage.store.calls();
        let flooded = stage.browser().with_cookie(name, id);
        let mut flooded = flooded.with_cookie("A", "p".repeat(padding));
        flooded.get("/get?k=a").await?.expect_body(body)?.expect_no_cookie()?;
        ensure_eq!(stage.store.calls(), calls, "calls behind {padding} bytes of cookies");
    }
    Ok(Verdict::Passed)
}
