//! Pages for logged-in visitors only.

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::OriginalUri;
use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode, header};
use sessile_core::Subject;
use sessile_core::exchange::{LoginCheck, NextPage as Core, in_login_address};
use sessile_core::store::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

use crate::failure::Failure;
use crate::head::{Fields, accepts_html, exchange, fields_view, response};

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

    async fn check(&self, parts: &Parts) -> Result<LoginCheck, Failure> {
        check(parts, self.max_age).await
    }

    /// The response to a visitor who may not pass; `None` to one who may.
    fn refuse(&self, parts: &Parts, check: &LoginCheck) -> Option<Response> {
        let answer = check.answer()?;
        match &self.login_page {
            Some(page) if matches!(check, LoginCheck::LogIn) && accepts_html(&parts.headers) => {
                Some(redirect(page, parts))
            }
            _ => Some(response(answer)),
        }
    }
}

async fn check(parts: &Parts, max_age: Option<Duration>) -> Result<LoginCheck, Failure> {
    let fields = Fields(&parts.headers);
    let request = fields_view(&fields, &parts.extensions);
    Ok(exchange(&parts.extensions)?.check_login(&request, max_age).await?)
}

/// To the login page, and from there back to the page that was wanted.
fn redirect(login_page: &str, parts: &Parts) -> Response {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let wanted = uri.path_and_query().map(|page| page.as_str());
    let location = in_login_address(login_page, parts.method.as_str(), wanted);
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
                Err(failure) => Ok(failure.into_response()),
                Ok(check) => match guard.refuse(&parts, &check) {
                    None => inner.call(Request::from_parts(parts, body)).await,
                    Some(refused) => Ok(refused),
                },
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
        match check(parts, None).await.map_err(IntoResponse::into_response)? {
            LoginCheck::Passed(user) => Ok(Self(user)),
            _ => Err(LoginRequired.into_response()),
        }
    }
}

/// Nobody is logged in: answered 401.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LoginRequired;

impl IntoResponse for LoginRequired {
    fn into_response(self) -> Response {
        LoginCheck::LogIn.answer().map(response).unwrap_or_default()
    }
}

impl fmt::Display for LoginRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is logged in")
    }
}

sessile_core::debug_reads_like_display!(LoginRequired);

impl std::error::Error for LoginRequired {}

/// The page to go back to after logging in, from `?next=` of the address, as an extractor.
///
/// Anything that would lead to another site counts as missing: an address such
/// as `/login?next=//evil.example` is how visitors are sent from a page they
/// trust to one that asks for their password again.
///
/// ```
/// use axum::response::Redirect;
/// use sessile::{NextPage, Session};
///
/// async fn log_in(session: Session, next: NextPage) -> Redirect {
///     session.log_in("alice");
///     Redirect::to(next.or("/"))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextPage(Core);

impl Deref for NextPage {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NextPage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.uri.query().map(Core::in_query).unwrap_or_default()))
    }
}
