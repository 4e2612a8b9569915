//! One cookie format at a time: reading with and without key, and writing.

use std::borrow::Cow;

use sessile::store::Record;
use sessile::{KeyRing, Lifetime, Map, SecretKey, Timestamp, Value};
use sessile_core::native::{self, SealedCookie, SignedCookie, TokenError};
use sessile_formats::base64;
use sessile_formats::django::{self, SESSION_SALT, SigningError, b62_decode};
use sessile_formats::error::{BadData, Fault as Signature, PayloadFault};
use sessile_formats::flask::{FlaskCookie, FlaskCookieOptions, FlaskLoadError, TaggedJson};
use sessile_formats::flask_session::SidSigner;
use sessile_formats::itsdangerous::{
    Codec, SERIALIZER_SALT, SignerOptions, UrlSafeSerializer, UrlSafeTimedSerializer, bytes_to_int,
};
use sessile_formats::json::{self, Style};
use sessile_formats::starlette::{StarletteCookie, StarletteLoadError};

use super::way::Way;
use crate::args::Format;
use crate::human;
use crate::keys;
use crate::outcome::Failure;

/// The native cookie's name unless told otherwise.
const NATIVE_NAME: &str = "__Host-id";

/// What a cookie holds.
pub(super) struct Opened {
    pub(super) payload: Value,
    /// When it was signed, where the format says.
    pub(super) signed_at: Option<Timestamp>,
    /// What our own formats say of the session besides its data.
    pub(super) record: Option<Record>,
}

/// Why a cookie is refused.
pub(super) enum Fault {
    /// No key of ours made it.
    Forged(String),
    /// A key of ours made it, and it is over.
    Expired(String),
    /// A key of ours made it, and it cannot be read.
    Unreadable(String),
}

impl Fault {
    /// Whether its signature is right.
    pub(super) fn is_signed(&self) -> bool {
        !matches!(self, Self::Forged(_))
    }

    fn expired(age: i64, max_age: i64) -> Self {
        Self::Expired(if age < 0 {
            format!("signed {} seconds in the future", age.unsigned_abs())
        } else {
            format!("too old: {age} seconds, and at most {max_age} are allowed")
        })
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Forged(line) | Fault::Expired(line) => Self::refused(line),
            Fault::Unreadable(line) => Self::unreadable(line),
        }
    }
}

const NO_KEY: &str = "the signature matches no key";
const NO_SIGNATURE: &str = "it is no such cookie: it has no signature";
const NO_TIME: &str = "rightly signed, but its time is missing or malformed";

fn unreadable_payload(fault: &PayloadFault) -> String {
    let why = match fault {
        PayloadFault::Base64 => "its payload is no base64",
        PayloadFault::Zlib => "its payload cannot be decompressed",
        _ => "its payload is not what this format holds",
    };
    format!("rightly signed, but unreadable: {why}")
}

impl From<BadData> for Fault {
    fn from(error: BadData) -> Self {
        match error {
            BadData::SignatureExpired { age, max_age, .. } => Self::expired(age, max_age),
            BadData::BadSignature(signature) | BadData::BadTimeSignature(signature) => {
                match signature {
                    Signature::NoSeparator(_) => Self::Forged(NO_SIGNATURE.to_owned()),
                    Signature::Mismatch(_) => Self::Forged(NO_KEY.to_owned()),
                    _ => Self::Unreadable(NO_TIME.to_owned()),
                }
            }
            BadData::TooLong { .. } => Self::Forged(error.to_string()),
            BadData::BadPayload(fault) => Self::Unreadable(unreadable_payload(&fault)),
            error => Self::Unreadable(format!("rightly signed, but unreadable: {error}")),
        }
    }
}

impl From<SigningError> for Fault {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Expired { age, max_age } => Self::expired(age as i64, max_age as i64),
            SigningError::NoSeparator(_) => Self::Forged(NO_SIGNATURE.to_owned()),
            SigningError::Mismatch(_) => Self::Forged(NO_KEY.to_owned()),
            SigningError::TooLong { .. } => Self::Forged(error.to_string()),
            SigningError::NoTimestamp
            | SigningError::EmptyTimestamp
            | SigningError::BadTimestamp => Self::Unreadable(NO_TIME.to_owned()),
            SigningError::Payload(fault) => Self::Unreadable(unreadable_payload(&fault)),
            error => Self::Unreadable(format!("rightly signed, but unreadable: {error}")),
        }
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Newer => Self::Unreadable(error.to_string()),
            error => Self::Forged(error.to_string()),
        }
    }
}

/// Reads and writes one format with its keys.
pub(super) enum Reader {
    Flask(FlaskCookie),
    Starlette(StarletteCookie),
    Django(django::TimestampSigner),
    Itsdangerous(UrlSafeTimedSerializer<Style>),
    Sid(SidSigner),
    Native(SignedCookie),
    Encrypted(SealedCookie),
}

