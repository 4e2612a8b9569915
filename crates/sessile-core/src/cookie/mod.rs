//! Cookies: finding one in a request, writing one for a response.
//!
//! Reading ([`find`], [`pairs`]) takes the headers as they come, bounded and without allocation.
//! Writing goes through one builder ([`CookieTemplate`], [`Cookie`]), so nothing unchecked
//! reaches a header.
//!
//! Rules: RFC 6265, draft-ietf-httpbis-rfc6265bis-22 ("rfc6265bis").

mod attributes;
mod error;
mod general;
pub(crate) mod parts;
mod read;
mod settings;
mod write;

pub use attributes::{MAX_AGE, MAX_ATTRIBUTE, MAX_NAME_AND_VALUE, Prefix, SameSite};
pub use error::{CookieError, Part};
pub use general::Cookie;
pub use read::{Found, LARGE_COOKIE_HEADER, MAX_COOKIE_HEADER, Pairs, Pick, find, pairs};
pub use settings::{CookieSettings, Keep, Style};
pub use write::{CookieTemplate, FLASK_MAX_COOKIE_SIZE, SetCookie};
