//! Ours: in memory, in Flask's signed cookie, in our own signed cookie; and with a CSRF layer.

use super::axum_bare::untouched;
use super::{NOBODY, USER, fresh_number};
use crate::Result;
use crate::target::{AxumTarget, POST, Target};
use axum::Router;
use axum::routing::{get, post};
use sessile::csrf::{DjangoCookie, django, flask_wtf};
use sessile::{
    Config, Csrf, CsrfLayer, KeyRing, MemoryStore, SecretKey, Session, SessionLayer, Storage,
};
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

pub(super) fn guarded(_: &Runtime) -> Result<Box<dyn Target>> {
    guarded_by(CsrfLayer::native())
}

pub(super) fn guarded_apart(_: &Runtime) -> Result<Box<dyn Target>> {
    let routes = routes().route("/login", get(login_for_a_token)).layer(CsrfLayer::native());
    let sessions = SessionLayer::new(Config::native(), MemoryStore::new())?;
    Ok(AxumTarget::boxed(routes.layer(sessions)))
}

pub(super) fn guarded_as_flask_wtf(_: &Runtime) -> Result<Box<dyn Target>> {
    guarded_by(CsrfLayer::flask_wtf(&SecretKey::new(KEY)?, flask_wtf::Rules::default()))
}

pub(super) fn guarded_as_django(_: &Runtime) -> Result<Box<dyn Target>> {
    guarded_by(CsrfLayer::django(django::Rules::default(), DjangoCookie::default()))
}

const KEY: &str = "Iex7 Ohs4 vu0X aeT1 quoh 5eiK Zai2 boo8";

pub(super) fn keys() -> Result<KeyRing> {
    Ok(KeyRing::new(SecretKey::new(KEY)?))
}

fn served(layer: SessionLayer) -> Result<Box<dyn Target>> {
    Ok(AxumTarget::boxed(routes().route("/login", get(login)).layer(layer)))
}

/// In one call of `layer`, as the guide has it: axum boxes a route anew for each.
fn guarded_by(guard: CsrfLayer) -> Result<Box<dyn Target>> {
    let routes = routes().route("/login", get(login_for_a_token));
    let sessions = SessionLayer::new(Config::native(), MemoryStore::new())?;
    Ok(AxumTarget::boxed(routes.layer((sessions, guard))))
}

fn routes() -> Router {
    Router::new()
        .route("/untouched", get(untouched))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/number", get(number))
        .route(POST, post(untouched))
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

/// Answers the token, whose secret goes into the session.
async fn login_for_a_token(session: Session, csrf: Csrf) -> String {
    login(session).await;
    csrf.token()
}

async fn login(session: Session) -> String {
    session.insert("user", USER);
    session.insert("number", 0_u64);
    USER.to_owned()
}
