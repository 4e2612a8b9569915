//! Our own rules through the layer.

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use sessile::csrf::native::Rules;
use sessile::{Config, Csrf, CsrfLayer, MemoryStore, Scheme, SessionLayer};

use crate::support::{Browser, OURS, site, site_with};

const REFUSED: StatusCode = StatusCode::FORBIDDEN;
const OK: StatusCode = StatusCode::OK;

#[tokio::test]
async fn r44_no_proof_is_403_whatever_the_method_and_type() {
    let site = site(CsrfLayer::native());
    for method in ["POST", "PUT", "PATCH", "DELETE", "BREW", "post"] {
        for kind in [
            None,
            Some("application/x-www-form-urlencoded"),
            Some("APPLICATION/X-WWW-FORM-URLENCODED"),
            Some("text/plain"),
            Some("application/json"),
            Some("multipart/form-data"),
            Some("multipart/form-data; boundary="),
            Some("\u{fc}"),
        ] {
            let mut fields = vec![];
            fields.extend(kind.map(|kind| ("content-type", kind)));
            for path in ["/echo", "/login"] {
                let answer = Browser::default().send(&site, method, path, &fields, "{}").await;
                assert_eq!(answer.status, REFUSED, "{method} {path} {kind:?}");
                assert!(!answer.headers.contains_key("set-cookie"));
            }
        }
    }
}

#[tokio::test]
async fn r44_a_request_from_this_site_without_a_token_is_403() {
    let site = site(CsrfLayer::native());
    let answer = Browser::default().send(&site, "POST", "/login", &[OURS], "").await;
    assert_eq!(answer.status, REFUSED);
    let lenient =
        crate::support::site(CsrfLayer::with_rules(Rules::default().accept_without_token()));
    let answer = Browser::default().send(&lenient, "POST", "/login", &[OURS], "").await;
    assert_eq!(answer.status, OK);
}

#[tokio::test]
async fn r45_a_token_is_good_for_its_own_visitor_only() {
    let site = site(CsrfLayer::native());
    let (mut ada, mut eve) = (Browser::default(), Browser::default());
    for browser in [&mut ada, &mut eve] {
        browser.get(&site, "/visit").await;
    }
    let (adas, eves) = (ada.token(&site).await, eve.token(&site).await);
    assert_eq!(ada.post(&site, "/echo", &adas).await, OK);
    assert_eq!(ada.post(&site, "/echo", &eves).await, REFUSED);
    // In the query or in a cookie alone it is none.
    let path = format!("/echo?csrf_token={adas}");
    assert_eq!(ada.send(&site, "POST", &path, &[OURS], "").await.status, REFUSED);
    ada.cookies.push(("csrf_token".into(), adas));
    assert_eq!(ada.send(&site, "POST", "/echo", &[OURS], "").await.status, REFUSED);
    // A visitor without any cookie has nothing to check against.
    assert_eq!(Browser::default().post(&site, "/echo", &eves).await, REFUSED);
}

#[tokio::test]
async fn r45_a_login_ends_the_tokens_from_before_it() {
    for begin in ["/login", "/cycle"] {
        let site = site(CsrfLayer::native());
        let mut ada = Browser::default();
        let early = ada.token(&site).await;
        ada.get(&site, "/visit").await;
        // A session began: the form that was open stays good.
        assert_eq!(ada.post(&site, "/echo", &early).await, OK);
        assert_eq!(ada.post(&site, begin, &early).await, OK);
        assert_eq!(ada.post(&site, "/echo", &early).await, REFUSED, "{begin}");
        let late = ada.token(&site).await;
        assert_eq!(ada.post(&site, "/echo", &late).await, OK);
    }
}

#[tokio::test]
async fn r45_a_login_without_a_session_before_it_ends_them_too() {
    let site = site(CsrfLayer::native());
    let mut ada = Browser::default();
    let early = ada.token(&site).await;
    assert_eq!(ada.post(&site, "/login", &early).await, OK);
    assert_eq!(ada.post(&site, "/echo", &early).await, REFUSED);
    let late = ada.token(&site).await;
    assert_eq!(ada.post(&site, "/logout", &late).await, OK);
    assert_eq!(ada.post(&site, "/echo", &late).await, REFUSED);
}

