//! Ours: in memory, in Flask's signed cookie, in our own signed cookie.

use super::axum_bare::untouched;
use super::{NOBODY, USER, fresh_number};
use crate::Result;
use crate::target::{AxumTarget, Target};
use axum::Router;
use axum::routing::get;
use sessile::{Config, KeyRing, MemoryStore, SecretKey, Session, SessionLayer, Storage};
use tokio::runtime::Runtime;

pub(super) fn memory(_: &Runtime) -> Result<Box<dyn Target>> {
    served(SessionLayer::new(Config::native(), MemoryStore::new())?)
}

pub(super) fn flask(_: &Runtime) -> Result<Box<dyn Target>> {
    served(SessionLayer::in_cookies(Config::flask(keys()?))?)
}

pub(super) fn signed(_: &Runtime) -> Result<Box<dyn Target>> {
    let mut config = Config::native();
    config.storage = Storage::SignedCookie;
    config.keys = Some(keys()?);
    config.cookie_sessions_cannot_be_revoked = true;
    served(SessionLayer::in_cookies(config)?)
}

fn keys() -> Result<KeyRing> {
    Ok(KeyRing::new(SecretKey::new("Iex7 Ohs4 vu0X aeT1 quoh 5eiK Zai2 boo8")?))
}

fn served(layer: SessionLayer) -> Result<Box<dyn Target>> {
    let router = Router::new()
        .route("/untouched", get(untouched))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/number", get(number))
        .route("/login", get(login));
    Ok(AxumTarget::boxed(router.layer(layer)))
}

async fn read(session: Session) -> String {
    session.get::<String>("user").unwrap_or_else(|| NOBODY.to_owned())
}

async fn write(session: Session) -> String {
    let number = fresh_number();
    session.insert("number", number);
    number.to_string()
}

async fn number(session: Session) -> String {
    session.get::<u64>("number").unwrap_or_default().to_string()
}

async fn login(session: Session) -> String {
    session.insert("user", USER);
    session.insert("number", 0_u64);
    USER.to_owned()
}
