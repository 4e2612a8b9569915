//! A client for tests of one's own application: no network, a browser's cookies.
//!
//! ```
//! use axum::{Form, Router, response::Redirect, routing::{get, post}};
//! use sessile::testing::TestClient;
//! use sessile::{Config, MemoryStore, Session, SessionLayer};
//!
//! # #[derive(serde::Deserialize)] struct Login { username: String }
//! async fn log_in(session: Session, Form(form): Form<Login>) -> Redirect {
//!     session.log_in(form.username);
//!     Redirect::to("/")
//! }
//! async fn home(session: Session) -> String {
//!     let cart: Vec<String> = session.get("cart").unwrap_or_default();
//!     format!("{:?} has {}", session.subject().map(|user| user.to_string()), cart.join(", "))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sessions = SessionLayer::new(Config::native(), MemoryStore::new())?;
//! let app = Router::new().route("/", get(home)).route("/login", post(log_in));
//! let mut client = TestClient::new(app.layer(sessions.clone()));
//!
//! // What is in the cart before the test begins.
//! client.session_transaction(&sessions, |session| session.insert("cart", ["apples"])).await?;
//! client.post("/login").form(&[("username", "alice")]).send().await?.assert_status(303);
//! assert_eq!(client.get("/").send().await?.text(), "Some(\"alice\") has apples");
//! // What the application left in the session.
//! let user = client.session_transaction(&sessions, |session| session.subject()).await?;
//! assert_eq!(user.unwrap().as_str(), "alice");
//! # Ok(())
//! # }
//! ```

mod cookie_date;
mod exchange;
mod jar;
mod redirect;

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum_core::body::Body;
use axum_core::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use sessile_core::{Session as Core, Timestamp};
use tower_layer::Layer as _;
use tower_service::Service;

pub use exchange::{TestError, TestRequest, TestResponse};
pub use jar::CookieJar;

use crate::failure::Failure;
use crate::layer::SessionLayer;
use crate::typed::Session;

/// A browser on an application, within the test's own process.
///
/// It keeps cookies as browsers do, says where its requests come from as
/// browsers do (`Origin`, `Sec-Fetch-Site`), and speaks `https` unless told
/// otherwise, so that `Secure` cookies work.
pub struct TestClient {
    app: Router,
    base: String,
    jar: CookieJar,
    headers: HeaderMap,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    follow: bool,
    sends_csrf: bool,
    csrf: Option<HeaderValue>,
}

/// How much of a response is kept; more is an error.
const MAX_BODY: usize = 64 << 20;

impl TestClient {
    /// Somebody who was never at `https://localhost`, where `app` is.
    pub fn new(app: Router) -> Self {
        Self {
            app,
            base: "https://localhost".to_owned(),
            jar: CookieJar::default(),
            headers: HeaderMap::new(),
            clock: Box::new(now),
            follow: false,
            sends_csrf: false,
            csrf: None,
        }
    }

