//! What a visitor is told when their session could not be read or saved.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use sessile_core::{CommitError, OpenError, StoreError};

/// Why the session failed a request. Cloneable, so that an extractor's
/// rejection and a log can both have it. It is among the extensions of the
/// response that says so, for a middleware around the layer that shows a page of its own.
#[derive(Clone, Debug)]
pub enum Failure {
    /// No [`SessionLayer`](crate::SessionLayer) is around this route.
    NoLayer,
    /// The session could not be opened.
    Open(Arc<OpenError>),
    /// The session could not be saved; the handler's response is withheld.
    Commit(Arc<CommitError>),
    /// Ids travel in a form field, and nobody reads forms: add
    /// `SessionLayer::reading_forms` (feature `csrf`).
    FormsUnread,
    /// The store was down when the request read its session, so that its changes cannot be saved.
    StoreDown,
}

impl Failure {
    /// The status to answer with: 503 when trying again may help, 409 when the
    /// session was ended meanwhile, 500 for a mistake of the application's.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::StoreDown => StatusCode::SERVICE_UNAVAILABLE,
            Self::Open(error) => match **error {
                OpenError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
                OpenError::Payload(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Commit(error) => match **error {
                CommitError::Store(_) | CommitError::Contended => StatusCode::SERVICE_UNAVAILABLE,
                CommitError::Ended => StatusCode::CONFLICT,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::NoLayer | Self::FormsUnread => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a visitor may read: nothing of the inside.
    pub fn visitor_text(&self) -> &'static str {
        match self.status() {
            StatusCode::SERVICE_UNAVAILABLE => {
                "Sessions are unavailable right now. Nothing was changed; please try again.\n"
            }
            StatusCode::CONFLICT => {
                "Your session was ended while this request ran. Nothing was changed; please log \
                 in again.\n"
            }
            _ => "Something went wrong with your session on our side.\n",
        }
    }

    /// Logs what the visitor is not told.
    pub(crate) fn trace(&self) {
        match self.status() {
            StatusCode::CONFLICT => {
                tracing::warn!(target: "sessile", error = %self, "session not saved")
            }
            _ => tracing::error!(target: "sessile", error = %self, "session failed"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLayer => f.write_str(
                "no SessionLayer around this route; add `.layer(SessionLayer::…)` to the router",
            ),
            Self::FormsUnread => f.write_str(
                "session ids travel in a form field and nobody reads forms; add \
                 `.layer(sessions.reading_forms())` in place of `.layer(sessions)`",
            ),
            Self::Open(error) => error.fmt(f),
            Self::Commit(error) => error.fmt(f),
            Self::StoreDown => f.write_str("the session store failed, so changes were refused"),
        }
    }
}

/// For handlers that ask a store themselves, as through [`Sessions`](crate::Sessions).
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Open(Arc::new(OpenError::Store(error)))
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(error) => Some(&**error),
            Self::Commit(error) => Some(&**error),
            Self::NoLayer | Self::FormsUnread | Self::StoreDown => None,
        }
    }
}
