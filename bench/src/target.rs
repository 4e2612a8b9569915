//! The two kinds of service a contender can be, behind one trait, so that the measured loops
//! are the same code for all of them.

use crate::Result;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service as ActixService, ServiceResponse};
use actix_web::test::TestRequest;
use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, HOST, ORIGIN, REFERER, SET_COOKIE};
use axum::http::{HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::hint::black_box;
use tokio::runtime::Runtime;
use tower::Service as TowerService;

/// The path that is posted to; the others are got.
pub(crate) const POST: &str = "/post";

/// The answer to one request, as the checks need it.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) set_cookies: Vec<String>,
}

/// A built service that answers requests for one path with one cookie header.
pub(crate) trait Target {
    /// Chooses the path and the `Cookie` header of the requests that `prepare` builds.
    fn aim(&mut self, path: &'static str, cookie: &str);
    /// Chooses the `X-CSRFToken` of requests for [`POST`].
    fn show(&mut self, _token: &str) {}
    /// Builds `n` requests; not part of what is measured.
    fn prepare(&mut self, n: usize);
    /// Answers `n` of the prepared requests. This is what is measured.
    fn run(&mut self, runtime: &Runtime, n: usize) -> Result<()>;
    /// Answers one request and keeps the answer.
    fn ask(&mut self, runtime: &Runtime, path: &'static str, cookie: &str) -> Result<Reply>;
}

/// An axum router with whatever layer the contender put around it.
pub(crate) struct AxumTarget {
    router: Router,
    path: &'static str,
    cookie: String,
    token: String,
    ready: Vec<Request<Body>>,
}

impl AxumTarget {
    pub(crate) fn boxed(router: Router) -> Box<dyn Target> {
        let (cookie, token) = (String::new(), String::new());
        Box::new(Self { router, path: "/", cookie, token, ready: Vec::new() })
    }
}

/// A request as a browser would send it, without the headers no contender looks at.
fn axum_request(path: &'static str, cookie: &str, token: &str) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = axum::http::Uri::from_static(path);
    if let (false, Ok(value)) = (cookie.is_empty(), cookie.parse()) {
        request.headers_mut().insert(COOKIE, value);
    }
    if let (POST, Ok(token)) = (path, HeaderValue::from_str(token)) {
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("site.example"));
        headers.insert(ORIGIN, HeaderValue::from_static("https://site.example"));
        headers.insert(REFERER, HeaderValue::from_static("https://site.example/page"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        headers.insert("x-csrftoken", token);
    }
    request
}

impl Target for AxumTarget {
    fn aim(&mut self, path: &'static str, cookie: &str) {
        self.path = path;
        self.cookie = cookie.to_owned();
    }

    fn show(&mut self, token: &str) {
        self.token = token.to_owned();
    }

    fn prepare(&mut self, n: usize) {
        self.ready.reserve(n);
        for _ in 0..n {
            self.ready.push(axum_request(self.path, &self.cookie, &self.token));
        }
    }

    fn run(&mut self, runtime: &Runtime, n: usize) -> Result<()> {
        let first = self.ready.len().checked_sub(n).ok_or("not enough requests prepared")?;
        let (router, ready) = (&mut self.router, &mut self.ready);
        runtime.block_on(async {
            for request in ready.drain(first..) {
                // A router is always ready, as axum documents; its errors are Infallible.
                let reply: std::result::Result<Response<Body>, Infallible> =
                    TowerService::call(router, request).await;
                drop(black_box(reply));
            }
        });
        Ok(())
    }

    fn ask(&mut self, runtime: &Runtime, path: &'static str, cookie: &str) -> Result<Reply> {
        let request = axum_request(path, cookie, &self.token);
        runtime.block_on(async {
            let reply = TowerService::call(&mut self.router, request).await?;
            let set_cookies = reply
                .headers()
                .get_all(SET_COOKIE)
                .iter()
                .map(|value| Ok(value.to_str()?.to_owned()))
                .collect::<Result<_>>()?;
            let status = reply.status().as_u16();
            let bytes = reply.into_body().collect().await?.to_bytes();
            Ok(Reply { status, body: String::from_utf8(bytes.to_vec())?, set_cookies })
        })
    }
}

/// An actix-web application as `actix_web::test::init_service` builds it.
pub(crate) struct ActixTarget<S> {
    service: S,
    path: &'static str,
    cookie: String,
    ready: Vec<actix_http::Request>,
}

impl<S, B> ActixTarget<S>
where
    S: ActixService<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>
        + 'static,
    B: MessageBody + 'static,
{
    pub(crate) fn boxed(service: S) -> Box<dyn Target> {
        Box::new(Self { service, path: "/", cookie: String::new(), ready: Vec::new() })
    }
}

/// The same request for actix-web.
fn actix_request(path: &'static str, cookie: &str) -> actix_http::Request {
    let request = TestRequest::with_uri(path);
    match cookie {
        "" => request.to_request(),
        _ => request.insert_header((actix_web::http::header::COOKIE, cookie)).to_request(),
    }
}

impl<S, B> Target for ActixTarget<S>
where
    S: ActixService<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    fn aim(&mut self, path: &'static str, cookie: &str) {
        self.path = path;
        self.cookie = cookie.to_owned();
    }

    fn prepare(&mut self, n: usize) {
        self.ready.reserve(n);
        for _ in 0..n {
            self.ready.push(actix_request(self.path, &self.cookie));
        }
    }

    fn run(&mut self, runtime: &Runtime, n: usize) -> Result<()> {
        let first = self.ready.len().checked_sub(n).ok_or("not enough requests prepared")?;
        let (service, ready) = (&self.service, &mut self.ready);
        runtime.block_on(async {
            for request in ready.drain(first..) {
                let reply = service.call(request).await;
                drop(black_box(reply));
            }
        });
        Ok(())
    }

    fn ask(&mut self, runtime: &Runtime, path: &'static str, cookie: &str) -> Result<Reply> {
        let request = actix_request(path, cookie);
        runtime.block_on(async {
            let reply = self.service.call(request).await.map_err(|error| error.to_string())?;
            let set_cookies = reply
                .headers()
                .get_all(actix_web::http::header::SET_COOKIE)
                .map(|value| Ok(value.to_str()?.to_owned()))
                .collect::<Result<_>>()?;
            let status = reply.status().as_u16();
            let bytes = to_bytes(reply.into_body()).await.map_err(|_| "body failed")?;
            Ok(Reply { status, body: String::from_utf8(bytes.to_vec())?, set_cookies })
        })
    }
}
