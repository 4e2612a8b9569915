//! The cookies and records of Flask, Django, Flask-Session and Starlette, in Rust.
//!
//! Each format is read and written byte for byte as its Python original does.
//! A session that one side wrote is a session to the other.
//!
//! ```
//! use sessile_formats::flask::{FlaskCookie, FlaskCookieOptions};
//! use sessile_formats::{KeyRing, SecretKey, Timestamp, Value};
//!
//! // SECRET_KEY of the Flask application. Real ones are longer: `SecretKey::new` insists.
//! let keys = KeyRing::new(SecretKey::allow_weak("dev-secret")?);
//! let cookies = FlaskCookie::new(&keys, FlaskCookieOptions::default());
//!
//! let cookie = "eyJhIjoiYiJ9.aVc1pQ.-b8MXY1lwl_oYHhsYyoGdqsL7tc";
//! let now = Timestamp::from_secs(1_767_323_045);
//! let session = cookies.loads(cookie, Some(31 * 24 * 60 * 60), now)?;
//! assert_eq!(session.get("a"), Some(&Value::from("b")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | what | module |
//! |---|---|
//! | Flask's session cookie and its tagged JSON | [`flask`] |
//! | Django's signed values, sessions, expiry and CSRF tokens | [`django`] |
//! | what django-redis makes of a session: serializers, compressors | [`django_redis`] |
//! | Flask-Session's records and signed ids | [`flask_session`] |
//! | Starlette's session cookie | [`starlette`] |
//! | the signatures under most of them | [`itsdangerous`] |
//! | the encodings below those | [`json`], [`msgpack`], [`pickle`], [`zlib`], [`base64`], [`idna`] |
//!
//! Everything is a function of its arguments. The time is an argument, no random
//! bytes are drawn, and nothing is read from or sent to anywhere. What is read
//! may come from anybody: sizes and depths are bounded before anything is
//! decoded, and no input panics.

/// Has errors print under `{:?}` what they print under `{}`: a `main` that returns one shows it so.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_reads_like_display {
    ($($error:ty),+ $(,)?) => {$(
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }
    )+};
}

pub mod base64;
mod date;
pub mod django;
pub mod django_redis;
pub mod error;
pub mod flask;
pub mod flask_session;
pub mod idna;
pub mod itsdangerous;
pub mod json;
mod keys;
pub mod msgpack;
pub mod pickle;
pub mod starlette;
mod time;
mod value;
pub mod zlib;

/// The iterators of a [`Map`].
pub mod map {
    pub use crate::value::{IntoIter, Iter};
}

pub use crate::keys::{KeyRing, MIN_KEY_BYTES, SecretKey, WeakKey};
pub use crate::time::Timestamp;
pub use crate::value::{
    BigInt, Classed, DateTime, Map, PythonClass, Value, ValueError, Wtf8, from_value, to_value,
};
