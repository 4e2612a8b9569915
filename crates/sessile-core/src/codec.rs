//! Which format stands behind a configuration: ids, stored data, cookie-held data.

use bytes::Bytes;

use crate::Timestamp;
use crate::config::{Config, ConfigError, Storage};
use crate::cookie::parts;
use crate::error::{CommitError, OpenError, PayloadError};
use crate::event::EventKind;
use crate::id::{ID_BYTES, SessionId, StoreKey};
use crate::native::{self, SealedCookie, SignedCookie};
use crate::profile::Profile;
use crate::random::Random;
use crate::session::{Data, Lookup};
use crate::store::Record;
use sessile_formats::django;
use sessile_formats::django_redis;
use sessile_formats::flask::{FlaskCookie, FlaskCookieOptions};
use sessile_formats::flask_session::{self, SidSigner};
use sessile_formats::pickle;
use sessile_formats::starlette::StarletteCookie;
use sessile_formats::{Map, Value};

/// How ids are made, spelt in a cookie, and turned into keys.
pub(crate) enum IdCodec {
    /// `former`: ids that `sessile migrate` brought along are accepted, too.
    Native {
        former: Option<Profile>,
    },
    FlaskSession {
        signer: Option<Box<SidSigner>>,
        prefix: String,
        length: usize,
    },
    Django {
        prefix: String,
    },
}

impl IdCodec {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(match config.profile {
            Profile::FlaskSession => Self::FlaskSession {
                signer: match (config.use_signer, &config.keys) {
                    (false, _) => None,
                    (true, Some(keys)) => {
                        let signer = SidSigner::new(keys.newest().clone());
                        Some(Box::new(signer.map_err(|_| ConfigError::NoKey)?))
                    }
                    (true, None) => return Err(ConfigError::NoKey),
                },
                prefix: config.key_prefix.clone(),
                length: config.id_length,
            },
            Profile::Django => Self::Django { prefix: config.key_prefix.clone() },
            _ => Self::Native { former: config.former_ids },
        })
    }

    /// What to load for a cookie's value; `None` when it cannot be an id.
    pub(crate) fn lookup(&self, value: &[u8]) -> Option<Lookup> {
        let id = match self {
            Self::Native { former: None } => SessionId::parse(value)?,
            Self::Native { former: Some(former) } => {
                SessionId::parse(value).or_else(|| former_id(*former, value))?
            }
            _ => self.foreign_id(value)?,
        };
        let key = self.store_key(&id);
        Some(Lookup::new(key, id))
    }

    fn foreign_id(&self, value: &[u8]) -> Option<SessionId> {
        let text = std::str::from_utf8(value).ok()?;
        Some(match self {
            Self::Native { .. } => return None,
            Self::FlaskSession { signer: Some(signer), .. } => {
                SessionId::foreign(signer.unsign(text).ok()?)
            }
            // Longer than any id of `secrets.token_urlsafe`, and what stores can hold.
            Self::FlaskSession { .. } if value.len() <= 256 => SessionId::foreign(text),
            Self::FlaskSession { .. } => return None,
            Self::Django { .. } if is_django_key(value) => SessionId::foreign(text),
            Self::Django { .. } => return None,
        })
    }

    /// A new id.
    pub(crate) fn issue(&self, random: &mut Random<'_>) -> Result<SessionId, CommitError> {
        Ok(match self {
            Self::Native { .. } => {
                let mut bytes = [0; ID_BYTES];
                random(&mut bytes)?;
                SessionId::from_random(&bytes)
            }
            Self::FlaskSession { length, .. } => {
                let mut bytes = zeroize::Zeroizing::new(vec![0; *length]);
                random(&mut bytes)?;
                SessionId::foreign(flask_session::sid(&bytes))
            }
            Self::Django { .. } => {
                let mut key = String::with_capacity(DJANGO_KEY);
                while key.len() < DJANGO_KEY {
                    let mut bytes = [0; 64];
                    random(&mut bytes)?;
                    // 252 is the largest multiple of 36 in a byte: no letter is likelier.
                    let fair = bytes.iter().filter(|byte| **byte < 252);
                    let letters = fair.map(|byte| DJANGO_ALPHABET[usize::from(byte % 36)]);
                    key.extend(letters.map(char::from).take(DJANGO_KEY - key.len()));
                }
                SessionId::foreign(key)
            }
        })
    }

    pub(crate) fn store_key(&self, id: &SessionId) -> StoreKey {
        match self {
            Self::Native { .. } => id.store_key(),
            Self::FlaskSession { prefix, .. } | Self::Django { prefix } => {
                StoreKey::from_text(format!("{prefix}{}", id.expose()))
            }
        }
    }

    /// The id as the cookie's value.
    pub(crate) fn encode(&self, id: &SessionId) -> String {
        match self {
            Self::FlaskSession { signer: Some(signer), .. } => signer.sign(id.expose()),
            _ => id.expose().to_owned(),
        }
    }
}

