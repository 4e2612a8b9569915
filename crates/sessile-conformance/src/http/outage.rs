//! What visitors meet while the store is broken, and afterwards.

use sessile::Config;
use sessile_core::SessionStore;

use super::stage::{Clock, Stage};
use crate::Failure;
use crate::check::ensure;

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
/// `breaks` and `heals` break the store under the application and mend it.
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
    let stage =
        Stage::over(sessile_core::AnyStore::new(store), Config::native(), Clock::default())?;
    let (mut alice, mut bob) = (stage.browser(), stage.browser());
    alice.post("/login?user=alice").await?.expect(200)?;
    alice.post("/set?k=cart&v=apples").await?.expect(200)?;
    bob.post("/set?k=cart&v=pears").await?.expect(200)?;
    let cookie = alice.only_cookie()?.1.to_owned();

    breaks();
    // Longer than a page of a small disk has left over.
    let long = "x".repeat(8 << 10);
    alice.get("/untouched").await?.expect(200)?.expect_no_cookie()?;
    let read = alice.get("/get?k=cart").await?;
    match readers {
        Readers::Served => read.expect_body("apples")?,
        Readers::Refused => read.expect(503)?,
    }
    .expect_no_cookie()?;
    let changes = format!("/set?k=cart&v={long}");
    alice.post(&changes).await?.expect(503)?.expect_no_cookie()?;
    alice.post("/rotate").await?.expect(503)?.expect_no_cookie()?;
    stage.browser().post(&changes).await?.expect(503)?.expect_no_cookie()?;
    ensure!(alice.only_cookie()?.1 == cookie, "the outage changed a visitor's cookie");

    heals();
    alice.get("/get?k=cart").await?.expect_body("apples")?;
    bob.get("/get?k=cart").await?.expect_body("pears")?;
    alice.post("/set?k=cart&v=plums").await?.expect(200)?;
    alice.get("/get?k=cart").await?.expect_body("plums")?;
    alice.post("/logout").await?.expect(200)?;
    bob.get("/get?k=cart").await?.expect_body("pears")?;
    Ok(())
}
