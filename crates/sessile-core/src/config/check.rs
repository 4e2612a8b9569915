//! What goes together, and what does not.

use super::{Config, ConfigError, MAX_CHUNKS, Profile, Storage};
use crate::cookie::CookieTemplate;

impl Config {
    /// Whether everything goes together: what [`Engine::new`](crate::Engine::new) asks first.
    ///
    /// # Errors
    /// [`ConfigError`], the first that is found.
    pub fn check(&self) -> Result<(), ConfigError> {
        use Profile::*;
        use Storage::*;
        self.check_storage()?;
        self.transport.check(self)?;
        let native = self.profile == Native;
        if native && self.storage != Store && !self.cookie_sessions_cannot_be_revoked {
            return Err(ConfigError::NotRevocable);
        }
        if native && !self.cookie.secure && !self.development {
            return Err(ConfigError::NotSecure);
        }
        if !native && self.permanent_lifetime.absolute.is_none() {
            return Err(ConfigError::OutOfRange {
                setting: "PERMANENT_SESSION_LIFETIME",
                takes: "a number of seconds in this profile",
            });
        }
        if !(16..=192).contains(&self.id_length) {
            return Err(ConfigError::OutOfRange {
                setting: "SESSION_ID_LENGTH",
                takes: "16 to 192 bytes; below 16 an id could be guessed",
            });
        }
        if !(1..=MAX_CHUNKS).contains(&self.cookie_chunks) {
            return Err(ConfigError::OutOfRange {
                setting: "cookie_chunks",
                takes: "1 to 8; browsers and servers take no more",
            });
        }
        if self.cookie_chunks > 1 && (!native || self.storage == Store) {
            return Err(ConfigError::OutOfRange {
                setting: "cookie_chunks",
                takes: "1 where the cookie holds an id, or another framework reads it",
            });
        }
        if self.stored_pickled && !matches!(self.profile, FlaskSession | Django) {
            return Err(ConfigError::OutOfRange {
                setting: "stored_pickled",
                takes: "true in the flask_session and django profiles only",
            });
        }
        if self.sessions_per_subject == Some(0) {
            return Err(ConfigError::OutOfRange {
                setting: "sessions_per_subject",
                takes: "1 or more; 0 would end every login at once",
            });
        }
        if self.store_timeout.is_zero() {
            let takes = "a span of time above zero";
            return Err(ConfigError::OutOfRange { setting: "store_timeout", takes });
        }
        if self.max_bytes == 0 {
            return Err(ConfigError::OutOfRange { setting: "max_bytes", takes: "1 byte or more" });
        }
        if self.use_signer && self.keys.is_none() {
            return Err(ConfigError::NoKey);
        }
        CookieTemplate::new(self.cookie.clone())?;
        Ok(())
    }

    /// Whether the profile can keep its sessions there.
    ///
    /// # Errors
    /// [`ConfigError::Storage`].
    pub fn check_storage(&self) -> Result<(), ConfigError> {
        use Profile::*;
        use Storage::*;
        let fits = matches!(
            (self.profile, self.storage),
            (Native, _)
                | (FlaskSession | Django, Store)
                | (Flask | Django | Starlette, SignedCookie)
        );
        if fits { Ok(()) } else { Err(ConfigError::Storage(self.profile, self.storage)) }
    }
}
