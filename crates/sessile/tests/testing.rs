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
