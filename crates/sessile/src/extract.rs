//! axum extractors.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use sessile_core::exchange::Failure as Kind;

use crate::cookies::Cookies;
use crate::failure::Failure;
use crate::g::G;
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
            Err(failure) if matches!(*failure, Kind::NoLayer) => Ok(None),
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
