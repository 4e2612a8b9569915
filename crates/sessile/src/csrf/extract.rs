//! Tokens for pages.

use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use sessile_core::exchange::Csrf as Core;

use crate::failure::Failure;
use crate::head::{Fields, exchange, fields_view};

/// What a page needs to send forms back, as an extractor: see [its methods](Core).
///
/// Asking for it reads the session, once for the request. It adds no trip to
/// the store to that: a session that is not saved anyway is not saved for a
/// token, and a visitor without a session gets a cookie, not a record. Only
/// Flask-WTF's and Django's `CSRF_USE_SESSIONS` rules keep their secret in the
/// session from the first page on.
#[derive(Clone, Debug)]
pub struct Csrf(Core);

impl Csrf {
    /// The tokens of a request that came through a
    /// [`CsrfLayer`](crate::CsrfLayer), for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Failure> {
        let exchange = exchange(extensions)?.clone();
        let fields = Fields(headers);
        Ok(Self(Core::of(exchange, &fields_view(&fields, extensions)).await?))
    }
}

impl Deref for Csrf {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Csrf {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of(&parts.headers, &parts.extensions).await
    }
}
