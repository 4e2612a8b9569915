//! actix-web bare, and with actix-session's cookie store: the whole session in a signed cookie.

use super::{NOBODY, USER, fresh_number};
use crate::Result;
use crate::target::{ActixTarget, Target};
use actix_session::config::CookieContentSecurity;
use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionGetError, SessionInsertError, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::{App, test, web};
use tokio::runtime::Runtime;

pub(super) fn bare(runtime: &Runtime) -> Result<Box<dyn Target>> {
    let app = App::new()
        .route("/untouched", web::get().to(untouched))
        .route("/read", web::get().to(untouched))
        .route("/write", web::get().to(untouched))
        .route("/number", web::get().to(untouched))
        .route("/login", web::get().to(untouched));
    Ok(ActixTarget::boxed(runtime.block_on(test::init_service(app))))
}

pub(super) fn signed(runtime: &Runtime) -> Result<Box<dyn Target>> {
    let sessions =
        SessionMiddleware::builder(CookieSessionStore::default(), Key::from(&[7_u8; 64]))
            .cookie_content_security(CookieContentSecurity::Signed)
            .build();
    let app = App::new()
        .wrap(sessions)
        .route("/untouched", web::get().to(untouched))
        .route("/read", web::get().to(read))
        .route("/write", web::get().to(write))
        .route("/number", web::get().to(number))
        .route("/login", web::get().to(login));
    Ok(ActixTarget::boxed(runtime.block_on(test::init_service(app))))
}

pub(super) async fn untouched() -> String {
    USER.to_owned()
}

async fn read(session: Session) -> std::result::Result<String, SessionGetError> {
    Ok(session.get::<String>("user")?.unwrap_or_else(|| NOBODY.to_owned()))
}

async fn write(session: Session) -> std::result::Result<String, SessionInsertError> {
    let number = fresh_number();
    session.insert("number", number)?;
    Ok(number.to_string())
}

async fn number(session: Session) -> std::result::Result<String, SessionGetError> {
    Ok(session.get::<u64>("number")?.unwrap_or_default().to_string())
}

async fn login(session: Session) -> std::result::Result<String, SessionInsertError> {
    session.insert("user", USER)?;
    session.insert("number", 0_u64)?;
    Ok(USER.to_owned())
}
