//! axum without a session layer: the floor.

use super::USER;
use crate::Result;
use crate::target::{AxumTarget, Target};
use axum::Router;
use axum::routing::get;
use tokio::runtime::Runtime;

pub(super) fn build(_: &Runtime) -> Result<Box<dyn Target>> {
    let router = Router::new()
        .route("/untouched", get(untouched))
        .route("/read", get(untouched))
        .route("/write", get(untouched))
        .route("/number", get(untouched))
        .route("/login", get(untouched));
    Ok(AxumTarget::boxed(router))
}

/// Answers what the other contenders read from the session.
pub(super) async fn untouched() -> String {
    USER.to_owned()
}
