//! What a visitor is told when their session could not be read or saved.

use std::error::Error;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::{HttpResponse, ResponseError};
use sessile_core::StoreError;
use sessile_core::exchange::Failure as Kind;

/// Why the session failed a request: an extractor's error, and among the extensions of the
/// response that says so, for a middleware around it that shows a page of its own.
#[derive(Clone)]
pub struct Failure(pub Kind);

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

/// For handlers that ask a store themselves, as through [`Sessions`](crate::Sessions).
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

sessile_core::debug_reads_like_display!(Failure);

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl ResponseError for Failure {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = crate::head::response(self.0.answer());
        response.extensions_mut().insert(self.clone());
        response
    }
}
