//! axum extractors.

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::cookies::Cookies;
use crate::failure::Failure;
use crate::g::G;
use crate::layer::refuse;
use crate::manage::Sessions;
use crate::typed::Session;

impl<S: Send + Sync, T> FromRequestParts<S> for Session<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of(&parts.headers, &parts.extensions).await
    }
}

/// `None` where no [`SessionLayer`](crate::SessionLayer) is around the route.
impl<S: Send + Sync, T> OptionalFromRequestParts<S> for Session<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Failure> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Err(Failure::NoLayer) => Ok(None),
            other => other.map(Some),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Cookies {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of(&parts.headers, &parts.extensions)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for G {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of(&parts.extensions)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Sessions {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of_layer(&parts.extensions)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        refuse::<Body>(&self)
    }
}
