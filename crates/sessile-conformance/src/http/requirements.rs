//! The requirements that depend on the store. The others' tests are with the layer's and the core's.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use sessile::{Config, Lifetime};
use sessile_core::AnyStore;

use super::browser::Browser;
use super::stage::{Clock, Stage};
use super::watched::Call;
use crate::check::{ensure, ensure_eq, needs};
use crate::{CaseResult, Failure, Open, Suite, Verdict};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A user nobody else of this run has, in a form that needs no escaping in a URL.
fn user<O: Open>(suite: &Suite<O>) -> Result<String, Failure> {
    Ok(suite.subject("u")?.as_str().replace(' ', "-"))
}

/// Fiber CVE-2024-38513, Flask-Session before 0.7: nothing is stored under the visitor's id.
pub async fn r02_an_unknown_id_is_never_adopted<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let ids = ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-"];
    let odd = ["", "a", "../../etc/passwd", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%41"];
    for id in ids.into_iter().chain(odd) {
        let mut browser = stage.browser().with_cookie("__Host-id", id);
        browser.get("/get?k=a").await?.expect_body("-")?.expect_no_cookie()?;
        browser.post("/set?k=a&v=1").await?.expect(200)?;
        let (_, issued) = browser.only_cookie()?;
        ensure!(issued != id, "the visitor's id was adopted");
        ensure_eq!(issued.len(), 32, "characters of an id: 192 bits");
        browser.get("/get?k=a").await?.expect_body("1")?;
        let mut again = stage.browser().with_cookie("__Host-id", id);
        again.get("/get?k=a").await?.expect_body("-")?;
    }
    Ok(Verdict::Passed)
}

/// Login, login again, another user, and a change of id without a login.
pub async fn r03_every_rise_of_privilege_changes_the_id_and_kills_the_old_one<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=cart&v=apples").await?.expect(200)?;
    for (path, cart) in
        [("/login?user=alice", "apples"), ("/login?user=alice", "apples"), ("/login?user=bob", "-")]
    {
        let mut before = browser.clone();
        browser.post(path).await?.expect(200)?;
        ensure!(before.jar() != browser.jar(), "{path}: the id did not change");
        before.get("/who").await?.expect_body("-")?;
        before.get("/get?k=cart").await?.expect_body("-")?;
        browser.get("/get?k=cart").await?.expect_body(cart)?;
    }
    let mut before = browser.clone();
    browser.post("/rotate").await?.expect(200)?;
    ensure!(before.jar() != browser.jar(), "the id did not change");
    stage.clock.pass(30 * SECOND);
    before.get("/who").await?.expect_body("-")?;
    browser.get("/who").await?.expect_body("bob")?;
    Ok(Verdict::Passed)
}

/// The cookie, and the ids it had before.
pub async fn r04_a_cookie_replayed_after_logout_is_anonymous<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await?.expect(200)?;
    let mut first = browser.clone();
    browser.post("/rotate").await?.expect(200)?;
    let mut second = browser.clone();
    second.get("/who").await?.expect_body("alice")?;
    let reply = browser.post("/logout").await?.expect(200)?;
    ensure_eq!(reply.set_cookies().len(), 1, "removals of the cookie");
    ensure_eq!(browser.jar().len(), 0, "cookies after logout");
    for replayed in [&mut first, &mut second] {
        replayed.get("/who").await?.expect_body("-")?;
        replayed.post("/set?k=a&v=1").await?.expect(200)?;
        replayed.get("/who").await?.expect_body("-")?;
        replayed.get("/get?k=user").await?.expect_body("-")?;
    }
    Ok(Verdict::Passed)
}

/// One second before, one after; the store still holds the record.
pub async fn r06_the_idle_limit_holds_to_the_second<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    for (time, wanted) in [(60 * MINUTE - SECOND, "1"), (60 * MINUTE + SECOND, "-")] {
        let mut browser = stage.browser();
        browser.post("/set?k=a&v=1").await?.expect(200)?;
        stage.clock.pass(time);
        browser.get("/get?k=a").await?.expect_body(wanted)?;
    }
    Ok(Verdict::Passed)
}

