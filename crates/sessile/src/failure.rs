//! What a visitor is told when their session could not be read or saved.

use std::fmt;
use std::ops::Deref;

#[cfg(feature = "axum")]
use axum_core::body::Body;
#[cfg(feature = "axum")]
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use sessile_core::StoreError;
use sessile_core::exchange::Failure as Kind;

/// Why the session failed a request. Cloneable, so that an extractor's
/// rejection and a log can both have it. It is among the extensions of the
/// response that says so, for a middleware around the layer that shows a page of its own.
///
/// It derefs to what it is about: match on `&*failure`.
#[derive(Clone)]
pub struct Failure(Kind);

impl Failure {
    pub(crate) const NO_LAYER: Self = Self(Kind::NoLayer);
    #[cfg(feature = "csrf")]
    pub(crate) const CSRF_OUTSIDE: Self = Self(Kind::CsrfOutside);

    /// What a visitor may read: nothing of the inside.
    pub fn visitor_text(&self) -> &'static str {
        self.0.visitor_text()
    }

    /// The status to answer with: 503 when trying again may help, 409 when the
    /// session was ended meanwhile, 500 for a mistake of the application's.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Deref for Failure {
    type Target = Kind;

    fn deref(&self) -> &Kind {
        &self.0
    }
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// For handlers that ask a store themselves, as through [`Sessions`](crate::Sessions).
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

sessile_core::debug_reads_like_display!(Failure);

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(feature = "axum")]
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response: Response<Body> = crate::head::response(self.0.answer());
        response.extensions_mut().insert(self);
        response
    }
}
