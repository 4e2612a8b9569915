//! A checked configuration, ready to serve requests: keys derived, cookie preformatted.

use std::fmt;
use std::time::Duration;

use crate::codec::{CookieCodec, IdCodec, StoredCodec};
use crate::config::{Config, ConfigError, EndedMeanwhile, Storage, StoreFailure};
use crate::cookie::{CookieError, CookieSettings, CookieTemplate, Pick, SetCookie};
use crate::policy::Switches;
use crate::profile::Profile;
use crate::session::LifetimePolicy;
use crate::transport::Transport;
use sessile_formats::Timestamp;

/// How long a pointer from an old id to the new one is kept at least. Requests follow it for the
/// grace period only, but a logout that began before the change of id must find the session by it,
/// though there is no grace: for handlers of up to two minutes.
const POINTER_KEPT_AT_LEAST: Duration = Duration::from_secs(120);

/// The rules of one deployment. Pure: it reads no clock, draws no random
/// bytes, talks to nobody. Share it behind an `Arc`.
///
/// A request passes through these steps:
/// [`read`](Self::read), [`begin`](Self::begin), the handler's use of the
/// [`Session`](crate::Session), [`settle`](Self::settle), and writing the
/// [`Plan`](crate::Plan)'s headers.
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) profile: Profile,
    pub(crate) switches: Switches,
    pub(crate) cookie: CookieTemplate,
    pub(crate) pick: Pick,
    pub(crate) codec: SessionCodec,
    /// Removals of the cookie as it was before its domain or path was changed.
    stale: Vec<SetCookie>,
}

/// What the cookie carries.
pub(crate) enum SessionCodec {
    /// An id; the data are in a store.
    Id { ids: IdCodec, data: StoredCodec },
    /// The data themselves.
    Data(CookieCodec),
}

impl Engine {
    /// Checks a configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the setting and what it takes.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let pick = match config.profile {
            Profile::Native | Profile::Flask | Profile::FlaskSession => Pick::First,
            Profile::Django | Profile::Starlette => Pick::Last,
        };
        let codec = match config.storage {
            Storage::Store => {
                SessionCodec::Id { ids: IdCodec::new(&config)?, data: StoredCodec::new(&config)? }
            }
            Storage::SignedCookie | Storage::EncryptedCookie => {
                SessionCodec::Data(CookieCodec::new(&config)?)
            }
        };
        Ok(Self {
            profile: config.profile,
            switches: Switches {
                refresh: config.refresh_each_request,
                save_on_server_error: config.save_on_server_error,
                stored: config.storage == Storage::Store,
            },
            cookie: CookieTemplate::new(config.cookie.clone())?,
            pick,
            codec,
            stale: stale(&config)?,
            config,
        })
    }

    /// Whether sessions live in a store, so that one is needed.
    pub fn needs_store(&self) -> bool {
        matches!(self.codec, SessionCodec::Id { .. })
    }

    /// The session cookie's name.
    pub fn cookie_name(&self) -> &str {
        &self.config.cookie.name
    }

    /// What removes the cookie as it was before its domain or path was changed.
    pub(crate) fn stale_cookies(&self) -> &[SetCookie] {
        &self.stale
    }

    /// Where browsers put the cookie of today among several of its name, if its attributes were
    /// changed: longer paths come first, then what they got first (RFC 6265bis, 5.8.3).
    pub(crate) fn place_of_cookie(&self) -> Option<Pick> {
        let former = self.config.former_path.as_ref().unwrap_or(&self.config.cookie.path);
        let place = match former.len() < self.config.cookie.path.len() {
            true => Pick::First,
            false => Pick::Last,
        };
        // A session in several cookies has no single one to try.
        (!self.stale.is_empty() && self.config.cookie_chunks < 2).then_some(place)
    }

    /// Where the visitor's credential is.
    pub fn transport(&self) -> &Transport {
        &self.config.transport
    }

    /// The rules it follows.
    pub fn profile(&self) -> Profile {
        self.profile
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

    /// Whether its cookies carry whole seconds that other programs check, so that the exact time is
    /// needed.
    pub(crate) fn shares_seconds(&self) -> bool {
        self.profile != Profile::Native
    }

    /// How many sessions a user may have at once.
    pub fn sessions_per_subject(&self) -> Option<usize> {
        self.config.sessions_per_subject
    }

    /// How long one call to the store may take.
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

    /// Until when an id that is changed at `now` is kept as a pointer to the new one. Foreign
    /// layouts have no form for one.
    pub(crate) fn pointer_until(&self, now: Timestamp) -> Option<Timestamp> {
        let kept = self.config.grace.max(POINTER_KEPT_AT_LEAST);
        (self.profile == Profile::Native).then(|| now + kept)
    }

    /// Whether a pointer that is kept until then still leads requests to the session. It was made
    /// with the longer of the two spans, so the grace period ends their difference earlier.
    pub(crate) fn leads(&self, until: Timestamp, now: Timestamp) -> bool {
        now + POINTER_KEPT_AT_LEAST.saturating_sub(self.config.grace) < until
    }

    /// How many seconds a foreign signature holds; `None` for Starlette's `max_age=None`, where
    /// neither the browser nor the signature ends a session.
    pub(crate) fn signature_age(&self) -> Option<i64> {
        let limited = self.profile != Profile::Starlette || !self.config.expire_at_browser_close;
        limited.then(|| i64::try_from(self.foreign_age().as_secs()).unwrap_or(i64::MAX))
    }

    /// How long the foreign profiles let a session live.
    pub(crate) fn foreign_age(&self) -> Duration {
        self.terms().foreign_age()
    }

    /// How long its sessions live.
    pub(crate) fn terms(&self) -> LifetimePolicy {
        LifetimePolicy {
            usual: self.config.lifetime,
            remembered: self.config.permanent_lifetime,
            at_browser_close: self.config.expire_at_browser_close,
        }
    }
}

/// The removals of what may be left of the cookie: without a domain where it has one now, and with
/// the attributes that the settings say it had.
pub(crate) fn stale(config: &Config) -> Result<Vec<SetCookie>, CookieError> {
    let now = &config.cookie;
    let bare = |domain: &Option<String>| {
        domain.as_ref().map(|it| it.trim_start_matches('.').to_ascii_lowercase())
    };
    let mut removals = Vec::new();
    let mut add = |domain: Option<String>, path: String| {
        if (bare(&domain), &path) != (bare(&now.domain), &now.path) {
            let old = CookieSettings { domain, path, ..now.clone() };
            removals.push(CookieTemplate::new(old)?.remove());
        }
        Ok(())
    };
    if now.domain.is_some() {
        add(None, now.path.clone())?;
    }
    if config.former_domain.is_some() || config.former_path.is_some() {
        let domain = config.former_domain.clone().unwrap_or_else(|| now.domain.clone());
        add(domain, config.former_path.clone().unwrap_or_else(|| now.path.clone()))?;
    }
    removals.dedup();
    Ok(removals)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("profile", &self.profile)
            .field("storage", &self.config.storage)
            .field("cookie_name", &self.config.cookie.name)
            .finish_non_exhaustive()
    }
}
