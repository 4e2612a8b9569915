//! axum without a session layer: the floor, and what any layer at all costs there.

use super::USER;
use crate::Result;
use crate::target::{AxumTarget, Target};
use axum::Router;
use axum::routing::get;
use std::task::{Context, Poll};
use tokio::runtime::Runtime;
use tower::Service;

pub(super) fn build(_: &Runtime) -> Result<Box<dyn Target>> {
    Ok(AxumTarget::boxed(routes()))
}

pub(super) fn layered(_: &Runtime) -> Result<Box<dyn Target>> {
    Ok(AxumTarget::boxed(routes().layer(tower::layer::layer_fn(Through))))
}

fn routes() -> Router {
    Router::new()
        .route("/untouched", get(untouched))
        .route("/read", get(untouched))
        .route("/write", get(untouched))
        .route("/number", get(untouched))
        .route("/login", get(untouched))
}

/// Answers what the other contenders read from the session.
pub(super) async fn untouched() -> String {
    USER.to_owned()
}

/// Passes everything through: axum boxes the future of each layer and clones the service.
#[derive(Clone)]
struct Through<S>(S);

impl<S: Service<R>, R> Service<R> for Through<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}
