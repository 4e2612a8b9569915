//! The site: its state, its routes, and how a page comes about.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use minijinja::{Value, context};
use sessile::templates::TemplatesLayer;
use sessile::{AnyStore, CsrfLayer, SessionLayer};

use super::setup::{Kind, Setup};
use super::view::View;
use super::{account, api, devices, errors, guard, inside, shop, templates};
use crate::outcome::Failure;

/// What every handler shares.
pub(crate) struct Site {
    pub(crate) store: AnyStore,
    pub(crate) kind: Kind,
    pub(crate) place: String,
    pub(crate) idle: Option<Duration>,
    pub(crate) cookie_name: String,
    pub(crate) notes: Vec<String>,
}

/// The site and what is put around its routes.
pub(crate) struct Built {
    pub(crate) site: Arc<Site>,
    pub(crate) sessions: SessionLayer,
    csrf: CsrfLayer,
    templates: TemplatesLayer,
}

/// Puts the site together.
pub(crate) fn build(setup: Setup) -> Result<Built, Failure> {
    let Setup { engine, csrf, store, kind, place, idle, notes } = setup;
    let templates = templates::load()
        .map_err(|error| Failure::usage(format!("a template is broken: {error}")))?;
    let cookie_name = engine.cookie_name().to_owned();
    let sessions = SessionLayer::with_engine(engine, store.clone()).map_err(Failure::usage)?;
    let site = Arc::new(Site { store, kind, place, idle, cookie_name, notes });
    Ok(Built { site, sessions, csrf, templates: templates.layer() })
}

/// The routes, ready to be served.
pub(crate) fn router(built: Built) -> Router {
    let Built { site, sessions, csrf, templates } = built;
    Router::new()
        .route("/", get(home))
        .route("/style.css", get(style))
        .route("/login", get(account::form).post(account::log_in))
        .route("/logout", post(account::log_out))
        .route("/shop", get(shop::shop))
        .route("/cart", get(shop::cart).post(shop::add))
        .route("/cart/change", post(shop::change))
        .route("/sessions", get(devices::list))
        .route("/sessions/end", post(devices::end_one))
        .route("/sessions/end-others", post(devices::end_others))
        .route("/sessions/end-all", post(devices::end_all))
        .route("/inside", get(inside::show))
        .route("/api/csrf", get(api::csrf))
        .route(guard::API, post(api::change).layer(guard::same_origin()).get(api::show))
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing here.\n"))
        .layer(csrf)
        .layer(sessions)
        .layer(middleware::from_fn_with_state(site.clone(), errors::dress))
        .layer(templates)
        .layer(middleware::map_response(guard::harden))
        .with_state(site)
}

impl Site {
    /// What is the same on every page.
    pub(crate) fn facts(&self) -> Value {
        context! { kind => self.kind.name(), place => self.place.as_str() }
    }
}

async fn home(view: View) -> Response {
    let more = context! {
        new => view.session.is_new(),
        remembered => view.session.is_permanent(),
        idle => view.site.idle.map(crate::say::span),
    };
    view.page("home.html", more).await
}

/// Touches no session, so it costs none.
async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, templates::STYLE)
}
