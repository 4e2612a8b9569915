//! What a refused request is answered.

use std::fmt;

use crate::csrf::{django, flask_wtf, native};
use crate::event::{Event, EventKind};
use crate::exchange::accept::accepted;
use crate::exchange::failure::Answer;
use crate::exchange::head::{Headers, RequestView};
use crate::exchange::request::Exchange;
use crate::session::Session;

/// Why a request was refused. `Display` is for the operator and may quote what
/// the request sent; a visitor is shown [`visitor_text`](Self::visitor_text).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Our own rules: 403.
    Native(native::Refusal),
    /// Flask-WTF's: 400, or 500 where the original raises.
    FlaskWtf(flask_wtf::Refusal),
    /// Django's: 403.
    Django(django::Refusal),
    /// The form's token did not come within the limit: 413.
    FormTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection broke while the form was read: 400.
    FormBroken,
}

impl Refusal {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Native(_) | Self::Django(_) => 403,
            Self::FlaskWtf(flask_wtf::Refusal::Raised(_)) => 500,
            Self::FlaskWtf(_) | Self::FormBroken => 400,
            Self::FormTooLarge { .. } => 413,
        }
    }

    /// What a visitor may read: nothing of the inside, and what to do.
    pub fn visitor_text(&self) -> &'static str {
        match self {
            Self::FormTooLarge { .. } => "This form is too large. Nothing was done.",
            Self::FormBroken => {
                "The form did not arrive whole. Nothing was done; please try again."
            }
            _ => {
                "This form could not be confirmed to be yours, so nothing was done. It may have \
                 been open for too long, or another site may have sent it. Please go back, \
                 reload the page, and try again."
            }
        }
    }

    /// The answer, as HTML, JSON or text by what the request accepts.
    pub fn answer(&self, headers: &impl Headers) -> Answer<String> {
        let text = self.visitor_text();
        let (kind, body) = match Wants::of(headers) {
            Wants::Json => ("application/json", format!("{{\"error\":\"{text}\"}}\n")),
            Wants::Html => (
                "text/html; charset=utf-8",
                format!(
                    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
                     <meta name=\"viewport\" content=\"width=device-width\">\
                     <title>Not sent</title>\n<h1>Not sent</h1>\n<p>{text}</p>\n</html>\n"
                ),
            ),
            Wants::Text => ("text/plain; charset=utf-8", format!("{text}\n")),
        };
        let mut answer = Answer::new(self.status(), kind, body);
        answer.headers.push(("x-content-type-options", "nosniff"));
        answer
    }

    /// Why, in a word that metrics can count by: the same for all rules.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Native(refusal) => match refusal {
                native::Refusal::FetchSite => "fetch_site",
                native::Refusal::Origin => "origin",
                native::Refusal::Referer => "referer",
                native::Refusal::NoOrigin => "no_origin",
                native::Refusal::NoToken => "no_token",
                native::Refusal::Secret => "no_secret",
                _ => "token",
            },
            Self::FlaskWtf(refusal) => match refusal {
                flask_wtf::Refusal::Missing => "no_token",
                flask_wtf::Refusal::SessionMissing => "no_secret",
                flask_wtf::Refusal::Expired => "expired",
                flask_wtf::Refusal::NoReferrer => "no_referer",
                flask_wtf::Refusal::BadReferrer => "referer",
                flask_wtf::Refusal::Invalid
                | flask_wtf::Refusal::Mismatch
                | flask_wtf::Refusal::Raised(_) => "token",
            },
            Self::Django(refusal) => match refusal {
                django::Refusal::BadOrigin(_) => "origin",
                django::Refusal::NoReferer => "no_referer",
                django::Refusal::MalformedReferer
                | django::Refusal::InsecureReferer
                | django::Refusal::BadReferer(_) => "referer",
                django::Refusal::Cookie(_) | django::Refusal::NoCookie => "no_secret",
                django::Refusal::TokenMissing => "no_token",
                django::Refusal::Token { .. } => "token",
            },
            Self::FormTooLarge { .. } => "form_too_large",
            Self::FormBroken => "form_broken",
        }
    }

    /// Tells the log and whoever listens, once.
    pub(super) fn report<H: Headers>(&self, exchange: &Exchange, request: &RequestView<'_, H>) {
        tracing::warn!(
            target: "sessile",
            reason = self.reason(),
            // It may hold what the request sent: quoted, so that it stays on its line.
            because = ?self.logged(),
            hint = hint(request),
            method = request.method,
            path = request.path,
            "request refused: cross-site request forgery is not ruled out"
        );
        let session = exchange.opened();
        exchange.app().report(&Event {
            kind: EventKind::CsrfRefused { reason: self.reason() },
            session: session.and_then(Session::handle),
            subject: session.and_then(Session::subject),
        });
    }

    /// Of another site's address the site alone: the rest is not ours to keep.
    fn logged(&self) -> String {
        const SHOWN: usize = 300;
        let text = match self {
            Self::Django(django::Refusal::BadReferer(address)) => {
                let (scheme, rest) = address.split_once("://").unwrap_or_default();
                let site = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let site = site.rsplit('@').next().unwrap_or_default();
                Self::Django(django::Refusal::BadReferer(format!("{scheme}://{site}"))).to_string()
            }
            _ => self.to_string(),
        };
        text.chars().take(SHOWN).collect()
    }
}

/// What to do, where the request shows that a proxy in front of us dropped the port from `Host`.
fn hint<H: Headers>(request: &RequestView<'_, H>) -> Option<&'static str> {
    let named = request.field("origin").or_else(|| request.field("referer"))?;
    let site = named.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let (name, port) = site.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let dropped = is_port && request.host()?.eq_ignore_ascii_case(name);
    dropped.then_some(
        "the visitor's address has a port and Host has none: have the proxy hand Host on as it \
         came (nginx: proxy_set_header Host $http_host)",
    )
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(refusal) => refusal.fmt(f),
            Self::FlaskWtf(refusal) => refusal.fmt(f),
            Self::Django(refusal) => refusal.fmt(f),
            Self::FormTooLarge { limit } => write!(
                f,
                "no CSRF token within the form's first {limit} bytes; put the token's field \
                 first, send it in a header, or raise CSRF_FORM_LIMIT"
            ),
            Self::FormBroken => f.write_str("the connection broke while the form was read"),
        }
    }
}

sessile_formats::debug_reads_like_display!(Refusal);

impl std::error::Error for Refusal {}

enum Wants {
    Html,
    Json,
    Text,
}

impl Wants {
    /// By the first of the types the request names that we have.
    fn of(headers: &impl Headers) -> Self {
        for kind in accepted(headers) {
            if kind.eq_ignore_ascii_case(b"text/html") {
                return Self::Html;
            }
            if kind.eq_ignore_ascii_case(b"application/json") || kind.ends_with(b"+json") {
                return Self::Json;
            }
        }
        Self::Text
    }
}
