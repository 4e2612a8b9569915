//! What Flask-Session 0.8 puts into Redis, Memcached, MongoDB, SQL and DynamoDB.
//!
//! A session is one msgpack (by default) or JSON document written by msgspec;
//! older releases wrote pickles. Reading tries the configured format, the
//! other one, then a pickle of plain data.

mod json_write;

use std::fmt;

pub use json_write::write_json;

use super::error::BadData;
use super::itsdangerous::{BadSeparator, Derivation, Signer, SignerOptions};
use super::json::{self, Fault};
use super::msgpack::{self, MAX_DEPTH, MAX_LEN, MAX_VALUES, ReadError, WriteError};
use super::pickle::{self, PickleError};
use crate::keys::{KeyRing, SecretKey};
use crate::value::{Map, Value};

/// `SESSION_SERIALIZATION_FORMAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `msgpack`, the default.
    #[default]
    Msgpack,
    /// `json`.
    Json,
}

/// Writes a session as Flask-Session's serializer does.
///
/// # Errors
/// See [`WriteError`].
///
/// ```
/// use sessile_formats::{Map, flask_session::{Format, encode}};
///
/// let session = Map::from_iter([("value", "42")]);
/// assert_eq!(encode(&session, Format::Json)?, br#"{"value":"42"}"#);
/// # Ok::<(), sessile_formats::msgpack::WriteError>(())
/// ```
pub fn encode(session: &Map, format: Format) -> Result<Vec<u8>, WriteError> {
    match format {
        Format::Msgpack => msgpack::write_map(session),
        Format::Json => json_write::write_map(session),
    }
}

/// Reads what [`encode`] or an older Flask-Session wrote, whichever format it is in.
///
/// Unlike the original, a pickle that holds more than plain data is refused,
/// because loading it would run its code.
///
/// # Errors
/// [`DecodeError`], after which the record is of no use.
pub fn decode(data: &[u8], format: Format) -> Result<Value, DecodeError> {
    type Read = fn(&[u8]) -> Result<Value, ReadError>;
    let (first, second): (Read, Read) = match format {
        Format::Msgpack => (msgpack::read, read_json),
        Format::Json => (read_json, msgpack::read),
    };
    for read in [first, second] {
        match read(data) {
            Ok(value) => return Ok(value),
            // Anything else would leave the original's decode as an exception.
            Err(error) if !error.is_malformed() => return Err(DecodeError::Document(error)),
            Err(_) => {}
        }
    }
    pickle::read(data).map_err(|error| match error {
        PickleError::Malformed(_) => DecodeError::Unknown,
        error => DecodeError::Pickle(error),
    })
}

/// JSON as msgspec reads it.
struct Msgspec;

impl json::ReadDialect for Msgspec {
    const STRICT: bool = true;
    const DEPTH: usize = MAX_DEPTH;
    const VALUES: usize = MAX_VALUES;
}

/// Reads one JSON document as `msgspec.json.decode` does: RFC 8259 to the letter;
/// of equal keys the last value wins.
///
/// # Errors
/// See [`ReadError`].
pub fn read_json(input: &[u8]) -> Result<Value, ReadError> {
    if input.len() > MAX_LEN {
        return Err(ReadError::TooLarge);
    }
    json::read_bytes::<Msgspec>(input).map_err(|fault| match fault {
        Fault::Syntax { what, at } => ReadError::Malformed { what, at },
        Fault::NotUtf8 { at } => ReadError::Utf8 { at },
        Fault::TooDeep => ReadError::TooDeep,
        Fault::TooManyValues => ReadError::TooLarge,
        Fault::LongInteger { at, .. } => {
            ReadError::Malformed { what: "Integer value out of range", at }
        }
        // `Msgspec` refuses no object.
        Fault::Object(_) => ReadError::Malformed { what: "invalid object", at: 0 },
    })
}

/// A record that is not a session of Flask-Session's.
#[derive(Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// A msgpack or JSON document that cannot be a session's.
    Document(ReadError),
    /// A pickle that is not plain data, or breaks off.
    Pickle(PickleError),
    /// Neither msgpack nor JSON nor a pickle.
    Unknown,
}

impl DecodeError {
    /// The exception Flask-Session's `decode` raises here.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::Document(error) => error.python_class(),
            Self::Pickle(error) => error.python_class(),
            Self::Unknown => "UnpicklingError",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => write!(f, "Failed to deserialize session data: {error}"),
            Self::Pickle(error) => write!(f, "Failed to deserialize session data: {error}"),
            Self::Unknown => f.write_str("Failed to deserialize session data"),
        }
    }
}

crate::debug_reads_like_display!(DecodeError);

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::Document(error) => std::error::Error::source(error),
            Self::Pickle(error) => std::error::Error::source(error),
            Self::Unknown => None,
        }
    }
}

/// `secrets.token_urlsafe`: the id made of these random bytes (Flask-Session takes 32).
///
/// ```
/// assert_eq!(sessile_formats::flask_session::sid(b"\0\x10\x83"), "ABCD");
/// ```
pub fn sid(random: &[u8]) -> String {
    super::base64::encode(random)
}

/// The ids of `SESSION_USE_SIGNER`: signed with `SECRET_KEY`, salt `flask-session`, HMAC-SHA-1.
///
/// Flask-Session knows no fallback keys here; neither does this.
#[derive(Clone, Debug)]
pub struct SidSigner(Signer);

impl SidSigner {
    /// A signer for this key. The key's part of the work is done once, here.
    ///
    /// # Errors
    /// None in practice: the separator is a fixed, valid one.
    pub fn new(key: SecretKey) -> Result<Self, BadSeparator> {
        let options = SignerOptions {
            derivation: Derivation::Hmac,
            ..SignerOptions::salted(&b"flask-session"[..])
        };
        Signer::new(&KeyRing::new(key), options).map(Self)
    }

    /// What the cookie holds: the id, `.` and the signature.
    pub fn sign(&self, sid: &str) -> String {
        format!("{sid}.{}", self.0.signature(sid.as_bytes()))
    }

    /// The id, when its signature is right.
    ///
    /// # Errors
    /// [`BadData::BadSignature`]: the visitor gets a new session.
    pub fn unsign<'a>(&self, signed: &'a str) -> Result<&'a str, BadData> {
        let sid = self.0.unsign(signed.as_bytes())?;
        // The signed text ends with the separator and the signature, both ASCII.
        Ok(signed.get(..sid.len()).unwrap_or_default())
    }
}
