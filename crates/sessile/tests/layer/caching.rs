//! What the response tells caches.

use axum::Router;
use axum::http::StatusCode;
use axum::response::AppendHeaders;
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, VARY};
use serde::{Deserialize, Serialize};
use sessile::{Config, Cookie, Cookies, Failure, Session, SessionLayer};
use sessile_conformance::http::{Call, Reply};

use crate::support::{browser, stage};

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Visit {
    a: Option<String>,
}

/// Every way to look at a session (Flask CVE-2026-27205 forgot `in` and `len`).
fn looks() -> Vec<(&'static str, Router)> {
    macro_rules! looks {
        ($($name:literal => $look:expr),* $(,)?) => {
            vec![$(($name, Router::new().route("/", get(async |session: Session| {
                let look: fn(&Session) = $look;
                look(&session);
            })))),*]
        };
    }
    let mut all = looks! {
        "get" => |s| drop(s.get::<String>("a")),
        "try_get" => |s| drop(s.try_get::<String>("a")),
        "get_value" => |s| drop(s.get_value("a")),
        "contains_key" => |s| { s.contains_key("a"); },
        "len" => |s| { s.len(); },
        "is_empty" => |s| { s.is_empty(); },
        "iterate" => |s| s.to_map().iter().for_each(drop),
        "pop of what is not there" => |s| drop(s.pop::<String>("missing")),
        "remove of what is not there" => |s| { s.remove("missing"); },
        "insert_if_missing" => |s| { s.insert_if_missing("a", 1); },
        "update_value of what is not there" => |s| { s.update_value("missing", |_| {}); },
        "subject" => |s| drop(s.subject()),
        "handle" => |s| { s.handle(); },
        "store_key" => |s| drop(s.store_key()),
        "is_new" => |s| { s.is_new(); },
        "is_permanent" => |s| { s.is_permanent(); },
        "created_at" => |s| { s.created_at(); },
        "authenticated_at" => |s| { s.authenticated_at(); },
    };
    let typed = get(async |session: Session<Visit>| session.read().a.unwrap_or_default());
    all.push(("typed read", Router::new().route("/", typed)));
    all
}

#[tokio::test]
async fn r41_every_look_at_the_session_sends_vary() {
    for (name, app) in looks() {
        let stage = stage(Config::native());
        let app = app.route("/set", post(async |session: Session| session.insert("a", "1")));
        let mut visitor = browser(app, stage.layer());
        for who in ["a stranger", "a known visitor"] {
            let reply = visitor.get("/").await.unwrap().expect(200).unwrap();
            assert_eq!(reply.field("vary"), "Cookie", "{name}, {who}");
            visitor.post("/set").await.unwrap().expect(200).unwrap();
        }
    }
}

#[tokio::test]
async fn r41_a_handler_that_only_takes_the_session_sends_none() {
    let stage = stage(Config::native());
    let app = Router::new().route("/", get(async |_session: Session| "not looked at"));
    let reply = browser(app, stage.layer()).get("/").await.unwrap().expect(200).unwrap();
    assert_eq!(reply.field("vary"), "");
}

/// Whoever has no cookie gets another answer, so this one is not for all.
#[tokio::test]
async fn r41_a_handler_that_answers_although_the_session_failed_sends_vary() {
    let stage = stage(Config::native());
    let app = Router::new()
        .route("/set", post(async |session: Session| session.insert("a", "1")))
        .route("/", get(async |session: Result<Session, Failure>| session.is_ok().to_string()));
    let mut visitor = browser(app, stage.layer());
    visitor.post("/set").await.unwrap().expect(200).unwrap();
    stage.store.set_down(Call::Load, true);
    let reply = visitor.get("/").await.unwrap().expect_body("false").unwrap();
    assert_eq!(reply.field("vary"), "Cookie");
}

