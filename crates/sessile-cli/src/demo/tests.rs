//! The site in this process: what its pages say when a store fails, and whose
//! sessions can be ended.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use sessile::store::{CreateOutcome, Entry, Record, TouchOutcome, Version, WriteOutcome};
use sessile::{
    AnyStore, Config, Engine, KeyRing, MemoryStore, Profile, SecretKey, SessionStore, StoreError,
    StoreErrorKind, StoreKey, Timestamp,
};
use tower::ServiceExt as _;

use super::setup::{Kind, Setup};
use super::{guard, site};
use crate::args::Rules;

pub(super) fn app(store: AnyStore) -> Router {
    app_beside(store, Some(1))
}

/// With the port of the hostile site, or where others reach the address.
pub(super) fn app_beside(store: AnyStore, hostile: Option<u16>) -> Router {
    app_of(Config::native(), store, hostile)
}

/// With these rules.
pub(super) fn app_of(config: Config, store: AnyStore, hostile: Option<u16>) -> Router {
    let config = config.for_development();
    let (cookie, hashed) = (config.cookie.clone(), config.profile == Profile::Native);
    let key_prefix = config.key_prefix.clone();
    let engine = Engine::new(config).unwrap();
    let place = "a test".to_owned();
    let (csrf, kind) = (guard::layer(Rules::Native, None).unwrap(), Kind::Stored);
    let (proof, idle, notes) = ("a test", None, Vec::new());
    let setup =
        Setup { engine, cookie, hashed, key_prefix, csrf, proof, store, kind, place, idle, notes };
    site::router(site::build(setup, hostile).unwrap())
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The cookie to send along from now on.
    pub(super) cookie: Option<String>,
    pub(super) header: axum::http::HeaderMap,
    pub(super) body: String,
}

/// As a browser does it: forms carry the token of a page, and its cookie.
pub(super) async fn send(
    app: &Router,
    method: &str,
    path: &str,
    cookie: &str,
    form: &str,
) -> Answer {
    if method == "GET" {
        return send_bare(app, method, path, cookie, form).await;
    }
    let page = send_bare(app, "GET", "/api/csrf", cookie, "").await;
    let token = page.body.split('"').nth(7).unwrap_or_default();
    let cookie = match &page.cookie {
        Some(more) if !cookie.is_empty() => format!("{cookie}; {more}"),
        Some(only) => only.clone(),
        None => cookie.to_owned(),
    };
    send_bare(app, method, path, &cookie, &format!("{form}&csrf_token={token}")).await
}

pub(super) async fn send_bare(
    app: &Router,
    method: &str,
    path: &str,
    cookie: &str,
    form: &str,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::COOKIE, cookie)
        .header("sec-fetch-site", "same-origin")
        .header(header::ACCEPT, "text/html,*/*")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let set = parts.headers.get(header::SET_COOKIE).map(|value| value.to_str().unwrap());
    Answer {
        status: parts.status,
        cookie: set.map(|set| set.split(';').next().unwrap().to_owned()),
        body: String::from_utf8(body.to_vec()).unwrap(),
        header: parts.headers,
    }
}

