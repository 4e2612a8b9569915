//! "Your sessions": every browser a user is logged in with, and how to end them.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::{Value, context};
use serde::Deserialize;
use sessile::{Failure, Session, SessionInfo, SessionStore as _, Sessions, Timestamp};

use super::setup::SESSIONS_PER_USER;
use super::site::{Notice, Site};
use crate::say;

pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    session: Session,
    sessions: Sessions,
    Query(notice): Query<Notice>,
) -> Result<Response, Failure> {
    let mut rows = Vec::new();
    let listed = site.store.as_directory().is_some();
    if let (true, Some(subject)) = (listed, session.subject()) {
        let now = say::now();
        let current = session.handle();
        let mut found = sessions.of(&subject).await?;
        // This one first.
        found.sort_by_key(|info| Some(info.handle) != current);
        rows.extend(found.iter().map(|info| row(info, Some(info.handle) == current, now)));
    }
    let more = context! { rows => rows, listed => listed, limit => SESSIONS_PER_USER };
    Ok(site.page(&session, "devices.html", &notice, more))
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
    moment.map(|at| context! { words => say::relative(at, now), exact => say::exact(at) })
}

#[derive(Deserialize)]
pub(crate) struct End {
    handle: String,
}

pub(crate) async fn end_one(
    session: Session,
    sessions: Sessions,
    Form(form): Form<End>,
) -> Result<Redirect, Failure> {
    let (Some(subject), Ok(handle)) = (session.subject(), form.handle.parse()) else {
        return Ok(Redirect::to("/sessions?notice=gone"));
    };
    if session.handle() == Some(handle) {
        session.flush();
        return Ok(Redirect::to("/?notice=logged-out"));
    }
    // Only the user's own: somebody else's handle is found with nobody.
    let ended = sessions.end(&subject, handle).await?;
    Ok(Redirect::to(if ended { "/sessions?notice=ended" } else { "/sessions?notice=gone" }))
}

pub(crate) async fn end_others(session: Session, sessions: Sessions) -> Result<Redirect, Failure> {
    sessions.end_others(&session).await?;
    Ok(Redirect::to("/sessions?notice=others"))
}

pub(crate) async fn end_all(session: Session, sessions: Sessions) -> Result<Response, Failure> {
    if let Some(subject) = session.subject() {
        sessions.end_all(&subject).await?;
    }
    session.flush();
    Ok(Redirect::to("/?notice=everywhere").into_response())
}
