//! A site with forms, and a browser for it.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use sessile::{Config, Csrf, CsrfLayer, MemoryStore, Session, SessionLayer};
use tower::ServiceExt as _;

pub(crate) fn site(csrf: CsrfLayer) -> Router {
    site_with(csrf, Config::native(), MemoryStore::default())
}

pub(crate) fn site_with(csrf: CsrfLayer, config: Config, store: MemoryStore) -> Router {
    routes().layer(csrf).layer(SessionLayer::new(config, store).unwrap())
}

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/form", get(async |csrf: Csrf| csrf.token()))
        .route("/field", get(async |csrf: Csrf| csrf.field()))
        .route("/meta", get(async |csrf: Csrf| csrf.meta()))
        .route("/visit", get(async |session: Session| session.insert("visit", 1)))
        .route("/plain", get(async || "ok").post(async || "changed"))
        .route("/echo", post(echo).put(echo).patch(echo).delete(echo))
        .route("/hooks/{id}", post(echo))
        .route("/login", post(async |session: Session| session.log_in("ada")))
        .route("/cycle", post(async |session: Session| session.cycle_id()))
        .route("/logout", post(async |session: Session| session.flush()))
}

/// Answers with the body it got, so that a test sees whether it came whole.
async fn echo(request: Request) -> Vec<u8> {
    axum::body::to_bytes(request.into_body(), 1 << 26).await.unwrap_or_default().to_vec()
}

/// One visitor's browser.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: Vec<(String, String)>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Browser {
    pub(crate) async fn send(
        &mut self,
        site: &Router,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(header::HOST, "shop.example");
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = site.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.retain(|(known, _)| known != name);
            if !text.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let body = axum::body::to_bytes(body, 1 << 26).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&mut self, site: &Router, path: &str) -> Answer {
        self.send(site, "GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn token(&mut self, site: &Router) -> String {
        let answer = self.get(site, "/form").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.body.is_empty());
        answer.text()
    }

    /// As a form of the site's own sends it, with the token in the header.
    pub(crate) async fn post(&mut self, site: &Router, path: &str, token: &str) -> StatusCode {
        let fields = [OURS, ("x-csrftoken", token)];
        self.send(site, "POST", path, &fields, Body::empty()).await.status
    }
}

/// Where the site's own requests come from.
pub(crate) const OURS: (&str, &str) = ("origin", "https://shop.example");
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
