//! The application that the scripts drive, on axum.
//!
//! Every route takes `gate=NAME`: it has opened and read its session by then,
//! waits there, and does its work afterwards.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::Request;
use sessile::{Cookie, Cookies, Session, SessionLayer, Sessions, Subject};
use sessile_core::store::BoxFuture;
use tower::ServiceExt as _;

use super::browser::{Reply, Site};
use super::gates::Gates;
use crate::Failure;

type Params = Query<HashMap<String, String>>;

/// The routes, without any layer.
pub fn routes(gates: Gates) -> Router {
    Router::new()
        .route("/untouched", get(async || "untouched"))
        .route("/get", get(read).post(read))
        .route("/set", post(set))
        .route("/set-then-500", post(set_then_fail))
        .route("/remove", post(remove))
        .route("/clear", post(clear))
        .route("/login", post(log_in))
        .route("/login-then-500", post(log_in_then_fail))
        .route("/logout", post(log_out))
        .route("/rotate", post(rotate))
        .route("/rotate-then-500", post(rotate_then_fail))
        .route("/remember", post(remember))
        .route("/who", get(who))
        .route("/authenticated", get(authenticated))
        .route("/devices", get(devices))
        .route("/devices/end", post(end_one))
        .route("/devices/end-others", post(end_others))
        .route("/devices/end-all", post(end_all))
        .route("/cookie", post(own_cookie))
        .with_state(gates)
}

/// The routes with sessions.
pub fn app(layer: SessionLayer, gates: Gates) -> Router {
    routes(gates).layer(layer)
}

/// A router asked in memory.
pub struct InMemory(pub Router);

impl InMemory {
    /// As something a browser can visit.
    pub fn site(router: Router) -> Arc<dyn Site> {
        Arc::new(Self(router))
    }
}

impl Site for InMemory {
    fn answer(&self, request: Request<String>) -> BoxFuture<'_, Result<Reply, Failure>> {
        let router = self.0.clone();
        Box::pin(async move {
            let answered = router.oneshot(request.map(Body::from)).await;
            let response = answered.unwrap_or_else(|never| match never {});
            let (head, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20)
                .await
                .map_err(|error| Failure(format!("the body broke off: {error}")))?;
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
        })
    }
}

fn param<'p>(params: &'p Params, name: &str) -> &'p str {
    params.get(name).map_or("", String::as_str)
}

/// Reads, so that the session is in use, and waits at the gate if one is named.
async fn wait(gates: &Gates, params: &Params, session: &Session) {
    if let Some(gate) = params.get("gate") {
        session.len();
        gates.pass(Some(gate)).await;
    }
}

async fn read(State(gates): State<Gates>, params: Params, session: Session) -> String {
    let value = session.get::<String>(param(&params, "k"));
    wait(&gates, &params, &session).await;
    value.unwrap_or_else(|| "-".into())
}

async fn set(State(gates): State<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.insert(param(&params, "k"), param(&params, "v"));
    "set"
}

async fn set_then_fail(params: Params, session: Session) -> StatusCode {
    session.insert(param(&params, "k"), param(&params, "v"));
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn remove(params: Params, session: Session) -> &'static str {
    session.remove(param(&params, "k"));
    "removed"
}

async fn clear(session: Session) -> &'static str {
    session.clear();
    "cleared"
}

async fn log_in(State(gates): State<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.log_in(param(&params, "user"));
    session.insert("user", param(&params, "user"));
    "logged in"
}

async fn log_in_then_fail(params: Params, session: Session) -> StatusCode {
    session.log_in(param(&params, "user"));
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn log_out(State(gates): State<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.flush();
    "logged out"
}

async fn rotate(State(gates): State<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.cycle_id();
    "rotated"
}

async fn rotate_then_fail(session: Session) -> StatusCode {
    session.cycle_id();
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn remember(session: Session) -> &'static str {
    session.set_permanent(true);
    "remembered"
}

async fn who(session: Session) -> String {
    session.subject().map_or_else(|| "-".into(), |subject| subject.to_string())
}

async fn authenticated(session: Session) -> String {
    session.authenticated_at().map_or_else(|| "-".into(), |at| at.as_millis().to_string())
}

/// One handle a line, the visitor's own marked.
async fn devices(session: Session, sessions: Sessions) -> Response {
    let Some(subject) = session.subject() else { return String::new().into_response() };
    match sessions.of(&subject).await {
        Ok(list) => {
            let own = session.handle();
            let mark = |handle| if Some(handle) == own { "*" } else { "" };
            let lines = list.iter().map(|info| format!("{}{}\n", mark(info.handle), info.handle));
            lines.collect::<String>().into_response()
        }
        Err(error) => unavailable(error),
    }
}

async fn end_one(params: Params, session: Session, sessions: Sessions) -> Response {
    let Some(subject) = session.subject() else { return "0".into_response() };
    let list = match sessions.of(&subject).await {
        Ok(list) => list,
        Err(error) => return unavailable(error),
    };
    let wanted = |handle: &str| handle == param(&params, "handle");
    let Some(info) = list.iter().find(|info| wanted(&info.handle.to_string())) else {
        return "0".into_response();
    };
    answer(sessions.end(&subject, info.handle).await.map(usize::from))
}

async fn end_others(session: Session, sessions: Sessions) -> Response {
    answer(sessions.end_others(&session).await)
}

/// As an administrator does it, for any user.
async fn end_all(params: Params, sessions: Sessions) -> Response {
    match Subject::new(param(&params, "user")) {
        Some(subject) => answer(sessions.end_all(&subject).await),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn answer(ended: Result<usize, sessile::StoreError>) -> Response {
    ended.map_or_else(unavailable, |count| count.to_string().into_response())
}

fn unavailable(error: sessile::StoreError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
}

async fn own_cookie(params: Params, cookies: Cookies) -> Response {
    let name = params.get("name").map_or("theme", String::as_str);
    let mut cookie = Cookie::new(name, param(&params, "value"));
    if let Some(path) = params.get("path") {
        cookie = cookie.path(path);
    }
    if let Some(domain) = params.get("domain") {
        cookie = cookie.domain(domain);
    }
    let done = match params.contains_key("remove") {
        true => cookies.remove(cookie),
        false => cookies.set(cookie),
    };
    match done {
        Ok(()) => "done".into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