/// An id that another framework issued and our store now holds. Flask-Session's
/// signature says nothing more than that: a hash of the id is found, or it is not.
fn former_id(former: Profile, value: &[u8]) -> Option<SessionId> {
    let text = std::str::from_utf8(value).ok()?;
    match former {
        Profile::FlaskSession if value.len() <= 256 => {
            let sid = text.rsplit_once('.').map_or(text, |(sid, _)| sid);
            (sid.len() >= 16).then(|| SessionId::foreign(sid))
        }
        Profile::Django if is_django_key(value) => Some(SessionId::foreign(text)),
        _ => None,
    }
}

/// Characters in a session key of Django's (`SessionBase._get_new_session_key`).
const DJANGO_KEY: usize = 32;
const DJANGO_ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// What Django takes for a key, if a store can hold it.
fn is_django_key(value: &[u8]) -> bool {
    value.len() <= 128
        && value.iter().all(u8::is_ascii_graphic)
        && std::str::from_utf8(value).is_ok_and(django::is_session_key)
}

/// How a session's data become the bytes in a store.
pub(crate) enum StoredCodec {
    Native,
    FlaskSession(flask_session::Format),
    Django(Box<django::SessionCodec>),
    /// As Python's `pickle` writes a dict.
    Pickled,
    /// As Django's caches keep a session; new ones in this form.
    DjangoCache(django_redis::Form),
}

impl StoredCodec {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(match config.profile {
            Profile::FlaskSession if config.stored_pickled => Self::Pickled,
            Profile::Django if config.stored_pickled => Self::DjangoCache(config.cache_form),
            Profile::FlaskSession => Self::FlaskSession(config.serialization_format),
            Profile::Django => {
                let keys = config.keys.as_ref().ok_or(ConfigError::NoKey)?;
                Self::Django(Box::new(django::SessionCodec::stored(keys)))
            }
            _ => Self::Native,
        })
    }

    pub(crate) fn encode(&self, data: &Map, now: Timestamp) -> Result<Vec<u8>, PayloadError> {
        match self {
            Self::Native => native::encode_map(data).map_err(PayloadError::new),
            Self::FlaskSession(format) => {
                flask_session::encode(data, *format).map_err(PayloadError::new)
            }
            Self::Django(codec) => {
                codec.encode(data, now).map(String::into_bytes).map_err(PayloadError::new)
            }
            Self::Pickled => pickle::write_map(data).map_err(PayloadError::new),
            Self::DjangoCache(form) => django_redis::write(data, *form).map_err(PayloadError::new),
        }
    }

    /// The same in the form that the session was found in, where formats differ in that.
    pub(crate) fn encode_like(
        &self,
        found: Option<&[u8]>,
        data: &Map,
        now: Timestamp,
    ) -> Result<Vec<u8>, PayloadError> {
        match (self, found) {
            (Self::DjangoCache(_), Some(found)) => {
                Self::DjangoCache(django_redis::Form::of(found)).encode(data, now)
            }
            _ => self.encode(data, now),
        }
    }

    /// Why stored bytes are not of this format, for the log.
    pub(crate) fn fault(&self, payload: &[u8]) -> String {
        match self {
            Self::DjangoCache(_) => django_redis::read(payload).err().map(|it| it.to_string()),
            Self::Pickled => pickle::read(payload).err().map(|it| it.to_string()),
            _ => None,
        }
        .unwrap_or_else(|| "its data are not of this profile's format".to_owned())
    }

    /// `None` when the bytes are not of this format.
    pub(crate) fn decode(&self, payload: &[u8]) -> Option<Map> {
        match self {
            Self::Native => native::decode_map(payload).ok(),
            Self::FlaskSession(format) => match flask_session::decode(payload, *format).ok()? {
                Value::Map(data) => Some(data),
                _ => None,
            },
            Self::Pickled => match pickle::read(payload).ok()? {
                Value::Map(data) => Some(data),
                _ => None,
            },
            Self::DjangoCache(_) => django_redis::read(payload).ok(),
            // Django takes a damaged session for an empty one and goes on under its key.
            Self::Django(codec) => Some(codec.decode(std::str::from_utf8(payload).ok()?).data),
        }
    }
}

impl StoredCodec {
    /// As [`decode`](Self::decode), and `None` for what Django takes for an empty session.
    pub(crate) fn decode_strictly(&self, payload: &[u8]) -> Option<Map> {
        let Self::Django(codec) = self else { return self.decode(payload) };
        let decoded = codec.decode(std::str::from_utf8(payload).ok()?);
        decoded.fault.is_none().then_some(decoded.data)
    }
}

