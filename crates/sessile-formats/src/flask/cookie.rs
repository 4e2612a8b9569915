//! Flask's session cookie: `SecureCookieSessionInterface` without its headers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::error::{BadData, PayloadError, PayloadFault};
use crate::itsdangerous::{Codec as _, Derivation, Digest, TimestampSigner, pack, unpack};
use crate::keys::KeyRing;
use crate::zlib;
use crate::{Map, Timestamp, Value};

use super::{TaggedJson, python};

/// The longest cookie that is looked at unless told otherwise: 64 KiB, eight
/// times what common servers accept as a whole header line.
pub const MAX_COOKIE_LEN: usize = 1 << 16;

/// What a subclass of `SecureCookieSessionInterface` may change. The default is Flask's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlaskCookieOptions {
    /// `salt`, `cookie-session`.
    pub salt: Cow<'static, [u8]>,
    /// `key_derivation`, HMAC.
    pub derivation: Derivation,
    /// `digest_method`, SHA-1.
    pub digest: Digest,
    /// `serializer`, [`TaggedJson::IN_APP`].
    pub json: TaggedJson,
    /// The longest cookie that is looked at, in bytes.
    pub max_len: usize,
    /// The most bytes a compressed payload may inflate to.
    pub max_inflated: usize,
}

impl Default for FlaskCookieOptions {
    fn default() -> Self {
        Self {
            salt: Cow::Borrowed(b"cookie-session"),
            derivation: Derivation::Hmac,
            digest: Digest::Sha1,
            json: TaggedJson::IN_APP,
            max_len: MAX_COOKIE_LEN,
            max_inflated: zlib::MAX_INFLATED,
        }
    }
}

/// Writes and reads the value of Flask's session cookie.
///
/// ```
/// use sessile_formats::flask::{FlaskCookie, FlaskCookieOptions};
/// use sessile_formats::{KeyRing, Map, SecretKey, Timestamp};
///
/// let ring = KeyRing::new(SecretKey::allow_weak("dev-secret")?);
/// let cookies = FlaskCookie::new(&ring, FlaskCookieOptions::default());
/// let now = Timestamp::from_secs(1_767_323_045);
/// let session = Map::from_iter([("a", "b")]);
/// let cookie = cookies.dumps(&session, now)?;
/// assert_eq!(cookie, "eyJhIjoiYiJ9.aVc1pQ.-b8MXY1lwl_oYHhsYyoGdqsL7tc");
/// assert_eq!(cookies.loads(&cookie, Some(60), now)?, session);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlaskCookie {
    signer: TimestampSigner,
    json: TaggedJson,
    max_len: usize,
    max_inflated: usize,
}

impl FlaskCookie {
    /// For these keys, `[*SECRET_KEY_FALLBACKS, SECRET_KEY]` from oldest to newest.
    pub fn new(keys: &KeyRing, options: FlaskCookieOptions) -> Self {
        let FlaskCookieOptions { salt, derivation, digest, json, max_len, max_inflated } = options;
        let signer = TimestampSigner::dotted(keys, &salt, derivation, digest);
        Self { signer, json, max_len, max_inflated }
    }

    /// The cookie's value for a session.
    ///
    /// # Errors
    /// As [`TaggedJson::dumps_map`]; and [`PayloadError::TooLarge`] for more than
    /// would be read again, however small it is compressed: Flask answers such a
    /// cookie with a 500, request after request.
    pub fn dumps(&self, session: &Map, now: Timestamp) -> Result<String, PayloadError> {
        let json = self.json.dumps_map(session)?;
        if json.len() > self.max_inflated {
            return Err(PayloadError::TooLarge { limit: self.max_inflated });
        }
        let mut text = pack(&json);
        self.signer.sign_in_place(&mut text, now);
        // Base64 and dots: always UTF-8.
        String::from_utf8(text).map_err(|_| PayloadError::NotUtf8)
    }

    /// The session in a cookie. `max_age` is in seconds: Flask gives
    /// `int(PERMANENT_SESSION_LIFETIME)`, whether the session is permanent or not.
    ///
    /// # Errors
    /// [`FlaskLoadError`]. Those with [`FlaskLoadError::is_bad_signature`] mean
    /// an empty session to Flask; the others leave `open_session` as they are.
    pub fn loads(
        &self,
        cookie: &str,
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Map, FlaskLoadError> {
        let value = self.load_value(cookie.as_bytes(), max_age, now)?;
        Ok(into_map(value)?)
    }

    /// `open_session`: no cookie, an empty one and one with a bad signature give
    /// an empty session.
    ///
    /// # Errors
    /// What Flask answers with status 500: a payload that is rightly signed and
    /// cannot be read, or is no dictionary.
    pub fn open(
        &self,
        cookie: Option<&str>,
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Map, FlaskLoadError> {
        match cookie {
            None | Some("") => Ok(Map::new()),
            Some(cookie) => match self.loads(cookie, max_age, now) {
                Err(error) if error.is_bad_signature() => Ok(Map::new()),
                result => result,
            },
        }
    }

    fn load_value(
        &self,
        cookie: &[u8],
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Value, BadData> {
        if cookie.len() > self.max_len {
            return Err(BadData::TooLong { len: cookie.len(), limit: self.max_len });
        }
        let stamped = self.signer.unsign(cookie, max_age, now)?;
        stamped.signed_at()?;
        unpack(stamped.value, self.max_inflated)
            .and_then(|json| self.json.loads(&json).map_err(PayloadFault::Codec))
            .map_err(BadData::BadPayload)
    }
}

/// Why a cookie gave no session.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlaskLoadError {
    /// The signature, the time or the payload.
    Data(BadData),
    /// The payload is no dictionary, nor can one be made of it.
    NotADict(NotADict),
}

impl FlaskLoadError {
    /// Whether Flask starts with an empty session instead of failing.
    pub fn is_bad_signature(&self) -> bool {
        matches!(self, Self::Data(error) if error.is_bad_signature())
    }

    /// The name of the exception Python raises here.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::Data(error) => error.python_class(),
            Self::NotADict(error) => error.python_class(),
        }
    }

