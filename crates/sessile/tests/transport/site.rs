//! A small site that works with and without cookies, and a visitor who follows its links.

use std::collections::HashMap;

use axum::Router;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sessile::transport::SessionLinks;
use sessile::{Session, SessionLayer};
use sessile_conformance::http::{Reply, Stage};

use crate::support::ask;

type Params = Query<HashMap<String, String>>;

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/untouched", get(async || "untouched").post(async || "untouched"))
        .route("/who", get(who).post(who))
        .route("/begin", get(begin).post(begin))
        .route("/login", post(log_in))
        .route("/login-and-show", post(log_in_and_show))
        .route("/rotate", post(rotate))
        .route("/logout", post(log_out))
        .route("/link", get(link).post(link))
        .route("/away", get(away).post(away))
        .route("/away-untouched", get(away_untouched))
        .route("/policy", get(policy))
        .route("/public", get(async || ([(header::CACHE_CONTROL, "public, max-age=60")], "css")))
        .route("/body", post(async |body: String| body))
}

pub(crate) fn site(stage: &Stage) -> Router {
    routes().layer(stage.layer())
}

pub(crate) fn form_site(layer: SessionLayer) -> Router {
    routes().layer(layer.reading_forms())
}

fn param<'p>(params: &'p Params, name: &str) -> &'p str {
    params.get(name).map_or("", String::as_str)
}

fn to(location: &str) -> Response {
    let location = HeaderValue::from_bytes(location.as_bytes()).unwrap();
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// Two lines: a link and the hidden field.
fn page(links: &SessionLinks) -> String {
    format!("{}\n{}", links.url("/who"), links.field())
}

async fn who(session: Session) -> String {
    session.subject().map_or_else(
        || session.get::<String>("a").unwrap_or_else(|| "-".into()),
        |subject| subject.to_string(),
    )
}

async fn begin(session: Session, links: SessionLinks) -> String {
    session.insert("a", "begun");
    page(&links)
}

async fn log_in(params: Params, session: Session) -> Response {
    session.log_in(param(&params, "user"));
    to("/who")
}

async fn log_in_and_show(params: Params, session: Session, links: SessionLinks) -> String {
    session.log_in(param(&params, "user"));
    page(&links)
}

async fn rotate(session: Session) -> Response {
    session.cycle_id();
    to("/who")
}

async fn log_out(session: Session) -> Response {
    session.flush();
    to("/who")
}

async fn link(params: Params, links: SessionLinks) -> String {
    links.url(param(&params, "to"))
}

async fn away(params: Params, session: Session) -> Response {
    session.len();
    to(param(&params, "to"))
}

async fn away_untouched(params: Params) -> Response {
    to(param(&params, "to"))
}

async fn policy(params: Params) -> Response {
    let value = HeaderValue::from_str(param(&params, "is")).unwrap();
    ([(header::REFERRER_POLICY, value)], "policy").into_response()
}

/// Somebody whose browser keeps no cookies.
pub(crate) struct Visitor {
    pub(crate) app: Router,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
}

impl Visitor {
    pub(crate) fn new(app: Router) -> Self {
        Self { app, fields: Vec::new() }
    }

    async fn send(&self, method: Method, target: &str, body: &str) -> Reply {
        let mut fields = self.fields.clone();
        if !body.is_empty() && !fields.iter().any(|(name, _)| *name == header::CONTENT_TYPE) {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            fields.push((header::CONTENT_TYPE, kind));
        }
        let reply = ask(self.app.clone(), method, target, &fields, body).await;
        assert!(reply.set_cookies().is_empty(), "a cookie from {target}");
        reply
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.send(Method::GET, target, "").await
    }

    /// Sends a form.
    pub(crate) async fn post(&self, target: &str, form: &str) -> Reply {
        self.send(Method::POST, target, form).await
    }

    /// The body of a GET.
    pub(crate) async fn see(&self, target: &str) -> String {
        self.get(target).await.expect(200).unwrap().body
    }
}

/// Where a redirect leads.
pub(crate) fn location(headers: &HeaderMap) -> &str {
    headers[header::LOCATION].to_str().unwrap()
}

/// The `sid` of an address.
pub(crate) fn sid(address: &str) -> &str {
    let (_, rest) = address.split_once("sid=").unwrap();
    rest.split(['&', '#', '\n']).next().unwrap()
}

/// The value in the hidden field of a page.
pub(crate) fn hidden(page: &str) -> &str {
    let (_, rest) = page.split_once("value=\"").unwrap();
    rest.split('"').next().unwrap()
}

/// `text` in a query's value.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
