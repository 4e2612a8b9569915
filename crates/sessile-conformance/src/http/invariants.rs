//! The invariants of the design, seen from outside. 10 and 11 do not depend on
//! the store; their tests are with the layer's.

use std::time::Duration;

use http::Method;
use sessile::{Config, EventKind, StoreFailure};
use sessile_core::AnyStore;

use super::stage::{Clock, Stage};
use super::watched::Call;
use crate::check::{ensure, ensure_eq, needs};
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
    let forged = stage.browser().with_cookie("__Host-id", "forged");
    stage.store.calls();
    stage.events();
    for mut browser in [known, forged, stage.browser()] {
        let reply = browser.get("/untouched").await?.expect_body("untouched")?;
        for field in ["set-cookie", "vary", "cache-control"] {
            ensure_eq!(reply.field(field), "", "{field}");
        }
    }
    ensure_eq!(stage.store.calls(), [], "calls to the store");
    ensure_eq!(stage.kinds(), [], "events, which a look at the cookie would have caused");
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

/// Eight requests that have all loaded the same version, half of them in another
/// process as far as the store can tell.
pub async fn inv03_changes_of_different_keys_all_stay<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let twin = match suite.can().second_handle {
        true => suite.open().await.map(AnyStore::new)?,
        false => AnyStore::new(stage.store.clone()),
    };
    let twin = Stage::over(twin, Config::native(), stage.clock.clone())?;
    let mut browser = stage.browser();
    browser.post("/set?k=start&v=here").await?.expect(200)?;
    let (name, id) = browser.only_cookie()?;
    let elsewhere = twin.browser().with_cookie(name, id);
    let mut running = Vec::new();
    for number in 0..4 {
        running.push(browser.start(Method::POST, &format!("/set?k=a{number}&v=x&gate=write")));
        running.push(elsewhere.start(Method::POST, &format!("/set?k=b{number}&v=x&gate=write")));
    }
    stage.gates.reached("write", 4).await?;
    twin.gates.reached("write", 4).await?;
    stage.gates.open("write", 4);
    twin.gates.open("write", 4);
    for request in running {
        request.await??.expect(200)?;
    }
    browser.get("/get?k=start").await?.expect_body("here")?;
    for number in 0..4 {
        browser.get(&format!("/get?k=a{number}")).await?.expect_body("x")?;
        browser.get(&format!("/get?k=b{number}")).await?.expect_body("x")?;
    }
    let conflicts = [stage.kinds(), twin.kinds()].concat();
    let count = conflicts.iter().filter(|kind| **kind == EventKind::Conflicted).count();
    ensure!(count >= 7, "{count} conflicts; seven of eight writers must have met one");
    Ok(Verdict::Passed)
}

/// The later one is the one that is saved later, whoever began first.
pub async fn inv03_of_one_key_the_later_write_wins_wholly<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=before").await?.expect(200)?;
    let slow = browser.start(Method::POST, "/set?k=a&v=slow&gate=slow");
    stage.gates.reached("slow", 1).await?;
    browser.post("/set?k=a&v=a-quick-and-longer-one").await?.expect(200)?;
    stage.gates.open("slow", 1);
    slow.await??.expect(200)?;
    browser.get("/get?k=a").await?.expect_body("slow")?;
    Ok(Verdict::Passed)
}

/// Rack CVE-2025-46336, express-session #632: load in one request, log out in another, save.
pub async fn inv04_a_late_save_does_not_revive_an_ended_session<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await?.expect(200)?;
    let thief = browser.clone();
    let slow = browser.start(Method::POST, "/set?k=a&v=1&gate=slow");
    stage.gates.reached("slow", 1).await?;
    browser.post("/logout").await?.expect(200)?;
    ensure_eq!(browser.jar().len(), 0, "cookies after logout");
    stage.gates.open("slow", 1);
    let late = slow.await??.expect(409)?.expect_no_cookie()?;
    ensure_eq!(late.body.contains("set"), false, "the handler's success was sent");
    thief.clone().get("/who").await?.expect_body("-")?;
    ensure!(stage.kinds().contains(&EventKind::Late), "no event tells of the lost change");
    Ok(Verdict::Passed)
}

/// A reader whose activity is due to be written when the session has ended.
pub async fn inv04_a_late_renewal_does_not_revive_an_ended_session<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let mut config = Config::native();
    // Remembered visitors with an idle limit: a renewal sends their cookie anew.
    config.permanent_lifetime.idle = Some(60 * MINUTE);
    let stage = Stage::new(suite, config).await?;
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await?.expect(200)?;
    browser.post("/remember").await?.expect(200)?;
    stage.clock.pass(10 * MINUTE);
    let reply = browser.get("/get?k=user").await?.expect_body("alice")?;
    ensure_eq!(reply.set_cookies().len(), 1, "cookies of a renewal in time");
    let thief = browser.clone();
    stage.clock.pass(10 * MINUTE);
    let slow = browser.start(Method::GET, "/get?k=user&gate=slow");
    stage.gates.reached("slow", 1).await?;
    browser.post("/logout").await?.expect(200)?;
    stage.store.calls();
    stage.gates.open("slow", 1);
    slow.await??.expect(200)?.expect_no_cookie()?;
    ensure_eq!(stage.store.calls(), [(Call::Touch, 1)], "calls of the late renewal");
    thief.clone().get("/who").await?.expect_body("-")?;
    Ok(Verdict::Passed)
}

