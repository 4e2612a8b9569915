//! The session as a type of the application's.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use sessile::{Config, Session};

use crate::support::{browser, stage};

/// Without defaults for single fields.
#[derive(Default, Deserialize, Serialize)]
struct Visit {
    n: u32,
    name: String,
}

/// A newer form of the same.
#[derive(Default, Deserialize, Serialize)]
struct Later {
    n: Vec<u32>,
    #[serde(default)]
    other: u32,
}

/// What it writes it cannot read.
#[derive(Default, Deserialize, Serialize)]
struct OneWay {
    #[serde(skip_serializing)]
    #[expect(dead_code, reason = "only its absence counts")]
    needed: u32,
    n: u32,
}

#[tokio::test]
async fn u02_what_a_type_stores_it_can_read() {
    let count = async |session: Session<Visit>| {
        session.update(|visit| visit.n += 1);
        session.try_read().map_or_else(|error| error.to_string(), |visit| visit.n.to_string())
    };
    let name = async |session: Session<Visit>| session.update(|visit| visit.name = "Ada".into());
    let read = async |session: Session<Visit>| {
        let visit = session.try_read().unwrap();
        format!("{} {}", visit.name, visit.n)
    };
    let app = Router::new()
        .route("/count", post(count))
        .route("/name", post(name))
        .route("/", get(read))
        .route("/plain", post(async |session: Session| session.insert("n", 41)));
    let layer = stage(Config::native()).layer();
    let mut visitor = browser(app.clone(), layer.clone());
    for visits in ["1", "2", "3"] {
        visitor.post("/count").await.unwrap().expect_body(visits).unwrap();
    }
    visitor.post("/name").await.unwrap().expect(200).unwrap();
    visitor.get("/").await.unwrap().expect_body("Ada 3").unwrap();
    // A key that is no field, or a field of a session from before, is no reason to fail.
    let mut other = browser(app, layer);
    other.post("/plain").await.unwrap().expect(200).unwrap();
    other.post("/name").await.unwrap().expect(200).unwrap();
    other.get("/").await.unwrap().expect_body("Ada 41").unwrap();
}

#[tokio::test]
async fn u02_what_a_type_could_not_read_is_not_stored_and_fails_the_request() {
    let app = Router::new()
        .route("/old", post(async |it: Session<Visit>| it.update(|visit| visit.n += 1)))
        .route("/later", post(async |it: Session<Later>| it.update(|visit| visit.other = 1)))
        .route("/one-way", post(async |it: Session<OneWay>| it.update(|visit| visit.n += 1)))
        .route("/keys", get(async |it: Session| it.to_map().len().to_string()));
    let layer = stage(Config::native()).layer();
    let mut visitor = browser(app.clone(), layer.clone());
    visitor.post("/old").await.unwrap().expect(200).unwrap();
    let failed = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    visitor.post("/later").await.unwrap().expect(failed).unwrap();
    visitor.get("/keys").await.unwrap().expect_body("2").unwrap();
    let mut other = browser(app, layer);
    other.post("/one-way").await.unwrap().expect(failed).unwrap();
    other.get("/keys").await.unwrap().expect_body("0").unwrap();
}

#[tokio::test]
async fn u14_a_session_of_a_type_does_all_that_a_session_does() {
    let app = Router::new()
        .route(
            "/log-in",
            post(async |session: Session<Visit>| {
                session.log_in("ada");
                session.update(|visit| visit.name = "Ada".into());
                session.set_permanent(true);
            }),
        )
        .route(
            "/",
            get(async |session: Session<Visit>| {
                let subject = session.subject().map(|it| it.to_string()).unwrap_or_default();
                format!("{subject} {} {}", session.read().name, session.handle().is_some())
            }),
        )
        .route("/log-out", post(async |session: Session<Visit>| session.flush()));
    let mut visitor = browser(app, stage(Config::native()).layer());
    visitor.post("/log-in").await.unwrap().expect(200).unwrap();
    visitor.get("/").await.unwrap().expect_body("ada Ada true").unwrap();
    visitor.post("/log-out").await.unwrap().expect(200).unwrap();
    visitor.get("/").await.unwrap().expect_body("  false").unwrap();
}

#[tokio::test]
async fn u14_a_list_of_sessions_is_json_without_what_they_hold() {
    let stage = stage(Config::native());
    let mut visitor = stage.browser();
    visitor.post("/login?user=ada").await.unwrap().expect(200).unwrap();
    visitor.post("/set?k=secret&v=hunter2").await.unwrap().expect(200).unwrap();
    let sessions = stage.layer().sessions();
    let list = sessions.of(&sessile::Subject::new("ada").unwrap()).await.unwrap();
    let json = serde_json::to_value(&list).unwrap();
    let only = &json[0];
    assert_eq!(only["handle"], list[0].handle.to_string());
    assert_eq!(only["subject"], "ada");
    let created = list[0].created.unwrap();
    assert_eq!(only["created"], created.to_string());
    assert_eq!(created.to_string(), created.to_iso8601());
    assert_eq!(
        serde_json::from_value::<sessile::Timestamp>(only["created"].clone()).unwrap(),
        created
    );
    assert!(!json.to_string().contains("hunter2"), "{json}");
}