#[tokio::test]
async fn r18_a_form_for_a_visitor_without_a_session_makes_no_record() {
    let store = MemoryStore::default();
    let site = site_with(CsrfLayer::native(), Config::native(), store.clone());
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    assert_eq!(ada.post(&site, "/echo", &token).await, OK);
    let names: Vec<&str> = ada.cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["__Host-csrf"]);
    assert_eq!(store.len(), 0);
    // The cookie is sent once, not at every page.
    let again = ada.get(&site, "/form").await;
    assert!(!again.headers.contains_key("set-cookie"));
    assert_eq!(again.headers["vary"], "Cookie");
}

/// A cache that keeps a page and the cookie beside it gives every visitor the secret of one.
#[tokio::test]
async fn r40_a_page_that_sets_a_visitors_secret_is_never_stored() {
    use axum::http::header::CACHE_CONTROL;
    let page = async |csrf: Csrf| ([(CACHE_CONTROL, "public, max-age=300")], csrf.field());
    let sessions = SessionLayer::new(Config::native(), MemoryStore::default()).unwrap();
    let site = Router::new().route("/form", get(page)).layer(CsrfLayer::native()).layer(sessions);
    let mut ada = Browser::default();
    let first = ada.get(&site, "/form").await;
    assert_eq!(ada.cookies.len(), 1);
    assert_eq!(first.headers["cache-control"], "no-store");
    let again = ada.get(&site, "/form").await;
    assert_eq!(again.headers["cache-control"], "public, max-age=300");
    assert_eq!(again.headers["vary"], "Cookie");
}

#[tokio::test]
async fn r46_r47_where_it_comes_from_must_be_here() {
    let site = site(CsrfLayer::native());
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    for (fields, expected) in [
        (vec![OURS], OK),
        (vec![("sec-fetch-site", "same-origin")], OK),
        (vec![("referer", "https://shop.example/form")], OK),
        (vec![], REFUSED),
        (vec![("sec-fetch-site", "cross-site")], REFUSED),
        (vec![("sec-fetch-site", "same-site"), OURS], REFUSED),
        (vec![("origin", "null")], REFUSED),
        (vec![("origin", "http://shop.example")], REFUSED),
        (vec![("origin", "https://shop.example:8443")], REFUSED),
        (vec![("origin", "https://shop.example.attacker.com")], REFUSED),
        (vec![OURS, OURS], REFUSED),
        (vec![OURS, ("origin", "https://evil.example")], REFUSED),
        (vec![("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")], REFUSED),
        (vec![("origin", "http://shop.example"), ("x-forwarded-proto", "http")], REFUSED),
        (vec![OURS, ("host", "evil.example")], REFUSED),
        (vec![OURS, ("host", "shop.example@evil.example")], REFUSED),
        (vec![OURS, ("host", "")], REFUSED),
    ] {
        let fields = [fields, vec![("x-csrf-token", token.as_str())]].concat();
        let answer = ada.clone().send(&site, "POST", "/echo", &fields, "").await;
        assert_eq!(answer.status, expected, "{fields:?}");
    }
    let programs =
        crate::support::site(CsrfLayer::with_rules(Rules::default().accept_without_origin()));
    let mut ada = Browser::default();
    let token = ada.token(&programs).await;
    let fields = [("x-csrf-token", token.as_str())];
    assert_eq!(ada.send(&programs, "POST", "/echo", &fields, "").await.status, OK);
}