/// Reading, writing and a change of id in every minute do not help.
pub async fn r07_activity_does_not_extend_the_absolute_limit<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let mut config = Config::native();
    config.lifetime = Lifetime { idle: Some(10 * MINUTE), absolute: Some(60 * MINUTE) };
    let stage = Stage::new(suite, config).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    for minute in 1..60 {
        stage.clock.pass(MINUTE);
        browser.get("/get?k=a").await?.expect_body("1")?;
        browser.post(&format!("/set?k=minute&v={minute}")).await?.expect(200)?;
        if minute % 20 == 0 {
            browser.post("/rotate").await?.expect(200)?;
        }
    }
    stage.clock.pass(MINUTE);
    browser.get("/get?k=a").await?.expect_body("-")?;
    Ok(Verdict::Passed)
}

/// A browser that ignores `Max-Age`, with the session remembered for 30 days.
pub async fn r09_a_cookie_kept_too_long_is_refused<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await?.expect(200)?;
    let reply = browser.post("/remember").await?.expect(200)?;
    let cookie = reply.set_cookies().concat();
    ensure!(cookie.contains("Max-Age=2592000"), "no Max-Age of 30 days");
    stage.clock.pass(Duration::from_secs(2_592_000) - SECOND);
    browser.get("/who").await?.expect_body("alice")?;
    stage.clock.pass(SECOND);
    browser.get("/who").await?.expect_body("-")?;
    Ok(Verdict::Passed)
}

/// All of one user's, nobody else's, and a request in flight saves nothing.
pub async fn r10_revoked_sessions_are_dead_on_the_next_request<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, directory);
    let stage = Stage::new(suite, Config::native()).await?;
    let (alice, bob) = (user(suite)?, user(suite)?);
    let mut devices = Vec::new();
    for _ in 0..5 {
        let mut browser = stage.browser();
        browser.post(&format!("/login?user={alice}")).await?.expect(200)?;
        devices.push(browser);
    }
    let mut other = stage.browser();
    other.post(&format!("/login?user={bob}")).await?.expect(200)?;
    let slow = devices[0].start(Method::POST, "/set?k=a&v=1&gate=slow");
    stage.gates.reached("slow", 1).await?;
    let ended = stage.browser().post(&format!("/devices/end-all?user={alice}")).await?;
    ended.expect_body("5")?;
    stage.gates.open("slow", 1);
    slow.await??.expect(409)?;
    for mut browser in devices {
        browser.get("/who").await?.expect_body("-")?;
    }
    other.get("/who").await?.expect_body(&bob)?;
    Ok(Verdict::Passed)
}

/// django-user-sessions CVE-2020-5224 showed keys in its list.
pub async fn r11_others_are_ended_and_the_list_shows_no_ids<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, directory);
    let stage = Stage::new(suite, Config::native()).await?;
    let alice = user(suite)?;
    let mut devices = Vec::new();
    for _ in 0..4 {
        let mut browser = stage.browser();
        browser.post(&format!("/login?user={alice}")).await?.expect(200)?;
        devices.push(browser);
        stage.clock.pass(SECOND);
    }
    let list = devices[0].get("/devices").await?.expect(200)?.body;
    ensure_eq!(list.lines().count(), 4, "sessions in the list");
    ensure_eq!(list.lines().filter(|line| line.starts_with('*')).count(), 1, "own sessions");
    for browser in &devices {
        let (_, id) = browser.only_cookie()?;
        ensure!(!list.contains(id), "the list shows an id");
    }
    let newest = list.lines().next().unwrap_or_default().to_owned();
    devices[3].get("/devices").await?.expect(200)?.body.lines().next().map_or(Ok(()), |own| {
        ensure_eq!(own, format!("*{newest}"), "the newest comes first");
        Ok(())
    })?;
    let path = format!("/devices/end?handle={newest}");
    devices[0].post(&path).await?.expect_body("1")?;
    devices[0].post(&path).await?.expect_body("0")?;
    devices[3].get("/who").await?.expect_body("-")?;
    devices[0].post("/devices/end-others").await?.expect_body("2")?;
    devices[0].get("/who").await?.expect_body(&alice)?;
    for browser in &mut devices[1..3] {
        browser.get("/who").await?.expect_body("-")?;
    }
    Ok(Verdict::Passed)
}

