//! The client for tests of applications, on an application.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};
use sessile::testing::{TestClient, TestError};
use sessile::{
    AnyStore, Config, Engine, LoggedIn, MemoryStore, RequireLogin, Session, SessionLayer, Timestamp,
};

const NOW: i64 = 1_767_323_045_000;

#[derive(serde::Deserialize)]
struct Login {
    username: String,
}

async fn log_in(session: Session, Form(form): Form<Login>) -> Redirect {
    session.log_in(form.username);
    Redirect::to("/account")
}

async fn account(LoggedIn(user): LoggedIn) -> String {
    format!("hello {user}")
}

async fn echo(headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Json(json!({ "body": body, "origin": field("origin"), "site": field("sec-fetch-site") }))
}

fn app() -> (Router, SessionLayer, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(NOW));
    let engine = Engine::new(Config::native()).unwrap();
    let sessions = SessionLayer::with_engine(engine, AnyStore::new(MemoryStore::new())).unwrap();
    let time = clock.clone();
    let sessions = sessions.with_clock(move || Timestamp::from_millis(time.load(SeqCst)));
    let app = Router::new()
        .route("/account", get(account).route_layer(RequireLogin::new()))
        .route("/login", post(log_in))
        .route("/logout", post(async |session: Session| session.flush()))
        .route("/echo", post(echo))
        .route("/loop", get(async || Redirect::to("/loop")))
        .layer(sessions.clone());
    (app, sessions, clock)
}

#[tokio::test]
async fn a_visit_from_login_to_logout() {
    let (app, sessions, _) = app();
    let mut client = TestClient::new(app.clone()).follow_redirects();
    client.get("/account").send().await.unwrap().assert_status(401);
    let page = client.post("/login").form(&[("username", "al & ice")]).send().await.unwrap();
    assert_eq!(page.assert_status(200).text(), "hello al & ice");
    assert_eq!(client.cookies().names(), ["__Host-id"]);
    assert_eq!(client.cookies().flags("__Host-id"), Some((true, true, "Lax")));
    let mut stranger = TestClient::new(app);
    stranger.get("/account").send().await.unwrap().assert_status(401);
    client.post("/logout").send().await.unwrap().assert_status(200);
    assert!(client.cookies().names().is_empty());
    let user = client.session_transaction(&sessions, |session| session.subject()).await.unwrap();
    assert_eq!(user, None);
}

#[tokio::test]
async fn a_session_is_set_up_and_looked_at_without_a_route() {
    let (app, sessions, clock) = app();
    let time = clock.clone();
    let now = move || Timestamp::from_millis(time.load(SeqCst));
    let mut client = TestClient::new(app).with_clock(now);
    client.session_transaction(&sessions, |session| session.log_in("bob")).await.unwrap();
    assert_eq!(client.get("/account").send().await.unwrap().text(), "hello bob");
    client.session_transaction(&sessions, |session| session.set_permanent(true)).await.unwrap();
    // Remembered: the browser may close, and still nobody stays for ever.
    client.cookies().close_browser();
    client.get("/account").send().await.unwrap().assert_status(200);
    clock.fetch_add(31 * 86_400_000, SeqCst);
    client.get("/account").send().await.unwrap().assert_status(401);
    let refused = client.session_transaction(&sessions, |session| session.log_in("")).await;
    assert!(matches!(refused, Err(TestError::Session(_))));
}