#[tokio::test]
async fn r41_a_look_at_the_applications_own_cookies_sends_vary_too() {
    let stage = stage(Config::native());
    let read = get(async |cookies: Cookies| cookies.get("theme").unwrap_or_default());
    let app = Router::new()
        .route("/read", read)
        .route(
            "/set",
            post(async |cookies: Cookies| cookies.set(Cookie::new("a", "b")).is_ok().to_string()),
        )
        .route("/taken", get(async |_cookies: Cookies| ()));
    let mut visitor = browser(app, stage.layer());
    assert_eq!(visitor.get("/read").await.unwrap().field("vary"), "Cookie");
    assert_eq!(visitor.post("/set").await.unwrap().field("vary"), "");
    assert_eq!(visitor.get("/taken").await.unwrap().field("vary"), "");
    assert_eq!(stage.store.calls(), []);
}

/// The answer to a visit of a handler that sets this `Vary` and looks at the session.
async fn vary_over(layer: SessionLayer, own: &'static [&'static str]) -> Reply {
    let app = Router::new().route(
        "/",
        get(async move |session: Session| {
            session.len();
            AppendHeaders(own.iter().map(|value| (VARY, *value)).collect::<Vec<_>>())
        }),
    );
    browser(app, layer).get("/").await.unwrap().expect(200).unwrap()
}

#[tokio::test]
async fn r41_vary_is_merged_into_what_the_handler_sends() {
    let stage = stage(Config::native());
    for (own, wanted) in [
        (&["Accept-Encoding"][..], "Accept-Encoding, Cookie"),
        (&["Accept-Encoding, Origin"], "Accept-Encoding, Origin, Cookie"),
        (&["Origin", "Accept"], "Origin, Accept, Cookie"),
        (&["*"], "*"),
        (&["Cookie"], "Cookie"),
        (&["accept, cookie"], "accept, cookie"),
        (&["Accept", "COOKIE"], "Accept, COOKIE"),
        (&["Set-Cookie-Policy"], "Set-Cookie-Policy, Cookie"),
    ] {
        let reply = vary_over(stage.layer(), own).await;
        assert_eq!(reply.field("vary"), wanted, "{own:?}");
    }
}

/// Rails CVE-2024-26144: a Set-Cookie beside `public` is handed to everybody.
#[tokio::test]
async fn r40_a_response_with_the_sessions_cookie_is_never_stored() {
    let answer = || ([(CACHE_CONTROL, "public, max-age=3600")], "page");
    let app = || {
        Router::new()
            .route(
                "/set",
                post(async move |s: Session| {
                    s.insert("a", 1);
                    answer()
                }),
            )
            .route(
                "/logout",
                post(async move |s: Session| {
                    s.flush();
                    answer()
                }),
            )
            .route(
                "/read",
                get(async move |s: Session| {
                    s.len();
                    answer()
                }),
            )
            .route(
                "/fail",
                post(async move |s: Session| {
                    s.flush();
                    (StatusCode::INTERNAL_SERVER_ERROR, answer())
                }),
            )
    };
    let stage_on = stage(Config::native());
    let mut visitor = browser(app(), stage_on.layer());
    for path in ["/set", "/logout", "/set", "/fail"] {
        let reply = visitor.post(path).await.unwrap();
        assert_eq!(reply.set_cookies().len(), 1, "{path}");
        assert_eq!(reply.field("cache-control"), "no-store", "{path}");
        assert_eq!(reply.field("vary"), "Cookie", "{path}");
    }
    // Without a cookie the handler's word stands, with Vary beside it.
    let reply = visitor.get("/read").await.unwrap().expect(200).unwrap();
    assert_eq!(reply.field("cache-control"), "public, max-age=3600");
    assert_eq!(reply.field("vary"), "Cookie");
    // The application's own cookies are as much one visitor's.
    let own = async |cookies: Cookies| {
        cookies.set(Cookie::new("cart", "7")).unwrap();
        [(CACHE_CONTROL, "public, max-age=3600")]
    };
    let with_own = || Router::new().route("/own", get(own));
    let reply = browser(with_own(), stage_on.layer()).get("/own").await.unwrap();
    assert_eq!((reply.set_cookies().len(), &*reply.field("cache-control")), (1, "no-store"));
    // The opt-out is explicit.
    let mut config = Config::native();
    config.no_store = false;
    let stage_off = stage(config);
    let reply = browser(app(), stage_off.layer()).post("/set").await.unwrap().expect(200).unwrap();
    assert_eq!(reply.field("cache-control"), "public, max-age=3600");
}