/// Fifty at once, a limit of three: three live, and the last login is among them.
pub async fn r12_parallel_logins_never_exceed_the_limit<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, directory);
    const LIMIT: usize = 3;
    let mut config = Config::native();
    config.sessions_per_subject = Some(LIMIT);
    let stage = Stage::new(suite, config).await?;
    let alice = user(suite)?;
    let path = format!("/login?user={alice}&gate=all");
    let running: Vec<_> = (0..50).map(|_| stage.browser().start(Method::POST, &path)).collect();
    stage.gates.reached("all", 50).await?;
    stage.gates.open("all", 50);
    let mut live = 0;
    let mut devices = Vec::new();
    for request in running {
        let reply = request.await??.expect(200)?;
        let mut browser = stage.browser();
        browser.take(&reply)?;
        devices.push(browser);
    }
    for browser in &mut devices {
        live += usize::from(browser.get("/who").await?.expect(200)?.body == alice);
    }
    ensure_eq!(live, LIMIT, "live sessions");
    stage.clock.pass(SECOND);
    let mut last = stage.browser();
    last.post(&format!("/login?user={alice}")).await?.expect(200)?;
    last.get("/who").await?.expect_body(&alice)?;
    let list = last.get("/devices").await?.expect(200)?.body;
    ensure_eq!(list.lines().count(), LIMIT, "sessions in the list");
    Ok(Verdict::Passed)
}

/// The sessions from before are "from the future": they are not newer than the login now.
pub async fn r12_the_newest_login_stays_though_the_clock_went_back<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, directory);
    let mut config = Config::native();
    config.sessions_per_subject = Some(2);
    let stage = Stage::new(suite, config).await?;
    let path = format!("/login?user={}", user(suite)?);
    let now = stage.clock.now();
    stage.clock.pass(SECOND * 300);
    for _ in 0..2 {
        stage.browser().post(&path).await?.expect(200)?;
    }
    stage.clock.set(now);
    let mut last = stage.browser();
    last.post(&path).await?.expect(200)?;
    let list = last.get("/devices").await?.expect(200)?.body;
    ensure_eq!(list.lines().count(), 2, "sessions in the list of the one that just logged in");
    Ok(Verdict::Passed)
}

/// One session for each user, and two servers whose clocks differ: whoever logs in later stays.
pub async fn s06_the_login_being_made_stays_whatever_the_clocks_say<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, directory);
    for apart in [SECOND, SECOND * 2, SECOND * 30, MINUTE * 5] {
        let mut config = Config::native();
        config.sessions_per_subject = Some(1);
        let ahead = Stage::new(suite, config.clone()).await?;
        let behind = match suite.can().second_handle {
            true => AnyStore::new(suite.open().await?),
            false => AnyStore::new(ahead.store.clone()),
        };
        let behind = Stage::over(behind, config, Clock::default())?.through(suite.door());
        ahead.clock.set(behind.clock.now() + apart);
        let alice = user(suite)?;
        let path = format!("/login?user={alice}");
        let mut earlier: Option<Browser> = None;
        for (server, what) in [(&ahead, "ahead"), (&behind, "behind"), (&ahead, "ahead")] {
            let mut later = server.browser();
            later.post(&path).await?.expect(200)?;
            let who = later.get("/who").await?.body;
            ensure_eq!(who, alice, "the login on the server {what}, clocks {apart:?} apart");
            let list = later.get("/devices").await?.expect(200)?.body;
            ensure_eq!(list.lines().count(), 1, "{apart:?} apart: sessions in the list");
            if let Some(mut earlier) = earlier.replace(later) {
                earlier.get("/who").await?.expect_body("-")?;
            }
        }
    }
    Ok(Verdict::Passed)
}

