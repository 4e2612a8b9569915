//! Forms that are read in search of a token.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use futures_core::Stream;
use sessile::csrf::{DjangoCookie, django, flask_wtf};
use sessile::{Config, Csrf, CsrfLayer, KeyRing, MemoryStore, SecretKey, SessionLayer};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

/// Less than the fuzzer's inputs, so that the limit is met.
const LIMIT: usize = 2048;

/// In an input it stands for the visitor's token.
const TOKEN: &[u8] = b"@T@";

/// A form reaches the handler as it was sent, or not at all; it reaches it only if the token is
/// in it; and what is read in search of it stays within the limit.
///
/// The first line of the input is the content type, the second says by its length into what
/// pieces the rest is cut, which is the body.
pub fn csrf_form(input: &[u8]) {
    answers(input);
}

/// The answers of a site with our rules, with Flask-WTF's, with Django's.
fn answers(input: &[u8]) -> Vec<StatusCode> {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let kind = lines.next().unwrap_or_default();
    let size = lines.next().unwrap_or_default().len().max(1);
    let body = lines.next().unwrap_or_default();
    SITES.with_borrow_mut(|sites| {
        let sites = sites.get_or_insert_with(Sites::new);
        let send = |visitor: &Visitor| sites.runtime.block_on(visitor.send(kind, size, body));
        sites.visitors.iter().filter_map(send).collect()
    })
}

thread_local! {
    static SITES: RefCell<Option<Sites>> = const { RefCell::new(None) };
}

struct Sites {
    runtime: Runtime,
    visitors: Vec<Visitor>,
}

/// One who has been to a page with a form.
struct Visitor {
    site: Router,
    cookies: String,
    token: String,
}

impl Sites {
    fn new() -> Self {
        let Ok(runtime) = Builder::new_current_thread().enable_time().build() else {
            unreachable!("a runtime of one thread")
        };
        let Ok(key) = SecretKey::new(super::KEY) else { unreachable!("long enough") };
        let lax = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
        let sites = [
            (CsrfLayer::native().form_limit(LIMIT), Config::native()),
            (CsrfLayer::flask_wtf(&key, lax).form_limit(LIMIT), Config::flask_session(None)),
            (
                CsrfLayer::django(django::Rules::default(), DjangoCookie::default())
                    .form_limit(LIMIT),
                Config::django(KeyRing::new(key)),
            ),
        ];
        let visitors = sites.map(|(csrf, config)| runtime.block_on(Visitor::of(csrf, config)));
        Self { runtime, visitors: visitors.into() }
    }
}

impl Visitor {
    async fn of(csrf: CsrfLayer, config: Config) -> Self {
        let Ok(sessions) = SessionLayer::new(config, MemoryStore::default()) else {
            unreachable!("settings that are whole")
        };
        let site: Router = Router::new()
            .route("/form", get(async |csrf: Csrf| csrf.token()))
            .route("/echo", post(async |body: Bytes| body))
            .layer(csrf)
            .layer(sessions);
        let Ok(request) = Request::get("/form").body(Body::empty()) else { unreachable!() };
        let Ok(response) = site.clone().oneshot(request).await;
        let set = response.headers().get_all(header::SET_COOKIE).iter();
        let pairs = set.filter_map(|value| value.to_str().ok()?.split(';').next());
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let token = to_bytes(response.into_body(), 4096).await.unwrap_or_default();
        let token = String::from_utf8_lossy(&token).into_owned();
        assert!(token.len() >= 64 && !cookies.is_empty());
        Self { site, cookies, token }
    }

    async fn send(&self, kind: &[u8], size: usize, body: &[u8]) -> Option<StatusCode> {
        let body = replaced(body, self.token.as_bytes());
        let mut request = Request::post("/echo")
            .header(header::HOST, "shop.example")
            .header(header::COOKIE, &self.cookies)
            .header("sec-fetch-site", "same-origin");
        request = request.header(header::CONTENT_TYPE, header::HeaderValue::from_bytes(kind).ok()?);
        let pieces = Pieces { rest: body.clone().into(), size };
        let Ok(request) = request.body(Body::from_stream(pieces)) else {
            unreachable!("fields that were checked")
        };
        let Ok(response) = self.site.clone().oneshot(request).await;
        let status = response.status();
        if status == StatusCode::OK {
            let echoed = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
            assert_eq!(echoed, body, "handed on as it came");
            let token = self.token.as_bytes();
            assert!(
                holds(&body, token) || holds(&percent_decoded(&body), token),
                "let in without the token"
            );
        } else {
            assert!(status.is_client_error(), "{status}");
            assert!(status != StatusCode::PAYLOAD_TOO_LARGE || body.len() > LIMIT);
        }
        Some(status)
    }
}

/// A body that arrives piece by piece.
struct Pieces {
    rest: Bytes,
    size: usize,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let size = self.size.min(self.rest.len());
        Poll::Ready((size > 0).then(|| Ok(self.rest.split_to(size))))
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn replaced(bytes: &[u8], token: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(TOKEN) {
            out.extend_from_slice(token);
            rest = after;
        } else {
            out.push(*byte);
            rest = after;
        }
    }
    out
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        let hex = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    #[test]
    fn b07_the_corpus_holds_forms_that_each_of_the_rules_lets_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/csrf_form");
        let mut seen = [[0; 2]; 3];
        for entry in std::fs::read_dir(folder).unwrap() {
            let input = std::fs::read(entry.unwrap().path()).unwrap();
            for (at, status) in super::answers(&input).into_iter().enumerate() {
                seen[at][usize::from(status == StatusCode::OK)] += 1;
            }
        }
        assert!(seen.as_flattened().iter().all(|count| *count >= 3), "{seen:?}");
    }
}