/// A login gives its old id no grace: who planted it must not be logged in.
pub async fn inv04_a_late_save_does_not_revive_the_id_before_a_login<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=cart&v=apples").await?.expect(200)?;
    let planted = browser.clone();
    let slow = planted.start(Method::POST, "/set?k=a&v=1&gate=slow");
    stage.gates.reached("slow", 1).await?;
    browser.post("/login?user=alice").await?.expect(200)?;
    stage.gates.open("slow", 1);
    slow.await??.expect(409)?.expect_no_cookie()?;
    planted.clone().get("/get?k=cart").await?.expect_body("-")?;
    browser.get("/get?k=cart").await?.expect_body("apples")?;
    browser.get("/get?k=a").await?.expect_body("-")?;
    Ok(Verdict::Passed)
}

/// Another request changes the id while the logout runs: the session behind the new id ends too.
pub async fn inv04_a_logout_ends_the_session_that_moved_meanwhile<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, grace);
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await?.expect(200)?;
    let logout = browser.start(Method::POST, "/logout?gate=slow");
    stage.gates.reached("slow", 1).await?;
    let mut old = browser.clone();
    browser.post("/rotate").await?.expect(200)?;
    ensure!(browser.jar() != old.jar(), "the id did not change");
    stage.gates.open("slow", 1);
    logout.await??.expect(200)?;
    old.get("/who").await?.expect_body("-")?;
    browser.get("/who").await?.expect_body("-")?;
    Ok(Verdict::Passed)
}

/// The handler's 5xx, the store failing, and the logged-out half-way state between.
pub async fn inv05_a_rotation_that_fails_loses_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=cart&v=apples").await?.expect(200)?;
    browser.post("/rotate-then-500").await?.expect(500)?.expect_no_cookie()?;
    browser.get("/get?k=cart").await?.expect_body("apples")?;
    browser.post("/login-then-500?user=alice").await?.expect(500)?.expect_no_cookie()?;
    browser.get("/who").await?.expect_body("-")?;
    stage.store.set_down(Call::Replace, true);
    for path in ["/rotate", "/login?user=alice"] {
        browser.post(path).await?.expect(503)?.expect_no_cookie()?;
        browser.get("/get?k=cart").await?.expect_body("apples")?;
    }
    stage.store.set_down(Call::Replace, false);
    browser.post("/login?user=alice").await?.expect(200)?;
    browser.get("/get?k=cart").await?.expect_body("apples")?;
    Ok(Verdict::Passed)
}

/// Its change is in the new session, and after the grace period the old id is dead.
pub async fn inv05_a_request_in_flight_reaches_the_new_session<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, grace);
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=cart&v=apples").await?.expect(200)?;
    let mut old = browser.clone();
    let slow = old.start(Method::POST, "/set?k=late&v=kept&gate=slow");
    stage.gates.reached("slow", 1).await?;
    browser.post("/rotate").await?.expect(200)?;
    ensure!(browser.jar() != old.jar(), "the id did not change");
    stage.gates.open("slow", 1);
    slow.await??.expect(200)?;
    browser.get("/get?k=late").await?.expect_body("kept")?;
    old.post("/set?k=began-later&v=kept-too").await?.expect(200)?.expect_no_cookie()?;
    browser.get("/get?k=began-later").await?.expect_body("kept-too")?;
    stage.clock.pass(Duration::from_secs(30));
    old.get("/get?k=cart").await?.expect_body("-")?;
    browser.get("/get?k=cart").await?.expect_body("apples")?;
    Ok(Verdict::Passed)
}

/// One of the two new ids lives; the request that lost keeps its change.
pub async fn inv05_two_rotations_at_once_leave_one_successor<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, grace);
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=cart&v=apples").await?.expect(200)?;
    let first = browser.start(Method::POST, "/rotate?gate=both");
    let second = browser.start(Method::POST, "/rotate?gate=both");
    stage.gates.reached("both", 2).await?;
    stage.gates.open("both", 2);
    let (first, second) = (first.await??.expect(200)?, second.await??.expect(200)?);
    let cookies = first.set_cookies().len() + second.set_cookies().len();
    ensure_eq!(cookies, 1, "new ids from two rotations at once");
    browser.take(&first)?;
    browser.take(&second)?;
    browser.get("/get?k=cart").await?.expect_body("apples")?;
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
        (Call::Update, "/logout"),
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
    // 64 KiB of cookies are the bound of the reader; a session's id behind it is not read.
    let padding = "p".repeat(70_000);
    let (name, id) = browser.only_cookie()?;
    let mut flooded = stage.browser().with_cookie(name, id).with_cookie("A", padding);
    flooded.get("/get?k=a").await?.expect(200)?.expect_no_cookie()?;
    Ok(Verdict::Passed)
}
