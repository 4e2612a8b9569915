//! tower-sessions with its memory store, the id plain or signed in the cookie.

use super::axum_bare::untouched;
use super::{NOBODY, USER, fresh_number};
use crate::Result;
use crate::target::{AxumTarget, Target};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::runtime::Runtime;
use tower_sessions::cookie::Key;
use tower_sessions::session::Error;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

pub(super) fn memory(_: &Runtime) -> Result<Box<dyn Target>> {
    let layer = SessionManagerLayer::new(MemoryStore::default());
    Ok(AxumTarget::boxed(routes().layer(layer)))
}

pub(super) fn signed(_: &Runtime) -> Result<Box<dyn Target>> {
    let layer =
        SessionManagerLayer::new(MemoryStore::default()).with_signed(Key::from(&[7_u8; 64]));
    Ok(AxumTarget::boxed(routes().layer(layer)))
}

fn routes() -> Router {
    Router::new()
        .route("/untouched", get(untouched))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/number", get(number))
        .route("/login", get(login))
}

fn failed(_: Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn read(session: Session) -> std::result::Result<String, StatusCode> {
    let user = session.get::<String>("user").await.map_err(failed)?;
    Ok(user.unwrap_or_else(|| NOBODY.to_owned()))
}

async fn write(session: Session) -> std::result::Result<String, StatusCode> {
    let number = fresh_number();
    session.insert("number", number).await.map_err(failed)?;
    Ok(number.to_string())
}

async fn number(session: Session) -> std::result::Result<String, StatusCode> {
    let number = session.get::<u64>("number").await.map_err(failed)?;
    Ok(number.unwrap_or_default().to_string())
}

async fn login(session: Session) -> std::result::Result<String, StatusCode> {
    session.insert("user", USER).await.map_err(failed)?;
    session.insert("number", 0_u64).await.map_err(failed)?;
    Ok(USER.to_owned())
}
