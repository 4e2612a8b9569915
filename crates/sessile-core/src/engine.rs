//! A checked configuration, ready to serve requests: keys derived, cookie preformatted.

use std::fmt;
use std::time::Duration;

use crate::chunks::MAX_CHUNKS;
use crate::codec::{HeldCodec, IdCodec, StoredCodec};
use crate::config::{Config, ConfigError, EndedMeanwhile, Profile, Storage, StoreFailure};
use crate::cookie::{CookieTemplate, Pick};
use crate::dialect::Dialect;
use crate::policy::Switches;
use crate::session::Terms;
use crate::transport::Transport;

/// The rules of one deployment. Pure: it reads no clock, draws no random
/// bytes, talks to nobody. Share it behind an `Arc`.
///
/// A request passes through five steps, four of them here:
/// [`read`](Self::read), [`begin`](Self::begin), the handler's use of the
/// [`Session`](crate::Session), [`settle`](Self::settle), and writing the
/// [`Plan`](crate::Plan)'s headers.
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) dialect: Dialect,
    pub(crate) switches: Switches,
    pub(crate) cookie: CookieTemplate,
    pub(crate) pick: Pick,
    pub(crate) carrier: Carrier,
}

/// What the cookie carries.
pub(crate) enum Carrier {
    /// An id; the data are in a store.
    Id { ids: IdCodec, data: StoredCodec },
    /// The data themselves.
    Data(HeldCodec),
}

impl Engine {
    /// Checks a configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the setting and what it takes.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        check(&config)?;
        let (dialect, pick) = match config.profile {
            Profile::Native => (Dialect::Native, Pick::First),
            Profile::Flask => (Dialect::Flask, Pick::First),
            Profile::FlaskSession => (Dialect::FlaskSession, Pick::First),
            Profile::Django => (Dialect::Django, Pick::Last),
            Profile::Starlette => (Dialect::Starlette, Pick::Last),
        };
        let carrier = match config.storage {
            Storage::Store => {
                Carrier::Id { ids: IdCodec::new(&config)?, data: StoredCodec::new(&config)? }
            }
            Storage::SignedCookie | Storage::EncryptedCookie => {
                Carrier::Data(HeldCodec::new(&config)?)
            }
        };
        Ok(Self {
            dialect,
            switches: Switches {
                refresh: config.refresh_each_request,
                save_on_server_error: config.save_on_server_error,
                stored: config.storage == Storage::Store,
            },
            cookie: CookieTemplate::new(config.cookie.clone())?,
            pick,
            carrier,
            config,
        })
    }

    /// Whether sessions live in a store, so that one is needed.
    pub fn needs_store(&self) -> bool {
        matches!(self.carrier, Carrier::Id { .. })
    }

    /// The session cookie's name.
    pub fn cookie_name(&self) -> &str {
        &self.config.cookie.name
    }

    /// Where the visitor's credential is.
    pub fn transport(&self) -> &Transport {
        &self.config.transport
    }

    /// The rules it follows.
    pub fn profile(&self) -> Profile {
        self.config.profile
    }

    /// Whether responses that set a cookie are kept out of caches.
    pub fn no_store(&self) -> bool {
        self.config.no_store
    }

    /// Whether the session cookie travels over TLS only.
    pub fn is_secure(&self) -> bool {
        self.config.cookie.secure
    }

    /// Whether this is a development configuration, without the protection of TLS.
    pub fn is_development(&self) -> bool {
        self.config.development
    }

    /// Whether other programs sign with this profile's clock: whole seconds, exactly.
    pub(crate) fn shares_seconds(&self) -> bool {
        self.dialect != Dialect::Native
    }

    /// How many sessions a user may have at once.
    pub fn sessions_per_subject(&self) -> Option<usize> {
        self.config.sessions_per_subject
    }

    /// How long an adapter lets one call to the store take.
    pub fn store_timeout(&self) -> Duration {
        self.config.store_timeout
    }

    /// What to answer when the store fails.
    pub fn store_failure(&self) -> StoreFailure {
        self.config.store_failure
    }

    /// What to answer when the session was ended while the handler ran.
    pub fn ended_meanwhile(&self) -> EndedMeanwhile {
        self.config.ended_meanwhile
    }

    /// Whether an id that changed leads to the session for a while.
    pub(crate) fn leaves_pointers(&self) -> bool {
        !self.config.grace.is_zero()
    }

    /// Starlette's `max_age=None`: neither the browser nor the signature ends it.
    pub(crate) fn starlette_limits_age(&self) -> bool {
        !self.config.expire_at_browser_close
    }

    /// How long the foreign profiles let a session live.
    pub(crate) fn foreign_age(&self) -> Duration {
        self.terms().foreign_age()
    }

    /// How long its sessions live.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            usual: self.config.lifetime,
            remembered: self.config.permanent_lifetime,
            at_browser_close: self.config.expire_at_browser_close,
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("profile", &self.config.profile)
            .field("storage", &self.config.storage)
            .field("cookie_name", &self.config.cookie.name)
            .finish_non_exhaustive()
    }
}

/// Refuses what a profile cannot do.
pub(crate) fn check_storage(config: &Config) -> Result<(), ConfigError> {
    use Profile::*;
    use Storage::*;
    let fits = matches!(
        (config.profile, config.storage),
        (Native, _) | (FlaskSession | Django, Store) | (Flask | Django | Starlette, SignedCookie)
    );
    if fits { Ok(()) } else { Err(ConfigError::Storage(config.profile, config.storage)) }
}

/// Refuses settings that do not go together.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    use Profile::*;
    use Storage::*;
    check_storage(config)?;
    config.transport.check(config)?;
    let native = config.profile == Native;
    if native && config.storage != Store && !config.cookie_sessions_cannot_be_revoked {
        return Err(ConfigError::NotRevocable);
    }
    if native && !config.cookie.secure && !config.development {
        return Err(ConfigError::NotSecure);
    }
    if !native && config.permanent_lifetime.absolute.is_none() {
        return Err(ConfigError::OutOfRange {
            setting: "PERMANENT_SESSION_LIFETIME",
            takes: "a number of seconds in this profile",
        });
    }
    if !(16..=192).contains(&config.id_length) {
        return Err(ConfigError::OutOfRange {
            setting: "SESSION_ID_LENGTH",
            takes: "16 to 192 bytes; below 16 an id could be guessed",
        });
    }
    if !(1..=MAX_CHUNKS).contains(&config.cookie_chunks) {
        return Err(ConfigError::OutOfRange {
            setting: "cookie_chunks",
            takes: "1 to 8; browsers and servers take no more",
        });
    }
    if config.cookie_chunks > 1 && (!native || config.storage == Store) {
        return Err(ConfigError::OutOfRange {
            setting: "cookie_chunks",
            takes: "1 where the cookie holds an id, or another framework reads it",
        });
    }
    if config.stored_pickled && !matches!(config.profile, FlaskSession | Django) {
        return Err(ConfigError::OutOfRange {
            setting: "stored_pickled",
            takes: "true in the flask_session and django profiles only",
        });
    }
    if config.sessions_per_subject == Some(0) {
        return Err(ConfigError::OutOfRange {
            setting: "sessions_per_subject",
            takes: "1 or more; 0 would end every login at once",
        });
    }
    if config.store_timeout.is_zero() {
        let takes = "a span of time above zero";
        return Err(ConfigError::OutOfRange { setting: "store_timeout", takes });
    }
    if config.max_bytes == 0 {
        return Err(ConfigError::OutOfRange { setting: "max_bytes", takes: "1 byte or more" });
    }
    Ok(())
}