/// In the query, the body and other fields; nothing of that is a transport.
pub async fn r14_an_id_outside_of_the_cookie_is_ignored<O: Open>(suite: &Suite<O>) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=secret").await?.expect(200)?;
    let (name, id) = browser.only_cookie()?;
    let (name, id) = (name.to_owned(), id.to_owned());
    browser.get("/get?k=a").await?.expect_body("secret")?;
    let query = format!("/get?k=a&{name}={id}&id={id}&session={id}&sessionid={id}");
    stage.browser().get(&query).await?.expect_body("-")?;
    let body = format!("{name}={id}&id={id}");
    stage.browser().send(Method::POST, "/get?k=a", &body).await?.expect_body("-")?;
    let path = format!("/get;{name}={id}?k=a");
    stage.browser().get(&path).await?.expect(404)?;
    let fields = [
        ("authorization", format!("Bearer {id}")),
        ("x-session-id", id.clone()),
        ("x-session-token", id.clone()),
        ("cookie2", format!("{name}={id}")),
        ("set-cookie", format!("{name}={id}")),
    ];
    for (field, value) in fields {
        let value = HeaderValue::from_str(&value).map_err(|error| Failure(error.to_string()))?;
        let mut other = stage.browser().with_field(HeaderName::from_static(field), value);
        other.get("/get?k=a").await?.expect_body("-")?;
    }
    Ok(Verdict::Passed)
}

/// By itself, on the next request that uses the session; the old id dies after the grace period.
pub async fn r15_the_id_rotates_after_the_renewal_timeout<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, metadata);
    let mut config = Config::native();
    config.rotate_after = Some(15 * MINUTE);
    let stage = Stage::new(suite, config).await?;
    let mut browser = stage.browser();
    let mut rotated = stage.clock.now();
    browser.post("/login?user=alice").await?.expect(200)?;
    for _ in 0..3 {
        let mut old = browser.clone();
        stage.clock.set(rotated + (15 * MINUTE - SECOND));
        browser.get("/who").await?.expect_body("alice")?.expect_no_cookie()?;
        stage.clock.pass(SECOND);
        rotated = stage.clock.now();
        browser.get("/who").await?.expect_body("alice")?;
        ensure!(browser.jar() != old.jar(), "the id did not change");
        if suite.can().grace {
            stage.clock.pass(29 * SECOND);
            old.get("/who").await?.expect_body("alice")?.expect_no_cookie()?;
            stage.clock.pass(SECOND);
        }
        old.get("/who").await?.expect_body("-")?;
        browser.get("/who").await?.expect_body("alice")?.expect_no_cookie()?;
    }
    Ok(Verdict::Passed)
}

/// Django CVE-2015-5143 and -5963: floods of empty records.
pub async fn r18_visitors_without_a_session_leave_no_record<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    for number in 0..10_000 {
        let id = format!("{number:032}");
        let mut browser = match number % 2 {
            0 => stage.browser(),
            _ => stage.browser().with_cookie("__Host-id", id),
        };
        let reply = match number % 20 {
            18 => browser.post("/logout").await?,
            19 => browser.post("/clear").await?,
            16 => browser.post("/rotate").await?,
            _ => browser.get("/get?k=a").await?,
        };
        reply.expect(200)?;
    }
    let calls = stage.store.calls();
    let written: Vec<_> = calls.iter().filter(|(call, _)| *call != Call::Load).collect();
    ensure!(written.is_empty(), "written for nobody: {written:?}");
    ensure_eq!(calls, [(Call::Load, 5000)], "loads, one per well-formed unknown id");
    Ok(Verdict::Passed)
}

/// Log in, write, read, rotate and log out as a real server and its client do it.
pub async fn r04_a_visit_over_a_socket_ends_with_its_logout<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let stage = Stage::new(suite, Config::native()).await?;
    let mut browser = Browser::new(stage.serve().await?);
    browser.get("/get?k=a").await?.expect_body("-")?.expect_no_cookie()?;
    browser.post("/set?k=a&v=1").await?.expect(200)?;
    browser.post("/login?user=alice").await?.expect(200)?;
    let slow = browser.start(Method::POST, "/set?k=slow&v=2&gate=slow");
    stage.gates.reached("slow", 1).await?;
    browser.post("/set?k=quick&v=3").await?.expect(200)?;
    stage.gates.open("slow", 1);
    slow.await??.expect(200)?;
    for (key, value) in [("a", "1"), ("slow", "2"), ("quick", "3"), ("user", "alice")] {
        browser.get(&format!("/get?k={key}")).await?.expect_body(value)?;
    }
    let mut old = browser.clone();
    browser.post("/logout").await?.expect(200)?;
    ensure_eq!(browser.jar().len(), 0, "cookies after logout");
    old.get("/who").await?.expect_body("-")?;
    Ok(Verdict::Passed)
}
