//! The tower layer: opens a place for the session, closes it before the response leaves.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use sessile_core::store::{BoxFuture, NoStore};
use sessile_core::{AnyStore, Config, ConfigError, Engine, Event, SessionStore, Timestamp};
use tower_layer::Layer;
use tower_service::Service;

use crate::bounded::Bounded;
use crate::failure::Failure;
use crate::manage::Sessions;
use crate::slot::{Closed, Shared, Slot};
use crate::transport::{Carried, Fields, protect};
use crate::world::Surroundings;

/// Gives every request behind it a session. Cheap to clone; clones share everything.
///
/// The session is loaded when a handler or middleware first asks for it, at
/// most once per request, and saved after the handler returned and before the
/// response's headers leave. If saving fails the handler's response is
/// replaced: a success whose changes were lost is never sent.
#[derive(Clone)]
pub struct SessionLayer {
    shared: Arc<Shared>,
}

impl SessionLayer {
    /// Sessions kept in `store`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the settings do not go together.
    pub fn new(config: Config, store: impl SessionStore) -> Result<Self, ConfigError> {
        Self::with_engine(Engine::new(config)?, AnyStore::new(store))
    }

    /// Sessions carried whole by their cookie, signed or encrypted.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the settings do not go together, or when they ask for a store.
    pub fn in_cookies(config: Config) -> Result<Self, ConfigError> {
        let engine = Engine::new(config)?;
        if engine.needs_store() {
            return Err(ConfigError::OutOfRange {
                setting: "storage",
                takes: "SignedCookie or EncryptedCookie where no store is given",
            });
        }
        Self::with_engine(engine, AnyStore::new(NoStore))
    }

    /// Sessions as `engine` rules and `store` keeps them.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] when a user's sessions are to be limited and
    /// nothing knows whose a session is.
    pub fn with_engine(engine: Engine, store: AnyStore) -> Result<Self, ConfigError> {
        let counted = engine.needs_store() && store.as_directory().is_some();
        if engine.sessions_per_subject().is_some() && !counted {
            return Err(ConfigError::OutOfRange {
                setting: "sessions_per_subject",
                takes: "a number only with a store that knows which user a session belongs to",
            });
        }
        if engine.is_development() {
            tracing::warn!(
                target: "sessile",
                "development mode: session cookies travel without TLS; never use it in production"
            );
        }
        let surroundings = Surroundings::default();
        let store = Bounded::new(store, engine.store_timeout());
        let engine = Arc::new(engine);
        let fields = Fields::of(engine.transport());
        let shared = Shared { engine, store, surroundings, fields, trust_forwarded_proto: false };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Believes the last `X-Forwarded-Proto`: requests that a proxy received in
    /// the clear have no session. Only behind a proxy that sets it itself.
    pub fn trust_forwarded_proto(self) -> Self {
        self.change(|shared| shared.trust_forwarded_proto = true)
    }

    /// Calls `listener` with everything that happens to sessions: created,
    /// rotated, ended, refused. It runs within the request: hand slow work on.
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.change(|shared| shared.surroundings.listener = Some(Arc::new(listener)))
    }

    /// Replaces the system's clock, for tests that must not wait for a deadline.
    pub fn with_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.change(|shared| shared.surroundings.clock = Some(Arc::new(clock)))
    }

    /// Lists and ends sessions from outside of requests, such as an operator's page.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.shared.clone())
    }

    /// The rules that requests follow.
    #[cfg(feature = "csrf")]
    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    fn change(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = match Arc::try_unwrap(self.shared) {
            Ok(shared) => shared,
            // Another clone serves already; it keeps what it was built with.
            Err(shared) => Shared {
                engine: shared.engine.clone(),
                store: shared.store.clone(),
                surroundings: shared.surroundings.clone(),
                fields: shared.fields.clone(),
                trust_forwarded_proto: shared.trust_forwarded_proto,
            },
        };
        change(&mut shared);
        Self { shared: Arc::new(shared) }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, shared: self.shared.clone() }
    }
}

/// A service behind [`SessionLayer`].
#[derive(Clone)]
pub struct SessionService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, In, Out> Service<Request<In>> for SessionService<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    Out: From<&'static str>,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = SessionFuture<S::Future, Out>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<In>) -> Self::Future {
        // The same layer around this one already: the session is one, so that its
        // changes are settled once.
        let outer = request.extensions().get::<Slot>();
        let slot = match outer.is_some_and(|slot| Arc::ptr_eq(slot.shared(), &self.shared)) {
            true => None,
            false => {
                let carried = Carried::of(&self.shared.engine, &mut request);
                Some(Slot::new(self.shared.clone(), carried))
            }
        };
        if let Some(slot) = &slot {
            request.extensions_mut().insert(slot.clone());
        }
        SessionFuture { state: State::Running { handler: self.inner.call(request), slot } }
    }
}

pin_project! {
    /// The response to come, with the session saved before it does.
    pub struct SessionFuture<F, Out> {
        #[pin]
        state: State<F, Out>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, Out> {
        Running { #[pin] handler: F, slot: Option<Slot> },
        Saving {
            saving: BoxFuture<'static, Saved>,
            response: Option<Response<Out>>,
            in_address: bool,
        },
    }
}

/// The response's headers with the session's among them, or why there are none.
type Saved = Result<HeaderMap, Failure>;

impl<F, Out, E> Future for SessionFuture<F, Out>
where
    F: Future<Output = Result<Response<Out>, E>>,
    Out: From<&'static str>,
{
    type Output = Result<Response<Out>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProjection::Running { handler, slot } => {
                    let mut response = ready!(handler.poll(cx))?;
                    let slot = slot.take().filter(|slot| !slot.is_untouched());
                    let Some(slot) = slot else { return Poll::Ready(Ok(response)) };
                    let server_error = response.status().is_server_error();
                    let in_address = slot.is_in_address();
                    match slot.close(server_error, response.headers_mut()) {
                        Ok(Closed::Done) => return Poll::Ready(Ok(response)),
                        Err(failure) => {
                            return Poll::Ready(Ok(refuse_at(&failure, in_address)));
                        }
                        Ok(Closed::Planned(plan)) => {
                            let headers = std::mem::take(response.headers_mut());
                            let saving = Box::pin(slot.save(plan, server_error, headers));
                            State::Saving { saving, response: Some(response), in_address }
                        }
                    }
                }
                StateProjection::Saving { saving, response, in_address } => {
                    let saved = ready!(saving.as_mut().poll(cx));
                    let Some(mut response) = response.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(match saved {
                        Ok(headers) => {
                            *response.headers_mut() = headers;
                            response
                        }
                        Err(failure) => refuse_at(&failure, *in_address),
                    }));
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

/// As [`refuse`], for an address that may hold an id.
fn refuse_at<Out: From<&'static str>>(failure: &Failure, in_address: bool) -> Response<Out> {
    let mut response = refuse(failure);
    if in_address {
        protect(response.headers_mut(), false);
    }
    response
}

/// The response in place of the handler's. No cookie: the visitor keeps theirs.
/// The failure goes along in the extensions, for a middleware that has a page for it.
pub(crate) fn refuse<Out: From<&'static str>>(failure: &Failure) -> Response<Out> {
    failure.trace();
    let mut response = Response::new(Out::from(failure.visitor_text()));
    *response.status_mut() = failure.status();
    response.extensions_mut().insert(failure.clone());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
