//! Ours for actix-web: in memory, and in Flask's signed cookie.

use super::{NOBODY, USER, fresh_number, sessile};
use crate::Result;
use crate::target::{ActixTarget, Target};
use actix_web::{App, test, web};
use sessile_actix::{Config, MemoryStore, Session, SessionMiddleware};
use tokio::runtime::Runtime;

pub(super) fn memory(runtime: &Runtime) -> Result<Box<dyn Target>> {
    Ok(served(runtime, SessionMiddleware::new(Config::native(), MemoryStore::new())?))
}

pub(super) fn flask(runtime: &Runtime) -> Result<Box<dyn Target>> {
    let config = Config::flask(sessile::keys()?);
    Ok(served(runtime, SessionMiddleware::in_cookies(config)?))
}

fn served(runtime: &Runtime, sessions: SessionMiddleware) -> Box<dyn Target> {
    let app = App::new()
        .wrap(sessions)
        .route("/untouched", web::get().to(super::actix::untouched))
        .route("/read", web::get().to(read))
        .route("/write", web::get().to(write))
        .route("/number", web::get().to(number))
        .route("/login", web::get().to(login));
    ActixTarget::boxed(runtime.block_on(test::init_service(app)))
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
