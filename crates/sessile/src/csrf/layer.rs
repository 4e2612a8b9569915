//! The tower layer: has what may change something checked, lets the rest pass.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use axum_core::body::Body;
use axum_core::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{Extensions, Request};
use pin_project_lite::pin_project;
use sessile_connect::{Settings, SettingsError};
use sessile_core::SecretKey;
use sessile_core::csrf::django::DjangoCookie;
use sessile_core::csrf::native::BadOrigin;
use sessile_core::csrf::{django, flask_wtf, native};
use sessile_core::exchange::{CsrfCheck, CsrfGuard, CsrfStop, Exchange, Refusal};
use tower_layer::Layer;
use tower_service::Service;

use crate::failure::Failure;
use crate::head::{Fields, read_form, response, view};

type Answer = dyn Fn(&Refusal, &Parts) -> Response + Send + Sync;

/// Refuses requests that may have been sent by another site in the visitor's
/// name. Put it within the [`SessionLayer`](crate::SessionLayer), so that it is
/// added first. Cheap to clone.
///
/// Requests that only look (GET, HEAD, OPTIONS, TRACE) pass freely, so nothing
/// may change because of them. In our own rules a WebSocket is no such request:
/// only this site's pages and trusted ones may open it.
#[derive(Clone)]
pub struct CsrfLayer {
    guard: Arc<CsrfGuard>,
    answer: Option<Arc<Answer>>,
}

impl CsrfLayer {
    /// Our own rules, strict: a request must come from this site, and show a
    /// token made for its session.
    pub fn native() -> Self {
        Self::with_rules(native::Rules::default())
    }

    /// Our own rules, changed.
    pub fn with_rules(rules: native::Rules) -> Self {
        CsrfGuard::native(rules).into()
    }

    /// Flask-WTF's rules and tokens, for sessions shared with a Flask
    /// application. `key` is its `WTF_CSRF_SECRET_KEY` or `SECRET_KEY`.
    pub fn flask_wtf(key: &SecretKey, rules: flask_wtf::Rules) -> Self {
        CsrfGuard::flask_wtf(key, rules).into()
    }

    /// Django's rules and tokens, for sites shared with a Django application.
    pub fn django(rules: django::Rules, cookie: DjangoCookie) -> Self {
        CsrfGuard::django(rules, cookie).into()
    }

    /// As the settings say: `CSRF_PROFILE` and what it knows, Flask-WTF's and
    /// Django's names among them. They may be the session layer's settings too:
    /// rules that go with its profile are the default.
    ///
    /// ```
    /// use sessile::{CsrfLayer, SessionLayer, Settings};
    ///
    /// # async fn example() -> Result<(), sessile::ConnectError> {
    /// let settings = Settings::new()
    ///     .with("SESSION_TYPE", "memory")
    ///     .with("CSRF_TRUSTED_ORIGINS", vec!["https://pay.example"]);
    /// let csrf = CsrfLayer::from_settings(&settings)?;
    /// let sessions = SessionLayer::connect(settings).await?;
    /// let app: axum::Router = axum::Router::new().layer(csrf).layer(sessions);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the setting, what it was given, and what it takes.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(CsrfGuard::from(settings.csrf()?).into())
    }

    /// As the environment says: [`from_settings`](Self::from_settings) of
    /// [`from_env`](crate::from_env).
    ///
    /// # Errors
    ///
    /// [`ConnectError::Settings`](crate::ConnectError) and
    /// [`ConnectError::NotUnicode`](crate::ConnectError).
    pub fn from_env() -> Result<Self, crate::ConnectError> {
        Ok(Self::from_settings(&crate::from_env()?)?)
    }

    /// Trusts the forms and scripts of another origin, in our own rules:
    /// `https://pay.example`. Scheme, host and port must agree.
    ///
    /// # Errors
    ///
    /// [`BadOrigin`], also in the other profiles, whose rules have trusted
    /// origins of their own.
    pub fn trust(self, origin: &str) -> Result<Self, BadOrigin> {
        let guard = Arc::unwrap_or_clone(self.guard).trust(origin)?;
        Ok(Self { guard: Arc::new(guard), ..self })
    }

    /// Leaves a route unchecked: one that is called by programs, which prove
    /// themselves by a signature or token of their own. `route` is written as
    /// in `Router::route`, with what it is nested under: `/hooks/{id}`. What
    /// counts is the route that axum chose, not the address that was sent, so
    /// `//`, `%2f` or `..` in an address widen nothing.
    pub fn exempt_route(self, route: impl Into<String>) -> Self {
        self.change(|guard| guard.exempt_route(route))
    }

    /// How many bytes of a form are read in search of its token. Default: 1 MiB.
    /// A form whose token comes later is answered 413, unless its header has one.
    pub fn form_limit(self, bytes: usize) -> Self {
        self.change(|guard| guard.form_limit(bytes))
    }

    /// The name of the element for scripts ([`Csrf::meta`](sessile_core::exchange::Csrf::meta));
    /// `csrf-token` unless set.
    pub fn meta_name(self, name: impl Into<String>) -> Self {
        self.change(|guard| guard.meta_name(name))
    }

    /// Answers refused requests in place of the short page, JSON or text. The
    /// reason is traced in any case. Do not show it: it is for the operator.
    pub fn on_refusal(
        self,
        answer: impl Fn(&Refusal, &Parts) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Some(Arc::new(answer)), ..self }
    }

    fn change(self, change: impl FnOnce(CsrfGuard) -> CsrfGuard) -> Self {
        Self { guard: Arc::new(change(Arc::unwrap_or_clone(self.guard))), ..self }
    }
}