pub(super) async fn log_in(app: &Router, name: &str, password: &str) -> String {
    let form = format!("username={name}&password={password}");
    let answer = send(app, "POST", "/login", "", &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.cookie.unwrap()
}

fn handles(page: &str) -> Vec<&str> {
    let mark = "name=\"handle\" value=\"";
    page.match_indices(mark).map(|(at, _)| &page[at + mark.len()..][..24]).collect()
}

#[tokio::test]
async fn r11_only_ones_own_sessions_are_ended() {
    let app = app(AnyStore::new(MemoryStore::default()));
    let ada = log_in(&app, "ada", "engine").await;
    let grace = log_in(&app, "grace", "compiler").await;
    let page = send(&app, "GET", "/sessions", &ada, "").await.body;
    let [handle] = handles(&page)[..] else { unreachable!("one session: {page}") };
    let form = format!("handle={handle}");
    for visitor in [grace.as_str(), ""] {
        let answer = send(&app, "POST", "/sessions/end", visitor, &form).await;
        assert_eq!(answer.header[header::LOCATION], "/sessions");
        assert!(send(&app, "GET", "/", &ada, "").await.body.contains("Hello, ada."));
    }
    // A second device of ada's may.
    let second = log_in(&app, "ada", "engine").await;
    let answer = send(&app, "POST", "/sessions/end", &second, &form).await;
    assert_eq!(answer.header[header::LOCATION], "/sessions");
    assert!(!send(&app, "GET", "/", &ada, "").await.body.contains("Hello"));
    assert!(send(&app, "GET", "/", &second, "").await.body.contains("Hello, ada."));
}

#[tokio::test]
async fn r18_visitors_who_only_look_cost_no_record_and_no_cookie() {
    let store = MemoryStore::default();
    let app = app(AnyStore::new(store.clone()));
    let pages = ["/", "/cart", "/sessions", "/inside", "/nothing"];
    for page in pages {
        let answer = send(&app, "GET", page, "", "").await;
        assert_eq!(answer.cookie, None, "{page}");
        assert!(answer.body.contains("</html>"), "{page}");
    }
    // A form needs a token, and a visitor without a session a cookie for it: no record.
    for page in ["/shop", "/login"] {
        let answer = send(&app, "GET", page, "", "").await;
        assert!(answer.cookie.unwrap().starts_with("csrf="), "{page}");
        assert!(answer.body.contains("name=\"csrf_token\""), "{page}");
    }
    assert!(store.is_empty());
}

#[tokio::test]
async fn inv08_a_failing_store_is_a_page_and_the_cookie_is_kept() {
    let app = app(AnyStore::new(Broken));
    let cookie = "id=abcdefghijklmnopqrstuvwxyz012345";
    for (method, path) in [("GET", "/"), ("GET", "/sessions"), ("POST", "/logout")] {
        let answer = send(&app, method, path, cookie, "").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header[header::CACHE_CONTROL], "no-store");
        assert!(answer.body.contains("please try again."), "{}", answer.body);
        assert!(answer.body.contains("</html>"));
        assert!(!answer.header.contains_key(header::SET_COOKIE), "{path}");
    }
    // A new visitor's first write fails as well, and says so.
    let answer = send(&app, "POST", "/cart", "", "name=oyster").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.header.contains_key(header::SET_COOKIE));
    // What needs no session still works.
    assert_eq!(send(&app, "GET", "/style.css", cookie, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn forms_that_are_not_ours_get_a_page_not_a_crash() {
    let app = app(AnyStore::new(MemoryStore::default()));
    for (path, form, status) in [
        ("/cart", "name=whale", StatusCode::NOT_FOUND),
        ("/cart", "nothing", StatusCode::UNPROCESSABLE_ENTITY),
        ("/cart/change", "name=oyster&count=-1", StatusCode::SEE_OTHER),
        ("/cart/change", "name=oyster&count=5", StatusCode::NOT_FOUND),
        ("/login", "username=&password=demo", StatusCode::UNPROCESSABLE_ENTITY),
        ("/login", "username=a%00b&password=demo", StatusCode::UNPROCESSABLE_ENTITY),
        ("/sessions/end", "handle=../../x", StatusCode::SEE_OTHER),
        ("/api/session", "{", StatusCode::BAD_REQUEST),
        ("/shop", "", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = send(&app, "POST", path, "", form).await;
        assert_eq!(answer.status, status, "{path} {form}");
        let page = answer.status == StatusCode::SEE_OTHER || answer.body.contains("</html>");
        assert!(page, "{path}: {}", answer.body);
        assert_eq!(answer.cookie, None, "{path} {form}");
    }
}

/// Fails whatever it is asked.
struct Broken;

fn broken<T>() -> Result<T, StoreError> {
    Err(StoreError::new("broken", StoreErrorKind::Unavailable))
}

impl SessionStore for Broken {
    async fn load(&self, _: &StoreKey) -> Result<Option<Entry>, StoreError> {
        broken()
    }
    async fn create(&self, _: &StoreKey, _: &Record) -> Result<CreateOutcome, StoreError> {
        broken()
    }
    async fn update(
        &self,
        _: &StoreKey,
        _: &Record,
        _: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        broken()
    }
    async fn touch(
        &self,
        _: &StoreKey,
        _: Timestamp,
        _: Option<std::time::Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        broken()
    }
    async fn replace(
        &self,
        _: &StoreKey,
        _: &Version,
        _: &StoreKey,
        _: &Record,
        _: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        broken()
    }
    async fn delete(&self, _: &StoreKey) -> Result<(), StoreError> {
        broken()
    }
}

#[tokio::test]
async fn r46_r47_forms_of_other_sites_are_refused() {
    let app = app(AnyStore::new(MemoryStore::default()));
    let page = send_bare(&app, "GET", "/api/csrf", "", "").await;
    let token = page.body.split('"').nth(7).unwrap();
    let form = format!("username=ada&password=engine&csrf_token={token}");
    for (name, value, expected) in [
        ("sec-fetch-site", "same-origin", StatusCode::SEE_OTHER),
        ("origin", "http://localhost:8000", StatusCode::SEE_OTHER),
        ("referer", "http://localhost:8000/login?a", StatusCode::SEE_OTHER),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        // Another port of this host is another site's to us.
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:8001", StatusCode::FORBIDDEN),
        ("origin", "https://localhost:8000", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("referer", "http://localhost:8000@evil.example/", StatusCode::FORBIDDEN),
        ("accept", "text/html", StatusCode::FORBIDDEN),
    ] {
        let request = Request::builder()
            .method("POST")
            .uri("/login")
            .header(header::HOST, "localhost:8000")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(name, value)
            .header(header::COOKIE, page.cookie.as_deref().unwrap())
            .body(Body::from(form.clone()))
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{name}: {value}");
    }
}

#[tokio::test]
async fn r44_forms_without_the_token_of_their_session_are_refused() {
    let app = app(AnyStore::new(MemoryStore::default()));
    let ada = log_in(&app, "ada", "engine").await;
    let grace = log_in(&app, "grace", "compiler").await;
    let others = send_bare(&app, "GET", "/api/csrf", &grace, "").await.body;
    let others = format!("csrf_token={}", others.split('"').nth(7).unwrap());
    for form in ["", "csrf_token=", "csrf_token=x", &others] {
        let answer = send_bare(&app, "POST", "/logout", &ada, form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form}");
        assert!(answer.body.contains("That form is not from your session"), "{}", answer.body);
        assert!(send(&app, "GET", "/", &ada, "").await.body.contains("Hello, ada."), "{form}");
    }
    assert_eq!(send(&app, "POST", "/logout", &ada, "").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn inv11_inside_shows_no_whole_id_where_the_stores_key_holds_it() {
    for config in [Config::flask_session(None), Config::django(keys())] {
        let name = format!("{}=", config.cookie.name);
        let app = app_of(config, AnyStore::new(MemoryStore::default()), None);
        let ada = log_in(&app, "ada", "engine").await;
        let id = ada.split("; ").find_map(|cookie| cookie.strip_prefix(name.as_str())).unwrap();
        let page = send(&app, "GET", "/inside", &ada, "").await.body;
        assert!(page.contains(&id[..6]) && page.contains("The id itself"), "{page}");
        assert!(!page.contains(&id[..8]), "{page}");
        assert!(!page.contains("__Host-") && !page.contains("SHA-256"), "{page}");
        let home = send(&app, "GET", "/", &ada, "").await.body;
        assert!(!home.contains("without a click"), "the idle limit is ours: {home}");
    }
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap())
}

#[tokio::test]
async fn what_was_done_is_said_once_with_its_category() {
    let app = app(AnyStore::new(MemoryStore::default()));
    let ada = log_in(&app, "ada", "engine").await;
    let mut cookie = ada.clone();
    for (path, form, page, category, text) in [
        ("", "", "/", "success", "You are logged in."),
        ("/cart", "name=oyster", "/shop", "success", "Oyster is in your cart."),
        ("/cart/change", "name=oyster&count=0", "/cart", "success", "Oyster is out of your cart."),
        ("/sessions/end", "handle=AAAA", "/sessions", "warning", "had ended already"),
        ("/sessions/end-others", "", "/sessions", "success", "This one lives on."),
        ("/logout", "", "/", "info", "You are logged out."),
    ] {
        if !path.is_empty() {
            let answer = send(&app, "POST", path, &cookie, form).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            cookie = answer.cookie.unwrap_or(cookie);
        }
        let first = send(&app, "GET", page, &cookie, "").await.body;
        assert!(first.contains(&format!("<p class=\"notice {category}\">")), "{path}: {first}");
        assert!(first.contains(text), "{path}: {first}");
        assert!(!send(&app, "GET", page, &cookie, "").await.body.contains("class=\"notice"));
    }
    assert!(!send(&app, "GET", "/", &ada, "").await.body.contains("ada"));
}
