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
        let (stored, rotates) = (self.storage == Store, self.rotate_after.is_some());
        if let Some((setting, takes)) = self.transport.misfit(stored, rotates) {
            return Err(ConfigError::OutOfRange { setting, takes });
        }
        if let Some(setting) = self.without_effect() {
            let (profile, storage) = (self.profile, self.storage);
            return Err(ConfigError::NoEffect { setting, profile, storage });
        }
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
        let djangos_cache = self.stored_pickled && self.profile == Django;
        if self.cache_form != Default::default() && !djangos_cache {
            return Err(ConfigError::OutOfRange {
                setting: "cache_form",
                takes: "another form than pickles for the sessions of Django's caches only",
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
        crate::engine::stale(self)?;
        Ok(())
    }

    /// The first field that was changed and changes nothing, in this profile or where the
    /// sessions are kept.
    fn without_effect(&self) -> Option<&'static str> {
        use Profile::*;
        let usual = self.profile.defaults();
        let stored = self.storage == Storage::Store;
        let held = self.profile == Native && !stored;
        let of = |profiles: &[Profile]| profiles.contains(&self.profile);
        let fields = [
            ("lifetime", self.lifetime != usual.lifetime, of(&[Native])),
            ("permanent_lifetime.idle", self.permanent_lifetime.idle.is_some(), of(&[Native])),
            ("renew_after", self.renew_after.is_some(), of(&[Native])),
            ("rotate_after", self.rotate_after.is_some(), of(&[Native])),
            ("audience (SESSION_AUDIENCE)", !self.audience.is_empty(), held),
            ("former_ids", self.former_ids.is_some(), of(&[Native])),
            (
                "refresh_each_request",
                self.refresh_each_request != usual.refresh_each_request,
                of(&[Flask, FlaskSession, Django]),
            ),
            ("expire_at_browser_close", self.expire_at_browser_close, of(&[Django, Starlette])),
            ("session_permanent", !self.session_permanent, of(&[FlaskSession])),
            ("use_signer", self.use_signer, of(&[FlaskSession])),
            ("id_length", self.id_length != usual.id_length, of(&[FlaskSession])),
            ("key_prefix", self.key_prefix != usual.key_prefix, of(&[FlaskSession, Django])),
            (
                "serialization_format",
                self.serialization_format != usual.serialization_format,
                of(&[FlaskSession]),
            ),
            (
                "save_on_server_error",
                self.save_on_server_error != usual.save_on_server_error,
                of(&[Native]),
            ),
            (
                "store_timeout (SESSION_STORE_TIMEOUT)",
                self.store_timeout != usual.store_timeout,
                stored,
            ),
            ("sweep_every (SESSION_SWEEP_EVERY)", self.sweep_every.is_some(), stored),
            (
                "cleanup_n_requests (SESSION_CLEANUP_N_REQUESTS)",
                self.cleanup_n_requests.is_some(),
                stored,
            ),
            (
                "sessions_per_subject (SESSION_LIMIT_PER_USER)",
                self.sessions_per_subject.is_some(),
                stored,
            ),
            (
                "store_failure (SESSION_STORE_FAILURE)",
                self.store_failure != usual.store_failure,
                stored,
            ),
            (
                "ended_meanwhile (SESSION_ENDED_MEANWHILE)",
                self.ended_meanwhile != usual.ended_meanwhile,
                stored,
            ),
            (
                "cookie_sessions_cannot_be_revoked",
                self.cookie_sessions_cannot_be_revoked,
                of(&[Native]),
            ),
        ];
        fields.into_iter().find(|(_, changed, counts)| *changed && !counts).map(|(name, ..)| name)
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
