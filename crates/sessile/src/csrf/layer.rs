//! The tower layer: checks what may change something, lets the rest pass.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use axum_core::body::Body;
use axum_core::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use pin_project_lite::pin_project;
use sessile_core::csrf::django::DjangoCookie;
use sessile_core::csrf::{django, flask_wtf, is_safe, native};
use tower_layer::Layer;
use tower_service::Service;

use super::form::{self, Unread, Wanted};
use super::guard::{CsrfLayer, Guard, Mode};
use super::refusal::Refusal;
use super::visit::Visit;
use crate::failure::Failure;
use crate::slot::{Scheme, Slot};

impl<S> Layer<S> for CsrfLayer {
    type Service = CsrfService<S>;

    fn layer(&self, inner: S) -> CsrfService<S> {
        CsrfService { inner, guard: self.guard.clone() }
    }
}

/// A service behind [`CsrfLayer`].
#[derive(Clone)]
pub struct CsrfService<S> {
    inner: S,
    guard: Arc<Guard>,
}

impl<S> std::fmt::Debug for CsrfService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsrfService").finish_non_exhaustive()
    }
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
        let slot = request.extensions().get::<Slot>();
        if let Some(slot) = slot {
            let visit = slot.csrf().get_or_init(|| Visit::new(self.guard.clone()));
            // A layer around this one asked for it before there was a visit.
            if slot.opened().is_some() {
                visit.keep_cookies(request.headers());
            }
        }
        let upgrades = self.guard.opens_a_socket(request.headers());
        let free = !upgrades && is_safe(request.method().as_str())
            || self.guard.is_exempt(&request)
            || slot.is_some_and(|slot| slot.is_beyond_forgery(request.headers()));
        if free {
            return CsrfFuture { state: State::Passed { handler: self.inner.call(request) } };
        }
        // The clone that was not asked whether it is ready stays behind.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (slot, guard) = (slot.cloned(), self.guard.clone());
        let checking = Box::pin(async move {
            let Some(slot) = slot else { return Ok(Failure::NoLayer.into_response()) };
            let (mut parts, body) = request.into_parts();
            let checked = match upgrades && is_safe(parts.method.as_str()) {
                true => guard.check_socket(&slot, &parts).map(|()| body),
                false => guard.check(&slot, &mut parts, body).await,
            };
            match checked {
                Ok(body) => inner.call(Request::from_parts(parts, body)).await,
                Err(Stop::Failed(failure)) => Ok(failure.into_response()),
                Err(Stop::Refused(refusal)) => {
                    refusal.report(&slot, &parts);
                    Ok(match &guard.answer {
                        Some(answer) => answer(&refusal, &parts),
                        None => refusal.to_response(&parts.headers),
                    })
                }
            }
        });
        CsrfFuture { state: State::Checked { checking } }
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