/// A page of another site can open one in the visitor's name, with a GET and without asking.
#[tokio::test]
async fn r46_a_websocket_is_opened_by_this_sites_pages_only() {
    let layer = CsrfLayer::native().trust("https://app.example").unwrap();
    let site = site(layer.exempt_route("/hooks/{id}"));
    let socket = ("upgrade", "WebSocket");
    for (fields, status) in [
        (&[OURS][..], OK),
        (&[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")], OK),
        // No browser.
        (&[], OK),
        (&[("origin", "https://evil.example")], REFUSED),
        (&[("origin", "https://shop.example.evil.example")], REFUSED),
        (&[("origin", "http://shop.example")], REFUSED),
        (&[("origin", "null")], REFUSED),
        (&[("sec-fetch-site", "cross-site")], REFUSED),
        (&[("sec-fetch-site", "same-site"), ("origin", "https://x.shop.example")], REFUSED),
    ] {
        let mut ada = Browser::default();
        let all: Vec<_> = fields.iter().copied().chain([socket]).collect();
        let answer = ada.send(&site, "GET", "/plain", &all, Body::empty()).await;
        assert_eq!(answer.status, status, "{fields:?}");
        // Any other GET is free, and so is one that only offers another HTTP.
        let all: Vec<_> = fields.iter().copied().chain([("upgrade", "h2c")]).collect();
        assert_eq!(ada.send(&site, "GET", "/plain", &all, Body::empty()).await.status, OK);
    }
    // With a method that changes something, the header frees of nothing.
    let answer = Browser::default().send(&site, "POST", "/plain", &[OURS, socket], "").await;
    assert_eq!(answer.status, REFUSED);
}

/// Over HTTP/2 and 3 a WebSocket begins with CONNECT (RFC 8441), which browsers send for nothing
/// else: the same pages may open it as over HTTP/1.1.
#[tokio::test]
async fn s17_a_websocket_over_http2_is_opened_as_over_http1() {
    use axum::routing::any;
    use sessile::csrf::{DjangoCookie, django};
    let native = CsrfLayer::native();
    let django = CsrfLayer::django(django::Rules::default(), DjangoCookie::default());
    for (layer, from_evil) in [(native, REFUSED), (django, OK)] {
        let config = Config::native();
        let routes = crate::support::routes().route("/socket", any(async || "open"));
        let site =
            routes.layer(layer).layer(SessionLayer::new(config, MemoryStore::default()).unwrap());
        for (fields, status) in [
            (&[OURS, ("sec-fetch-site", "same-origin")][..], OK),
            // No browser.
            (&[], OK),
            (&[("origin", "https://evil.example")], from_evil),
            (&[("origin", "null")], from_evil),
            (&[("sec-fetch-site", "cross-site")], from_evil),
        ] {
            let connect = Browser::default().send(&site, "CONNECT", "/socket", fields, "").await;
            let all: Vec<_> = fields.iter().copied().chain([("upgrade", "websocket")]).collect();
            let get = Browser::default().send(&site, "GET", "/socket", &all, "").await;
            assert_eq!((connect.status, get.status), (status, status), "{fields:?}");
        }
    }
}

#[tokio::test]
async fn r47_a_trusted_origin_is_let_in() {
    let csrf = CsrfLayer::native().trust("https://pay.example").unwrap();
    let site = site(csrf);
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    for (origin, expected) in [
        ("https://pay.example", OK),
        ("https://x.pay.example", REFUSED),
        ("http://pay.example", REFUSED),
    ] {
        let fields =
            [("origin", origin), ("sec-fetch-site", "cross-site"), ("x-csrftoken", token.as_str())];
        let answer = ada.send(&site, "POST", "/echo", &fields, "").await;
        assert_eq!(answer.status, expected, "{origin}");
    }
}

#[tokio::test]
async fn r47_the_scheme_is_what_a_trusted_part_of_the_stack_says() {
    let mut config = Config::native().for_development();
    config.keys = None;
    let site = site_with(CsrfLayer::native(), config, MemoryStore::default());
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    assert_eq!(ada.cookies[0].0, "csrf");
    let token = token.as_str();
    let send = async |site: &axum::Router, origin| {
        let fields = [("origin", origin), ("x-csrftoken", token)];
        ada.clone().send(site, "POST", "/echo", &fields, "").await.status
    };
    assert_eq!(send(&site, "http://shop.example").await, OK);
    assert_eq!(send(&site, "https://shop.example").await, REFUSED);
    let over_tls = site.layer(axum::Extension(Scheme::Https));
    assert_eq!(send(&over_tls, "http://shop.example").await, REFUSED);
    assert_eq!(send(&over_tls, "https://shop.example").await, OK);
}

#[tokio::test]
async fn r48_rendered_bytes_differ_each_time_and_all_verify() {
    let site = site(CsrfLayer::native());
    let mut ada = Browser::default();
    ada.get(&site, "/visit").await;
    let mut tokens = std::collections::BTreeSet::new();
    for _ in 0..20 {
        tokens.insert(ada.token(&site).await);
    }
    assert_eq!(tokens.len(), 20);
    for token in &tokens {
        assert_eq!(ada.post(&site, "/echo", token).await, OK);
    }
    let field = ada.get(&site, "/field").await.text();
    assert!(field.starts_with("<input type=\"hidden\" name=\"csrf_token\" value=\""), "{field}");
}

#[tokio::test]
async fn r49_safe_methods_pass_and_change_nothing_by_themselves() {
    let site = site(CsrfLayer::native());
    let hostile = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let mut ada = Browser::default();
    let answer = ada.send(&site, "GET", "/plain", &hostile, "").await;
    assert_eq!(answer.status, OK);
    // Neither a cookie nor a header for a page that has no form.
    assert!(!answer.headers.contains_key("set-cookie") && !answer.headers.contains_key("vary"));
    // The site's logout is a POST: a link or image does nothing.
    let answer = ada.send(&site, "GET", "/logout", &hostile, "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn r50_an_exemption_is_for_a_route_and_nothing_beside_it() {
    let site = site(CsrfLayer::native().exempt_route("/hooks/{id}"));
    let mut ada = Browser::default();
    for path in ["/hooks/1", "/hooks/a%2fb", "/hooks/.."] {
        let answer = ada.send(&site, "POST", path, &[], "x").await;
        assert_eq!((answer.status, answer.text()), (OK, "x".to_owned()), "{path}");
    }
    for path in [
        "/echo",
        "/hooks",
        "/hooks/",
        "/hooks/1/",
        "//hooks/1",
        "/hooks//1",
        "/hooks/../echo",
        "/hooks%2f1",
        "/hooks/1/../../echo",
        "/HOOKS/1",
        "/hooks/{id}/x",
    ] {
        let answer = ada.send(&site, "POST", path, &[], "x").await;
        assert_ne!((answer.status, answer.text()), (OK, "x".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_page_or_json_and_may_be_ones_own() {
    let site = site(CsrfLayer::native());
    for (accept, kind) in [
        ("text/html,application/xhtml+xml", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/problem+json, text/html", "application/json"),
        ("*/*", "text/plain; charset=utf-8"),
    ] {
        let fields = [("accept", accept), ("origin", "https://<script>")];
        let answer = Browser::default().send(&site, "POST", "/echo", &fields, "").await;
        assert_eq!(answer.status, REFUSED);
        assert_eq!(answer.headers["content-type"], kind);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(!answer.text().contains("<script>") && answer.text().contains("nothing was done"));
    }
    let own = crate::support::site(CsrfLayer::native().on_refusal(|refusal, parts| {
        use axum::response::IntoResponse as _;
        (StatusCode::IM_A_TEAPOT, format!("{} {refusal}", parts.uri.path())).into_response()
    }));
    let answer = Browser::default().send(&own, "POST", "/echo", &[OURS], Body::empty()).await;
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert!(answer.text().starts_with("/echo there is no CSRF token"), "{}", answer.text());
}

#[tokio::test]
async fn r45_a_damaged_secret_in_the_session_opens_nothing_and_heals() {
    use sessile::Session;
    let damaged = axum::routing::get(async |session: Session| session.insert("_csrf", "x"));
    let layers = axum::Router::new()
        .route("/damage", damaged)
        .route("/form", axum::routing::get(async |csrf: sessile::Csrf| csrf.token()))
        .route("/echo", axum::routing::post(async || "ok"))
        .layer(CsrfLayer::native())
        .layer(sessile::SessionLayer::new(Config::native(), MemoryStore::default()).unwrap());
    let mut ada = Browser::default();
    let before = ada.token(&layers).await;
    ada.get(&layers, "/damage").await;
    // Not even what the cookie says, or an empty token.
    for token in [before.as_str(), "", "x"] {
        assert_eq!(ada.post(&layers, "/echo", token).await, REFUSED);
    }
    let healed = ada.token(&layers).await;
    assert_eq!(ada.post(&layers, "/echo", &healed).await, OK);
}

#[tokio::test]
async fn a_layer_around_it_that_asks_for_the_session_first_changes_nothing() {
    use axum::extract::Request;
    use axum::middleware::{Next, from_fn};
    let early = async |session: sessile::Session, request: Request, next: Next| {
        let _ = session.get::<u32>("visit");
        next.run(request).await
    };
    let sessions = sessile::SessionLayer::new(Config::native(), MemoryStore::default()).unwrap();
    let site =
        crate::support::routes().layer(CsrfLayer::native()).layer(from_fn(early)).layer(sessions);
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    // By the visitor's cookie, and, once a session took that over, by the session.
    assert_eq!(ada.post(&site, "/echo", &token).await, OK);
    ada.get(&site, "/visit").await;
    assert_eq!(ada.post(&site, "/echo", &token).await, OK);
    assert_eq!(ada.post(&site, "/echo", "x").await, REFUSED);
}
