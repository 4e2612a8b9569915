//! Pages for logged-in visitors only.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::OriginalUri;
use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode, header};
use sessile_core::native::CLOCK_LEEWAY;
use sessile_core::store::BoxFuture;
use sessile_core::{Profile, Subject};
use tower_layer::Layer;
use tower_service::Service;

use crate::accept::accepts_html;
use crate::failure::Failure;
use crate::next_page::{NextPage, in_login_address};
use crate::slot::Slot;
use crate::typed::Session;

/// Lets only logged-in visitors through to the routes it is around.
///
/// Others are sent to the login page, if one is named and they came with a
/// browser (`Accept: text/html`), or are answered 401. It must be inside the
/// [`SessionLayer`](crate::SessionLayer).
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, routing::{get, post}};
/// use sessile::{LoggedIn, RequireLogin};
///
/// async fn account(LoggedIn(user): LoggedIn) -> String { format!("Hello {user}") }
/// async fn delete_account() {}
///
/// let members = Router::new()
///     .route("/account", get(account))
///     .route_layer(RequireLogin::new().redirect_to("/login"));
/// // Whoever found an unlocked screen must not get this far.
/// let danger = Router::new()
///     .route("/account/delete", post(delete_account))
///     .route_layer(RequireLogin::within(Duration::from_secs(300)).redirect_to("/login"));
/// let app: Router = Router::new().merge(members).merge(danger);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequireLogin {
    login_page: Option<Arc<str>>,
    max_age: Option<Duration>,
}

impl RequireLogin {
    /// Whoever is logged in may pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whoever proved who they are within `max_age` may pass (OWASP ASVS 5.0,
    /// 7.5.1): [`log_in`](sessile_core::Session::log_in) begins it anew. Clocks of several
    /// processes may differ by up to a minute.
    ///
    /// The native profile alone knows when somebody logged in. In others it
    /// answers 500 and says so in the log, rather than never letting anybody pass.
    pub fn within(max_age: Duration) -> Self {
        Self { login_page: None, max_age: Some(max_age) }
    }

    /// Sends browsers to a page of this site to log in, with the page they
    /// wanted in `next`: see [`NextPage`].
    #[must_use]
    pub fn redirect_to(mut self, login_page: impl Into<Arc<str>>) -> Self {
        self.login_page = Some(login_page.into());
        self
    }

    async fn check(&self, parts: &Parts) -> Result<(), Refused> {
        let session: Session = Session::of(&parts.headers, &parts.extensions).await?;
        if session.subject().is_none() {
            return Err(Refused::LogIn);
        }
        let Some(max_age) = self.max_age else { return Ok(()) };
        let slot = parts.extensions.get::<Slot>().ok_or(Failure::NoLayer)?;
        if slot.shared().engine.profile() != Profile::Native {
            return Err(Refused::NotInProfile);
        }
        let now = slot.shared().surroundings.now();
        match session.authenticated_at() {
            // The clock of the process that it logged in on may be ahead, but an hour that has not
            // come yet is no recent one.
            Some(at) if at <= now + CLOCK_LEEWAY && now < at + max_age => Ok(()),
            _ => Err(Refused::LogIn),
        }
    }

    fn refuse(&self, parts: &Parts, refused: Refused) -> Response {
        match refused {
            Refused::Failed(failure) => failure.into_response(),
            Refused::NotInProfile => {
                tracing::error!(
                    target: "sessile",
                    "RequireLogin::within needs the native profile: others do not say when a \
                     visitor logged in"
                );
                let text = "Something went wrong with your session on our side.\n";
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
            Refused::LogIn => match &self.login_page {
                Some(page) if accepts_html(&parts.headers) => redirect(page, parts),
                _ => LoginRequired.into_response(),
            },
        }
    }
}

enum Refused {
    LogIn,
    NotInProfile,
    Failed(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// To the login page, and from there back: only to what can be asked for by an address.
fn redirect(login_page: &str, parts: &Parts) -> Response {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let wanted = uri.path_and_query().map(|page| page.as_str());
    let wanted = wanted.filter(|_| matches!(parts.method, Method::GET | Method::HEAD));
    let location = match wanted.and_then(crate::same_site) {
        Some(page) => in_login_address(login_page, page),
        None => login_page.to_owned(),
    };
    match HeaderValue::try_from(location) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => {
            tracing::error!(target: "sessile", login_page, "the login page is no address");
            LoginRequired.into_response()
        }
    }
}

impl<S> Layer<S> for RequireLogin {
    type Service = RequireLoginService<S>;

    fn layer(&self, inner: S) -> RequireLoginService<S> {
        RequireLoginService { inner, guard: self.clone() }
    }
}

/// A service behind [`RequireLogin`].
#[derive(Clone, Debug)]
pub struct RequireLoginService<S> {
    inner: S,
    guard: RequireLogin,
}

impl<S> Service<Request<Body>> for RequireLoginService<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that was polled ready goes along, its clone waits for the next request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let guard = self.guard.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            match guard.check(&parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(refused) => Ok(guard.refuse(&parts, refused)),
            }
        })
    }
}

/// The logged-in visitor, as an extractor; nobody else reaches the handler.
///
/// ```
/// use sessile::LoggedIn;
///
/// async fn account(LoggedIn(user): LoggedIn) -> String { format!("Hello {user}") }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn(pub Subject);

impl<S: Send + Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let session: Session = Session::of(&parts.headers, &parts.extensions)
            .await
            .map_err(IntoResponse::into_response)?;
        session.subject().map(Self).ok_or_else(|| LoginRequired.into_response())
    }
}

/// Nobody is logged in: answered 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRequired;

impl IntoResponse for LoginRequired {
    fn into_response(self) -> Response {
        // RFC 9110, 11.6.1: a 401 names a scheme. Browsers ask nobody because of this one.
        let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Cookie"))];
        (StatusCode::UNAUTHORIZED, challenge, "Please log in first.\n").into_response()
    }
}

impl fmt::Display for LoginRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is logged in")
    }
}

impl std::error::Error for LoginRequired {}

impl<S: Send + Sync> FromRequestParts<S> for NextPage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
