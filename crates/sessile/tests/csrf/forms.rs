//! Tokens within forms: found, bounded, and the form handed on whole.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_core::Stream;
use sessile::CsrfLayer;

use crate::support::{Browser, FORM, OURS, site};

const MULTIPART: (&str, &str) = ("content-type", "multipart/form-data; boundary=XX");

fn part(name: &str, value: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(size: usize) -> String {
    let head = "Content-Disposition: form-data; name=\"csrf_token\"; filename=\"a\"";
    format!("--XX\r\n{head}\r\nContent-Type: text/plain\r\n\r\n{}\r\n", "a".repeat(size))
}

/// A body in many small pieces.
struct Pieces(Vec<u8>, usize);

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let size = self.1.min(self.0.len());
        let piece: Vec<u8> = self.0.drain(..size).collect();
        std::task::Poll::Ready((!piece.is_empty()).then(|| Ok(piece.into())))
    }
}

#[tokio::test]
async fn r44_urlencoded_forms_reach_the_handler_whole() {
    let site = site(CsrfLayer::native());
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    for kind in [FORM, ("content-type", "Application/X-WWW-Form-URLEncoded ; charset=utf-8")] {
        let form = format!("a=%C3%BC+b&csrf_token={token}&b=%FF%&&=&c");
        for size in [1, 7, 1 << 20] {
            let pieces = Pieces(form.clone().into_bytes(), size);
            let body = Body::from_stream(pieces);
            let answer = ada.send(&site, "POST", "/echo", &[OURS, kind], body).await;
            assert_eq!((answer.status, answer.text()), (StatusCode::OK, form.clone()), "{size}");
        }
    }
    for form in [
        "",
        "csrf_token",
        "csrf_token=",
        "csrf_token=%FF%FE%",
        "CSRF_TOKEN=x",
        "&&&&====",
        "csrf_token=x&csrf_token=y",
        "\u{0}\u{7f}",
    ] {
        let answer = ada.send(&site, "POST", "/echo", &[OURS, FORM], form.to_owned()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form:?}");
    }
}

#[tokio::test]
async fn r44_multipart_forms_reach_the_handler_whole() {
    let site = site(CsrfLayer::native());
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    let form = format!("{}{}{}--XX--\r\n", part("a", "1"), part("csrf_token", &token), file(100));
    for size in [1, 13, 1 << 20] {
        let pieces = Pieces(form.clone().into_bytes(), size);
        let body = Body::from_stream(pieces);
        let answer = ada.send(&site, "POST", "/echo", &[OURS, MULTIPART], body).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, form.clone()), "{size}");
    }
    // A file under the field's name is no token.
    let hidden = file(1).replace("\r\na\r\n", &format!("\r\n{token}\r\n"));
    for form in [
        String::new(),
        "--XX--\r\n".to_owned(),
        "--XX".to_owned(),
        "garbage".to_owned(),
        format!("{}--XX--\r\n", part("csrf_token", "")),
        format!("{}--XX--\r\n", part("csrf_tokens", &token)),
        format!("{hidden}--XX--\r\n"),
        "--XX\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n".to_owned(),
        format!("--XX\r\n{}\r\n\r\nx\r\n--XX--", "A: b\r\n".repeat(5000)),
    ] {
        let answer = ada.send(&site, "POST", "/echo", &[OURS, MULTIPART], form.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form:.80}");
    }
}

#[tokio::test]
async fn inv12_a_token_that_comes_first_needs_no_more_of_the_form() {
    let site = site(CsrfLayer::native().form_limit(64 << 10));
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    let form = format!("{}{}--XX--\r\n", part("csrf_token", &token), file(3 << 20));
    let pieces = Pieces(form.clone().into_bytes(), 1024);
    let body = Body::from_stream(pieces);
    let answer = ada.send(&site, "POST", "/echo", &[OURS, MULTIPART], body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body == form.as_bytes());
    // With the token in the header nothing of the body is looked at.
    let fields = [OURS, MULTIPART, ("x-csrftoken", token.as_str())];
    let answer = ada.send(&site, "POST", "/echo", &fields, file(3 << 20)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn inv12_what_is_larger_than_the_limit_is_413() {
    let site = site(CsrfLayer::native());
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    let big = "a".repeat(10 << 20);
    let bodies = [
        (FORM, format!("{big}&csrf_token={token}")),
        (FORM, format!("csrf_token={big}")),
        (FORM, "&".repeat(10 << 20)),
        (MULTIPART, format!("{}{}--XX--", file(10 << 20), part("csrf_token", &token))),
        (MULTIPART, format!("{}--XX--", part("csrf_token", &big))),
        (MULTIPART, part("a", "b").repeat(200_000)),
        (MULTIPART, format!("--XX\r\nA: {big}")),
    ];
    for (kind, form) in bodies {
        let pieces = Pieces(form.clone().into_bytes(), 16 << 10);
        let answer =
            ada.send(&site, "POST", "/echo", &[OURS, kind], Body::from_stream(pieces)).await;
        let refused = matches!(answer.status.as_u16(), 403 | 413);
        assert!(refused, "{kind:?} {form:.40} {}", answer.status);
    }
    let answer = ada.send(&site, "POST", "/echo", &[OURS, FORM], "a".repeat(2 << 20)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}
