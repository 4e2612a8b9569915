//! Invariants 3, 4 and 5: requests of one session that run at once.

use std::time::Duration;

use http::Method;
use sessile::{Config, EventKind};
use sessile_core::AnyStore;

use super::stage::Stage;
use super::watched::Call;
use crate::check::{ensure, ensure_eq, needs};
use crate::{CaseResult, Open, Suite, Verdict};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

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
    thief.clone().get("/who").await?.expect_body("alice")?;
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

/// Where requests follow no old id, a logout does: it began before the id changed.
pub async fn s07_a_logout_ends_the_session_that_moved_without_grace<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, grace);
    for grace in [Duration::ZERO, SECOND] {
        let mut config = Config::native();
        config.grace = grace;
        let stage = Stage::new(suite, config).await?;
        let mut browser = stage.browser();
        browser.post("/login?user=alice").await?.expect(200)?;
        let logout = browser.start(Method::POST, "/logout?gate=slow");
        stage.gates.reached("slow", 1).await?;
        let mut old = browser.clone();
        for _ in 0..3 {
            browser.post("/rotate").await?.expect(200)?;
        }
        ensure!(browser.jar() != old.jar(), "the id did not change");
        // A handler this slow outlives the grace period.
        stage.clock.pass(MINUTE);
        old.get("/who").await?.expect_body("-")?;
        browser.get("/who").await?.expect_body("alice")?;
        stage.gates.open("slow", 1);
        logout.await??.expect(200)?;
        browser.get("/who").await?.expect_body("-")?;
    }
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
