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
pub enum Still {
    /// Nothing at all.
    Nothing,
    /// It reads, as a locked database does.
    Reads,
    /// It reads, and has no room for more, but what is there can be deleted: so everybody can
    /// log out.
    ReadsAndDeletes,
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
    still: Still,
    breaks: impl FnOnce(),
    heals: impl FnOnce(),
) -> Result<(), Failure> {
    let stage = Stage::over(AnyStore::new(store), Config::native(), Clock::default())?;
    let (mut alice, mut bob) = (stage.browser(), stage.browser());
    alice.post("/login?user=alice").await?.expect(200)?;
    alice.post("/set?k=cart&v=apples").await?.expect(200)?;
    bob.post("/set?k=cart&v=pears").await?.expect(200)?;
    // Two who will log out while the store is broken.
    let (mut early, mut late) = (stage.browser(), stage.browser());
    early.post("/login?user=early").await?.expect(200)?;
    late.post("/login?user=late").await?.expect(200)?;
    let (alices, bobs) = (alice.jar().clone(), bob.jar().clone());
    let (mut earlys, mut lates) = (early.clone(), late.clone());
    let mut kept = stored(&stage).await?;
    ensure_eq!(kept.len(), 4, "sessions before the outage");
    // Two that read their sessions before the outage and save them in it.
    let late_logout = late.start(Method::POST, "/logout?gate=logout");
    let late_change = bob.start(Method::POST, "/set?k=cart&v=rotten&gate=late");
    stage.gates.reached("late", 1).await?;
    stage.gates.reached("logout", 1).await?;

    breaks();
    stage.gates.open("late", 1);
    refused(&late_change.await??)?;
    alice.get("/untouched").await?.expect_body("untouched")?.expect_no_cookie()?;
    stage.browser().get("/get?k=cart").await?.expect_body("-")?.expect_no_cookie()?;
    for (visitor, cart, who) in [(&mut alice, "apples", "alice"), (&mut bob, "pears", "-")] {
        for (path, body) in [("/get?k=cart", cart), ("/who", who)] {
            let reply = visitor.get(path).await?;
            match still {
                Still::Nothing => refused(&reply)?,
                Still::Reads | Still::ReadsAndDeletes => {
                    drop(reply.expect_body(body)?.expect_no_cookie()?);
                }
            }
        }
    }
    // Larger than what a page of a small disk or database has left over.
    let large = format!("/set?k=cart&v={}", "x".repeat(8 << 10));
    for path in ["/set?k=cart&v=plums", &large, "/rotate"] {
        refused(&alice.post(path).await?)?;
        ensure!(alice.jar() == &alices, "{path}: the outage changed a visitor's cookie");
    }
    for path in ["/set?k=cart&v=plums", &large, "/login?user=carol"] {
        refused(&stage.browser().post(path).await?)?;
    }
    ensure!(bob.jar() == &bobs, "the outage changed a bystander's cookie");

    // Last, for what is deleted makes room.
    stage.gates.open("logout", 1);
    for logout in [late_logout.await??, early.post("/logout").await?] {
        match still {
            Still::ReadsAndDeletes => drop(logout.expect(200)?),
            Still::Nothing | Still::Reads => refused(&logout)?,
        }
    }
    if still == Still::ReadsAndDeletes {
        for copied in [&mut earlys, &mut lates] {
            copied.get("/who").await?.expect_body("-")?;
        }
        let gone = |record: &Record| {
            record.subject.as_ref().is_some_and(|user| ["early", "late"].contains(&user.as_str()))
        };
        kept.retain(|(_, record)| !gone(record));
    }

    heals();
    ensure!(stored(&stage).await? == kept, "a refused change was stored, or a session was lost");
    // A logout that was refused has ended nothing, and one that was answered has.
    for (copied, user) in [(&mut earlys, "early"), (&mut lates, "late")] {
        let who = if still == Still::ReadsAndDeletes { "-" } else { user };
        copied.get("/who").await?.expect_body(who)?;
    }
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
    let Some(scan) = stage.store.capabilities().scan else {
        return Err(Failure("the store lists no sessions".into()));
    };
    let listed = scan.scan(None, 100).await?.entries.into_iter();
    let mut found: Vec<_> = listed.map(|(key, record)| (key.to_text(), record)).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}
