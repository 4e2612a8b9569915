//! axum_session without a database: sessions live in its own memory map.

use super::axum_bare::untouched;
use super::{NOBODY, USER, fresh_number};
use crate::Result;
use crate::target::{AxumTarget, Target};
use axum::Router;
use axum::routing::get;
use axum_session::{
    SessionConfig, SessionLayer, SessionNullPool, SessionNullSession, SessionStore,
};
use tokio::runtime::Runtime;

pub(super) fn build(runtime: &Runtime) -> Result<Box<dyn Target>> {
    let router = runtime.block_on(async {
        let store = SessionStore::<SessionNullPool>::new(None, SessionConfig::default()).await?;
        let routes = Router::new()
            .route("/untouched", get(untouched))
            .route("/read", get(read))
            .route("/write", get(write))
            .route("/number", get(number))
            .route("/login", get(login));
        Result::Ok(routes.layer(SessionLayer::new(store)))
    })?;
    Ok(AxumTarget::boxed(router))
}

async fn read(session: SessionNullSession) -> String {
    session.get::<String>("user").unwrap_or_else(|| NOBODY.to_owned())
}

async fn write(session: SessionNullSession) -> String {
    let number = fresh_number();
    session.set("number", number);
    number.to_string()
}

async fn number(session: SessionNullSession) -> String {
    session.get::<u64>("number").unwrap_or_default().to_string()
}

async fn login(session: SessionNullSession) -> String {
    session.set("user", USER);
    session.set("number", 0_u64);
    USER.to_owned()
}