impl From<CsrfGuard> for CsrfLayer {
    fn from(guard: CsrfGuard) -> Self {
        Self { guard: Arc::new(guard), answer: None }
    }
}

impl std::fmt::Debug for CsrfLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CsrfLayer").field(&self.guard).finish()
    }
}

impl<S> Layer<S> for CsrfLayer {
    type Service = CsrfService<S>;

    fn layer(&self, inner: S) -> CsrfService<S> {
        CsrfService { inner, layer: self.clone() }
    }
}

/// A service behind [`CsrfLayer`].
#[derive(Clone, Debug)]
pub struct CsrfService<S> {
    inner: S,
    layer: CsrfLayer,
}

impl<S> Service<Request<Body>> for CsrfService<S>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = CsrfFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fields = Fields(request.headers());
        let extensions = request.extensions();
        let mut head = view(request.method().as_str(), request.uri(), &fields, extensions);
        head.route = self.layer.route(extensions);
        let exchange = extensions.get::<Exchange>();
        if self.layer.guard.lets_pass(exchange, &head) {
            return CsrfFuture { state: State::Passed { handler: self.inner.call(request) } };
        }
        let exchange = exchange.cloned();
        // The clone that was not asked whether it is ready stays behind.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        let checking = Box::pin(async move {
            let Some(exchange) = exchange else { return Ok(Failure::CSRF_OUTSIDE.into_response()) };
            let (parts, body) = request.into_parts();
            // Boxed by itself, as is the reading of a form: one block for all would be over a KiB,
            // and takes glibc's allocator longer than several smaller ones.
            match Box::pin(layer.check(&exchange, &parts, body)).await {
                Ok(body) => inner.call(Request::from_parts(parts, body)).await,
                Err(CsrfStop::Failed(failure)) => Ok(Failure::from(failure).into_response()),
                Err(CsrfStop::Refused(refusal)) => Ok(layer.refuse(refusal, &parts)),
            }
        });
        CsrfFuture { state: State::Checked { checking } }
    }
}

impl CsrfLayer {
    /// The route that axum chose, if it matters.
    fn route<'r>(&self, extensions: &'r Extensions) -> Option<&'r str> {
        let matched = self.guard.exempts_routes().then(|| extensions.get::<MatchedPath>());
        matched.flatten().map(MatchedPath::as_str)
    }

    /// The body for the handler, if the request may go on.
    async fn check(
        &self,
        exchange: &Exchange,
        parts: &Parts,
        body: Body,
    ) -> Result<Body, CsrfStop> {
        let fields = Fields(&parts.headers);
        let head = view(parts.method.as_str(), &parts.uri, &fields, &parts.extensions);
        match exchange.check_csrf(&self.guard, &head).await? {
            CsrfCheck::Passed => Ok(body),
            CsrfCheck::Form(wanted) => {
                let limit = self.guard.max_form_bytes();
                let reading = Box::pin(read_form(&parts.headers, body, &wanted, limit));
                let (form, body) = reading.await;
                exchange.check_csrf_form(&self.guard, &head, form).await?;
                Ok(body)
            }
        }
    }

    fn refuse(&self, refusal: Refusal, parts: &Parts) -> Response {
        match &self.answer {
            Some(answer) => answer(&refusal, parts),
            None => {
                let mut response = response(refusal.answer(&Fields(&parts.headers)));
                response.extensions_mut().insert(refusal);
                response
            }
        }
    }
}

pin_project! {
    /// The response to come.
    pub struct CsrfFuture<F, E> {
        #[pin]
        state: State<F, E>,
    }
}

type Checking<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<F, E> {
        Passed { #[pin] handler: F },
        Checked { checking: Checking<E> },
    }
}

impl<F, E> Future for CsrfFuture<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { handler } => handler.poll(cx),
            StateProjection::Checked { checking } => checking.as_mut().poll(cx),
        }
    }
}