    /// The message Python gives. As [`BadData::python_message`], not for logs.
    pub fn python_message(&self) -> String {
        match self {
            Self::Data(error) => error.python_message(),
            Self::NotADict(error) => error.to_string(),
        }
    }
}

impl From<BadData> for FlaskLoadError {
    fn from(error: BadData) -> Self {
        Self::Data(error)
    }
}

impl From<NotADict> for FlaskLoadError {
    fn from(error: NotADict) -> Self {
        Self::NotADict(error)
    }
}

impl fmt::Display for FlaskLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::NotADict(error) => error.fmt(f),
        }
    }
}

crate::debug_reads_like_display!(FlaskLoadError, NotADict);

impl std::error::Error for FlaskLoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Data(error) => std::error::Error::source(error),
            Self::NotADict(_) => None,
        }
    }
}

/// Why Python's `dict()` takes a value for no dictionary.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotADict {
    /// It holds nothing one by one.
    NotIterable {
        /// Python's name for its type.
        type_name: &'static str,
    },
    /// An element that is no pair, because it holds nothing one by one.
    NotASequence {
        /// Which, from 0.
        at: usize,
    },
    /// An element that holds more or fewer than two.
    NotAPair {
        /// Which, from 0.
        at: usize,
        /// How many it holds.
        len: usize,
    },
    /// A key that cannot be one.
    Unhashable {
        /// Python's name for its type.
        type_name: &'static str,
    },
}

impl NotADict {
    /// The name of the exception Python raises here.
    pub fn python_class(&self) -> &'static str {
        if matches!(self, Self::NotAPair { .. }) { "ValueError" } else { "TypeError" }
    }
}

impl fmt::Display for NotADict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIterable { type_name } => write!(f, "'{type_name}' object is not iterable"),
            Self::NotASequence { at } => {
                write!(f, "cannot convert dictionary update sequence element #{at} to a sequence")
            }
            Self::NotAPair { at, len } => write!(
                f,
                "dictionary update sequence element #{at} has length {len}; 2 is required"
            ),
            Self::Unhashable { type_name } => write!(f, "unhashable type: '{type_name}'"),
        }
    }
}

impl std::error::Error for NotADict {}

/// `SecureCookieSession(value)`: `None` is empty, anything else goes through `dict()`.
pub(crate) fn into_map(value: Value) -> Result<Map, NotADict> {
    let type_name = value.type_name();
    match value {
        Value::Map(map) => return Ok(map),
        Value::Null => return Ok(Map::new()),
        _ => {}
    }
    let items = python::items(value).ok_or(NotADict::NotIterable { type_name })?;
    let mut map = Map::with_capacity(items.len());
    // Keys that are equal to Python (1, 1.0 and True) share the place and the
    // spelling of the first.
    let mut first: HashMap<Value, Value> = HashMap::new();
    for (at, item) in items.into_iter().enumerate() {
        let pair = python::items(item).ok_or(NotADict::NotASequence { at })?;
        let len = pair.len();
        let [key, value] =
            <[Value; 2]>::try_from(pair).map_err(|_| NotADict::NotAPair { at, len })?;
        if let Some(type_name) = unhashable(&key) {
            return Err(NotADict::Unhashable { type_name });
        }
        let key = first.entry(canonical(&key)).or_insert(key).clone();
        map.insert(key, value);
    }
    Ok(map)
}

fn unhashable(key: &Value) -> Option<&'static str> {
    match key {
        Value::List(_) | Value::Map(_) | Value::Set(_) => Some(key.type_name()),
        Value::Tuple(items) => items.iter().find_map(unhashable),
        _ => None,
    }
}

/// One value for all that compare equal in Python.
fn canonical(key: &Value) -> Value {
    // Beyond 2^53 not every integer is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match key {
        Value::Bool(value) => Value::Int((*value).into()),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => {
            Value::Int(*number as i64)
        }
        Value::Markup(text) => Value::Str(text.clone()),
        Value::Tuple(items) => Value::Tuple(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}
