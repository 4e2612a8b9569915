//! Ids in a hidden form field: the layer that reads forms before the session's own layer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::response::Response;
use http::{HeaderMap, Method, Request, header};
use pin_project_lite::pin_project;
use sessile_core::exchange::{Form, FormCredential, FormFields};
use sessile_core::transport::Place;
use tower_layer::Layer;
use tower_service::Service;

use crate::head::{read_form, response};
use crate::layer::{SessionFuture, SessionLayer, SessionService};

/// Bytes of a form that are read in search of the id, unless set.
const FORM_LIMIT: usize = 1 << 20;

/// A [`SessionLayer`] that finds ids in forms, made by [`SessionLayer::reading_forms`].
///
/// Forms, urlencoded and multipart, are read within a limit and handed on whole to the handler's
/// own extractor. Of several fields of the name the first counts, and a multipart form is read no
/// further than to it; put it first in forms with files.
#[derive(Clone)]
pub struct FormSessionLayer {
    sessions: SessionLayer,
    name: Option<Arc<str>>,
    limit: usize,
}

impl SessionLayer {
    /// Finds ids in forms, as [`Transport::form_field`](crate::Transport::form_field) needs it.
    /// With the other transports it changes nothing.
    pub fn reading_forms(self) -> FormSessionLayer {
        let name = match self.engine().transport().place() {
            Place::Form { name, .. } => Some(name.into()),
            _ => None,
        };
        FormSessionLayer { sessions: self, name, limit: FORM_LIMIT }
    }
}

impl FormSessionLayer {
    /// How many bytes of a form are read in search of the id. Default: 1 MiB. A form whose id
    /// comes later, or a longer one without any, is answered 413.
    #[must_use]
    pub fn form_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

impl<S> Layer<S> for FormSessionLayer {
    type Service = FormSessionService<S>;

    fn layer(&self, inner: S) -> FormSessionService<S> {
        let inner = self.sessions.layer(inner);
        FormSessionService { inner, name: self.name.clone(), limit: self.limit }
    }
}

/// A service behind [`FormSessionLayer`].
#[derive(Clone)]
pub struct FormSessionService<S> {
    inner: SessionService<S>,
    name: Option<Arc<str>>,
    limit: usize,
}

impl<S> Service<Request<Body>> for FormSessionService<S>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = FormSessionFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let name = match &self.name {
            Some(name) if may_have_a_form(request.method(), request.headers()) => name.clone(),
            Some(_) => {
                request.extensions_mut().insert(FormCredential::none());
                return FormSessionFuture {
                    state: State::Passed { answer: self.inner.call(request) },
                };
            }
            None => {
                return FormSessionFuture {
                    state: State::Passed { answer: self.inner.call(request) },
                };
            }
        };
        // The clone that was not asked whether it is ready stays behind.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let limit = self.limit;
        let reading = Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let wanted = FormFields::First(String::from(&*name));
            let (form, body) = read_form(&parts.headers, body, &wanted, limit).await;
            let Form::Fields(fields) = form else { return Ok(refuse(&form, limit)) };
            let fields = fields.iter().map(|(its, value)| (&**its, &**value));
            parts.extensions.insert(FormCredential::find(fields, &name));
            inner.call(Request::from_parts(parts, body)).await
        });
        FormSessionFuture { state: State::Reading { reading } }
    }
}

/// Whether there may be a form to read: forms are not sent with GET.
fn may_have_a_form(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD) && headers.contains_key(header::CONTENT_TYPE)
}

fn refuse(form: &Form, limit: usize) -> Response {
    tracing::warn!(target: "sessile", ?form, limit, "a form was refused: its session id was not reached");
    response(FormCredential::refusal(form))
}

pin_project! {
    /// The response to come.
    pub struct FormSessionFuture<F, E> {
        #[pin]
        state: State<F, E>,
    }
}

type Reading<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<F, E> {
        Passed { #[pin] answer: SessionFuture<F, Body> },
        Reading { reading: Reading<E> },
    }
}

impl<F, E> Future for FormSessionFuture<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { answer } => answer.poll(cx),
            StateProjection::Reading { reading } => reading.as_mut().poll(cx),
        }
    }
}

impl std::fmt::Debug for FormSessionLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormSessionLayer").field("form_limit", &self.limit).finish_non_exhaustive()
    }
}

impl<S> std::fmt::Debug for FormSessionService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormSessionService").finish_non_exhaustive()
    }
}