#[tokio::test]
async fn requests_say_what_a_browser_says() {
    let (app, ..) = app();
    let mut client = TestClient::new(app).at("https://shop.example/").follow_redirects();
    let reply = client.post("/echo").json(&json!({ "a": 1 })).send().await.unwrap();
    let said: Value = reply.json().unwrap();
    let wanted =
        json!({ "body": { "a": 1 }, "origin": "https://shop.example", "site": "same-origin" });
    assert_eq!(said, wanted);
    assert!(matches!(client.get("/loop").send().await, Err(TestError::Redirects)));
    assert!(matches!(client.get("/a b").send().await, Err(TestError::Address(_))));
    let none = client.get("/nothing").send().await.unwrap();
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

/// Over plain http a `Secure` cookie is not kept, as in a browser.
#[tokio::test]
async fn r38_a_browser_that_drops_the_cookie_stays_anonymous() {
    let (app, sessions, _) = app();
    let mut client = TestClient::new(app).at("http://localhost");
    client.session_transaction(&sessions, |session| session.log_in("eve")).await.unwrap();
    assert!(client.cookies().names().is_empty());
    client.get("/account").send().await.unwrap().assert_status(401);
}

#[tokio::test]
async fn redirects_are_followed_as_a_browser_does_and_never_off_the_site() {
    use axum::body::Bytes;
    use axum::extract::Query;
    use axum::http::header::LOCATION;
    use axum::http::{HeaderValue, Method};
    use std::collections::HashMap;

    let to = async |Query(wanted): Query<HashMap<String, String>>| {
        let status = wanted["status"].parse().unwrap();
        let location = HeaderValue::try_from(&wanted["to"]).unwrap();
        (StatusCode::from_u16(status).unwrap(), [(LOCATION, location)])
    };
    let here = async |method: Method, body: Bytes| format!("{method} {}", body.len());
    let app = Router::new()
        .route("/to/x", get(to).post(to).put(to))
        .route("/to/here", get(here).post(here).put(here));
    let mut client = TestClient::new(app).follow_redirects();
    for (method, status, location, text) in [
        (Method::GET, 302, "here", "GET 0"),
        (Method::POST, 303, "%2Fto%2F.%2Fhere%3Fa", "GET 0"),
        (Method::POST, 302, "https:%2F%2Flocalhost%2Fto%2Fhere", "GET 0"),
        (Method::POST, 307, "here", "POST 3"),
        (Method::PUT, 302, "here", "PUT 3"),
        (Method::POST, 304, "here", ""),
    ] {
        let path = format!("/to/x?status={status}&to={location}");
        let body = if method == Method::GET { "" } else { "abc" };
        let answer = client.request(method, &path).body(body).send().await.unwrap();
        assert_eq!(answer.text(), text, "{path}");
    }
    // An application that sends visitors away does so here too.
    for away in ["%2F%2Fevil.example", "%2F%5Cevil.example", "https:%2F%2Flocalhost.evil.example"] {
        let answer = client.get(&format!("/to/x?status=303&to={away}")).send().await.unwrap();
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{away}");
    }
}

#[cfg(feature = "csrf")]
#[tokio::test]
async fn tokens_of_the_last_page_go_with_what_changes_something() {
    use sessile::{Csrf, CsrfLayer};
    let (_, sessions, _) = app();
    let app = Router::new()
        .route("/field", get(async |csrf: Csrf| csrf.field()).post(async || "done"))
        .route("/meta", get(async |csrf: Csrf| csrf.meta()).put(async || "done"))
        .route("/login", post(log_in))
        .layer(CsrfLayer::native())
        .layer(sessions);
    let mut client = TestClient::new(app.clone()).with_csrf_tokens();
    client.post("/field").send().await.unwrap().assert_status(403);
    let page = client.get("/field").send().await.unwrap();
    assert_eq!(page.csrf_token().unwrap().len(), 64);
    client.post("/field").send().await.unwrap().assert_status(200);
    client.get("/meta").send().await.unwrap();
    client.request(axum::http::Method::PUT, "/meta").send().await.unwrap().assert_status(200);
    client.post("/login").form(&[("username", "ada")]).send().await.unwrap().assert_status(303);
    // A login ends what was rendered before it.
    client.post("/field").send().await.unwrap().assert_status(403);
    let mut without = TestClient::new(app);
    without.get("/field").send().await.unwrap();
    without.post("/field").send().await.unwrap().assert_status(403);
}

#[tokio::test]
async fn a_session_whose_id_is_in_a_header_is_looked_at_too() {
    use axum::http::{HeaderName, HeaderValue};
    let mut config = Config::native();
    config.transport = sessile::Transport::header("X-Session-Id");
    let sessions = SessionLayer::new(config, MemoryStore::new()).unwrap();
    let app = Router::new().route("/login", post(log_in)).layer(sessions.clone());
    let login =
        TestClient::new(app.clone()).post("/login").form(&[("username", "ada")]).send().await;
    let id = HeaderValue::from_str(login.unwrap().header("x-session-id")).unwrap();
    let mut client = TestClient::new(app).with_header(HeaderName::from_static("x-session-id"), id);
    let user = client.session_transaction(&sessions, |session| session.subject()).await.unwrap();
    assert_eq!(user.unwrap().as_str(), "ada");
}