/// How a whole session travels in a cookie.
pub(crate) enum CookieCodec {
    Flask(Box<FlaskCookie>),
    Django(Box<django::SessionCodec>),
    Starlette(Box<StarletteCookie>),
    Signed(SignedCookie),
    Sealed(SealedCookie),
}

/// What a cookie-held session turns out to be.
#[allow(clippy::large_enum_variant)] // as in `Reading`
pub(crate) enum Held {
    Session { record: Record, data: Data },
    Refused(EventKind),
}

impl CookieCodec {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let keys = config.keys.as_ref().ok_or(ConfigError::NoKey)?;
        let (name, audience) = (config.cookie.name.as_str(), config.audience.as_str());
        let chars = parts::capacity(name, config.cookie_chunks);
        Ok(match (config.profile, config.storage) {
            (Profile::Flask, _) => {
                Self::Flask(Box::new(FlaskCookie::new(keys, FlaskCookieOptions::default())))
            }
            (Profile::Django, _) => Self::Django(Box::new(django::SessionCodec::cookie(keys))),
            (Profile::Starlette, _) => Self::Starlette(Box::new(StarletteCookie::new(keys))),
            (_, Storage::EncryptedCookie) => {
                Self::Sealed(SealedCookie::new(keys, name, audience).with_max_chars(chars))
            }
            _ => Self::Signed(SignedCookie::new(keys, name, audience).with_max_chars(chars)),
        })
    }

    /// What a cookie's value holds. `max_age` is how many seconds a foreign signature holds, where
    /// anything limits it.
    pub(crate) fn open(
        &self,
        value: &[u8],
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Held, OpenError> {
        let record = match self {
            Self::Signed(codec) => codec.decode(value),
            Self::Sealed(codec) => codec.decode(value),
            _ => return self.open_foreign(value, max_age, now),
        };
        let Ok(record) = record else { return Ok(Held::Refused(EventKind::Rejected)) };
        if record.has_ended(now) {
            return Ok(Held::Refused(EventKind::Expired));
        }
        if native::created_ahead_of(&record, now) {
            return Ok(Held::Refused(EventKind::Rejected));
        }
        Ok(match Data::native(&record.payload) {
            Some(data) => {
                Held::Session { record: Record { payload: Bytes::new(), ..record }, data }
            }
            None => Held::Refused(EventKind::Unreadable),
        })
    }

    fn open_foreign(
        &self,
        value: &[u8],
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Held, OpenError> {
        let Ok(text) = std::str::from_utf8(value) else {
            return Ok(Held::Refused(EventKind::Rejected));
        };
        let data = match self {
            Self::Flask(codec) => match codec.loads(text, max_age, now) {
                Ok(data) => Some(data),
                Err(error) if error.is_bad_signature() => None,
                Err(error) => {
                    let class = error.python_class();
                    return Err(OpenError::Payload(PayloadError::new(error).like_python(class)));
                }
            },
            Self::Starlette(codec) => match codec.loads(text, max_age, now) {
                Ok(data) => Some(data),
                Err(error) if error.is_bad_signature() => None,
                Err(error) => {
                    let class = error.python_class();
                    return Err(OpenError::Payload(PayloadError::new(error).like_python(class)));
                }
            },
            Self::Django(codec) => {
                let max_age = max_age.unwrap_or(i64::MAX) as f64;
                let decoded = codec.decode_within(text, max_age, now);
                decoded.fault.is_none().then_some(decoded.data)
            }
            Self::Signed(_) | Self::Sealed(_) => None,
        };
        Ok(match data {
            // Foreign cookies say nothing of a session but its data.
            Some(data) => Held::Session { record: Record::new(Bytes::new()), data: data.into() },
            None => Held::Refused(EventKind::Rejected),
        })
    }

    /// The cookie's value for a session.
    pub(crate) fn seal(
        &self,
        record: Record,
        data: &Map,
        now: Timestamp,
        random: &mut Random<'_>,
    ) -> Result<String, CommitError> {
        let native = || -> Result<Record, PayloadError> {
            let payload = native::encode_map(data).map_err(PayloadError::new)?.into();
            Ok(Record { payload, ..record })
        };
        Ok(match self {
            Self::Flask(codec) => codec.dumps(data, now).map_err(PayloadError::new)?,
            Self::Django(codec) => codec.encode(data, now).map_err(PayloadError::new)?,
            Self::Starlette(codec) => codec.dumps(data, now).map_err(PayloadError::new)?,
            Self::Signed(codec) => codec.encode(&native()?).map_err(PayloadError::new)?,
            Self::Sealed(codec) => {
                let mut nonce = [0; 24];
                random(&mut nonce)?;
                codec.encode(&native()?, &nonce).map_err(PayloadError::new)?
            }
        })
    }
}
