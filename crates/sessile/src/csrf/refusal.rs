//! What a refused request is answered.

use std::fmt;

use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sessile_core::csrf::{django, flask_wtf, native};

/// Why a request was refused. `Display` is for the operator and may quote what
/// the request sent; a visitor is shown [`visitor_text`](Self::visitor_text).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Our own rules: 403.
    Native(native::Refusal),
    /// Flask-WTF's: 400.
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
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Native(_) | Self::Django(_) => StatusCode::FORBIDDEN,
            Self::FlaskWtf(flask_wtf::Refusal::Raised(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::FlaskWtf(_) | Self::FormBroken => StatusCode::BAD_REQUEST,
            Self::FormTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
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
    pub(super) fn to_response(&self, headers: &HeaderMap) -> Response {
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
        let fields = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        let mut response = (self.status(), fields, body).into_response();
        response.extensions_mut().insert(self.clone());
        response
    }

    pub(super) fn trace(&self, parts: &Parts) {
        // The reason may hold what the request sent: quoted, so that it stays on its line.
        let reason = self.to_string();
        tracing::warn!(
            target: "sessile",
            ?reason,
            method = %parts.method,
            path = parts.uri.path(),
            "request refused: cross-site request forgery is not ruled out"
        );
    }
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
                 first, send it in a header, or raise CsrfLayer::form_limit"
            ),
            Self::FormBroken => f.write_str("the connection broke while the form was read"),
        }
    }
}

impl std::error::Error for Refusal {}

enum Wants {
    Html,
    Json,
    Text,
}

impl Wants {
    /// By the first of the types the request names that we have.
    fn of(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).iter().flat_map(|value| {
            value.as_bytes().split(|&byte| byte == b',').map(|part| {
                part.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii()
            })
        });
        for kind in accepts {
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
