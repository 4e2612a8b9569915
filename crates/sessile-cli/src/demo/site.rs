//! The site: its state, its routes, and how a page comes about.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use minijinja::{Environment, Value, context};
use serde::Deserialize;
use sessile::{AnyStore, Session, SessionLayer};

use super::setup::{Kind, Setup};
use super::{account, api, devices, errors, goods, guard, inside, shop, templates};
use crate::outcome::Failure;

/// What every handler shares.
pub(crate) struct Site {
    templates: Environment<'static>,
    pub(crate) store: AnyStore,
    pub(crate) kind: Kind,
    pub(crate) place: String,
    pub(crate) idle: Option<Duration>,
    pub(crate) cookie_name: String,
    pub(crate) notes: Vec<String>,
}

/// The site and its session layer.
pub(crate) fn build(setup: Setup) -> Result<(Arc<Site>, SessionLayer), Failure> {
    let Setup { engine, store, kind, place, idle, notes } = setup;
    let templates = templates::environment()
        .map_err(|error| Failure::usage(format!("a template is broken: {error}")))?;
    let cookie_name = engine.cookie_name().to_owned();
    let layer = SessionLayer::with_engine(engine, store.clone()).map_err(Failure::usage)?;
    let site = Site { templates, store, kind, place, idle, cookie_name, notes };
    Ok((Arc::new(site), layer))
}

/// The routes, ready to be served.
pub(crate) fn router(site: Arc<Site>, sessions: SessionLayer) -> Router {
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
        .route("/api/session", get(api::show).post(api::change))
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing here.\n"))
        .layer(guard::refuse_foreign_forms())
        .layer(sessions)
        .layer(middleware::from_fn_with_state(site.clone(), errors::dress))
        .layer(middleware::map_response(guard::harden))
        .with_state(site)
}

/// Something just happened; which of the sentences says so is in the address.
#[derive(Deserialize)]
pub(crate) struct Notice {
    notice: Option<String>,
}

impl Notice {
    pub(crate) const NONE: Self = Self { notice: None };

    /// Sentences of ours only: an address can be made by anybody.
    fn text(&self, kind: Kind) -> Option<&'static str> {
        let stored = kind.is_stored();
        Some(match self.notice.as_deref()? {
            "logged-in" if stored => {
                "You are logged in. Your session got a new id; your cart came along."
            }
            "logged-in" => "You are logged in. Your cart came along.",
            "logged-out" if stored => {
                "You are logged out. The session was ended, not only its cookie."
            }
            "logged-out" => {
                "You are logged out: your browser has forgotten the cookie. A copy of it would \
                 still work until it expires."
            }
            "everywhere" => "You are logged out everywhere.",
            "others" => "Your other sessions were ended. This one lives on.",
            "ended" => "That session was ended.",
            "gone" => "That session had ended already.",
            _ => return None,
        })
    }
}

impl Site {
    /// A page of the site.
    pub(crate) fn page(
        &self,
        session: &Session,
        template: &str,
        notice: &Notice,
        more: Value,
    ) -> Response {
        let user = session.get::<String>("username");
        let private = user.is_some();
        let page = context! {
            known => true,
            page => template,
            user => user,
            cart_count => goods::count(&goods::cart(session)),
            notice => notice.text(self.kind),
            ..more
        };
        let mut response = self.render(template, page);
        if private {
            // After logging out, the Back button must not bring the page back.
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }

    /// A template with exactly this context, and what is the same on every page.
    pub(crate) fn render(&self, template: &str, page: Value) -> Response {
        let page = context! { kind => self.kind.name(), place => self.place.as_str(), ..page };
        match self.templates.get_template(template).and_then(|it| it.render(page)) {
            Ok(html) => Html(html).into_response(),
            Err(error) => {
                let _ = writeln!(io::stderr(), "sessile: page {template}: {error:#}");
                (StatusCode::INTERNAL_SERVER_ERROR, "This page is broken.\n").into_response()
            }
        }
    }
}

async fn home(
    site: axum::extract::State<Arc<Site>>,
    session: Session,
    Query(notice): Query<Notice>,
) -> Response {
    let more = context! {
        new => session.is_new(),
        remembered => session.is_permanent(),
        idle => site.idle.map(crate::say::span),
    };
    site.page(&session, "home.html", &notice, more)
}

/// Touches no session, so it costs none.
async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, templates::STYLE)
}
