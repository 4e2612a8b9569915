//! The guide's lines for nginx and Caddy, in the real ones, in front of axum.

#![cfg(feature = "csrf")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod walk;

use axum::Router;
use axum::routing::{get, post};
use sessile::{Csrf, CsrfLayer, Session, SessionLayer, Settings};
use sessile_testbed::proxies::Outside;

use walk::{Front, walk};

/// A site with a form under these rules, and its port.
async fn site(profile: &str, outside: Outside) -> u16 {
    let settings = match (outside, profile) {
        (Outside::Http, "native") => Settings::new().with("SESSION_DEVELOPMENT", true),
        (_, "django") => Settings::new().with("ALLOWED_HOSTS", vec!["localhost"]),
        _ => Settings::new(),
    };
    let settings = settings
        .with("SESSION_TYPE", if profile == "native" { "memory" } else { "cookie" })
        .with("SESSION_PROFILE", profile)
        .with("SECRET_KEY", "a key that is long enough for everybody, is it not");
    let csrf = CsrfLayer::from_settings(&settings).unwrap();
    let app = Router::new()
        .route("/form", get(async |csrf: Csrf| format!("{}={}", csrf.field_name(), csrf.token())))
        .route("/log-in", post(async |session: Session| session.insert("user", "ada")))
        .route("/me", get(async |it: Session| it.get::<String>("user").unwrap_or_default()))
        .layer(csrf)
        .layer(SessionLayer::connect(settings).await.unwrap().trust_forwarded_proto());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

async fn walked(front: Front) {
    for outside in [Outside::Http, Outside::Https] {
        for profile in ["native", "flask", "django"] {
            let port = site(profile, outside).await;
            let names_site = profile != "flask" || outside == Outside::Https;
            let walk = move || walk(front, port, outside, names_site);
            tokio::task::spawn_blocking(walk).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d14_forms_work_through_nginx_by_the_guides_lines() {
    if let Some(program) = Front::Nginx.missing() {
        return sessile_conformance::not_run!("there is no {program}: cargo xtask tools");
    }
    walked(Front::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d14_forms_work_through_caddy_by_the_guides_lines() {
    if let Some(program) = Front::Caddy.missing() {
        return sessile_conformance::not_run!("there is no {program}: cargo xtask tools");
    }
    walked(Front::Caddy).await;
}
