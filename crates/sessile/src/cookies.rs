//! The application's own cookies, read from the request and set on the response.

use std::ops::Deref;

use http::{Extensions, HeaderMap};
use sessile_core::exchange::Cookies as Core;

use crate::failure::Failure;
use crate::head::{Fields, exchange, fields_view};

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
#[derive(Debug)]
pub struct Cookies(Core);

impl Cookies {
    /// The cookies of a request that came through a
    /// [`SessionLayer`](crate::SessionLayer), for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure`]: there is no such layer.
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Failure> {
        let exchange = exchange(extensions)?.clone();
        Ok(Self(Core::new(exchange, &fields_view(&Fields(headers), extensions))))
    }
}

impl Deref for Cookies {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.0
    }
}
