//! A browser as far as sessions need one: it keeps cookies and sends them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use sessile_core::store::BoxFuture;
use tokio::task::JoinHandle;

use crate::Failure;
use crate::check::ensure;

/// Something that answers requests: a router, or a server at an address.
pub trait Site: Send + Sync {
    /// The answer to one request.
    fn answer(&self, request: Request<String>) -> BoxFuture<'_, Result<Reply, Failure>>;
}

/// A site that could not be started. Every request says why.
pub(super) struct Nowhere(pub(super) Failure);

impl Site for Nowhere {
    fn answer(&self, _request: Request<String>) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The header fields, as they were sent.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// Every `Set-Cookie` field.
    pub fn set_cookies(&self) -> Vec<&str> {
        let fields = self.headers.get_all(header::SET_COOKIE).iter();
        fields.map(|field| field.to_str().unwrap_or("(not ASCII)")).collect()
    }

    /// Every value of a field, joined by commas as RFC 9110 §5.3 allows.
    pub fn field(&self, name: &str) -> String {
        let fields = self.headers.get_all(name).iter();
        let texts: Vec<_> = fields.map(|field| field.to_str().unwrap_or("(not ASCII)")).collect();
        texts.join(", ")
    }

    /// The reply itself, unless its status is another one.
    ///
    /// # Errors
    ///
    /// Says which status came instead.
    pub fn expect(self, status: u16) -> Result<Self, Failure> {
        ensure!(
            self.status == status,
            "answered {} ({:?}), wanted {status}",
            self.status,
            self.body.trim_end()
        );
        Ok(self)
    }

    /// Fails if the answer sets any cookie.
    ///
    /// # Errors
    ///
    /// Says how many it sets.
    pub fn expect_no_cookie(self) -> Result<Self, Failure> {
        let count = self.set_cookies().len();
        ensure!(count == 0, "{count} cookies were set where none belongs");
        Ok(self)
    }

    /// Fails unless this is the body of a 200.
    ///
    /// # Errors
    ///
    /// Says what came instead.
    pub fn expect_body(self, body: &str) -> Result<Self, Failure> {
        let reply = self.expect(200)?;
        ensure!(reply.body == body, "answered {:?}, wanted {body:?}", reply.body);
        Ok(reply)
    }
}

/// A visitor with a cookie jar. Clones have a jar of their own from then on.
#[derive(Clone)]
pub struct Browser {
    site: Arc<dyn Site>,
    jar: BTreeMap<String, String>,
    extra: HeaderMap,
}

impl Browser {
    /// Somebody who was never here.
    pub fn new(site: Arc<dyn Site>) -> Self {
        Self { site, jar: BTreeMap::new(), extra: HeaderMap::new() }
    }

    /// Sends this field with every request.
    #[must_use]
    pub fn with_field(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.extra.append(name, value);
        self
    }

    /// Puts a cookie into the jar, as somebody who can plant one does.
    #[must_use]
    pub fn with_cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.jar.insert(name.into(), value.into());
        self
    }

    /// The cookies in the jar.
    pub fn jar(&self) -> &BTreeMap<String, String> {
        &self.jar
    }

    /// The value of the only cookie in the jar.
    ///
    /// # Errors
    ///
    /// Says how many there are instead of one.
    pub fn only_cookie(&self) -> Result<(&str, &str), Failure> {
        let mut cookies = self.jar.iter();
        match (cookies.next(), cookies.next()) {
            (Some((name, value)), None) => Ok((name, value)),
            _ => Err(Failure(format!("{} cookies in the jar, wanted one", self.jar.len()))),
        }
    }

    /// `GET`, keeping the cookies of the answer.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn get(&mut self, target: &str) -> Result<Reply, Failure> {
        self.send(Method::GET, target, "").await
    }

    /// `POST` without a body, keeping the cookies of the answer.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn post(&mut self, target: &str) -> Result<Reply, Failure> {
        self.send(Method::POST, target, "").await
    }

    /// Any request, keeping the cookies of the answer.
    ///
    /// # Errors
    ///
    /// The site did not answer, or a `Set-Cookie` field is not one.
    pub async fn send(
        &mut self,
        method: Method,
        target: &str,
        body: &str,
    ) -> Result<Reply, Failure> {
        let mut request = Request::new(body.to_owned());
        *request.method_mut() = method;
        *request.uri_mut() =
            target.parse().map_err(|error| Failure(format!("{target:?}: {error}")))?;
        request.headers_mut().extend(self.extra.clone());
        if !self.jar.is_empty() {
            let pairs: Vec<_> =
                self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let cookies = HeaderValue::from_str(&pairs.join("; "))
                .map_err(|error| Failure(format!("the jar does not fit a header: {error}")))?;
            request.headers_mut().append(header::COOKIE, cookies);
        }
        let reply = self.site.answer(request).await?;
        for field in reply.set_cookies() {
            self.keep(field)?;
        }
        Ok(reply)
    }

    /// A request that runs beside the script, sent with the cookies of now. Its
    /// answer's cookies are not kept: see [`take`](Self::take).
    pub fn start(&self, method: Method, target: &str) -> JoinHandle<Result<Reply, Failure>> {
        let (mut browser, target) = (self.clone(), target.to_owned());
        tokio::spawn(async move { browser.send(method, &target, "").await })
    }

    /// Keeps the cookies of an answer that came late.
    ///
    /// # Errors
    ///
    /// A `Set-Cookie` field is not one.
    pub fn take(&mut self, reply: &Reply) -> Result<(), Failure> {
        reply.set_cookies().into_iter().try_for_each(|field| self.keep(field))
    }

    /// Keeps or drops a cookie as RFC 6265bis §5.7 says, for one site and path.
    fn keep(&mut self, field: &str) -> Result<(), Failure> {
        let mut parts = field.split(';').map(str::trim);
        let pair = parts.next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else {
            return Err(Failure("a Set-Cookie field without a name".into()));
        };
        let dead = parts.any(|attribute| {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match name.to_ascii_lowercase().as_str() {
                "max-age" => value.parse::<i64>().is_ok_and(|secs| secs <= 0),
                "expires" => value.contains(" 1970 ") || value.contains("-1970 "),
                _ => false,
            }
        });
        if dead {
            self.jar.remove(name);
        } else {
            self.jar.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("cookies", &self.jar.len()).finish_non_exhaustive()
    }
}
