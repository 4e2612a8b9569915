//! The application's own cookies, read from the request and set on the response.

use http::{Extensions, HeaderMap, header};
use sessile_core::cookie::{self, Pick};
use sessile_core::{Cookie, CookieError, SetCookie};

use crate::failure::Failure;
use crate::slot::Slot;

/// The cookies of a request, and those to be set on its response. Every
/// `Set-Cookie` goes through the same checks as the session's own.
///
/// Values are as the browser sent them; a cookie can be planted by anybody who
/// can plant one, so nothing in it is to be believed. What must be believed
/// belongs in the [`Session`](crate::Session).
///
/// ```
/// use sessile::{Cookie, CookieError, Cookies};
///
/// async fn darker(cookies: Cookies) -> Result<&'static str, String> {
///     let theme = cookies.get("theme").unwrap_or_default();
///     cookies.set(Cookie::new("theme", "dark")).map_err(|error| error.to_string())?;
///     Ok(if theme == "dark" { "it was dark already" } else { "now it is" })
/// }
/// ```
pub struct Cookies {
    slot: Slot,
    headers: Vec<Vec<u8>>,
}

impl Cookies {
    /// The cookies of a request that came through a
    /// [`SessionLayer`](crate::SessionLayer), for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure::NoLayer`].
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Failure> {
        let slot = extensions.get::<Slot>().cloned().ok_or(Failure::NoLayer)?;
        let values = headers.get_all(header::COOKIE).iter();
        Ok(Self { slot, headers: values.map(|value| value.as_bytes().to_vec()).collect() })
    }

    /// The value of the cookie `name`; of several the first, which is the one
    /// with the longest path. `None` if it is missing or not UTF-8. The
    /// response then says `Vary: Cookie`.
    pub fn get(&self, name: &str) -> Option<String> {
        self.slot.note_read();
        let headers = self.headers.iter().map(Vec::as_slice);
        cookie::find(headers, name, Pick::First).text().map(str::to_owned)
    }

    /// Sets a cookie on the response. Of several with one name the last is sent.
    ///
    /// # Errors
    ///
    /// [`CookieError`] when browsers or servers would misread or drop it, or
    /// when its name is the session cookie's.
    pub fn set(&self, cookie: Cookie) -> Result<(), CookieError> {
        self.queue(cookie.set(self.slot.shared().surroundings.now())?)
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
        if name == self.slot.shared().engine.cookie_name() {
            return Err(CookieError::Reserved { cookie: name.to_owned() });
        }
        self.slot.queue_cookie(cookie);
        Ok(())
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}
