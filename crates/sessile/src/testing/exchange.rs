//! One request of a [`TestClient`] and what came back.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{TestClient, redirect};
use crate::failure::Failure;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 20;

/// A request that is being made.
pub struct TestRequest<'a> {
    pub(super) client: &'a mut TestClient,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Vec<u8>, TestError>,
}

impl TestRequest<'_> {
    /// Adds a field, in place of one by the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends these fields as a form does.
    #[must_use]
    pub fn form<N: AsRef<str>, V: AsRef<str>>(mut self, fields: &[(N, V)]) -> Self {
        let pairs = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body = Ok(form.into_bytes());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.header(header::CONTENT_TYPE, kind)
    }

    /// Sends a value as JSON.
    #[must_use]
    pub fn json<T: Serialize>(mut self, value: &T) -> Self {
        self.body = serde_json::to_vec(value).map_err(TestError::Json);
        self.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Ok(body.into());
        self
    }

    /// Sends it; the response's cookies are kept.
    ///
    /// # Errors
    ///
    /// [`TestError`]: the request could not be made, or its answer not be read.
    pub async fn send(self) -> Result<TestResponse, TestError> {
        let Self { client, mut method, mut path, mut headers, body } = self;
        let mut body = body?;
        for _ in 0..=MAX_REDIRECTS {
            let response =
                client.once(method.clone(), &path, headers.clone(), body.clone()).await?;
            let Some(location) = response.location().filter(|_| client.follow) else {
                return Ok(response);
            };
            let Some(next) = redirect::within(&client.base, &path, &location) else {
                return Ok(response);
            };
            path = next;
            if !redirect::keeps_method(response.status, &method) {
                method = Method::GET;
                headers.remove(header::CONTENT_TYPE);
                body = Vec::new();
            }
        }
        Err(TestError::Redirects)
    }
}

/// What came back.
#[derive(Debug)]
pub struct TestResponse {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl TestResponse {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// [`TestError::Json`] when it is none of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, TestError> {
        serde_json::from_slice(&self.body).map_err(TestError::Json)
    }

    /// A field's value; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether it sends the browser elsewhere.
    pub fn is_redirect(&self) -> bool {
        self.status.is_redirection() && self.headers.contains_key(header::LOCATION)
    }

    /// Where it sends the browser, if a browser goes there by itself.
    fn location(&self) -> Option<String> {
        let location = self.headers.get(header::LOCATION)?;
        matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308)
            .then(|| String::from_utf8_lossy(location.as_bytes()).into_owned())
    }

    /// The CSRF token of the page: of the first form that has one in its hidden field, else of the
    /// element for scripts, by the names that our rules, Flask-WTF and Django have for them.
    pub fn csrf_token(&self) -> Option<String> {
        let page = self.text();
        ["csrf_token", "csrfmiddlewaretoken", "csrf-token"].iter().find_map(|name| {
            let (before, after) = page.split_once(&format!("name=\"{name}\""))?;
            let before = before.rsplit('<').next()?;
            let after = after.split('>').next()?;
            let of = |part: &str| {
                let value = part.split_once("value=\"").or(part.split_once("content=\""))?.1;
                value.split('"').next().map(str::to_owned)
            };
            of(after).or_else(|| of(before)).filter(|token| !token.is_empty())
        })
    }

    /// Panics when the status is another, quoting the body.
    #[track_caller]
    pub fn assert_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

/// Why a test's request came to nothing.
#[non_exhaustive]
pub enum TestError {
    /// This is no path.
    Address(String),
    /// The session could not be opened or saved.
    Session(Failure),
    /// The response's body broke off, or has over 64 MiB.
    Body,
    /// What should be JSON is none, or cannot be.
    Json(serde_json::Error),
    /// One redirect led to the next, twenty times.
    Redirects,
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(path) => write!(f, "{path:?} cannot be asked for"),
            Self::Session(failure) => failure.fmt(f),
            Self::Body => f.write_str("the response's body cannot be read"),
            Self::Json(error) => write!(f, "no JSON: {error}"),
            Self::Redirects => f.write_str("one redirect led to the next, twenty times"),
        }
    }
}

sessile_core::debug_reads_like_display!(TestError);

impl std::error::Error for TestError {}
