//! Flask-WTF's and Django's rules through the layer.

use axum::http::StatusCode;
use sessile::csrf::{DjangoCookie, django, flask_wtf};
use sessile::{Config, Csrf, CsrfLayer, Engine, KeyRing, MemoryStore, SecretKey, SessionLayer};

use crate::support::{Browser, FORM, site_with};
use crate::traced::Everything;

fn key() -> SecretKey {
    SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap()
}

#[tokio::test]
async fn r45_flask_wtf_forms_and_headers() {
    let rules = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
    let config = Config::flask_session(None);
    let site = site_with(CsrfLayer::flask_wtf(&key(), rules), config, MemoryStore::default());
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    assert_eq!(token.matches('.').count(), 2);
    for (header, form, expected) in [
        (token.as_str(), "", 200),
        ("", &*format!("p-csrf_token={token}"), 200),
        // The form wins over the header.
        (token.as_str(), "csrf_token=wrong", 400),
        ("wrong", "", 400),
        ("", "", 400),
    ] {
        let fields = [FORM, ("x-csrf-token", header)];
        let answer = ada.send(&site, "POST", "/echo", &fields, form.to_owned()).await;
        assert_eq!((answer.status.as_u16()), expected, "{header} {form}");
    }
    let mut eve = Browser::default();
    let eves = eve.token(&site).await;
    let answer = ada.send(&site, "POST", "/echo", &[("x-csrftoken", &*eves)], "").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

/// Also where the login's own page has a form, which is good from then on.
#[tokio::test]
async fn r45_flask_wtfs_tokens_from_before_a_login_end_with_it() {
    use axum::routing::post;
    use sessile::{Csrf, Session};
    let rules = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
    let sessions = SessionLayer::new(Config::flask_session(None), MemoryStore::default()).unwrap();
    let log_in = async |session: Session, csrf: Csrf| {
        session.log_in("ada");
        csrf.token()
    };
    let site = crate::support::routes()
        .route("/login-form", post(log_in))
        .layer(CsrfLayer::flask_wtf(&key(), rules))
        .layer(sessions);
    for path in ["/login", "/login-form"] {
        let mut ada = Browser::default();
        let before = ada.token(&site).await;
        let answer = ada.send(&site, "POST", path, &[("x-csrftoken", &before)], "").await;
        assert_eq!(answer.status, StatusCode::OK);
        let shown = answer.text();
        if !shown.is_empty() {
            assert_eq!(ada.post(&site, "/echo", &shown).await, StatusCode::OK);
        }
        assert_eq!(ada.post(&site, "/echo", &before).await, StatusCode::BAD_REQUEST, "{path}");
    }
}

/// A route that one layer leaves alone is checked by the rules of the layer it has of its own.
#[tokio::test]
async fn r50_a_layer_within_another_checks_by_its_own_rules() {
    use axum::routing::post;
    use sessile::csrf::native;
    let rules = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
    let outer = CsrfLayer::flask_wtf(&key(), rules).exempt_route("/api");
    let inner = CsrfLayer::with_rules(native::Rules::default().accept_without_token());
    let sessions = SessionLayer::new(Config::flask_session(None), MemoryStore::default()).unwrap();
    let api = post(async || "changed").layer(inner);
    let site = crate::support::routes().route("/api", api).layer(outer).layer(sessions);
    let mut ada = Browser::default();
    for (fields, status) in [
        (&[("sec-fetch-site", "same-origin")][..], StatusCode::OK),
        (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (&[], StatusCode::FORBIDDEN),
    ] {
        let answer = ada.send(&site, "POST", "/api", fields, "").await;
        assert_eq!(answer.status, status, "{fields:?}");
        // Other routes are the outer layer's.
        let answer = ada.send(&site, "POST", "/echo", fields, "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields:?}");
    }
}

/// An upload is longer than a form may be that is searched for its token. The header settles it,
/// and the handler gets every byte.
#[tokio::test]
async fn s10_an_upload_with_its_token_in_the_header_needs_no_search() {
    const UPLOAD: (&str, &str) = ("content-type", "multipart/form-data; boundary=XX");
    let head = "--XX\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\n\r\n";
    let upload = format!("{head}{}\r\n--XX--\r\n", "a".repeat(2 << 20));
    let long_form = format!("note={}", "a".repeat(2 << 20));
    let wtf = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
    let wtf = site_with(
        CsrfLayer::flask_wtf(&key(), wtf),
        Config::flask_session(None),
        MemoryStore::default(),
    );
    let mut in_session = django::Rules::default();
    in_session.use_sessions = true;
    for (site, refused) in [
        (wtf, 400),
        (django_site(django::Rules::default()).await, 403),
        (django_site(in_session).await, 403),
        (site_with(CsrfLayer::native(), Config::native(), MemoryStore::default()), 403),
    ] {
        let mut ada = Browser::default();
        let token = ada.token(&site).await;
        for (kind, body) in [(UPLOAD, &upload), (FORM, &long_form)] {
            let send = async |ada: &mut Browser, fields: &[(&str, &str)]| {
                let ours = [kind, ("sec-fetch-site", "same-origin")];
                let fields: Vec<_> = ours.iter().chain(fields).copied().collect();
                ada.send(&site, "POST", "/echo", &fields, body.clone()).await
            };
            let answer = send(&mut ada, &[("x-csrftoken", &token)]).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind:?}");
            assert!(answer.body == body.as_bytes(), "the upload did not arrive whole");
            let answer = send(&mut ada, &[("x-csrftoken", "wrong")]).await;
            assert_eq!(answer.status.as_u16(), refused, "{kind:?}");
            let answer = send(&mut ada, &[]).await;
            assert!(matches!(answer.status.as_u16(), 403 | 413), "{} {kind:?}", answer.status);
        }
    }
}

async fn django_site(rules: django::Rules) -> axum::Router {
    let csrf = CsrfLayer::django(rules, DjangoCookie::default());
    site_with(csrf, Config::django(KeyRing::new(key())), MemoryStore::default())
}

#[tokio::test]
async fn r45_django_in_a_cookie_rotates_at_login() {
    let site = django_site(django::Rules::default()).await;
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    assert_eq!(token.len(), 64);
    assert_eq!(ada.cookies[0].0, "csrftoken");
    let secret = ada.cookies[0].1.clone();
    let post = async |ada: &mut Browser, path: &str, form: String| {
        ada.send(&site, "POST", path, &[FORM], form).await.status
    };
    for token in [&token, &secret] {
        let form = format!("csrfmiddlewaretoken={token}");
        assert_eq!(post(&mut ada, "/echo", form).await, StatusCode::OK);
    }
    // Of several in a form Django takes the last.
    let two = format!("csrfmiddlewaretoken={token}&csrfmiddlewaretoken=x");
    assert_eq!(post(&mut ada, "/echo", two).await, StatusCode::FORBIDDEN);
    let form = format!("csrfmiddlewaretoken={token}");
    assert_eq!(post(&mut ada, "/login", form.clone()).await, StatusCode::OK);
    assert_ne!(ada.cookies.iter().find(|(name, _)| name == "csrftoken").unwrap().1, secret);
    assert_eq!(post(&mut ada, "/echo", form).await, StatusCode::FORBIDDEN);
    assert_eq!(post(&mut Browser::default(), "/echo", String::new()).await, StatusCode::FORBIDDEN);
}

/// Django CVE-2016-7401: what another site can put into one of its own cookies became ours.
#[tokio::test]
async fn peer25_a_token_planted_in_another_cookies_value_is_none() {
    let site = django_site(django::Rules::default()).await;
    let mut eve = Browser::default();
    let token = eve.token(&site).await;
    let secret = eve.cookies[0].1.clone();
    for (name, value, expected) in [
        ("csrftoken", secret.clone(), StatusCode::OK),
        ("__utmz", format!("x]csrftoken={secret}"), StatusCode::FORBIDDEN),
        ("__utmz", format!("x,csrftoken={secret}"), StatusCode::FORBIDDEN),
        ("__utmz", format!("x csrftoken={secret}"), StatusCode::FORBIDDEN),
        (" csrftoken\u{a0}", secret.clone(), StatusCode::FORBIDDEN),
    ] {
        let mut ada = Browser { cookies: vec![(name.to_owned(), value)] };
        let form = format!("csrfmiddlewaretoken={token}");
        let answer = ada.send(&site, "POST", "/echo", &[FORM], form).await;
        assert_eq!(answer.status, expected, "{name}");
    }
}

#[tokio::test]
async fn r45_django_in_the_session_rotates_at_login() {
    let mut rules = django::Rules::default();
    rules.use_sessions = true;
    let site = django_site(rules).await;
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    assert!(ada.cookies.iter().all(|(name, _)| name != "csrftoken"));
    let origin = ("origin", "http://shop.example");
    let send = async |ada: &mut Browser, path: &str| {
        let fields = [origin, ("x-csrftoken", token.as_str())];
        ada.send(&site, "POST", path, &fields, "").await.status
    };
    assert_eq!(send(&mut ada, "/echo").await, StatusCode::OK);
    assert_eq!(send(&mut ada, "/login").await, StatusCode::OK);
    assert_eq!(send(&mut ada, "/echo").await, StatusCode::FORBIDDEN);
}

/// Each of these Django 5.2 or Flask-WTF 1.3 refuses, because its parser finds another token in
/// the form than a plain reading does, or none.
#[tokio::test]
async fn r45_a_form_that_an_original_reads_otherwise_is_refused() {
    let rules = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
    let layer = CsrfLayer::flask_wtf(&key(), rules);
    let wtf = site_with(layer, Config::flask_session(None), MemoryStore::default());
    let django = django_site(django::Rules::default()).await;
    for (site, field, refused) in [(wtf, "csrf_token", 400), (django, "csrfmiddlewaretoken", 403)] {
        let mut ada = Browser::default();
        let token = ada.token(&site).await;
        let (good, bad) = (format!("\r\n\r\n{token}\r\n"), "\r\n\r\nbad\r\n");
        let part = format!("--XX\r\nContent-Disposition: form-data; name=\"{field}\"");
        let multipart = "multipart/form-data; boundary=XX";
        let whole = format!("{part}{good}--XX--\r\n");
        let cases = [
            (multipart, whole.clone(), 200),
            (multipart, format!("{part}; filename*=utf-8''x{good}--XX--\r\n"), refused),
            (multipart, format!("{part}; FILENAME=\"x\"{good}--XX--\r\n"), refused),
            (
                multipart,
                format!("{part}{good}{}{bad}--XX--", part.replace("name", "NAME")),
                refused,
            ),
            (
                multipart,
                format!("{part}{good}{}{bad}--XX--", part.replace("name", "name*")),
                refused,
            ),
            (multipart, format!("{part}{good}--XX\r\n"), refused),
            (
                multipart,
                format!("{part}\r\nContent-Transfer-Encoding: base64{good}--XX--"),
                refused,
            ),
            ("multipart/form-data; boundary=XX; charset=cp037", whole.clone(), refused),
            ("multipart/form-data; boundary=\"\"", whole.replace("--XX", "--"), refused),
        ];
        for (kind, form, expected) in cases {
            let fields = [("content-type", kind)];
            let answer = ada.send(&site, "POST", "/echo", &fields, form.clone()).await;
            assert_eq!(answer.status.as_u16(), expected, "{field} {kind} {form}");
        }
        // Nor does a good token in the header stand in for it.
        let form = format!("{}{bad}--XX--", part.replace("name", "NAME"));
        let fields = [("content-type", multipart), ("x-csrftoken", token.as_str())];
        let answer = ada.send(&site, "POST", "/echo", &fields, form).await;
        assert_eq!(answer.status.as_u16(), refused, "{field}");
    }
    let site = django_site(django::Rules::default()).await;
    let mut ada = Browser::default();
    let form = format!("csrfmiddlewaretoken={}", ada.token(&site).await);
    for (charset, expected) in [("UTF-8", 200), ("utf8", 403), ("latin-1", 403)] {
        let kind = format!("application/x-www-form-urlencoded; charset={charset}");
        let fields = [("content-type", &*kind)];
        let answer = ada.send(&site, "POST", "/echo", &fields, form.clone()).await;
        assert_eq!(answer.status.as_u16(), expected, "{charset}");
    }
}

#[tokio::test]
async fn without_a_session_layer_nothing_passes() {
    use axum::Router;
    use axum::routing::post;
    let site: Router = Router::new().route("/", post(async || "x")).layer(CsrfLayer::native());
    let answer = Browser::default().send(&site, "POST", "/", &[], "").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn u12_layers_in_the_wrong_order_are_one_hint_that_says_the_order() {
    use axum::Router;
    use axum::routing::{get, post};
    let traced = Everything::default();
    let _traced = tracing::subscriber::set_default(traced.clone());
    let inside = SessionLayer::new(Config::native(), MemoryStore::default()).unwrap();
    let site: Router = Router::new()
        .route("/", post(async || "x"))
        .route("/form", get(async |tokens: Csrf| tokens.token()))
        .layer(inside)
        .layer(CsrfLayer::native());
    let answer = Browser::default().send(&site, "POST", "/", &[], "").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    Browser::default().send(&site, "GET", "/form", &[], "").await;
    let said = std::mem::take(&mut *traced.0.lock().unwrap());
    let hints: Vec<_> = said.lines().filter(|line| line.contains("layer")).collect();
    // Nobody is told to add what is there.
    let order = |line: &&str| line.contains("what is added last stands outside");
    assert!(!hints.is_empty() && hints.iter().all(order), "{said}");
}

/// A key that was just made reads nothing that the application has signed.
#[test]
fn u12_a_foreign_profile_without_a_key_asks_for_the_applications_own() {
    let config = Config { keys: None, ..Config::flask(KeyRing::new(key())) };
    let error = Engine::new(config).unwrap_err().to_string();
    assert!(error.contains("the application's own SECRET_KEY"), "{error}");
}
