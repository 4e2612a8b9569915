//! Sessions as django-redis (5 to 7) keeps them: a serializer's bytes, and perhaps a compressor's
//! around them.
//!
//! Neither is written down beside a value, but each can be told by how its bytes begin. What is
//! written back is written as it was found.

mod compress;

use std::fmt;

use crate::json::{self, Style};
use crate::value::{Map, Value};
use crate::{msgpack, pickle};

pub use compress::{Compressor, MAX_INFLATED};

/// `SERIALIZER` of the cache's `OPTIONS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serializer {
    /// `django_redis.serializers.pickle.PickleSerializer`, and Django's own caches.
    #[default]
    Pickle,
    /// `django_redis.serializers.json.JSONSerializer`.
    Json,
    /// `django_redis.serializers.msgpack.MSGPackSerializer`.
    MsgPack,
}

/// How one session is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// What makes bytes of it.
    pub serializer: Serializer,
    /// What makes them shorter.
    pub compressor: Option<Compressor>,
}

/// Why a cache's value is not read, or not written.
#[derive(Clone, PartialEq, Eq)]
pub enum CacheError {
    /// It is compressed by what this build does not know.
    NotBuilt(Compressor),
    /// What the compressor made is damaged, or holds more than [`MAX_INFLATED`] bytes.
    Compressed(Compressor),
    /// The serializer's bytes cannot be read, with the reason.
    Content(Serializer, String),
    /// They are no mapping, and so no session.
    NoMapping,
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(compressor) => write!(
                f,
                "compressed by {compressor:?}, which this build leaves out: build it with the \
                 feature `redis` of sessile, or `django-redis` of sessile-formats"
            ),
            Self::Compressed(compressor) => write!(
                f,
                "what {compressor:?} compressed is damaged or inflates beyond {MAX_INFLATED} bytes"
            ),
            Self::Content(_, reason) => f.write_str(reason),
            Self::NoMapping => f.write_str("a value that is no mapping"),
        }
    }
}

crate::debug_reads_like_display!(CacheError);

impl std::error::Error for CacheError {}

impl Form {
    /// How these bytes are kept, as far as their beginning shows.
    pub fn of(bytes: &[u8]) -> Self {
        let compressor = Compressor::of(bytes);
        let serializer = match compressor.map(|it| it.inflate(bytes)) {
            None => Serializer::of(bytes),
            Some(inflated) => inflated.map_or(Serializer::Pickle, |it| Serializer::of(&it)),
        };
        Self { serializer, compressor }
    }
}

impl Serializer {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [b'{', ..] => Self::Json,
            // A pickle begins with its protocol, or with an operation that makes a mapping.
            [0x80] | [0x81..=0x8f | 0xde | 0xdf, ..] => Self::MsgPack,
            _ => Self::Pickle,
        }
    }
}

/// The session in a cache's value.
///
/// # Errors
/// [`CacheError`]: leave it as it is.
pub fn read(bytes: &[u8]) -> Result<Map, CacheError> {
    let inflated;
    let plain = match Compressor::of(bytes) {
        None => bytes,
        Some(compressor) => {
            inflated = compressor.inflate(bytes)?;
            inflated.as_slice()
        }
    };
    let serializer = Serializer::of(plain);
    let failed = |reason: String| CacheError::Content(serializer, reason);
    let value = match serializer {
        Serializer::Pickle => pickle::read(plain).map_err(|error| failed(error.to_string()))?,
        Serializer::Json => json::read(plain).map_err(|error| failed(error.to_string()))?,
        Serializer::MsgPack => msgpack::read(plain).map_err(|error| failed(error.to_string()))?,
    };
    match value {
        Value::Map(map) => Ok(map),
        _ => Err(CacheError::NoMapping),
    }
}

/// The cache's value for a session.
///
/// # Errors
/// [`CacheError::Content`] where the serializer has no form for one of its values.
pub fn write(map: &Map, form: Form) -> Result<Vec<u8>, CacheError> {
    let failed = |reason: String| CacheError::Content(form.serializer, reason);
    let plain = match form.serializer {
        Serializer::Pickle => pickle::write_map(map).map_err(|error| failed(error.to_string()))?,
        Serializer::Json => {
            Style::DEFAULT.write_map(map).map_err(|error| failed(error.to_string()))?
        }
        Serializer::MsgPack => {
            msgpack::write_map(map).map_err(|error| failed(error.to_string()))?
        }
    };
    match form.compressor {
        None => Ok(plain),
        Some(compressor) => compressor.deflate(&plain),
    }
}
