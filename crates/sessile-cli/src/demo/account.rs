//! Logging in and out.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;
use sessile::Session;

use super::site::{Notice, Site};
use crate::say;

/// Users with a password of their own. Shown on the page: this is a demo.
const USERS: [(&str, &str); 3] = [("ada", "engine"), ("grace", "compiler"), ("alan", "machine")];

/// The password of everybody else.
const ANYBODY: &str = "demo";

/// A name is no longer than this many characters.
const NAME_MAX: usize = 40;

/// A name to begin with, from a link.
#[derive(Deserialize)]
pub(crate) struct Prefill {
    user: Option<String>,
}

pub(crate) async fn form(
    State(site): State<Arc<Site>>,
    session: Session,
    Query(prefill): Query<Prefill>,
) -> Response {
    page(&site, &session, &prefill.user.unwrap_or_default(), false, None)
}

fn page(
    site: &Site,
    session: &Session,
    name: &str,
    remember: bool,
    error: Option<&str>,
) -> Response {
    let users: Vec<_> = USERS
        .into_iter()
        .map(|(name, password)| context! { name => name, password => password })
        .collect();
    let more = context! {
        users => users,
        anybody => ANYBODY,
        name => name,
        remember => remember,
        error => error,
        name_max => NAME_MAX,
    };
    site.page(session, "log_in.html", &Notice::NONE, more)
}

#[derive(Deserialize)]
pub(crate) struct LogIn {
    username: String,
    password: String,
    /// Browsers send a checked box and leave out an empty one.
    remember: Option<String>,
}

pub(crate) async fn log_in(
    State(site): State<Arc<Site>>,
    session: Session,
    headers: HeaderMap,
    Form(form): Form<LogIn>,
) -> Response {
    let name = form.username.trim();
    let remember = form.remember.is_some();
    if let Err(error) = check(name, &form.password) {
        let page = page(&site, &session, name, remember, Some(error));
        return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    }
    session.log_in(name);
    session.insert("username", name);
    // Flask keeps the answer in the session, so none is put there that changes nothing.
    if remember != session.is_permanent() {
        session.set_permanent(remember);
    }
    if site.kind.is_stored() {
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        session.insert("device", say::browser(agent.unwrap_or_default()));
    }
    Redirect::to("/?notice=logged-in").into_response()
}

fn check(name: &str, password: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("Please give a name.");
    }
    if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err("That name is too long. Forty characters will do.");
    }
    let known = USERS.iter().find(|(user, _)| *user == name);
    let wanted = known.map_or(ANYBODY, |(_, password)| password);
    // Nothing secret about it: the password is printed beside the form.
    if password == wanted { Ok(()) } else { Err("That is not the password; it is shown beside.") }
}

pub(crate) async fn log_out(session: Session) -> Redirect {
    session.flush();
    Redirect::to("/?notice=logged-out")
}