impl Reader {
    pub(super) fn new(way: &Way, keys: &KeyRing) -> Result<Self, Failure> {
        let name = way.name.as_deref().unwrap_or(NATIVE_NAME);
        let audience = way.audience.as_deref().unwrap_or_default();
        let salt = way.salt.clone();
        Ok(match way.format {
            Format::Flask => {
                let mut options = FlaskCookieOptions::default();
                if let Some(salt) = salt {
                    options.salt = Cow::Owned(salt.into_bytes());
                }
                Self::Flask(FlaskCookie::new(keys, options))
            }
            Format::Starlette => Self::Starlette(StarletteCookie::new(keys)),
            Format::Django | Format::DjangoSession => {
                let own = (way.format == Format::DjangoSession).then(|| SESSION_SALT.to_owned());
                let options = match salt.or(own) {
                    Some(salt) => django::Options::salted(salt),
                    None => django::Options::default(),
                };
                Self::Django(django::TimestampSigner::new(keys, options).map_err(Failure::usage)?)
            }
            Format::Itsdangerous => {
                let salt = salt.map_or(Cow::Borrowed(SERIALIZER_SALT), |it| it.into_bytes().into());
                let options = SignerOptions::salted(salt);
                let serializer =
                    UrlSafeTimedSerializer::url_safe(keys, options, Style::COMPACT_UTF8);
                Self::Itsdangerous(serializer.map_err(Failure::usage)?)
            }
            Format::FlaskSessionSid => {
                Self::Sid(SidSigner::new(keys.newest().clone()).map_err(Failure::usage)?)
            }
            Format::Native => Self::Native(SignedCookie::new(keys, name, audience)),
            Format::NativeEncrypted => Self::Encrypted(SealedCookie::new(keys, name, audience)),
        })
    }

    /// What a cookie holds, if its signature is right and it is not over.
    pub(super) fn read(
        &self,
        value: &str,
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Opened, Fault> {
        let plain = |payload: Value, signed_at| Opened { payload, signed_at, record: None };
        match self {
            Self::Flask(cookies) => match cookies.loads(value, max_age, now) {
                Ok(data) => Ok(plain(Value::Map(data), dotted_stamp(value))),
                Err(FlaskLoadError::Data(error)) => Err(error.into()),
                Err(error) => Err(Fault::Unreadable(format!("rightly signed, but {error}"))),
            },
            Self::Starlette(cookies) => match cookies.loads(value, max_age, now) {
                Ok(data) => Ok(plain(Value::Map(data), dotted_stamp(value))),
                Err(StarletteLoadError::Data(error)) => Err(error.into()),
                Err(error) => Err(Fault::Unreadable(format!("rightly signed, but {error}"))),
            },
            Self::Django(signer) => {
                let payload = signer.loads(value, max_age.map(|secs| secs as f64), now)?;
                Ok(plain(payload, coloned_stamp(value)))
            }
            Self::Itsdangerous(serializer) => {
                let (payload, signed_at) = serializer.loads(value, max_age, now)?;
                Ok(plain(payload, Some(signed_at)))
            }
            Self::Sid(signer) => Ok(plain(signer.unsign(value)?.into(), None)),
            Self::Native(cookies) => opened(cookies.decode(value.as_bytes())?, max_age, now),
            Self::Encrypted(cookies) => opened(cookies.decode(value.as_bytes())?, max_age, now),
        }
    }

    /// A cookie's value.
    pub(super) fn write(&self, payload: Value, now: Timestamp) -> Result<String, Failure> {
        let refused = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("the payload does not fit this format: {error}"))
        };
        match self {
            Self::Flask(cookies) => {
                cookies.dumps(&map(payload)?, now).map_err(|error| refused(&error))
            }
            Self::Starlette(cookies) => {
                cookies.dumps(&map(payload)?, now).map_err(|error| refused(&error))
            }
            Self::Django(signer) => {
                signer.dumps(&payload, true, now).map_err(|error| refused(&error))
            }
            Self::Itsdangerous(serializer) => {
                let text = serializer.dumps(&payload, now).map_err(|error| refused(&error))?;
                String::from_utf8(text).map_err(Failure::usage)
            }
            Self::Sid(signer) => Ok(signer.sign(payload.as_str().unwrap_or_default())),
            Self::Native(cookies) => {
                cookies.encode(&record(map(payload)?, now)?).map_err(|error| refused(&error))
            }
            Self::Encrypted(cookies) => {
                let record = record(map(payload)?, now)?;
                let mut nonce = [0; native::NONCE_BYTES];
                nonce.copy_from_slice(&keys::random(native::NONCE_BYTES)?);
                cookies.encode(&record, &nonce).map_err(|error| refused(&error))
            }
        }
    }
}