/// Why the handler is not reached.
enum Stop {
    Refused(Refusal),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Guard {
    /// By the route that was chosen, never by the address.
    fn is_exempt(&self, request: &Request<Body>) -> bool {
        !self.exempt.is_empty()
            && request
                .extensions()
                .get::<MatchedPath>()
                .is_some_and(|route| self.exempt.iter().any(|exempt| exempt == route.as_str()))
    }

    /// Whether a WebSocket begins here: with a GET, and what is said on it may change anything.
    /// The originals leave that to whoever accepts it, so their rules do too.
    fn opens_a_socket(&self, headers: &HeaderMap) -> bool {
        matches!(self.mode, Mode::Native(_))
            && headers.get(header::UPGRADE).is_some_and(|value| {
                let mut names = value.as_bytes().split(|byte| *byte == b',');
                names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
            })
    }

    /// Browsers say which page opens a WebSocket and can send no token with it. Who says nothing
    /// is no browser, and has nobody's cookies.
    fn check_socket(&self, slot: &Slot, parts: &Parts) -> Result<(), Stop> {
        let Mode::Native(rules) = &self.mode else { return Ok(()) };
        match self.native_origin(rules, slot, parts, "POST") {
            Ok(_) | Err(native::Refusal::NoOrigin) => Ok(()),
            Err(refusal) => Err(Stop::Refused(Refusal::Native(refusal))),
        }
    }

    fn native_origin(
        &self,
        rules: &native::Rules,
        slot: &Slot,
        parts: &Parts,
        method: &str,
    ) -> Result<native::OriginProof, native::Refusal> {
        let headers = &parts.headers;
        let [fetch_site, origin, referer] =
            [HeaderName::from_static("sec-fetch-site"), header::ORIGIN, header::REFERER]
                .map(|name| field(headers, &name));
        let request = native::Request {
            method,
            secure: is_secure(slot, parts),
            host: host(parts),
            fetch_site: fetch_site.as_deref(),
            origin: origin.as_deref(),
            referer: referer.as_deref(),
        };
        native::origin(rules, &request)
    }

    async fn check(&self, slot: &Slot, parts: &mut Parts, body: Body) -> Result<Body, Stop> {
        match &self.mode {
            Mode::Native(rules) => self.check_native(rules, slot, parts, body).await,
            Mode::FlaskWtf(rules, tokens) => self.check_wtf(rules, tokens, slot, parts, body).await,
            Mode::Django(rules, cookie) => {
                self.check_django(rules, cookie, slot, parts, body).await
            }
        }
    }

    async fn check_native(
        &self,
        rules: &native::Rules,
        slot: &Slot,
        parts: &Parts,
        body: Body,
    ) -> Result<Body, Stop> {
        let refuse = |refusal| Stop::Refused(Refusal::Native(refusal));
        let headers = &parts.headers;
        let method = parts.method.as_str();
        let proof = self.native_origin(rules, slot, parts, method).map_err(refuse)?;
        let in_header = native::HEADERS.iter().find_map(|name| {
            field(headers, &HeaderName::from_static(name)).filter(|token| !token.is_empty())
        });
        let (token, body) = match in_header {
            Some(token) => (Some(token.into_owned()), body),
            None if !rules.needs_token(proof) => (None, body),
            None => {
                let mut read = self.read(headers, body, Wanted::First(native::FIELD)).await?;
                (read.fields.pop().map(|(_, token)| token), read.body)
            }
        };
        let secret = match &token {
            // No trip to the store for what is refused in any case.
            None => None,
            Some(_) => {
                let session = slot.session(headers, &parts.extensions).await?;
                let visit = slot.csrf().get();
                visit.and_then(|visit| visit.native_secret(slot, &session))
            }
        };
        native::token(rules, proof, secret.as_ref(), token.as_deref()).map_err(refuse)?;
        Ok(body)
    }

    async fn check_wtf(
        &self,
        rules: &flask_wtf::Rules,
        tokens: &flask_wtf::Tokens,
        slot: &Slot,
        parts: &Parts,
        body: Body,
    ) -> Result<Body, Stop> {
        if !rules.checks(parts.method.as_str()) {
            return Ok(body);
        }
        let headers = &parts.headers;
        let read = self.read(headers, body, Wanted::EndingIn(&rules.field_name)).await?;
        let in_header = || {
            let names = rules.headers.iter().filter_map(|name| name.parse::<HeaderName>().ok());
            names.filter_map(|name| field(headers, &name)).find(|token| !token.is_empty())
        };
        let token = match rules.token_in_form(&read.fields) {
            Some(token) => Some(Cow::Borrowed(token)),
            None => in_header(),
        };
        let session = slot.session(headers, &parts.extensions).await?;
        let in_session = session.get_value(&rules.field_name);
        let referer = field(headers, &header::REFERER);
        let request = flask_wtf::Request {
            method: parts.method.as_str(),
            host: host(parts),
            secure: is_secure(slot, parts),
            referer: referer.as_deref(),
            token: token.as_deref(),
            in_session: in_session.as_ref(),
        };
        let now = slot.shared().surroundings.now();
        flask_wtf::decide(rules, tokens, &request, now)
            .map_err(|refusal| Stop::Refused(Refusal::FlaskWtf(refusal)))?;
        Ok(read.body)
    }

    async fn check_django(
        &self,
        rules: &django::Rules,
        cookie: &DjangoCookie,
        slot: &Slot,
        parts: &Parts,
        body: Body,
    ) -> Result<Body, Stop> {
        let headers = &parts.headers;
        let read = match parts.method.as_str() {
            "POST" => self.read(headers, body, Wanted::Last(self.field())).await?,
            _ => form::Read { fields: Vec::new(), body },
        };
        let session = match rules.use_sessions {
            true => Some(slot.session(headers, &parts.extensions).await?),
            false => None,
        };
        let visit = slot.csrf().get().inspect(|visit| visit.keep_cookies(headers));
        let kept = visit.and_then(|visit| visit.django_secret(rules, cookie, session.as_ref()));
        let secret = match kept.as_deref() {
            None => django::Secret::Missing,
            Some(text) if rules.use_sessions => django::Secret::Session(text),
            Some(text) => django::Secret::Cookie(text),
        };
        let [origin, referer] = [header::ORIGIN, header::REFERER].map(|name| field(headers, &name));
        let header_name = rules.header().and_then(|name| name.parse::<HeaderName>().ok());
        let header_token = header_name.and_then(|name| field(headers, &name));
        let (host, secure) = (host(parts), is_secure(slot, parts));
        let port = host.rsplit_once(':').map(|(_, port)| port);
        let named = port.filter(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()));
        let request = django::Request {
            method: parts.method.as_str(),
            host,
            port: named.unwrap_or(if secure { "443" } else { "80" }),
            secure,
            origin: origin.as_deref(),
            referer: referer.as_deref(),
            secret,
            form_token: read.fields.last().map(|(_, token)| token.as_str()),
            header_token: header_token.as_deref(),
        };
        django::decide(rules, &request)
            .map_err(|refusal| Stop::Refused(Refusal::Django(refusal)))?;
        Ok(read.body)
    }

    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        wanted: Wanted<'_>,
    ) -> Result<form::Read, Stop> {
        form::read(headers, body, wanted, self.form_limit).await.map_err(|unread| {
            Stop::Refused(match unread {
                Unread::TooLarge => Refusal::FormTooLarge { limit: self.form_limit },
                Unread::Broken => Refusal::FormBroken,
            })
        })
    }
}

/// A field as WSGI gives it: Latin-1, several joined by commas, so that two
/// values are never a good one.
fn field<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Cow<'h, str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(latin1)?;
    let joined = values.map(latin1).reduce(|all, next| format!("{all},{next}").into());
    Some(match joined {
        None => first,
        Some(rest) => format!("{first},{rest}").into(),
    })
}

fn latin1(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// What the visitor's browser was asked for: HTTP/2's authority, else `Host`
/// (RFC 9112, 3.2.2). A forwarded host is not believed, and two hosts are none.
fn host(parts: &Parts) -> &str {
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let field = || {
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|value| value.to_str().ok());
        host.filter(|_| hosts.next().is_none())
    };
    authority.or_else(field).unwrap_or_default()
}

/// Whether the visitor's side is TLS. Where nobody says, it must be if the
/// session's cookie travels over TLS only.
fn is_secure(slot: &Slot, parts: &Parts) -> bool {
    let shared = slot.shared();
    match shared.scheme(&parts.headers, &parts.extensions) {
        Some(scheme) => scheme == Scheme::Https,
        None => shared.engine.is_secure(),
    }
}
