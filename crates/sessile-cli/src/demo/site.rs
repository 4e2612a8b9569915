//! The site: its state, its routes, and how a page comes about.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::{Value, context};
use sessile::templates::TemplatesLayer;
use sessile::{AnyStore, CookieSettings, CsrfLayer, SessionLayer, SessionStore as _};

use super::bank::{self, Bank};
use super::inspect::{self, Counted};
use super::setup::{Kind, Setup};
use super::view::View;
use super::{account, api, comments, devices, errors, guard, inside, shop, templates};
use crate::outcome::Failure;

/// What every handler shares.
pub(crate) struct Site {
    pub(crate) store: AnyStore,
    pub(crate) kind: Kind,
    pub(crate) place: String,
    pub(crate) idle: Option<Duration>,
    pub(crate) cookie_name: String,
    pub(crate) cookie: CookieSettings,
    /// Whether the store's keys are hashes of ids.
    pub(crate) hashed: bool,
    pub(crate) key_prefix: String,
    pub(crate) notes: Vec<String>,
    /// What the CSRF layer was shown when it let a form in.
    pub(crate) proof: &'static str,
    pub(crate) bank: Arc<Bank>,
    pub(crate) board: comments::Board,
    pub(crate) log: inspect::Log,
    /// The hostile site's port. Without it, as on addresses that others reach, there is
    /// nothing unprotected, and requests are not remembered.
    pub(crate) playground: Option<u16>,
}

/// The site and what is put around its routes.
pub(crate) struct Built {
    pub(crate) site: Arc<Site>,
    pub(crate) sessions: SessionLayer,
    csrf: CsrfLayer,
    templates: TemplatesLayer,
}

/// Puts the site together.
pub(crate) fn build(setup: Setup, playground: Option<u16>) -> Result<Built, Failure> {
    let Setup { engine, cookie, hashed, key_prefix, csrf, proof, store, kind, place, idle, notes } =
        setup;
    let store = AnyStore::new(Counted(store));
    let templates = templates::load()
        .map_err(|error| Failure::usage(format!("a template is broken: {error}")))?;
    let cookie_name = engine.cookie_name().to_owned();
    let sessions = SessionLayer::with_engine(engine, store.clone()).map_err(Failure::usage)?;
    let sessions = sessions.on_event(inspect::note_event);
    let (bank, board, log) = Default::default();
    let site = Site {
        store,
        kind,
        place,
        idle,
        cookie_name,
        cookie,
        hashed,
        key_prefix,
        notes,
        proof,
        bank,
        board,
        log,
        playground,
    };
    let site = Arc::new(site);
    Ok(Built { site, sessions, csrf, templates: templates.layer() })
}

/// The routes, ready to be served.
pub(crate) fn router(built: Built) -> Router {
    let Built { site, sessions, csrf, templates } = built;
    Router::new()
        .route("/", get(home))
        .route("/style.css", get(templates::style))
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
        .route("/inspector", get(inspect::page))
        .route("/bank", get(bank::guarded))
        .route("/bank/begin-again", post(bank::begin_again_guarded))
        .route(bank::GUARDED, post(bank::transfer_guarded))
        .route("/comments", get(comments::page).post(comments::add))
        .route("/comments/attempt", post(comments::attempt))
        .route("/comments/clear", post(comments::clear))
        .route("/comments/frame", get(comments::frame))
        .merge(if site.playground.is_some() { unprotected() } else { Router::new() })
        .route("/api/csrf", get(api::csrf))
        .route(guard::API, post(api::change).layer(guard::same_origin()).get(api::show))
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing here.\n"))
        .layer(middleware::from_fn(inspect::note_let_in))
        .layer(csrf)
        .layer(middleware::from_fn_with_state(site.clone(), bank::note_refusals))
        .layer(sessions)
        .layer(middleware::from_fn_with_state(site.clone(), errors::dress))
        .layer(templates)
        .layer(middleware::map_response(guard::harden))
        .layer(middleware::from_fn_with_state(site.clone(), inspect::watch))
        .with_state(site)
}

/// What shows how attacks succeed. On this machine only.
fn unprotected() -> Router<Arc<Site>> {
    Router::new()
        .route("/unprotected/bank", get(bank::open))
        .route("/unprotected/bank/begin-again", post(bank::begin_again_open))
        .route(bank::OPEN, get(bank::transfer_open).post(bank::transfer_open))
        .route("/unprotected/comments", get(comments::frame_unprotected))
}

impl Site {
    /// What is the same on every page.
    pub(crate) fn facts(&self) -> Value {
        context! {
            kind => self.kind.name(),
            place => self.place.as_str(),
            hashed => self.hashed,
            // Whether a user's sessions can be listed and ended.
            listed => self.store.capabilities().directory.is_some(),
        }
    }
}

async fn home(view: View) -> Response {
    let span = |secs| crate::human::span(Duration::from_secs(secs));
    let more = context! {
        new => view.session.is_new(),
        closes => view.session.get_expire_at_browser_close(),
        lasts => view.session.get_expiry_age().and_then(|secs| u64::try_from(secs).ok()).map(span),
        // The other profiles have one limit only, which `lasts` is.
        idle => view.site.idle.filter(|_| view.site.hashed).map(crate::human::span),
    };
    view.page("home.html", more).await
}