/// A record of ours, its deadlines looked at.
fn opened(record: Record, max_age: Option<i64>, now: Timestamp) -> Result<Opened, Fault> {
    if let Some(end) = record.ends().filter(|_| record.has_ended(now)) {
        let ago = human::relative(end, now);
        return Err(Fault::Expired(format!("the session ended {ago}, at {}", human::exact(end))));
    }
    if native::created_ahead_of(&record, now) {
        return Err(Fault::Expired("the session begins in the future".into()));
    }
    if let (Some(max_age), Some(created)) = (max_age, record.created) {
        let age = now.as_secs().saturating_sub(created.as_secs());
        if age > max_age {
            return Err(Fault::expired(age, max_age));
        }
    }
    let payload = native::decode_map(&record.payload)
        .map_err(|error| Fault::Unreadable(format!("rightly signed, but unreadable: {error}")))?;
    Ok(Opened { payload: Value::Map(payload), signed_at: None, record: Some(record) })
}

/// What a cookie says, whoever wrote it.
pub(super) fn unverified(format: Format, value: &str) -> Result<Opened, Failure> {
    let unreadable = |what: &str| Failure::unreadable(format!("no {what} can be read in this"));
    let plain = |payload, signed_at| Ok(Opened { payload, signed_at, record: None });
    match format {
        Format::Flask | Format::Itsdangerous => {
            let (text, stamp) = signed_parts(value, '.').ok_or_else(|| unreadable("cookie"))?;
            let payload = if format == Format::Flask {
                load(text, TaggedJson::UNSORTED)
            } else {
                load(text, Style::COMPACT_UTF8)
            };
            plain(payload.ok_or_else(|| unreadable("payload"))?, unix_stamp(stamp))
        }
        Format::Django | Format::DjangoSession => {
            let (text, stamp) = signed_parts(value, ':').ok_or_else(|| unreadable("cookie"))?;
            let payload = load(text, Style::COMPACT).ok_or_else(|| unreadable("payload"))?;
            plain(payload, django_stamp(stamp))
        }
        Format::Starlette => {
            let (text, stamp) = signed_parts(value, '.').ok_or_else(|| unreadable("cookie"))?;
            let text = base64::decode_standard(text.as_bytes());
            let payload = text.ok().and_then(|text| json::read(&text).ok());
            plain(payload.ok_or_else(|| unreadable("payload"))?, unix_stamp(stamp))
        }
        Format::FlaskSessionSid => {
            let (sid, _) = value.rsplit_once('.').ok_or_else(|| unreadable("signed id"))?;
            plain(sid.into(), None)
        }
        Format::Native => {
            let record = native_record(value).ok_or_else(|| unreadable("native cookie"))?;
            let payload = native::decode_map(&record.payload).map_err(|_| unreadable("payload"))?;
            Ok(Opened { payload: Value::Map(payload), signed_at: None, record: Some(record) })
        }
        Format::NativeEncrypted => {
            Err(Failure::usage("--unverified: an encrypted cookie cannot be read without its key"))
        }
    }
}

/// `payload SEP stamp SEP signature`: the first two.
fn signed_parts(value: &str, separator: char) -> Option<(&str, &str)> {
    let (rest, _signature) = value.rsplit_once(separator)?;
    rest.rsplit_once(separator)
}

/// A URL-safe payload, perhaps compressed. Needs no key, but its type wants one.
fn load<C: Codec>(text: &str, codec: C) -> Option<Value> {
    let keys = KeyRing::new(SecretKey::allow_weak("unused").ok()?);
    let serializer = UrlSafeSerializer::url_safe(&keys, SignerOptions::default(), codec).ok()?;
    serializer.load_payload(text.as_bytes()).ok()
}

/// The record behind prefix and 32 bytes of MAC.
fn native_record(value: &str) -> Option<Record> {
    let bytes = base64::decode(value.strip_prefix("s1")?.as_bytes()).ok()?;
    let record = axum::body::Bytes::from(bytes.get(32..)?.to_vec());
    native::decode_record(record).ok()
}

fn dotted_stamp(value: &str) -> Option<Timestamp> {
    unix_stamp(signed_parts(value, '.')?.1)
}

fn coloned_stamp(value: &str) -> Option<Timestamp> {
    django_stamp(signed_parts(value, ':')?.1)
}

fn unix_stamp(stamp: &str) -> Option<Timestamp> {
    let secs = bytes_to_int(&base64::decode(stamp.as_bytes()).ok()?)?;
    i64::try_from(secs).ok().map(Timestamp::from_secs)
}

fn django_stamp(stamp: &str) -> Option<Timestamp> {
    i64::try_from(b62_decode(stamp).ok()?).ok().map(Timestamp::from_secs)
}

fn map(payload: Value) -> Result<Map, Failure> {
    match payload {
        Value::Map(map) => Ok(map),
        other => {
            let kind = other.type_name();
            Err(Failure::usage(format!("a session is a JSON object, and this is {kind}")))
        }
    }
}

/// A session of ours that begins now, with the default limits.
fn record(data: Map, now: Timestamp) -> Result<Record, Failure> {
    let payload = native::encode_map(&data)
        .map_err(|error| Failure::usage(format!("the payload does not fit: {error}")))?;
    Ok(Record::begun(payload, now, Lifetime::AAL2))
}
