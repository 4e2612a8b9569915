//! Session data as Django's engines keep them: signed JSON.

use super::expiry::EXPIRY_KEY;
use super::{Options, SigningError, TimestampSigner};
use crate::error::PayloadError;
use crate::itsdangerous::unpack;
use crate::json;
use crate::keys::KeyRing;
use crate::{Map, Timestamp, Value};

/// The salt of the engines `db`, `cached_db` and `file`. It ends with the name
/// of their class, which is why a subclass of another name reads none of their
/// sessions.
pub const SESSION_SALT: &str = "django.contrib.sessions.SessionStore";

/// The salt of the engine `signed_cookies`.
pub const COOKIE_SALT: &str = "django.contrib.sessions.backends.signed_cookies";

/// Whether Django takes `text` for a session's key: 8 characters or more
/// (`SessionBase._validate_session_key`). Its own have 32 of `a-z0-9`, and its
/// file engine takes no other characters.
pub fn is_session_key(text: &str) -> bool {
    text.chars().nth(7).is_some()
}

/// What an encoded session says under `_session_expiry`, without a look at its
/// signature: for a store that knows no key and must know when a session ends.
/// `None` when it says nothing or cannot be read.
pub fn expiry_unverified(text: &str) -> Option<Value> {
    let stamped = text.get(..MAX_RECORD.min(text.len()))?.rsplit_once(':')?.0;
    let (payload, _) = stamped.rsplit_once(':')?;
    let json = unpack(payload.as_bytes(), MAX_RECORD).ok()?;
    // Most sessions say nothing: their data need not be read for that.
    memchr::memmem::find(&json, EXPIRY_KEY.as_bytes())?;
    match json::read(&json).ok()? {
        Value::Map(mut data) => data.remove(EXPIRY_KEY),
        _ => None,
    }
}

/// Bounds for a record out of a store, which came from us or from Django.
const MAX_RECORD: usize = 16 << 20;

/// Writes and reads session data.
///
/// ```
/// use sessile_formats::django::SessionCodec;
/// use sessile_formats::{KeyRing, Map, SecretKey, Timestamp};
///
/// let codec = SessionCodec::stored(&KeyRing::new(SecretKey::allow_weak("dj-secret")?));
/// let now = Timestamp::from_secs(1_767_323_045);
/// let text = codec.encode(&Map::from_iter([("x", 1)]), now)?;
/// assert_eq!(text, "eyJ4IjoxfQ:1vbVSP:qNBsZGIh5gw7Os3AjM7VEdck_upy5i2cHz7-y4twe54");
/// assert_eq!(codec.decode(&text).data, Map::from_iter([("x", 1)]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SessionCodec(TimestampSigner);

/// What a stored text held.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The session; empty when the text was of no use.
    pub data: Map,
    /// Why it was of no use. Django logs "Session data corrupted" when
    /// [`SigningError::is_bad_signature`] is true, and nothing otherwise.
    pub fault: Option<SigningError>,
}

impl SessionCodec {
    /// For the engines `db`, `cached_db` and `file`.
    pub fn stored(keys: &KeyRing) -> Self {
        let bounds =
            Options { max_len: MAX_RECORD, max_inflated: MAX_RECORD, ..Options::default() };
        Self(TimestampSigner::build(keys, Options { salt: SESSION_SALT.into(), ..bounds }))
    }

    /// For the engine `signed_cookies`: cookies, so the bounds are tighter.
    pub fn cookie(keys: &KeyRing) -> Self {
        Self(TimestampSigner::salted(keys, COOKIE_SALT))
    }

    /// With options of one's own, such as the salt of a subclass.
    ///
    /// # Errors
    /// [`UnsafeSeparator`](super::UnsafeSeparator).
    pub fn with_options(keys: &KeyRing, options: Options) -> Result<Self, super::UnsafeSeparator> {
        TimestampSigner::new(keys, options).map(Self)
    }

    /// `SessionBase.encode`: compact JSON in insertion order, compressed if that pays, signed.
    ///
    /// # Errors
    /// What `json.dumps` raises: bytes, datetimes and tuple keys have no form in
    /// JSON. [`PayloadError::TooLarge`] for more than would be read again.
    pub fn encode(&self, data: &Map, now: Timestamp) -> Result<String, PayloadError> {
        let mut text = self.0.payload(data)?;
        self.0.sign_in_place(&mut text, now);
        Ok(text)
    }

    /// `SessionBase.decode`: never fails, and never looks at the age.
    pub fn decode(&self, text: &str) -> Decoded {
        Decoded::from(self.read(text, None, Timestamp::from_secs(0)))
    }

    /// `SessionStore.load` of the engine `signed_cookies`: as [`Self::decode`],
    /// with `max_age` in seconds (`SESSION_COOKIE_AGE`). After a fault Django
    /// sends a new cookie.
    pub fn decode_within(&self, text: &str, max_age: f64, now: Timestamp) -> Decoded {
        Decoded::from(self.read(text, Some(max_age), now))
    }

    /// Whatever was signed, a session or not.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn read(
        &self,
        text: &str,
        max_age: Option<f64>,
        now: Timestamp,
    ) -> Result<Value, SigningError> {
        self.0.loads(text, max_age, now)
    }
}

impl From<Result<Value, SigningError>> for Decoded {
    fn from(read: Result<Value, SigningError>) -> Self {
        match read {
            Ok(Value::Map(data)) => Self { data, fault: None },
            // Signed by one of our keys, yet no session.
            Ok(_) => Self { data: Map::new(), fault: None },
            Err(fault) => Self { data: Map::new(), fault: Some(fault) },
        }
    }
}
