//! Defects that session layers have had, as scripts for any implementation.
//!
//! `docs/requirements.md` says where each was seen; `bench/tests/defects` runs
//! them against ours and against those where they are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use sessile::{Config, KeyRing, Lifetime, MemoryStore, SecretKey, Storage};
use sessile_core::AnyStore;
use sessile_core::store::BoxFuture;

use super::browser::{Browser, Site};
use super::door::{Axum, Door};
use super::gates::Gates;
use super::stage::{Clock, Stage};
use crate::{Failure, Open};

/// What a script found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The implementation has the defect.
    Present,
    /// It does not.
    Absent,
    /// It cannot have it, with the reason.
    DoesNotApply(&'static str),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "PRESENT",
            Self::Absent => "absent",
            Self::DoesNotApply(_) => "-",
        })
    }
}

/// One application with sessions, of whatever make. Its routes:
///
/// | route | what it does |
/// |---|---|
/// | `GET /get?k=` | answers the value, `-` where there is none |
/// | `POST /set?k=&v=` | sets a key |
/// | `POST /login?user=` | changes the id as for a login, sets `user` |
/// | `POST /logout` | ends the session |
/// | `POST /rotate-then-500` | changes the id and answers 500 |
///
/// `/get` and `/set` take `gate=`: having read the session they wait there.
/// The login changes the id by the method the implementation has for it.
pub trait SessionApp: Send + Sync {
    /// Where it answers.
    fn site(&self) -> Arc<dyn Site>;
    /// Where its handlers stop.
    fn gates(&self) -> &Gates;
    /// A cookie, name and value, with a well-formed id that was never issued;
    /// `None` where the cookie holds no id.
    fn planted(&self) -> Option<(String, String)>;
    /// Lets time pass for its sessions.
    fn pass(&self, time: Duration) -> BoxFuture<'_, ()>;
}

/// Something that makes applications.
pub trait Implementation: Send + Sync {
    /// What to call it.
    fn name(&self) -> &str;
    /// A new application; its sessions live for `lifetime`, or as long as by default.
    fn app(
        &self,
        lifetime: Option<Duration>,
    ) -> BoxFuture<'_, Result<Box<dyn SessionApp>, Failure>>;
}

/// A script: makes an application, does its worst, tells what it found.
pub type Script = for<'i> fn(&'i dyn Implementation) -> BoxFuture<'i, Result<Found, Failure>>;

/// All of them, with what to call them.
pub const DEFECTS: [(&str, Script); 8] = [
    ("a slow request revives a logout", |make| Box::pin(revived_logout(make))),
    ("a concurrent change of another key is lost", |make| Box::pin(lost_update(make))),
    ("a reader erases a concurrent change", |make| Box::pin(erasing_reader(make))),
    ("a rotation and then a 500 lose the session", |make| Box::pin(rotation_then_error(make))),
    ("an id that was never issued is adopted", |make| Box::pin(adopted_id(make))),
    ("an expired session is accepted", |make| Box::pin(ignored_lifetime(make))),
    ("a percent-encoded cookie name is read", |make| Box::pin(decoded_name(make))),
    ("a page with session data may be cached for all", |make| Box::pin(public_page(make))),
];

fn found(present: bool) -> Found {
    if present { Found::Present } else { Found::Absent }
}

async fn logged_in(app: &dyn SessionApp) -> Result<Browser, Failure> {
    let mut browser = Browser::new(app.site());
    browser.post("/login?user=alice").await?.expect(200)?;
    browser.get("/get?k=user").await?.expect_body("alice")?;
    Ok(browser)
}

async fn is_alice(browser: &mut Browser) -> Result<bool, Failure> {
    Ok(browser.get("/get?k=user").await?.expect(200)?.body == "alice")
}

/// Rack CVE-2025-46336, express-session #632: tried with the cookie from before
/// the logout and with what the slow answer sets.
async fn revived_logout(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(None).await?;
    let mut browser = logged_in(&*app).await?;
    let before = browser.clone();
    let slow = browser.start(Method::POST, "/set?k=a&v=1&gate=slow");
    app.gates().reached("slow", 1).await?;
    browser.post("/logout").await?.expect(200)?;
    app.gates().open("slow", 1);
    browser.take(&slow.await??)?;
    let replayed = app.planted().is_some() && is_alice(&mut before.clone()).await?;
    Ok(found(is_alice(&mut browser).await? || replayed))
}

async fn lost_update(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(None).await?;
    let mut browser = logged_in(&*app).await?;
    let slow = browser.start(Method::POST, "/set?k=a&v=1&gate=slow");
    app.gates().reached("slow", 1).await?;
    browser.post("/set?k=b&v=2").await?.expect(200)?;
    app.gates().open("slow", 1);
    let slow = slow.await??.expect(200)?;
    browser.take(&slow)?;
    let a = browser.get("/get?k=a").await?.expect(200)?.body;
    let b = browser.get("/get?k=b").await?.expect(200)?.body;
    Ok(found((a.as_str(), b.as_str()) != ("1", "2")))
}

/// Flask-Session writes the whole session after reading it.
async fn erasing_reader(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(None).await?;
    let mut browser = logged_in(&*app).await?;
    let slow = browser.start(Method::GET, "/get?k=user&gate=slow");
    app.gates().reached("slow", 1).await?;
    browser.post("/set?k=b&v=2").await?.expect(200)?;
    app.gates().open("slow", 1);
    browser.take(&slow.await??.expect(200)?)?;
    Ok(found(browser.get("/get?k=b").await?.expect(200)?.body != "2"))
}

