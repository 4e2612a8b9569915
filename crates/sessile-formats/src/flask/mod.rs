//! What Flask 3.1 puts into its session cookie.

mod cookie;
pub(super) mod python;
mod tagged;
mod untag;

pub(crate) use cookie::into_map;
pub use cookie::{FlaskCookie, FlaskCookieOptions, FlaskLoadError, MAX_COOKIE_LEN, NotADict};
pub use tagged::TaggedJson;
