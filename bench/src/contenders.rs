//! Who is measured, doing what, and the proof that each one does it.

mod actix;
mod axum_bare;
mod axum_session;
mod sessile;
mod sessile_actix;
mod tower_sessions;

use crate::Result;
use crate::target::{POST, Reply, Target};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

/// What every session under test holds, beside the counter that writes change.
const USER: &str = "alice";
/// What a handler answers when the session holds no user.
const NOBODY: &str = "nobody";

/// A number no earlier call returned, so that a write always changes what is stored: some
/// layers save nothing when a key is set to the value it has.
fn fresh_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What the measured requests do with the session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// No session layer at all.
    Bare,
    /// The layer is there, the visitor has a session, the handler does not look at it.
    Untouched,
    /// The handler reads one string.
    Read,
    /// The handler sets one number to a value it did not have.
    Write,
    /// A POST with a token in a header; the handler looks at nothing.
    Post,
}

impl Work {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bare => "no session",
            Self::Untouched => "untouched",
            Self::Read => "read",
            Self::Write => "write",
            Self::Post => "untouched, POST",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Bare | Self::Untouched => "/untouched",
            Self::Read => "/read",
            Self::Write => "/write",
            Self::Post => POST,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Contender {
    /// Short name for the command line and the JSON.
    pub(crate) name: &'static str,
    /// Which package, and how it is configured.
    pub(crate) what: &'static str,
    pub(crate) work: Work,
    /// The contender without sessions on the same framework; for CSRF layers, without one.
    pub(crate) bare: &'static str,
    /// Whether the measured answer carries a `Set-Cookie`.
    sets_cookie: bool,
    /// What the login's `Cookie` header begins with, where the format is the point of the row.
    cookie_begins: &'static str,
    /// Whether a changed byte in the cookie must lose the session.
    signed: bool,
    /// Whether another token must be refused.
    guarded: bool,
    /// What design decided this may cost over bare, in nanoseconds; for our own rows.
    pub(crate) budget: Option<u32>,
    build: fn(&Runtime) -> Result<Box<dyn Target>>,
}

/// Every row, in the order of the table.
pub(crate) const CONTENDERS: &[Contender] = &[
    bare("axum", "axum", axum_bare::build),
    peer("axum-layer", "axum, a layer that does nothing", Work::Bare, axum_bare::layered),
    ours("sessile-untouched", OURS_MEMORY, Work::Untouched, 100, sessile::memory),
    ours("sessile-read", OURS_MEMORY, Work::Read, 700, sessile::memory),
    ours("sessile-write", OURS_MEMORY, Work::Write, 1200, sessile::memory).sets_no_cookie(),
    ours("sessile-flask-read", OURS_FLASK, Work::Read, 1000, sessile::flask)
        .signed()
        .cookie_begins(FLASK_JSON),
    ours("sessile-flask-write", OURS_FLASK, Work::Write, 2000, sessile::flask)
        .signed()
        .cookie_begins(FLASK_JSON),
    ours("sessile-signed-read", OURS_SIGNED, Work::Read, 1000, sessile::signed).signed(),
    ours("sessile-signed-write", OURS_SIGNED, Work::Write, 2000, sessile::signed).signed(),
    peer("sessile-post", OURS_MEMORY, Work::Post, sessile::memory),
    ours("csrf-untouched", CSRF, Work::Untouched, 150, sessile::guarded).on("sessile-untouched"),
    ours("csrf-post", CSRF, Work::Post, 1500, sessile::guarded).on("sessile-post").guarded(),
    peer("csrf-apart-untouched", CSRF_APART, Work::Untouched, sessile::guarded_apart)
        .on("sessile-untouched"),
    peer("csrf-wtf-post", CSRF_WTF, Work::Post, sessile::guarded_as_flask_wtf)
        .on("sessile-post")
        .guarded(),
    peer("csrf-django-post", CSRF_DJANGO, Work::Post, sessile::guarded_as_django)
        .on("sessile-post")
        .guarded(),
    peer("tower-untouched", "tower-sessions, memory", Work::Untouched, tower_sessions::memory),
    peer("tower-read", "tower-sessions, memory", Work::Read, tower_sessions::memory),
    peer("tower-write", "tower-sessions, memory", Work::Write, tower_sessions::memory),
    peer("tower-signed-read", TOWER_SIGNED, Work::Read, tower_sessions::signed).signed(),
    peer("tower-signed-write", TOWER_SIGNED, Work::Write, tower_sessions::signed).signed(),
    peer("axum_session-untouched", "axum_session, memory", Work::Untouched, axum_session::build)
        .always_sets_cookie(),
    peer("axum_session-read", "axum_session, memory", Work::Read, axum_session::build)
        .always_sets_cookie(),
    peer("axum_session-write", "axum_session, memory", Work::Write, axum_session::build),
    bare("actix", "actix-web", actix::bare),
    ours_on_actix("sessile-actix-untouched", OURS_ACTIX, Work::Untouched, sessile_actix::memory),
    ours_on_actix("sessile-actix-read", OURS_ACTIX, Work::Read, sessile_actix::memory),
    ours_on_actix("sessile-actix-write", OURS_ACTIX, Work::Write, sessile_actix::memory)
        .sets_no_cookie(),
    ours_on_actix("sessile-actix-flask-read", OURS_ACTIX_FLASK, Work::Read, sessile_actix::flask)
        .signed()
        .cookie_begins(FLASK_JSON),
    ours_on_actix("sessile-actix-flask-write", OURS_ACTIX_FLASK, Work::Write, sessile_actix::flask)
        .signed()
        .cookie_begins(FLASK_JSON),
    peer("actix-untouched", ACTIX, Work::Untouched, actix::signed).on("actix").signed(),
    peer("actix-read", ACTIX, Work::Read, actix::signed).on("actix").signed(),
    peer("actix-write", ACTIX, Work::Write, actix::signed).on("actix").signed(),
];

const OURS_MEMORY: &str = "sessile, memory";
const OURS_FLASK: &str = "sessile, Flask's signed cookie holds all";
const OURS_SIGNED: &str = "sessile, native signed cookie holds all";
const OURS_ACTIX: &str = "sessile-actix, memory";
const OURS_ACTIX_FLASK: &str = "sessile-actix, Flask's signed cookie holds all";
/// Flask's cookie name, and `{"` in base64.
const FLASK_JSON: &str = "session=eyJ";
const CSRF: &str = "sessile, memory, and CsrfLayer";
const CSRF_APART: &str = "sessile, memory, and CsrfLayer in a `.layer` of its own";
const CSRF_WTF: &str = "sessile, memory, and CsrfLayer with Flask-WTF's rules";
const CSRF_DJANGO: &str = "sessile, memory, and CsrfLayer with Django's rules";
const TOWER_SIGNED: &str = "tower-sessions, memory, signed id";
const ACTIX: &str = "actix-session, signed cookie holds all";

type Build = fn(&Runtime) -> Result<Box<dyn Target>>;

const fn bare(name: &'static str, what: &'static str, build: Build) -> Contender {
    Contender { bare: name, ..peer(name, what, Work::Bare, build) }
}

const fn peer(name: &'static str, what: &'static str, work: Work, build: Build) -> Contender {
    let sets_cookie = matches!(work, Work::Write);
    let (bare, cookie_begins, signed, guarded, budget) = ("axum", "", false, false, None);
    Contender { name, what, work, bare, sets_cookie, cookie_begins, signed, guarded, budget, build }
}

/// Ours behind actix-web: no budget was set for it.
const fn ours_on_actix(
    name: &'static str,
    what: &'static str,
    work: Work,
    build: Build,
) -> Contender {
    peer(name, what, work, build).on("actix")
}

const fn ours(
    name: &'static str,
    what: &'static str,
    work: Work,
    budget: u32,
    build: Build,
) -> Contender {
    let mut contender = peer(name, what, work, build);
    contender.budget = Some(budget);
    contender
}

impl Contender {
    const fn on(mut self, bare: &'static str) -> Self {
        self.bare = bare;
        self
    }

