//! The layer as settings describe it.

use axum::http::StatusCode;
use sessile::{Config, CsrfLayer, KeyRing, MemoryStore, SecretKey, Settings};

use crate::support::{Browser, FORM, OURS, site, site_with};

const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

fn layer(pairs: &[(&str, &str)]) -> CsrfLayer {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    CsrfLayer::from_settings(&Settings::from_pairs(pairs)).unwrap()
}

#[tokio::test]
async fn our_rules_by_name() {
    let site = site(layer(&[
        ("CSRF_TRUSTED_ORIGINS", "https://pay.example"),
        ("CSRF_EXEMPT_ROUTES", "/hooks/{id}"),
        ("CSRF_FORM_LIMIT", "100"),
    ]));
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    let trusted = [("origin", "https://pay.example"), ("x-csrftoken", &*token)];
    assert_eq!(ada.send(&site, "POST", "/echo", &trusted, "").await.status, StatusCode::OK);
    let program = ada.send(&site, "POST", "/hooks/7", &[], "").await;
    assert_eq!(program.status, StatusCode::OK);
    let large = format!("a={}&csrf_token={token}", "x".repeat(100));
    let answer = ada.send(&site, "POST", "/echo", &[OURS, FORM], large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn djangos_and_flask_wtfs_by_their_names() {
    let csrf = layer(&[
        ("SESSION_PROFILE", "django"),
        ("ALLOWED_HOSTS", "shop.example"),
        ("CSRF_COOKIE_NAME", "other"),
        ("CSRF_COOKIE_PATH", "/form"),
        ("CSRF_COOKIE_AGE", "none"),
        ("CSRF_HEADER_NAME", "HTTP_X_OTHER"),
    ]);
    let keys = KeyRing::new(SecretKey::new(KEY).unwrap());
    let site = site_with(csrf, Config::django(keys), MemoryStore::default());
    let mut ada = Browser::default();
    let answer = ada.get(&site, "/form").await;
    let secret = &ada.cookies[0].1;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert_eq!(cookie, format!("other={secret}; Path=/form; SameSite=Lax"));
    let fields = [("x-other", &*answer.text()), ("origin", "http://shop.example")];
    assert_eq!(ada.send(&site, "POST", "/echo", &fields, "").await.status, StatusCode::OK);
    let elsewhere = [fields[0], ("origin", "http://evil.example"), ("host", "evil.example")];
    let answer = ada.send(&site, "POST", "/echo", &elsewhere, "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);

    let csrf = layer(&[
        ("SESSION_PROFILE", "flask_session"),
        ("SECRET_KEY", KEY),
        ("WTF_CSRF_METHODS", "PUT"),
        ("WTF_CSRF_META_NAME", "\"odd"),
    ]);
    let site = site_with(csrf, Config::flask_session(None), MemoryStore::default());
    let meta = Browser::default().get(&site, "/meta").await.text();
    assert!(meta.starts_with("<meta name=\"&quot;odd\" content=\"I"), "{meta}");
    for (method, expected) in [("POST", StatusCode::OK), ("PUT", StatusCode::BAD_REQUEST)] {
        let answer = Browser::default().send(&site, method, "/echo", &[], "").await;
        assert_eq!(answer.status, expected);
    }
}

/// What apps in a web view send, and Django takes.
#[tokio::test]
async fn d15_origins_of_an_applications_own_scheme_are_trusted_by_name() {
    let app = "capacitor://localhost, ionic://app.example:7";
    let native = site(layer(&[("CSRF_TRUSTED_ORIGINS", app)]));
    let django = layer(&[
        ("SESSION_PROFILE", "django"),
        ("ALLOWED_HOSTS", "shop.example"),
        ("CSRF_TRUSTED_ORIGINS", app),
    ]);
    let keys = KeyRing::new(SecretKey::new(KEY).unwrap());
    let django = site_with(django, Config::django(keys), MemoryStore::default());
    for (site, name) in [(native, "x-csrftoken"), (django, "x-csrftoken")] {
        let mut ada = Browser::default();
        let token = ada.token(&site).await;
        let from = async |origin: &str| {
            let fields = [("origin", origin), ("sec-fetch-site", "cross-site"), (name, &*token)];
            ada.clone().send(&site, "POST", "/echo", &fields, "").await.status
        };
        assert_eq!(from("capacitor://localhost").await, StatusCode::OK);
        assert_eq!(from("ionic://app.example:7").await, StatusCode::OK);
        for other in [
            "capacitor://localhost:80",
            "capacitor://localhost.evil.example",
            "http://localhost",
            "ionic://app.example",
            "ionic://app.example:8",
            "null",
        ] {
            assert_eq!(from(other).await, StatusCode::FORBIDDEN, "{other}");
        }
    }
    for wrong in
        ["capacitor:localhost", "://localhost", "1a://localhost", "capacitor://", "a b://c"]
    {
        let pairs = [("CSRF_TRUSTED_ORIGINS", wrong)];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let refused = CsrfLayer::from_settings(&Settings::from_pairs(pairs)).err().unwrap();
        assert!(refused.to_string().contains("CSRF_TRUSTED_ORIGINS"), "{refused}");
    }
}
