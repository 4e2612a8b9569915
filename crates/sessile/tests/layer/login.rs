//! Pages for logged-in visitors only, and the way back to them.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use http::{HeaderValue, header};
use sessile::{
    AnyStore, Config, LoggedIn, MemoryStore, NextPage, RequireLogin, Session, SessionLayer,
};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Browser, Clock, Reply};

use crate::support::ring;

const FRESH: Duration = Duration::from_secs(300);

async fn hello(LoggedIn(user): LoggedIn) -> String {
    format!("hello {user}")
}

async fn log_in(session: Session, next: NextPage) -> String {
    session.log_in("alice");
    next.or("/").to_owned()
}

fn app(config: Config, clock: &Clock) -> Router {
    let clock = clock.clone();
    let sessions = SessionLayer::with_engine(
        sessile::Engine::new(config).unwrap(),
        AnyStore::new(MemoryStore::new()),
    );
    let sessions = sessions.unwrap().with_clock(move || clock.now());
    let members = Router::new()
        .route("/account", get(hello).post(hello))
        .route_layer(RequireLogin::new().redirect_to("/login"));
    let danger = Router::new()
        .route("/delete", get(hello).post(hello))
        .route_layer(RequireLogin::within(FRESH).redirect_to("/login?why=stale"));
    let bare = Router::new().route("/bare", get(hello)).route_layer(RequireLogin::new());
    Router::new()
        .merge(members)
        .nest("/deep", danger)
        .merge(bare)
        .route("/extractor", get(hello))
        .route("/login", post(log_in))
        .layer(sessions)
}

fn person(app: &Router) -> Browser {
    let html = HeaderValue::from_static("application/xhtml+xml,text/html;q=0.9,*/*;q=0.8");
    Browser::new(InMemory::site(app.clone())).with_field(header::ACCEPT, html)
}

fn sent_to(reply: Reply) -> String {
    reply.expect(303).unwrap().field("location")
}

#[tokio::test]
async fn nobody_passes_the_guard_without_a_login() {
    let clock = Clock::default();
    let app = app(Config::native(), &clock);
    let (mut person, mut program) = (person(&app), Browser::new(InMemory::site(app.clone())));
    let wanted = person.get("/account?tab=a&x=%2F").await.unwrap();
    assert_eq!(sent_to(wanted), "/login?next=%2Faccount%3Ftab%3Da%26x%3D%252F");
    // Where it was posted to cannot be asked for again.
    assert_eq!(sent_to(person.post("/account").await.unwrap()), "/login");
    assert_eq!(
        sent_to(person.get("/deep/delete").await.unwrap()),
        "/login?why=stale&next=%2Fdeep%2Fdelete"
    );
    for path in ["/account", "/deep/delete", "/bare", "/extractor"] {
        let reply = program.get(path).await.unwrap().expect(401).unwrap();
        assert_eq!(reply.field("www-authenticate"), "Cookie");
        assert_eq!(reply.field("vary"), "Cookie", "{path}");
    }
    person.get("/bare").await.unwrap().expect(401).unwrap();

    let back = person.post("/login?next=%2Faccount%3Ftab%3Da").await.unwrap();
    assert_eq!(back.body, "/account?tab=a");
    for path in ["/account", "/deep/delete", "/bare", "/extractor"] {
        person.get(path).await.unwrap().expect_body("hello alice").unwrap();
    }
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let app = app(Config::native(), &Clock::default());
    for next in ["//evil", "https://evil/", "/%5Cevil", "%09//evil", "/%09/evil", "%2F%2Fevil"] {
        let reply = person(&app).post(&format!("/login?next={next}")).await.unwrap();
        assert_eq!(reply.body, "/", "{next}");
    }
}

#[tokio::test]
async fn r13_a_stale_login_is_refused_by_the_fresh_guard() {
    let clock = Clock::default();
    let app = app(Config::native(), &clock);
    let mut person = person(&app);
    person.post("/login").await.unwrap().expect(200).unwrap();
    clock.pass(FRESH - Duration::from_secs(1));
    person.post("/deep/delete").await.unwrap().expect(200).unwrap();
    clock.pass(Duration::from_secs(1));
    assert_eq!(
        sent_to(person.get("/deep/delete").await.unwrap()),
        "/login?why=stale&next=%2Fdeep%2Fdelete"
    );
    // Logged in all the same.
    person.get("/account").await.unwrap().expect(200).unwrap();
    person.post("/login").await.unwrap().expect(200).unwrap();
    person.get("/deep/delete").await.unwrap().expect(200).unwrap();
    // By the clock of another process that is a little behind, it was just now, too.
    let back = |by: i64| {
        clock.set(sessile::Timestamp::from_millis(clock.now().as_millis() - by));
    };
    back(60_000);
    person.get("/deep/delete").await.unwrap().expect(200).unwrap();
    // A clock that was set back makes no login fresher.
    back(1);
    person.get("/deep/delete").await.unwrap().expect(303).unwrap();
}

#[tokio::test]
async fn r13_where_nobody_knows_when_a_login_was_the_fresh_guard_fails_loudly() {
    let app = app(Config::flask(ring(&[crate::support::SECRET])), &Clock::default());
    let mut person = person(&app);
    person.post("/login").await.unwrap().expect(200).unwrap();
    person.get("/account").await.unwrap().expect(200).unwrap();
    person.get("/deep/delete").await.unwrap().expect(500).unwrap();
}

#[tokio::test]
async fn without_the_session_layer_the_guard_says_so() {
    let app = Router::new().route("/", get(hello)).route_layer(RequireLogin::new());
    Browser::new(InMemory::site(app)).get("/").await.unwrap().expect(500).unwrap();
}
