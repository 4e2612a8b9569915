//! The bank, the comments and the inspector, without a browser.

use axum::Router;
use axum::http::StatusCode;
use sessile::{AnyStore, MemoryStore};

use super::tests::{app, app_beside, log_in, send, send_bare};

const TRANSFER: &str = "to=mallory&amount=100";

async fn balance(app: &Router, page: &str, cookie: &str) -> String {
    let page = send(app, "GET", page, cookie, "").await.body;
    let (_, rest) = page.split_once("id=\"balance\">").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn r44_r49_a_transfer_without_proof_moves_money_only_where_nothing_protects() {
    let app = app(AnyStore::new(MemoryStore::default()));
    let ada = log_in(&app, "ada", "engine").await;
    let query = format!("/bank/transfer?{TRANSFER}");
    for (method, path, form, status) in [
        ("POST", "/bank/transfer", TRANSFER, StatusCode::FORBIDDEN),
        ("POST", "/bank/transfer", "{\"to\":\"mallory\",\"amount\":100}", StatusCode::FORBIDDEN),
        ("POST", query.as_str(), "", StatusCode::FORBIDDEN),
        ("GET", query.as_str(), "", StatusCode::METHOD_NOT_ALLOWED),
        ("HEAD", query.as_str(), "", StatusCode::METHOD_NOT_ALLOWED),
        ("PUT", "/bank/transfer", TRANSFER, StatusCode::FORBIDDEN),
    ] {
        let answer = send_bare(&app, method, path, &ada, form).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(balance(&app, "/bank", &ada).await, "€1,000", "{method} {path}");
    }
    let refused = send(&app, "GET", "/bank", &ada, "").await.body;
    assert_eq!(refused.matches("<li class=\"refused\">").count(), 6, "{refused}");
    assert!(refused.contains("there is no CSRF token"), "{refused}");
    let answer = send(&app, "POST", "/bank/transfer", &ada, TRANSFER).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "with a token");
    assert_eq!(balance(&app, "/bank", &ada).await, "€900");

    for (method, path, form) in [
        ("POST", "/unprotected/bank/transfer".to_owned(), TRANSFER),
        ("GET", format!("/unprotected/bank/transfer?{TRANSFER}"), ""),
    ] {
        let answer = send_bare(&app, method, &path, &ada, form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{method}");
    }
    assert_eq!(balance(&app, "/unprotected/bank", &ada).await, "€800");
    assert_eq!(balance(&app, "/bank", &ada).await, "€900", "the branches are two");
}

#[tokio::test]
async fn nothing_is_unprotected_or_remembered_where_others_reach_the_address() {
    let app = app_beside(AnyStore::new(MemoryStore::default()), None);
    let ada = log_in(&app, "ada", "engine").await;
    for path in ["/unprotected/bank", "/unprotected/bank/transfer", "/unprotected/comments"] {
        let answer = send_bare(&app, "GET", path, &ada, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let answer = send_bare(&app, "POST", "/unprotected/bank/transfer", &ada, TRANSFER).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    for path in ["/bank", "/comments"] {
        let page = send(&app, "GET", path, &ada, "").await.body;
        assert!(page.contains("nobody else reaches") && !page.contains("/unprotected"), "{page}");
    }
    let page = send(&app, "GET", "/inspector", &ada, "").await.body;
    assert!(page.contains("Requests are remembered only") && !page.contains("POST /login"));
}

#[tokio::test]
async fn r52_comments_are_text_in_one_frame_and_markup_in_the_other() {
    let app = app(AnyStore::new(MemoryStore::default()));
    let ada = log_in(&app, "ada", "engine").await;
    for payload in ["script", "attribute", "url"] {
        let form = format!("payload={payload}");
        let answer = send(&app, "POST", "/comments/attempt", &ada, &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{payload}");
    }
    let escaped = send(&app, "GET", "/comments/frame", "", "").await;
    let raw = send(&app, "GET", "/unprotected/comments", "", "").await;
    for markup in ["<script>", "\"><img", "javascript:"] {
        assert!(raw.body.contains(markup), "{markup}: {}", raw.body);
        assert!(!escaped.body.contains(markup), "{markup}: {}", escaped.body);
    }
    assert!(escaped.body.contains("&lt;script&gt;"), "{}", escaped.body);
    // The browser is told the same of both.
    let policy = "content-security-policy";
    assert_eq!(escaped.header[policy], raw.header[policy]);
    assert!(raw.header[policy].to_str().unwrap().starts_with("sandbox allow-scripts;"));
    // Of what people write only so much is kept.
    let long = format!("link=&text={}", "x".repeat(301));
    for form in ["text=&link=", long.as_str()] {
        send(&app, "POST", "/comments", &ada, form).await;
        let page = send(&app, "GET", "/comments", &ada, "").await.body;
        assert!(page.contains("notice error"), "{page}");
    }
    for n in 0..20 {
        send(&app, "POST", "/comments", &ada, &format!("text=number+{n}&link=")).await;
    }
    let kept = send(&app, "GET", "/comments/frame", "", "").await.body;
    assert_eq!(kept.matches("<article>").count(), 6);
}

#[tokio::test]
async fn r16_the_inspector_tells_trips_decisions_and_no_secret() {
    let app = app(AnyStore::new(MemoryStore::default()));
    let ada = log_in(&app, "ada", "engine").await;
    send_bare(&app, "POST", "/bank/transfer", &ada, TRANSFER).await;
    send(&app, "POST", "/bank/transfer", &ada, TRANSFER).await;
    let page = send(&app, "GET", "/inspector", &ada, "").await.body;
    for part in [
        "there is no CSRF token in the header or the form",
        "<code>load</code> found",
        "<code>update</code> written",
        "<code>create</code> written",
        "<code>logged_in</code>",
        "32 bytes · ",
        "SameSite=Lax",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (_, secret) = ada.split_once('=').unwrap();
    assert!(!page.contains(secret), "{page}");
}
