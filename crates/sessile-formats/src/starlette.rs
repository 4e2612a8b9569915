//! The cookie of Starlette 1's `SessionMiddleware`: `json.dumps` with its
//! spaces, standard padded base64, itsdangerous' `TimestampSigner`.

use std::fmt;

use super::base64;
use super::error::{BadData, PayloadError};
use super::flask::{MAX_COOKIE_LEN, NotADict, into_map};
use super::itsdangerous::{Derivation, Digest, TimestampSigner};
use super::json::{self, Style};
use crate::keys::KeyRing;
use crate::{Map, Timestamp};

/// Writes and reads the value of Starlette's session cookie.
///
/// ```
/// use sessile_formats::starlette::StarletteCookie;
/// use sessile_formats::{KeyRing, Map, SecretKey, Timestamp};
///
/// let cookies = StarletteCookie::new(&KeyRing::new(SecretKey::allow_weak("dev-secret")?));
/// let now = Timestamp::from_secs(1_767_323_045);
/// let session = Map::from_iter([("a", 1)]);
/// let cookie = cookies.dumps(&session, now)?;
/// assert_eq!(cookie, "eyJhIjogMX0=.aVc1pQ.O1L1CY0bLUrFudwZxS0aGWQr98Q");
/// assert_eq!(cookies.loads(&cookie, Some(60), now)?, session);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StarletteCookie(TimestampSigner);

impl StarletteCookie {
    /// For these keys. Starlette has one; fallbacks are read here, too.
    pub fn new(keys: &KeyRing) -> Self {
        let salt = b"itsdangerous.Signer";
        Self(TimestampSigner::dotted(keys, salt, Derivation::DjangoConcat, Digest::Sha1))
    }

    /// The cookie's value for a session.
    ///
    /// # Errors
    /// What `json.dumps` raises: a type or key without a form in JSON.
    pub fn dumps(&self, session: &Map, now: Timestamp) -> Result<String, PayloadError> {
        let json = Style::DEFAULT.write_map(session)?;
        let mut text = Vec::with_capacity(json.len() / 3 * 4 + 60);
        base64::encode_standard_into(&json, &mut text);
        self.0.sign_in_place(&mut text, now);
        // Base64 and dots: always UTF-8.
        String::from_utf8(text).map_err(|_| PayloadError::NotUtf8)
    }

    /// The session in a cookie. `max_age` is in seconds, Starlette's default 1,209,600.
    ///
    /// # Errors
    /// [`StarletteLoadError`]. Those with [`StarletteLoadError::is_bad_signature`]
    /// mean an empty session to Starlette; the others are answered with status 500.
    pub fn loads(
        &self,
        cookie: &str,
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Map, StarletteLoadError> {
        if cookie.len() > MAX_COOKIE_LEN {
            let (len, limit) = (cookie.len(), MAX_COOKIE_LEN);
            return Err(BadData::TooLong { len, limit }.into());
        }
        let stamped = self.0.unsign(cookie.as_bytes(), max_age, now)?;
        let json =
            base64::decode_standard(stamped.value).map_err(|_| StarletteLoadError::Base64)?;
        let value = json::read(&json).map_err(StarletteLoadError::Payload)?;
        // `Session(None)` is an error, where Flask's session is empty.
        if value == crate::Value::Null {
            return Err(StarletteLoadError::NotADict(NotADict::NotIterable {
                type_name: value.type_name(),
            }));
        }
        into_map(value).map_err(StarletteLoadError::NotADict)
    }
}

/// Why a cookie gave no session.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StarletteLoadError {
    /// The signature or the time.
    Data(BadData),
    /// The signature is right, and the payload is not base64.
    Base64,
    /// The signature is right, and the payload is not JSON.
    Payload(PayloadError),
    /// The payload is no dictionary, nor can one be made of it.
    NotADict(NotADict),
}

impl StarletteLoadError {
    /// Whether Starlette starts with an empty session instead of failing.
    pub fn is_bad_signature(&self) -> bool {
        matches!(self, Self::Data(error) if error.is_bad_signature())
    }

    /// The name of the exception Python raises here.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::Data(error) => error.python_class(),
            // `binascii.Error`.
            Self::Base64 => "Error",
            Self::Payload(error) => error.python_class(),
            Self::NotADict(error) => error.python_class(),
        }
    }
}

impl From<BadData> for StarletteLoadError {
    fn from(error: BadData) -> Self {
        Self::Data(error)
    }
}

impl fmt::Display for StarletteLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::Base64 => f.write_str("the payload is not base64"),
            Self::Payload(error) => error.fmt(f),
            Self::NotADict(error) => error.fmt(f),
        }
    }
}

crate::debug_reads_like_display!(StarletteLoadError);

impl std::error::Error for StarletteLoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::Data(error) => std::error::Error::source(error),
            Self::Payload(error) => std::error::Error::source(error),
            Self::NotADict(error) => std::error::Error::source(error),
            Self::Base64 => None,
        }
    }
}
