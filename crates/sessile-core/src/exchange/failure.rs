//! What a visitor is answered when their session could not be read or saved.

use std::fmt;
use std::sync::Arc;

use crate::error::{CommitError, OpenError};
use crate::store::StoreError;

/// Why the session failed a request. Cloneable, so that a handler's error, a log and a page of
/// the application's own can all have it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Failure {
    /// No session layer is around this route.
    NoLayer,
    /// There is no session layer around the layer that checks for forged requests.
    CsrfOutside,
    /// The session could not be opened.
    Open(Arc<OpenError>),
    /// The session could not be saved; the handler's response is withheld.
    Commit(Arc<CommitError>),
    /// Ids travel in a form field, and no layer around this one reads forms.
    FormsUnread,
    /// The store was down when the request read its session, so that its changes cannot be saved.
    StoreDown,
    /// The page is for logged-in visitors, and nobody is logged in.
    LoginRequired,
}

/// A response in place of the handler's. It sets no cookie: the visitor keeps theirs.
#[derive(Clone, Debug)]
pub struct Answer<Body> {
    /// The status code.
    pub status: u16,
    /// What it says.
    pub body: Body,
    /// The header fields, the body's type among them.
    pub headers: Vec<(&'static str, &'static str)>,
}

impl<Body> Answer<Body> {
    pub(crate) fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        let headers = vec![("content-type", content_type), ("cache-control", "no-store")];
        Self { status, body, headers }
    }
}

/// The type of a short text.
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

impl Failure {
    /// The status to answer with: 503 when trying again may help, 409 when the session was ended
    /// meanwhile, 500 for a mistake of the application's.
    pub fn status(&self) -> u16 {
        match self {
            Self::StoreDown => 503,
            Self::Open(error) => match **error {
                OpenError::Store(_) => 503,
                OpenError::Payload(_) => 500,
            },
            Self::Commit(error) => match **error {
                CommitError::Store(_) | CommitError::Contended => 503,
                CommitError::Ended => 409,
                _ => 500,
            },
            Self::NoLayer | Self::CsrfOutside | Self::FormsUnread => 500,
            Self::LoginRequired => 401,
        }
    }

    /// What a visitor may read: nothing of the inside.
    pub fn visitor_text(&self) -> &'static str {
        match self.status() {
            503 => "Sessions are unavailable right now; please try again.\n",
            409 => {
                "Your session was ended while this request ran. Nothing was changed; please log \
                 in again.\n"
            }
            401 => "Please log in first.\n",
            _ => "Something went wrong with your session on our side.\n",
        }
    }

    /// The response in place of the handler's. Logs what the visitor is not told.
    pub fn answer(&self) -> Answer<&'static str> {
        match self.status() {
            401 => {}
            409 => tracing::warn!(target: "sessile", error = %self, "session not saved"),
            _ => tracing::error!(target: "sessile", error = %self, "session failed"),
        }
        let mut answer = Answer::new(self.status(), PLAIN, self.visitor_text());
        if matches!(self, Self::LoginRequired) {
            // RFC 9110, 11.6.1: a 401 names a scheme. Browsers ask nobody because of this one.
            answer.headers.push(("www-authenticate", "Cookie"));
        }
        answer
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLayer => f.write_str(
                "no session layer around this route; add one: axum's `.layer(SessionLayer::…)`, \
                 actix's `.wrap(SessionLayer::…)`",
            ),
            Self::CsrfOutside => f.write_str(
                "no session layer around the CSRF layer; where both are there their order is \
                 wrong: what is added last stands outside, so axum's `.layer(csrf)` comes before \
                 `.layer(sessions)`, actix's `.wrap(csrf)` before `.wrap(sessions)`",
            ),
            Self::FormsUnread => f.write_str(
                "session ids travel in a form field and nobody reads forms; add \
                 `.layer(sessions.reading_forms())` in place of `.layer(sessions)`",
            ),
            Self::Open(error) => error.fmt(f),
            Self::Commit(error) => error.fmt(f),
            Self::StoreDown => f.write_str("the session store failed, so changes were refused"),
            Self::LoginRequired => f.write_str("nobody is logged in"),
        }
    }
}

/// For handlers that ask a store themselves.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Open(Arc::new(OpenError::Store(error)))
    }
}

sessile_formats::debug_reads_like_display!(Failure);

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Their words are ours.
            Self::Open(error) => error.source(),
            Self::Commit(error) => error.source(),
            Self::NoLayer
            | Self::CsrfOutside
            | Self::FormsUnread
            | Self::StoreDown
            | Self::LoginRequired => None,
        }
    }
}
