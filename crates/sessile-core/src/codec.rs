//! Which format stands behind a configuration: ids, stored data, cookie-held data.

use crate::Timestamp;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::error::{CommitError, OpenError, PayloadError};
use crate::event::EventKind;
use crate::format::native;
use crate::id::{ID_BYTES, SessionId, StoreKey};
use crate::session::Lookup;
use crate::settle::Random;
use crate::store::Record;
use crate::value::Map;

/// How ids are made, spelt in a cookie, and turned into keys.
pub(crate) enum IdCodec {
    Native,
}

impl IdCodec {
    pub(crate) fn new(_config: &Config) -> Result<Self, ConfigError> {
        Ok(Self::Native)
    }

    /// What to load for a cookie's value; `None` when it cannot be an id.
    pub(crate) fn lookup(&self, value: &[u8]) -> Option<Lookup> {
        let text = std::str::from_utf8(value).ok()?;
        let id = match self {
            Self::Native if SessionId::is_well_formed(value) => SessionId::foreign(text),
            Self::Native => return None,
        };
        let key = self.store_key(&id);
        Some(Lookup::new(key, id))
    }

    /// A new id.
    pub(crate) fn issue(&self, random: &mut Random<'_>) -> Result<SessionId, CommitError> {
        Ok(match self {
            Self::Native => {
                let mut bytes = [0; ID_BYTES];
                random(&mut bytes)?;
                SessionId::from_random(&bytes)
            }
        })
    }

    pub(crate) fn store_key(&self, id: &SessionId) -> StoreKey {
        match self {
            Self::Native => id.store_key(),
        }
    }

    /// The id as the cookie's value.
    pub(crate) fn spell(&self, id: &SessionId) -> String {
        id.expose().to_owned()
    }
}

/// How a session's data become the bytes in a store.
pub(crate) enum StoredCodec {
    Native,
}

impl StoredCodec {
    pub(crate) fn new(_config: &Config) -> Result<Self, ConfigError> {
        Ok(Self::Native)
    }

    pub(crate) fn encode(&self, data: &Map, _now: Timestamp) -> Result<Vec<u8>, PayloadError> {
        native::encode_map(data).map_err(PayloadError::new)
    }

    /// `None` when the bytes are not of this format.
    pub(crate) fn decode(&self, payload: &[u8]) -> Option<Map> {
        native::decode_map(payload).ok()
    }
}

/// How a whole session travels in a cookie.
pub(crate) enum HeldCodec {}

/// What a cookie-held session turns out to be.
#[allow(clippy::large_enum_variant)] // as in `Reading`
pub(crate) enum Held {
    Session { record: Record, data: Map },
    Refused(EventKind),
}

impl HeldCodec {
    pub(crate) fn new(_config: &Config) -> Result<Self, ConfigError> {
        Err(ConfigError::NoKey)
    }

    pub(crate) fn open(&self, _v: &[u8], _e: &Engine, _now: Timestamp) -> Result<Held, OpenError> {
        Ok(Held::Refused(EventKind::Rejected))
    }

    /// The cookie's value for a session.
    pub(crate) fn seal(
        &self,
        _record: Record,
        _data: &Map,
        _engine: &Engine,
        _now: Timestamp,
        _random: &mut Random<'_>,
    ) -> Result<String, CommitError> {
        Err(CommitError::Contended)
    }
}
