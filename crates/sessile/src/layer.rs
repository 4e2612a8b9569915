//! The tower layer: begins an exchange for each request, finishes it before the response leaves.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use sessile_connect::{ConnectError, Settings, TokioRuntime};
use sessile_core::exchange::{App, Exchange, FormCredential};
use sessile_core::store::BoxFuture;
use sessile_core::{AnyStore, Config, ConfigError, Engine, Event, SessionStore, Timestamp};
use tower_layer::Layer;
use tower_service::Service;

use crate::failure::Failure;
use crate::head::{Fields, response, view};
use crate::manage::Sessions;

/// Gives every request behind it a session. Cheap to clone; clones share everything.
///
/// The session is loaded when a handler or middleware first asks for it, at
/// most once per request, and saved after the handler returned and before the
/// response's headers leave. If saving fails the handler's response is
/// replaced: a success whose changes were lost is never sent.
#[derive(Clone)]
pub struct SessionLayer {
    app: App,
}

impl SessionLayer {
    /// Sessions kept in `store`, swept as the configuration says.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the settings do not go together.
    pub fn new(config: Config, store: impl SessionStore) -> Result<Self, ConfigError> {
        Ok(Self { app: sessile_connect::app(config, store)? })
    }

    /// Sessions carried whole by their cookie, signed or encrypted.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the settings do not go together, or when they ask for a store.
    pub fn in_cookies(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { app: App::in_cookies(Engine::new(config)?, TokioRuntime)? })
    }

    /// Sessions as the settings say, in the store they name.
    ///
    /// Settings come from [`from_env`](crate::from_env), `from_toml` or code:
    ///
    /// ```
    /// use sessile::{SessionLayer, Settings};
    ///
    /// # async fn example() -> Result<(), sessile::ConnectError> {
    /// let settings = Settings::new()
    ///     .with("SESSION_TYPE", "memory")
    ///     .with("SESSION_IDLE_TIMEOUT", "30 minutes");
    /// let sessions = SessionLayer::connect(settings).await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError`]: a setting is wrong, the store is not in this build, or it cannot be opened.
    pub async fn connect(settings: Settings) -> Result<Self, ConnectError> {
        let (engine, store) = sessile_connect::connect(settings).await?;
        Ok(Self::with_engine(engine, store)?)
    }

    /// Sessions as `engine` rules and `store` keeps them.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] when a user's sessions are to be limited and
    /// nothing knows whose a session is.
    pub fn with_engine(engine: Engine, store: AnyStore) -> Result<Self, ConfigError> {
        Ok(Self { app: App::new(engine, store, TokioRuntime)? })
    }

    /// Believes the last `X-Forwarded-Proto`: requests that a proxy received in
    /// the clear have no session. Only behind a proxy that sets it itself.
    pub fn trust_forwarded_proto(self) -> Self {
        Self { app: self.app.trust_forwarded_proto() }
    }

    /// Calls `listener` with everything that happens to sessions: created,
    /// rotated, ended, refused. It runs within the request: hand slow work on.
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { app: self.app.on_event(listener) }
    }

    /// Replaces the system's clock, for tests that must not wait for a deadline.
    pub fn with_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { app: self.app.with_clock(clock) }
    }

    /// What it shares with other frameworks' layers.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Lists and ends sessions from outside of requests, such as an operator's page.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(&self.app)
    }

    /// The rules that requests follow.
    #[cfg(feature = "csrf")]
    pub(crate) fn engine(&self) -> &Engine {
        self.app.engine()
    }
}

/// For an application that other frameworks serve, too.
impl From<App> for SessionLayer {
    fn from(app: App) -> Self {
        Self { app }
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionLayer").field(&self.app).finish()
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, app: self.app.clone() }
    }
}

/// A service behind [`SessionLayer`].
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    app: App,
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
        let outer = request.extensions().get::<Exchange>();
        let exchange = match outer.is_some_and(|outer| outer.app().is(&self.app)) {
            true => None,
            false => {
                let form = request.extensions_mut().remove::<FormCredential>();
                let fields = Fields(request.headers());
                let (method, uri) = (request.method().as_str(), request.uri());
                Some(self.app.begin(&view(method, uri, &fields, request.extensions()), form))
            }
        };
        if let Some(exchange) = &exchange {
            request.extensions_mut().insert(exchange.clone());
        }
        SessionFuture { state: State::Running { handler: self.inner.call(request), exchange } }
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
        Running { #[pin] handler: F, exchange: Option<Exchange> },
        Saving { saving: BoxFuture<'static, Saved>, exchange: Exchange, response: Option<Response<Out>> },
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
                StateProjection::Running { handler, exchange } => {
                    let mut response = ready!(handler.poll(cx))?;
                    let Some(exchange) = exchange.take() else {
                        return Poll::Ready(Ok(response));
                    };
                    let status = response.status().as_u16();
                    match exchange.close(status, &mut Fields(response.headers_mut())) {
                        Ok(None) => return Poll::Ready(Ok(response)),
                        Err(failure) => return Poll::Ready(Ok(refuse(&exchange, failure.into()))),
                        Ok(Some(save)) => {
                            let mut headers = std::mem::take(response.headers_mut());
                            let saving = Box::pin(async move {
                                save.run(&mut Fields(&mut headers)).await?;
                                Ok(headers)
                            });
                            State::Saving { saving, exchange, response: Some(response) }
                        }
                    }
                }
                StateProjection::Saving { saving, exchange, response } => {
                    let saved = ready!(saving.as_mut().poll(cx));
                    let Some(mut response) = response.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(match saved {
                        Ok(headers) => {
                            *response.headers_mut() = headers;
                            response
                        }
                        Err(failure) => refuse(exchange, failure),
                    }));
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

/// The response in place of the handler's. The failure goes along in the extensions, for a
/// middleware that has a page for it.
fn refuse<Out: From<&'static str>>(exchange: &Exchange, failure: Failure) -> Response<Out> {
    let mut response = response(exchange.refusal(&failure));
    response.extensions_mut().insert(failure);
    response
}