    /// Puts the application at another address, such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn at(mut self, base: impl Into<String>) -> Self {
        self.base = base.into().trim_end_matches('/').to_owned();
        self
    }

    /// Sends this field with every request.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Follows redirects within the application, as a browser does. One that leads to another
    /// site, be it by `//` or `/\`, is not followed: it is the answer.
    #[must_use]
    pub fn follow_redirects(mut self) -> Self {
        self.follow = true;
        self
    }

    /// Sends the CSRF token of the last page that had one in `X-CSRFToken`, with every request
    /// that may change something, as a script of the page would.
    #[must_use]
    pub fn with_csrf_tokens(mut self) -> Self {
        self.sends_csrf = true;
        self
    }

    /// Another clock for the cookies' ends: the one given to
    /// [`SessionLayer::with_clock`], say.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The cookies.
    pub fn cookies(&mut self) -> &mut CookieJar {
        &mut self.jar
    }

    /// A `GET` of a path.
    pub fn get(&mut self, path: &str) -> TestRequest<'_> {
        self.request(Method::GET, path)
    }

    /// A `POST` to a path.
    pub fn post(&mut self, path: &str) -> TestRequest<'_> {
        self.request(Method::POST, path)
    }

    /// Any request.
    pub fn request(&mut self, method: Method, path: &str) -> TestRequest<'_> {
        let headers = self.headers.clone();
        let path = path.to_owned();
        TestRequest { client: self, method, path, headers, body: Ok(Vec::new()) }
    }

    /// Runs `change` on the visitor's session, outside of any route: to set up
    /// what a test needs, or to look at what the application left (Flask's
    /// `session_transaction`). `sessions` is the layer the application uses. The
    /// changes are saved, and the cookie is kept. Where ids travel in a header, it is the session of
    /// the one given to [`with_header`](Self::with_header).
    ///
    /// # Errors
    ///
    /// [`TestError::Session`] when the session cannot be opened or saved.
    pub async fn session_transaction<T: Send + 'static>(
        &mut self,
        sessions: &SessionLayer,
        change: impl FnOnce(&Core) -> T + Send + 'static,
    ) -> Result<T, TestError> {
        let kept = Arc::new(Mutex::new((Some(change), None)));
        let inner = Transaction(kept.clone());
        let mut request = Request::new(Body::empty());
        // Where ids travel in a header, this is the visitor's.
        *request.headers_mut() = self.headers.clone();
        let uri = self.uri("/")?;
        if let Some(cookies) = self.cookie_field(&uri)? {
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        *request.uri_mut() = uri.clone();
        let mut service = sessions.layer(inner);
        let response = match service.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if let Some(failure) = response.extensions().get::<Failure>() {
            return Err(TestError::Session(failure.clone()));
        }
        self.keep(response.headers(), &uri);
        let done = kept.lock().unwrap_or_else(PoisonError::into_inner).1.take();
        done.ok_or(TestError::Session(Failure::NO_LAYER))
    }

    fn uri(&self, path: &str) -> Result<Uri, TestError> {
        let joined = match path.starts_with('/') {
            true => format!("{}{path}", self.base),
            false => format!("{}/{path}", self.base),
        };
        joined.parse().map_err(|_| TestError::Address(path.to_owned()))
    }

    fn cookie_field(&self, uri: &Uri) -> Result<Option<HeaderValue>, TestError> {
        let field = self.jar.field(uri, (self.clock)());
        let field = field.map(|field| HeaderValue::try_from(field.into_bytes()));
        field.transpose().map_err(|_| TestError::Address("a cookie that fits no header".into()))
    }

    fn keep(&mut self, headers: &HeaderMap, uri: &Uri) {
        let now = (self.clock)();
        for field in headers.get_all(header::SET_COOKIE) {
            if let Ok(field) = field.to_str() {
                self.jar.receive(field, uri, now);
            }
        }
    }

    async fn once(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<TestResponse, TestError> {
        let uri = self.uri(path)?;
        let mut request = Request::new(Body::from(body));
        let fields = request.headers_mut();
        if let Some(host) = uri.authority().and_then(|host| host.as_str().parse().ok()) {
            fields.insert(header::HOST, host);
        }
        // What a browser says of a request that a page of the site makes.
        fields.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        if !matches!(method, Method::GET | Method::HEAD)
            && let Ok(origin) = HeaderValue::from_str(&self.base)
        {
            fields.insert(header::ORIGIN, origin);
        }
        let looks = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if let Some(token) = self.csrf.clone().filter(|_| self.sends_csrf && !looks) {
            fields.insert("x-csrftoken", token);
        }
        for (name, value) in &headers {
            fields.insert(name, value.clone());
        }
        if let Some(cookies) = self.cookie_field(&uri)?
            && !headers.contains_key(header::COOKIE)
        {
            fields.insert(header::COOKIE, cookies);
        }
        *request.method_mut() = method;
        // Servers are asked for the path alone.
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = target.parse().map_err(|_| TestError::Address(path.to_owned()))?;
        let mut service = self.app.clone();
        let response = match Service::call(&mut service, request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        self.keep(response.headers(), &uri);
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| TestError::Body)?;
        let response = TestResponse { status: parts.status, headers: parts.headers, body };
        if self.sends_csrf
            && let Some(token) = response.csrf_token()
        {
            self.csrf = HeaderValue::try_from(token).ok();
        }
        Ok(response)
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("at", &self.base).finish_non_exhaustive()
    }
}

/// The place of the application's routes while a session is looked at.
type Asked<F, T> = Arc<Mutex<(Option<F>, Option<T>)>>;

struct Transaction<F, T>(Asked<F, T>);

impl<F, T> Service<Request<Body>> for Transaction<F, T>
where
    F: FnOnce(&Core) -> T + Send + 'static,
    T: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = sessile_core::store::BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = self.0.clone();
        Box::pin(async move {
            let session: Result<Session, _> =
                Session::of(request.headers(), request.extensions()).await;
            let mut response = Response::new(Body::empty());
            match session {
                Ok(session) => {
                    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                    let change = asked.0.take();
                    asked.1 = change.map(|change| change(&session));
                }
                Err(failure) => {
                    response.extensions_mut().insert(failure);
                }
            }
            Ok(response)
        })
    }
}
