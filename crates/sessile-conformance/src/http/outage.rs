//! What visitors meet while the store is broken, and afterwards.

use http::Method;
use sessile::Config;
use sessile_core::exchange::Failure as Refusal;
use sessile_core::store::Record;
use sessile_core::{AnyStore, SessionStore};

use super::browser::Reply;
use super::stage::{Clock, Stage};
use crate::Failure;
use crate::check::{ensure, ensure_eq};

/// What a broken store still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// It reads, as a full disk or a locked database does.
    Served,
    /// It does nothing at all.
    Refused,
}

/// Visits an application before, during and after an outage of its store:
/// nothing is taken for nobody, no success is a lie, and what was there before
/// is there again, with nothing half-written.
///
/// `breaks` and `heals` break the store under the application and mend it. The
/// store can list its sessions.
///
/// # Errors
///
/// What a visitor met that they should not.
pub async fn outage(
    store: impl SessionStore,
    readers: Readers,
    breaks: impl FnOnce(),
    heals: impl FnOnce(),
) -> Result<(), Failure> {
    let stage = Stage::over(AnyStore::new(store), Config::native(), Clock::default())?;
    let (mut alice, mut bob) = (stage.browser(), stage.browser());
    alice.post("/login?user=alice").await?.expect(200)?;
    alice.post("/set?k=cart&v=apples").await?.expect(200)?;
    bob.post("/set?k=cart&v=pears").await?.expect(200)?;
    let (alices, bobs) = (alice.jar().clone(), bob.jar().clone());
    let kept = stored(&stage).await?;
    ensure_eq!(kept.len(), 2, "sessions before the outage");
    // Two that read their sessions before the outage and save them in it.
    let late_logout = alice.start(Method::POST, "/logout?gate=late");
    let late_change = bob.start(Method::POST, "/set?k=cart&v=rotten&gate=late");
    stage.gates.reached("late", 2).await?;

    breaks();
    stage.gates.open("late", 2);
    for late in [late_logout, late_change] {
        refused(&late.await??)?;
    }
    alice.get("/untouched").await?.expect_body("untouched")?.expect_no_cookie()?;
    stage.browser().get("/get?k=cart").await?.expect_body("-")?.expect_no_cookie()?;
    for (visitor, cart, who) in [(&mut alice, "apples", "alice"), (&mut bob, "pears", "-")] {
        for (path, body) in [("/get?k=cart", cart), ("/who", who)] {
            let reply = visitor.get(path).await?;
            match readers {
                Readers::Served => drop(reply.expect_body(body)?.expect_no_cookie()?),
                Readers::Refused => refused(&reply)?,
            }
        }
    }
    // Larger than what a page of a small disk or database has left over.
    let large = format!("/set?k=cart&v={}", "x".repeat(8 << 10));
    for path in ["/set?k=cart&v=plums", &large, "/rotate", "/logout"] {
        refused(&alice.post(path).await?)?;
        ensure!(alice.jar() == &alices, "{path}: the outage changed a visitor's cookie");
    }
    for path in ["/set?k=cart&v=plums", &large, "/login?user=carol"] {
        refused(&stage.browser().post(path).await?)?;
    }
    ensure!(bob.jar() == &bobs, "the outage changed a bystander's cookie");

    heals();
    ensure!(stored(&stage).await? == kept, "a refused change was stored, or a session was lost");
    // The logouts were refused, and so the session is wholly there.
    alice.get("/who").await?.expect_body("alice")?;
    alice.get("/get?k=cart").await?.expect_body("apples")?;
    let devices = alice.get("/devices").await?.expect(200)?.body;
    ensure!(devices.lines().count() == 1 && devices.starts_with('*'), "listed: {devices:?}");
    bob.get("/get?k=cart").await?.expect_body("pears")?;
    alice.post("/set?k=cart&v=plums").await?.expect(200)?;
    alice.get("/get?k=cart").await?.expect_body("plums")?;
    stage.browser().post("/login?user=carol").await?.expect(200)?;
    let mut old = alice.clone();
    alice.post("/logout").await?.expect(200)?;
    old.get("/who").await?.expect_body("-")?;
    bob.get("/get?k=cart").await?.expect_body("pears")?;
    Ok(())
}

/// That a visitor was told to try again, nothing of the inside, and keeps the cookies they have.
fn refused(reply: &Reply) -> Result<(), Failure> {
    let reply = reply.clone().expect(503)?.expect_no_cookie()?;
    ensure_eq!(reply.body, Refusal::StoreDown.visitor_text(), "what the visitor reads");
    ensure_eq!(reply.field("cache-control"), "no-store", "Cache-Control");
    Ok(())
}

/// Every session as it is stored, by key.
async fn stored(stage: &Stage) -> Result<Vec<(String, Record)>, Failure> {
    let Some(scan) = stage.store.as_scan() else {
        return Err(Failure("the store lists no sessions".into()));
    };
    let listed = scan.scan(None, 100).await?.entries.into_iter();
    let mut found: Vec<_> = listed.map(|(key, record)| (key.to_text(), record)).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}
