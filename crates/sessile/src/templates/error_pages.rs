//! Errors as pages, for those who can read one.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::response::Response;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use minijinja::context;
use sessile_core::store::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::Shared;
use super::page::{Asked, Page};
use crate::failure::Failure;
use crate::head::accepts_html;

/// Puts a page in place of an error's plain text, for visitors whose browser
/// takes HTML. Status and other headers stay.
///
/// The template gets `status` (404), `reason` ("Not Found") and `message`: what
/// a visitor may know of a session's failure, otherwise nothing. Put this layer
/// outside of the [`SessionLayer`](crate::SessionLayer), so that its failures
/// get a page too; the template then knows no session.
///
/// ```
/// # use axum::Router;
/// # use sessile::{Config, MemoryStore, SessionLayer, templates::Templates};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let templates = Templates::from_sources([
///     ("error.html", "<h1>{{ status }} {{ reason }}</h1><p>{{ message }}</p>"),
/// ])?.layer();
/// let app: Router = Router::new()
///     .layer(templates.clone())
///     .layer(SessionLayer::new(Config::native(), MemoryStore::new())?)
///     .layer(templates.error_pages("error.html"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ErrorPages {
    shared: Arc<Shared>,
    template: Arc<str>,
}

impl ErrorPages {
    pub(super) fn new(shared: Arc<Shared>, template: Arc<str>) -> Self {
        Self { shared, template }
    }

    async fn dress(&self, asked: Asked, response: Response) -> Response {
        let status = response.status();
        let message = response.extensions().get::<Failure>().map(Failure::visitor_text);
        let values = context! {
            status => status.as_u16(),
            reason => status.canonical_reason().unwrap_or("Error"),
            message => message.unwrap_or_default().trim_end(),
        };
        let page = Page::new(self.shared.clone(), asked);
        let html = match page.try_render(&self.template, values).await {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(target: "sessile", %error, "no page for an error");
                return response;
            }
        };
        let (mut parts, _) = response.into_parts();
        // What was said of the other body.
        for told in [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::ETAG] {
            parts.headers.remove(told);
        }
        let html_type = HeaderValue::from_static("text/html; charset=utf-8");
        parts.headers.insert(header::CONTENT_TYPE, html_type);
        Response::from_parts(parts, Body::from(html))
    }
}

/// A page of the application's own, or what is for programs.
fn has_a_page(status: StatusCode, headers: &HeaderMap) -> bool {
    let failed = status.is_client_error() || status.is_server_error();
    let plain = headers.get(header::CONTENT_TYPE);
    !failed || plain.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"))
}

impl fmt::Debug for ErrorPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErrorPages").field(&self.template).finish()
    }
}

impl<S> Layer<S> for ErrorPages {
    type Service = ErrorPagesService<S>;

    fn layer(&self, inner: S) -> ErrorPagesService<S> {
        ErrorPagesService { inner, pages: self.clone() }
    }
}

/// A service behind [`ErrorPages`].
#[derive(Clone, Debug)]
pub struct ErrorPagesService<S> {
    inner: S,
    pages: ErrorPages,
}

impl<S> Service<Request<Body>> for ErrorPagesService<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !accepts_html(request.headers()) {
            return Box::pin(self.inner.call(request));
        }
        let (parts, body) = request.into_parts();
        let asked = Asked::of(&parts);
        let answer = self.inner.call(Request::from_parts(parts, body));
        let pages = self.pages.clone();
        Box::pin(async move {
            let response = answer.await?;
            if has_a_page(response.status(), response.headers()) {
                return Ok(response);
            }
            Ok(pages.dress(asked, response).await)
        })
    }
}
