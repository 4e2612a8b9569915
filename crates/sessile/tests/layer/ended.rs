//! Changes that come too late to be saved.

use axum::Router;
use axum::routing::post;
use http::Method;
use sessile::{Config, EndedMeanwhile, EventKind, Session, SessionError};
use sessile_conformance::http::Gates;

use crate::support::{browser, stage};

/// In words: `ended_meanwhile = KeepResponse`. The session stays dead all the same.
#[tokio::test]
async fn inv04_the_handlers_answer_may_stand_when_told_so() {
    let mut config = Config::native();
    config.ended_meanwhile = EndedMeanwhile::KeepResponse;
    let stage = stage(config);
    let mut visitor = stage.browser();
    visitor.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    let before = visitor.clone();
    let slow = visitor.start(Method::POST, "/set?k=a&v=1&gate=slow");
    stage.gates.reached("slow", 1).await.unwrap();
    visitor.post("/logout").await.unwrap().expect(200).unwrap();
    stage.events();
    stage.gates.open("slow", 1);
    let reply = slow.await.unwrap().unwrap().expect_body("set").unwrap();
    assert_eq!(reply.expect_no_cookie().unwrap().field("vary"), "Cookie");
    assert_eq!(stage.kinds(), [EventKind::Late]);
    before.clone().get("/who").await.unwrap().expect_body("-").unwrap();
}

/// A task that outlives its request changes nothing and is told so.
#[tokio::test]
async fn inv08_a_change_after_the_response_is_refused() {
    let (gates, done) = (Gates::default(), Gates::default());
    let (wait, tell) = (gates.clone(), done.clone());
    let app = Router::new()
        .route(
            "/",
            post(async move |session: Session| {
                session.insert("in time", 1);
                tokio::spawn(async move {
                    wait.pass(Some("late")).await;
                    assert_eq!(session.try_insert("late", 1), Err(SessionError::Settled));
                    session.insert("late", 1);
                    session.remove("in time");
                    tell.open("told", 1);
                });
            }),
        )
        .route(
            "/keys",
            post(async |session: Session| {
                format!("{} {}", session.contains_key("in time"), session.contains_key("late"))
            }),
        );
    let stage = stage(Config::native());
    let mut visitor = browser(app, stage.layer());
    visitor.post("/").await.unwrap().expect(200).unwrap();
    gates.open("late", 1);
    done.pass(Some("told")).await;
    visitor.post("/keys").await.unwrap().expect_body("true false").unwrap();
}
