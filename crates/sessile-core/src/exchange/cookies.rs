//! The application's own cookies, read from the request and set on the response.

use super::head::{Headers, RequestView};
use super::request::Exchange;
use crate::cookie::{self, Cookie, CookieError, Pick, SetCookie};

/// The cookies of a request, and those to be set on its response. Every `Set-Cookie` goes through
/// the same checks as the session's own.
///
/// Values are as the browser sent them; a cookie can be planted by anybody who can plant one, so
/// nothing in it is to be believed. What must be believed belongs in the
/// [`Session`](crate::Session).
#[derive(Clone)]
pub struct Cookies {
    exchange: Exchange,
    headers: Vec<Vec<u8>>,
}

impl Cookies {
    /// The cookies of the request that `exchange` began with.
    pub fn new<H: Headers>(exchange: Exchange, request: &RequestView<'_, H>) -> Self {
        let headers = request.headers.values("cookie").map(<[u8]>::to_vec).collect();
        Self { exchange, headers }
    }

    /// The value of the cookie `name`; of several the first, which is the one with the longest
    /// path. `None` if it is missing or not UTF-8. The response then says `Vary: Cookie`.
    pub fn get(&self, name: &str) -> Option<String> {
        self.exchange.note_read();
        let headers = self.headers.iter().map(Vec::as_slice);
        cookie::find(headers, name, Pick::First).text().map(str::to_owned)
    }

    /// The value of one cookie, as [`get`](Self::get), for a page that may stand outside of every
    /// session layer.
    pub fn named<H: Headers>(
        exchange: Option<&Exchange>,
        request: &RequestView<'_, H>,
        name: &str,
    ) -> Option<String> {
        if let Some(exchange) = exchange {
            exchange.note_read();
        }
        let found = cookie::find(request.headers.values("cookie"), name, Pick::First);
        found.text().map(str::to_owned)
    }

    /// Sets a cookie on the response. Of several with one name the last is sent.
    ///
    /// # Errors
    ///
    /// [`CookieError`] when browsers or servers would misread or drop it, or when its name is the
    /// session cookie's.
    pub fn set(&self, cookie: Cookie) -> Result<(), CookieError> {
        self.queue(cookie.set(self.exchange.app().now())?)
    }

    /// Removes a cookie from the browser. Path and domain must be those it was set with.
    ///
    /// # Errors
    ///
    /// [`CookieError`] as for [`set`](Self::set).
    pub fn remove(&self, cookie: Cookie) -> Result<(), CookieError> {
        self.queue(cookie.remove()?)
    }

    fn queue(&self, cookie: SetCookie) -> Result<(), CookieError> {
        let name = cookie.name();
        if name == self.exchange.app().engine().cookie_name() {
            return Err(CookieError::Reserved { cookie: name.to_owned() });
        }
        self.exchange.queue_cookie(cookie);
        Ok(())
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}
