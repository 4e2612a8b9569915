//! "Your sessions": every browser a user is logged in with, and how to end them.

use axum::Form;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::{Value, context};
use serde::Deserialize;
use sessile::{Failure, SessionInfo, SessionStore as _, Sessions, Timestamp};

use super::account;
use super::setup::SESSIONS_PER_USER;
use super::view::View;
use crate::human;

pub(crate) async fn list(view: View, sessions: Sessions) -> Result<Response, Failure> {
    let session = &view.session;
    let mut rows = Vec::new();
    let listed = view.site.store.capabilities().directory.is_some();
    if let (true, Some(subject)) = (listed, session.subject()) {
        let now = human::now();
        let current = session.handle();
        let mut found = sessions.of(&subject).await?;
        // This one first.
        found.sort_by_key(|info| Some(info.handle) != current);
        rows.extend(found.iter().map(|info| row(info, Some(info.handle) == current, now)));
    }
    let more = context! { rows => rows, limit => SESSIONS_PER_USER };
    Ok(view.page("devices.html", more).await)
}

fn row(info: &SessionInfo, current: bool, now: Timestamp) -> Value {
    let device = info.data.get("device").and_then(|device| device.as_str());
    context! {
        handle => info.handle.to_string(),
        device => device.unwrap_or("An unknown browser"),
        current => current,
        permanent => info.permanent,
        authenticated => moment(info.authenticated.or(info.created), now),
        // This request is activity; it is written down with restraint.
        seen => moment(if current { Some(now) } else { info.seen }, now),
        ends => moment(info.deadlines.earliest(), now),
    }
}

/// A moment in words, and exactly.
pub(crate) fn moment(moment: Option<Timestamp>, now: Timestamp) -> Option<Value> {
    moment.map(|at| context! { words => human::relative(at, now), exact => human::exact(at) })
}

#[derive(Deserialize)]
pub(crate) struct End {
    handle: String,
}

pub(crate) async fn end_one(
    view: View,
    sessions: Sessions,
    Form(form): Form<End>,
) -> Result<Redirect, Failure> {
    let Some(subject) = view.session.subject() else { return Ok(Redirect::to("/sessions")) };
    let handle = form.handle.parse().ok();
    if handle.is_some() && view.session.handle() == handle {
        account::end(&view);
        return Ok(Redirect::to("/"));
    }
    // Only the user's own: somebody else's handle is found with nobody.
    let ended = match handle {
        Some(handle) => sessions.end(&subject, handle).await?,
        None => false,
    };
    match ended {
        true => view.say("success", "That session was ended."),
        false => view.say("warning", "That session had ended already."),
    }
    Ok(Redirect::to("/sessions"))
}

pub(crate) async fn end_others(view: View, sessions: Sessions) -> Result<Redirect, Failure> {
    sessions.end_others(&view.session).await?;
    if view.session.subject().is_some() {
        view.say("success", "Your other sessions were ended. This one lives on.");
    }
    Ok(Redirect::to("/sessions"))
}

pub(crate) async fn end_all(view: View, sessions: Sessions) -> Result<Response, Failure> {
    if let Some(subject) = view.session.subject() {
        sessions.end_all(&subject).await?;
        view.session.flush();
        view.say("info", "You are logged out everywhere.");
    }
    Ok(Redirect::to("/").into_response())
}
