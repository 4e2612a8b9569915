//! The settings of a cookie and the rules they must keep.

use sessile_formats::idna;

use super::attributes::{
    Prefix, SameSite, check_domain, check_length, check_name, check_path, invalid,
};
use super::error::{CookieError, Part};

/// Whose order and spelling of attributes to write, byte for byte.
///
/// | style | order | lifetime |
/// |---|---|---|
/// | `Native` | Path, Domain, Max-Age, Secure, HttpOnly, SameSite, Partitioned | Max-Age |
/// | `Flask` (Werkzeug 3.1) | Domain, Expires, Max-Age, Secure, HttpOnly, Path, SameSite, Partitioned | Expires |
/// | `Django` (5.2, 6.1) | Domain, expires, HttpOnly, Max-Age, Path, SameSite, Secure | both |
/// | `Starlette` (1.x) | path, Max-Age, httponly, samesite, secure, domain, partitioned | Max-Age |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Ours.
    Native,
    /// Flask's and Flask-Session's. `Partitioned` switches `Secure` on; a port and leading dots
    /// of Domain go, and a Domain in other scripts is written in its `xn--` form.
    Flask,
    /// Django's session middleware's.
    Django,
    /// Starlette's session middleware's.
    Starlette,
}

/// How long the browser is to keep a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Until the browser closes.
    Session,
    /// For so many seconds. Zero or less: the browser drops it at once.
    ///
    /// `Native` writes 0 to [`MAX_AGE`](super::MAX_AGE); the other styles write the number they are given, as
    /// their originals do (browsers shorten it), and no date beyond the year 9999.
    Seconds(i64),
}

/// The settings of a cookie, unchecked; [`CookieTemplate::new`](super::CookieTemplate::new) checks them.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// The name.
    pub name: String,
    /// `Domain`: sends the cookie to subdomains too. `None` binds it to the host.
    pub domain: Option<String>,
    /// `Path`.
    pub path: String,
    /// `Secure`: over HTTPS only.
    pub secure: bool,
    /// `HttpOnly`: out of reach of scripts.
    pub http_only: bool,
    /// `SameSite`. `None` leaves it to the browser, which only the foreign styles may.
    pub same_site: Option<SameSite>,
    /// `Partitioned`: one jar per embedding site (CHIPS).
    pub partitioned: bool,
    /// Order and spelling.
    pub style: Style,
    /// Lets settings and sizes pass that the original writes though browsers drop such cookies:
    /// broken prefix rules, `SameSite=None` or `Partitioned` without `Secure`, name and value
    /// over 4096 octets. For running beside an original as it is; no effect with
    /// [`Style::Native`]. Characters are checked all the same.
    pub allow_dropped_by_browsers: bool,
}

impl CookieSettings {
    /// The safe default: `__Host-id`, `Path=/`, `Secure`, `HttpOnly`, `SameSite=Lax`.
    pub fn native() -> Self {
        Self {
            name: "__Host-id".to_owned(),
            domain: None,
            path: "/".to_owned(),
            secure: true,
            http_only: true,
            same_site: Some(SameSite::Lax),
            partitioned: false,
            style: Style::Native,
            allow_dropped_by_browsers: false,
        }
    }

    /// Flask's defaults: `session`, `HttpOnly`, no `SameSite`.
    pub fn flask() -> Self {
        Self {
            name: "session".to_owned(),
            secure: false,
            same_site: None,
            style: Style::Flask,
            ..Self::native()
        }
    }

    /// Django's defaults: `sessionid`, `HttpOnly`, `SameSite=Lax`.
    pub fn django() -> Self {
        Self { name: "sessionid".to_owned(), secure: false, style: Style::Django, ..Self::native() }
    }

    /// Starlette's defaults: `session`, `httponly`, `samesite=lax`.
    pub fn starlette() -> Self {
        Self {
            name: "session".to_owned(),
            secure: false,
            style: Style::Starlette,
            ..Self::native()
        }
    }

    /// Checks everything but the value, and brings a Flask domain into the form Werkzeug writes.
    pub(super) fn check(&mut self) -> Result<(), CookieError> {
        check_name(&self.name)?;
        if self.style == Style::Flask {
            self.secure |= self.partitioned;
            if let Some(domain) = &self.domain {
                self.domain = Some(werkzeug_domain(&self.name, domain)?);
            }
        }
        check_path(&self.name, &self.path)?;
        if let Some(domain) = &self.domain {
            check_domain(&self.name, domain)?;
        }
        if self.lenient() {
            return Ok(());
        }
        let host = self.domain.is_none() && self.path == "/";
        let prefix = Prefix::of(&self.name);
        let rules = [
            (prefix.is_some() && !self.secure, "its name's prefix", "Secure"),
            (
                prefix.is_some_and(Prefix::needs_host) && !host,
                "the prefix __Host-",
                "Path=/ and no Domain",
            ),
            (
                prefix.is_some_and(Prefix::needs_http_only) && !self.http_only,
                "the prefix __Http-",
                "HttpOnly",
            ),
            (self.same_site == Some(SameSite::None) && !self.secure, "SameSite=None", "Secure"),
            (self.partitioned && !self.secure, "Partitioned", "Secure"),
            (
                self.same_site.is_none() && self.style == Style::Native,
                "a cookie of ours",
                "an explicit SameSite",
            ),
        ];
        match rules.into_iter().find(|(broken, ..)| *broken) {
            Some((_, what, needs)) => {
                Err(CookieError::Requires { cookie: self.name.clone(), what, needs })
            }
            None => Ok(()),
        }
    }

    pub(super) fn lenient(&self) -> bool {
        self.allow_dropped_by_browsers && self.style != Style::Native
    }
}

/// The domain as Werkzeug writes it: without port and leading dots, in ASCII.
fn werkzeug_domain(cookie: &str, domain: &str) -> Result<String, CookieError> {
    // Before any work on it.
    check_length(cookie, Part::Domain, domain)?;
    let host = domain.split(':').next().unwrap_or("").trim_start_matches('.');
    idna::to_ascii(host).ok_or_else(|| invalid(cookie, Part::Domain, 0))
}