/// tower-sessions has deleted the old record by then and never saves the new one.
async fn rotation_then_error(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(None).await?;
    let mut browser = logged_in(&*app).await?;
    browser.post("/rotate-then-500").await?.expect(500)?;
    Ok(found(!is_alice(&mut browser).await?))
}

/// Fiber CVE-2024-38513, aiohttp-session CVE-2018-1000519: whoever planted it shares the session.
async fn adopted_id(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(None).await?;
    let Some((name, id)) = app.planted() else {
        return Ok(Found::DoesNotApply("the cookie holds no id"));
    };
    let mut attacker = Browser::new(app.site()).with_cookie(name, id);
    let mut victim = attacker.clone();
    victim.post("/set?k=user&v=alice").await?.expect(200)?;
    Ok(found(is_alice(&mut attacker).await?))
}

/// @fastify/session CVE-2024-35220: the limit is in the cookie's `Max-Age` only.
async fn ignored_lifetime(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(Some(Duration::from_secs(1))).await?;
    let mut browser = Browser::new(app.site());
    browser.post("/login?user=alice").await?.expect(200)?;
    app.pass(Duration::from_secs(3)).await;
    Ok(found(is_alice(&mut browser).await?))
}

/// PHP CVE-2020-7070: a subdomain plants `__%48ost-id` past the prefix's protection.
async fn decoded_name(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(None).await?;
    let browser = logged_in(&*app).await?;
    let mut planted = Browser::new(app.site());
    for (name, value) in browser.jar() {
        let spelled: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        planted = planted.with_cookie(spelled, value);
    }
    Ok(found(is_alice(&mut planted).await?))
}

/// Flask CVE-2023-30861, CVE-2026-27205: neither `Vary` nor a word against storing.
async fn public_page(make: &dyn Implementation) -> Result<Found, Failure> {
    let app = make.app(None).await?;
    let mut browser = logged_in(&*app).await?;
    let reply = browser.get("/get?k=user").await?.expect_body("alice")?;
    let vary = reply.field("vary").to_ascii_lowercase();
    let control = reply.field("cache-control").to_ascii_lowercase();
    let kept_out = ["no-store", "private", "no-cache"].iter().any(|word| control.contains(word));
    Ok(found(!vary.contains("cookie") && vary != "*" && !kept_out))
}

/// Ours.
#[derive(Clone, Copy)]
pub struct Sessile {
    name: &'static str,
    storage: Storage,
    door: &'static dyn Door,
}

impl Sessile {
    /// Sessions in a memory store.
    pub const STORED: Self = Self { name: "sessile, memory", storage: Storage::Store, door: &Axum };
    /// Sessions in signed cookies. A cookie cannot merge what two requests wrote
    /// and cannot be revoked, which the builder makes one accept in words.
    pub const SIGNED: Self =
        Self { name: "sessile, signed cookie", storage: Storage::SignedCookie, door: &Axum };

    /// Through another framework than axum.
    #[must_use]
    pub fn through(self, door: &'static dyn Door) -> Self {
        Self { door, ..self }
    }
}

impl Implementation for Sessile {
    fn name(&self) -> &str {
        self.name
    }

    fn app(
        &self,
        lifetime: Option<Duration>,
    ) -> BoxFuture<'_, Result<Box<dyn SessionApp>, Failure>> {
        Box::pin(async move {
            ours(AnyStore::new(MemoryStore::new()), self.storage, lifetime, self.door)
        })
    }
}

/// Ours over any store.
pub struct Stored<O>(pub O);

impl<O: Open> Implementation for Stored<O> {
    fn name(&self) -> &str {
        "sessile"
    }

    fn app(
        &self,
        lifetime: Option<Duration>,
    ) -> BoxFuture<'_, Result<Box<dyn SessionApp>, Failure>> {
        Box::pin(async move {
            let store = self.0.open().await.map_err(|error| Failure(error.to_string()))?;
            ours(AnyStore::new(store), Storage::Store, lifetime, &Axum)
        })
    }
}

fn ours(
    store: AnyStore,
    storage: Storage,
    lifetime: Option<Duration>,
    door: &'static dyn Door,
) -> Result<Box<dyn SessionApp>, Failure> {
    let mut config = Config::native();
    config.storage = storage;
    config.cookie_sessions_cannot_be_revoked = storage != Storage::Store;
    let key = SecretKey::new("Iex7 Ohs4 vu0X aeT1 quoh 5eiK Zai2 boo8");
    config.keys = key.ok().map(KeyRing::new);
    if lifetime.is_some() {
        config.lifetime = Lifetime { idle: lifetime, absolute: None };
    }
    let stage = Stage::over(store, config, Clock::default())?.through(Arc::new(door));
    let site = stage.site()?;
    Ok(Box::new(Ours { stage, site, storage }))
}

struct Ours {
    stage: Stage,
    site: Arc<dyn Site>,
    storage: Storage,
}

impl SessionApp for Ours {
    fn site(&self) -> Arc<dyn Site> {
        self.site.clone()
    }

    fn gates(&self) -> &Gates {
        &self.stage.gates
    }

    fn planted(&self) -> Option<(String, String)> {
        (self.storage == Storage::Store).then(|| ("__Host-id".to_owned(), "A".repeat(32)))
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.stage.clock.pass(time);
        Box::pin(std::future::ready(()))
    }
}