    const fn cookie_begins(mut self, text: &'static str) -> Self {
        self.cookie_begins = text;
        self
    }

    const fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    const fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    /// The id stays and the browser has it.
    const fn sets_no_cookie(mut self) -> Self {
        self.sets_cookie = false;
        self
    }

    const fn always_sets_cookie(mut self) -> Self {
        self.sets_cookie = true;
        self
    }

    /// The service with a visitor logged in, aimed at the work to measure.
    pub(crate) fn target(&self, runtime: &Runtime) -> Result<Box<dyn Target>> {
        let mut target = (self.build)(runtime)?;
        let cookie = self.log_in(target.as_mut(), runtime)?;
        target.aim(self.work.path(), &cookie);
        Ok(target)
    }

    /// Logs in and returns the `Cookie` header to send from then on. The bare services have no
    /// session; they are sent a cookie of the usual size, so that they carry the same header.
    fn log_in(&self, target: &mut dyn Target, runtime: &Runtime) -> Result<String> {
        let reply = target.ask(runtime, "/login", "")?;
        expect("login status", reply.status, 200)?;
        target.show(&reply.body);
        match self.work {
            Work::Bare => Ok("id=AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
            _ => cookies(&reply).ok_or_else(|| "login sets no cookie".into()),
        }
    }

    /// Proves with single requests that the measured requests will do what the row says.
    pub(crate) fn check(&self, runtime: &Runtime) -> Result<()> {
        let mut target = (self.build)(runtime)?;
        let cookie = self.log_in(target.as_mut(), runtime)?;

        if !cookie.starts_with(self.cookie_begins) {
            return Err(format!("its cookie is {cookie:?}").into());
        }

        let reply = target.ask(runtime, self.work.path(), &cookie)?;
        expect("status", reply.status, 200)?;
        expect("Set-Cookie", !reply.set_cookies.is_empty(), self.sets_cookie)?;
        match self.work {
            Work::Bare | Work::Untouched | Work::Post => expect("body", reply.body.as_str(), USER)?,
            Work::Read => {
                expect("value read", reply.body.as_str(), USER)?;
                let stranger = target.ask(runtime, "/read", "")?;
                expect("value read without a cookie", stranger.body.as_str(), NOBODY)?;
            }
            Work::Write => {
                let after = cookies(&reply).unwrap_or_else(|| cookie.clone());
                let number = target.ask(runtime, "/number", &after)?.body;
                expect("value written", number.as_str(), reply.body.as_str())?;
                let user = target.ask(runtime, "/read", &after)?.body;
                expect("user after the write", user.as_str(), USER)?;
            }
        }
        if self.guarded {
            target.show(USER);
            // Flask-WTF says 400, the others 403.
            let status = target.ask(runtime, POST, &cookie)?.status;
            expect("refuses another token", matches!(status, 400 | 403), true)?;
        }
        if self.signed {
            let forged = target.ask(runtime, "/read", &with_one_byte_changed(&cookie))?;
            expect("value read with a forged cookie", forged.body.as_str(), NOBODY)?;
        }
        Ok(())
    }
}

/// The `Cookie` header a browser would send after this answer to a first visit.
fn cookies(reply: &Reply) -> Option<String> {
    let pairs: Vec<&str> =
        reply.set_cookies.iter().filter_map(|cookie| cookie.split(';').next()).collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

/// Changes the first byte of the value: part of a signature or of what is signed.
fn with_one_byte_changed(cookie: &str) -> String {
    let at = cookie.find('=').map_or(0, |equals| equals + 1);
    let changed = if cookie[at..].starts_with('A') { "B" } else { "A" };
    format!("{}{changed}{}", &cookie[..at], &cookie[at + 1..])
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Result<()> {
    if got == wanted { Ok(()) } else { Err(format!("{what}: {got:?}, not {wanted:?}").into()) }
}
