//! One request's way to a page.

use std::fmt;
use std::sync::Arc;

use axum::extract::OriginalUri;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use minijinja::{Value, context};

use super::views::{Current, Globals};
use super::{Shared, TemplateError};
use crate::failure::Failure;
use crate::g::G;
use crate::head::{Fields, fields_view};
use sessile_core::exchange::{Exchange, Scheme};

/// Makes pages, as an extractor. See [`Templates`](super::Templates).
#[derive(Clone)]
pub struct Page {
    shared: Arc<Shared>,
    request: Arc<Asked>,
}

/// What is known of a request.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) extensions: Extensions,
}

impl Asked {
    /// Without a session for a page that stands outside of the session layer.
    pub(super) fn of(parts: &Parts) -> Self {
        let mut extensions = Extensions::new();
        if let Some(exchange) = parts.extensions.get::<Exchange>() {
            extensions.insert(exchange.clone());
        }
        if let Some(scheme) = parts.extensions.get::<Scheme>() {
            extensions.insert(*scheme);
        }
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |uri| &uri.0);
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        Self { method, uri: uri.clone(), headers, extensions }
    }

    pub(super) fn exchange(&self) -> Option<&Exchange> {
        self.extensions.get::<Exchange>()
    }
}

impl Page {
    pub(super) fn new(shared: Arc<Shared>, request: Asked) -> Self {
        Self { shared, request: Arc::new(request) }
    }

    /// The page a template makes of `values`; where it makes none, a 500 that
    /// says why only in development. The log says it always.
    ///
    /// A page that showed something of a session is not to be stored by others:
    /// it says `Vary: Cookie`, as for every handler that reads the session.
    pub async fn render(&self, template: &str, values: impl Into<Value>) -> Response {
        match self.try_render(template, values).await {
            Ok(html) => html_response(html),
            Err(RenderError::Session(failure)) => failure.into_response(),
            Err(RenderError::Template(error)) => self.broken(&error),
        }
    }

    /// The text of [`render`](Self::render).
    ///
    /// # Errors
    ///
    /// [`RenderError`]: the template is broken or misses a value, or the
    /// session it asked for could not be loaded.
    pub async fn try_render(
        &self,
        template: &str,
        values: impl Into<Value>,
    ) -> Result<String, RenderError> {
        let values = values.into();
        let current = Arc::new(Current::new(self.request.clone()));
        if self.shared.asks_for_session(template) {
            self.load(&current).await?;
        }
        let first = self.once(template, &values, &current);
        if !current.misses_session() {
            return first;
        }
        // It asked for a session that nobody had loaded: what came of it does not
        // count. From now on it is loaded before.
        self.shared.note_asks_for_session(template);
        self.load(&current).await?;
        self.once(template, &values, &current)
    }

    async fn load(&self, current: &Current) -> Result<(), RenderError> {
        let Some(exchange) = self.request.exchange() else { return Ok(()) };
        let fields = Fields(&self.request.headers);
        let session = exchange.session(&fields_view(&fields, &self.request.extensions)).await;
        current.set_session(session.map_err(|failure| RenderError::Session(failure.into()))?);
        Ok(())
    }

    fn once(
        &self,
        template: &str,
        values: &Value,
        current: &Arc<Current>,
    ) -> Result<String, RenderError> {
        let globals = Globals::new(current);
        let mut page = context! { ..values.clone() };
        for processor in &self.shared.processors {
            page = context! { ..page, ..processor(self) };
        }
        let page = context! { ..page, ..globals.into_value() };
        let rendered = self.shared.environment.get_template(template);
        let rendered = rendered.and_then(|template| template.render(page));
        rendered.map_err(|because| {
            RenderError::Template(TemplateError { template: template.to_owned(), because })
        })
    }

    fn broken(&self, error: &TemplateError) -> Response {
        tracing::error!(target: "sessile", %error, "no page");
        let text = match self.shared.show_errors {
            true => format!("{error}\n\n{}", error.because.display_debug_info()),
            false => "This page is broken on our side.\n".to_owned(),
        };
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.request.method
    }

    /// The address that was asked for.
    pub fn uri(&self) -> &Uri {
        &self.request.uri
    }

    /// What this request's handlers share; `None` outside of a session layer.
    pub fn g(&self) -> Option<G> {
        G::of(&self.request.extensions).ok()
    }
}

pub(super) fn html_response(html: String) -> Response {
    let html_type = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, html_type)], html).into_response()
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let Some(shared) = parts.extensions.get::<Arc<Shared>>().cloned() else {
            tracing::error!(
                target: "sessile",
                "no templates around this route; add `.layer(templates.layer())` to the router"
            );
            let text = "This page is broken on our side.\n";
            return Err((StatusCode::INTERNAL_SERVER_ERROR, text).into_response());
        };
        Ok(Self::new(shared, Asked::of(parts)))
    }
}

/// Why there is no page.
pub enum RenderError {
    /// The template is broken, or misses a value.
    Template(TemplateError),
    /// The session it asked for could not be loaded.
    Session(Failure),
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(error) => error.fmt(f),
            Self::Session(failure) => failure.fmt(f),
        }
    }
}

sessile_core::debug_reads_like_display!(RenderError);

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::Template(error) => std::error::Error::source(error),
            Self::Session(failure) => std::error::Error::source(failure),
        }
    }
}
