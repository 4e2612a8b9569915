//! Logging in and out.

use axum::Form;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::view::View;
use crate::human;

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

pub(crate) async fn form(view: View, Query(prefill): Query<Prefill>) -> Response {
    page(&view, &prefill.user.unwrap_or_default(), false, None).await
}

async fn page(view: &View, name: &str, remember: bool, error: Option<&str>) -> Response {
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
    view.page("log_in.html", more).await
}

#[derive(Deserialize)]
pub(crate) struct LogIn {
    username: String,
    password: String,
    /// Browsers send a checked box and leave out an empty one.
    remember: Option<String>,
}

pub(crate) async fn log_in(view: View, headers: HeaderMap, Form(form): Form<LogIn>) -> Response {
    let name = form.username.trim();
    let remember = form.remember.is_some();
    if let Err(error) = check(name, &form.password) {
        let page = page(&view, name, remember, Some(error)).await;
        return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    }
    let session = &view.session;
    session.log_in(name);
    session.insert("username", name);
    // Flask keeps the answer in the session, so none is put there that changes nothing.
    if remember != session.is_permanent() {
        session.set_permanent(remember);
    }
    if view.site.kind.is_stored() {
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        session.insert("device", human::browser(agent.unwrap_or_default()));
    }
    let text = match view.site.kind.is_stored() {
        true => "You are logged in. Your session got a new id; your cart came along.",
        false => "You are logged in. Your cart came along.",
    };
    view.say("success", text);
    Redirect::to("/").into_response()
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

pub(crate) async fn log_out(view: View) -> Redirect {
    end(&view);
    Redirect::to("/")
}

/// Ends this session. The message lies in the new one that begins with it.
pub(crate) fn end(view: &View) {
    view.session.flush();
    view.say(
        "info",
        match view.site.kind.is_stored() {
            true => "You are logged out. The session was ended, not only its cookie.",
            false => {
                "You are logged out: your browser has forgotten the cookie. A copy of it would \
                 still work until it expires."
            }
        },
    );
}
