//! What a deployment chooses, and what is refused.

mod check;

use std::fmt;
use std::num::NonZero;
use std::time::Duration;

use crate::Lifetime;
use crate::cookie::{CookieError, CookieSettings};
use crate::profile::Profile;
use crate::transport::Transport;
use sessile_formats::KeyRing;
use sessile_formats::django_redis;
use sessile_formats::flask_session::Format;

/// Where a session's data live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// In a store; the cookie holds a random id.
    Store,
    /// In the cookie, signed: the visitor can read it, nobody can change it.
    SignedCookie,
    /// In the cookie, encrypted. Native profile only.
    EncryptedCookie,
}

/// What to answer when the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreFailure {
    /// 503, the cookie kept: a visitor is never taken for nobody because a disk is full.
    Refuse,
    /// Readers go on with an empty session that is not saved; a request that
    /// changes it is answered 503 all the same.
    ReadAsAnonymous,
}

/// What to answer when changes cannot be saved because the session was ended meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndedMeanwhile {
    /// 409: the handler's success would be a lie.
    Refuse,
    /// The handler's response; the lost changes are an event.
    KeepResponse,
}

/// The settings of a deployment. [`Engine::new`](crate::Engine::new) checks them.
///
/// Every constructor gives a complete set; fields are changed afterwards.
///
/// ```
/// use sessile_core::{Config, Engine, Lifetime};
///
/// let mut config = Config::native();
/// config.lifetime = Lifetime::AAL3;
/// let engine = Engine::new(config)?;
/// # Ok::<(), sessile_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The rules to follow.
    pub profile: Profile,
    /// Where the data live.
    pub storage: Storage,
    /// `SECRET_KEY` and `SECRET_KEY_FALLBACKS`. The native profile needs them
    /// for cookie-held sessions only: its ids are random, not signed.
    pub keys: Option<KeyRing>,
    /// Where the visitor's credential travels: in the cookie, unless switched.
    pub transport: Transport,
    /// The cookie's name and attributes (`SESSION_COOKIE_*`).
    pub cookie: CookieSettings,
    /// The cookie's domain before it was changed (`SESSION_COOKIE_FORMER_DOMAIN`); `Some(None)`: it
    /// had none. Browsers send what they have of the old cookie beside the new one, and it hides
    /// that. What is named here is removed. A cookie without domain is where there is one now.
    pub former_domain: Option<Option<String>>,
    /// The same for its path (`SESSION_COOKIE_FORMER_PATH`).
    pub former_path: Option<String>,
    /// How long sessions live. Native profile only.
    pub lifetime: Lifetime,
    /// How long they live when the visitor asked to be remembered
    /// (`PERMANENT_SESSION_LIFETIME`; Django's `SESSION_COOKIE_AGE`). Foreign
    /// profiles use its absolute limit as theirs.
    pub permanent_lifetime: Lifetime,
    /// Activity moves the idle deadline only after this long, so that reading
    /// rarely writes. `None`: a tenth of the idle limit. Native profile only.
    pub renew_after: Option<Duration>,
    /// Sessions get a new id after this long (OWASP's renewal timeout). `None`: never by itself.
    pub rotate_after: Option<Duration>,
    /// How long an old id still reaches its session after a routine change of
    /// id. A login gives none, or whoever planted the old id would be logged in.
    pub grace: Duration,
    /// A user's oldest sessions end when there are more than this. `None`: no limit.
    pub sessions_per_subject: Option<usize>,
    /// `SESSION_REFRESH_EACH_REQUEST` (Flask), `SESSION_SAVE_EVERY_REQUEST` (Django).
    pub refresh_each_request: bool,
    /// `SESSION_EXPIRE_AT_BROWSER_CLOSE` (Django).
    pub expire_at_browser_close: bool,
    /// `SESSION_PERMANENT` (Flask-Session).
    pub session_permanent: bool,
    /// `SESSION_USE_SIGNER` (Flask-Session).
    pub use_signer: bool,
    /// Whose ids are accepted beside ours (`SESSION_FORMER_IDS`): sessions that
    /// were moved here from Flask-Session or Django stay logged in under the id
    /// their browsers have. Native profile only.
    pub former_ids: Option<Profile>,
    /// What stands before the id in a store's key. `SESSION_KEY_PREFIX` in
    /// Flask-Session. In Django's profile nothing for the database and file
    /// engines; a cache puts its own `KEY_PREFIX:VERSION:` before the engine's
    /// prefix, as in [`DJANGO_CACHE_PREFIX`] and [`DJANGO_CACHED_DB_PREFIX`].
    pub key_prefix: String,
    /// `SESSION_ID_LENGTH` in bytes (Flask-Session).
    pub id_length: usize,
    /// `SESSION_SERIALIZATION_FORMAT` (Flask-Session).
    pub serialization_format: Format,
    /// Whether stored data are Python pickles, read by a decoder of plain data
    /// only and written as protocol 5. In the `flask_session` profile that is
    /// what the `filesystem` and `cachelib` types store, instead of
    /// [`serialization_format`](Self::serialization_format); in Django's what
    /// its cache backends hold (`backends.cache`, and the cache of
    /// `backends.cached_db`). The other profiles refuse it.
    pub stored_pickled: bool,
    /// How new sessions are kept in Django's cache: `SERIALIZER` and `COMPRESSOR` of django-redis.
    /// Others stay in the form they are found in. Django's profile, with
    /// [`stored_pickled`](Self::stored_pickled).
    pub cache_form: django_redis::Form,
    /// Changes are saved although the response is a 5xx. An end always is.
    pub save_on_server_error: bool,
    /// How long one call to the store may take before it counts as failed
    /// (`SESSION_STORE_TIMEOUT`). Stores have shorter bounds of their own for
    /// what they wait for; this one holds whatever they do.
    pub store_timeout: Duration,
    /// How often expired sessions are removed from the store, in the background
    /// (`SESSION_SWEEP_EVERY`), where the store does not forget them by itself.
    /// `None`: not by this process.
    pub sweep_every: Option<Duration>,
    /// The same, once in about so many requests that reach the store
    /// (`SESSION_CLEANUP_N_REQUESTS` of Flask-Session).
    pub cleanup_n_requests: Option<NonZero<u32>>,
    /// What to answer when the store fails.
    pub store_failure: StoreFailure,
    /// What to answer when the session was ended while the handler ran.
    pub ended_meanwhile: EndedMeanwhile,
    /// A session's data take at most this many bytes, stored.
    pub max_bytes: usize,
    /// `Cache-Control: no-store` goes with every cookie that is set, the session's and others.
    pub no_store: bool,
    /// `Clear-Site-Data: "cookies", "storage"` goes with every end of a session.
    pub clear_site_data: bool,
    /// Cookie-held sessions of the native profile cannot be ended on the
    /// server: a copied cookie works until it expires, logout or not. Whoever
    /// wants them says so here.
    pub cookie_sessions_cannot_be_revoked: bool,
    /// Over how many cookies a cookie-held session of the native profile may be
    /// spread when one cannot hold it: 1 to 8. With 1, the default, a session
    /// of over 4096 characters is an error. Each part takes some 3.7 KiB of
    /// every request's header, and many servers and proxies refuse more than
    /// 8 KiB in all: 2 is what works everywhere.
    pub cookie_chunks: u8,
    /// Which application a cookie-held session is for. Another one with the same
    /// key refuses it.
    pub audience: String,
    /// Weakens the native cookie so that plain `http://localhost` works: no
    /// `Secure`, no `__Host-`. Never in production.
    pub development: bool,
}

/// What stands before the id in the keys of `django.contrib.sessions.backends.cache`,
/// with the cache's `KEY_PREFIX` empty and its `VERSION` 1 (Django's defaults).
pub const DJANGO_CACHE_PREFIX: &str = ":1:django.contrib.sessions.cache";

/// As [`DJANGO_CACHE_PREFIX`], for the cache in front of `backends.cached_db`.
pub const DJANGO_CACHED_DB_PREFIX: &str = ":1:django.contrib.sessions.cached_db";

/// A session is never spread over more cookies than this.
pub(crate) const MAX_CHUNKS: u8 = 8;

const DAY: u64 = 86_400;

impl Config {
    /// Stored sessions with secure defaults: cookie `__Host-id`, `Secure`,
    /// `HttpOnly`, `SameSite=Lax`; 1 hour idle, 24 hours in all (NIST SP
    /// 800-63B-4, AAL2), 30 days for "remember me" (AAL1).
    pub fn native() -> Self {
        Self {
            profile: Profile::Native,
            storage: Storage::Store,
            keys: None,
            transport: Transport::cookie(),
            cookie: CookieSettings::native(),
            former_domain: None,
            former_path: None,
            lifetime: Lifetime::AAL2,
            permanent_lifetime: Lifetime::AAL1,
            renew_after: None,
            rotate_after: None,
            grace: Duration::from_secs(30),
            sessions_per_subject: None,
            refresh_each_request: true,
            expire_at_browser_close: false,
            session_permanent: true,
            use_signer: false,
            former_ids: None,
            key_prefix: "session:".to_owned(),
            id_length: 32,
            serialization_format: Format::Msgpack,
            stored_pickled: false,
            cache_form: django_redis::Form::default(),
            save_on_server_error: false,
            store_timeout: Duration::from_secs(10),
            sweep_every: None,
            cleanup_n_requests: None,
            store_failure: StoreFailure::Refuse,
            ended_meanwhile: EndedMeanwhile::Refuse,
            max_bytes: 1 << 20,
            no_store: true,
            clear_site_data: false,
            cookie_sessions_cannot_be_revoked: false,
            cookie_chunks: 1,
            audience: String::new(),
            development: false,
        }
    }

    /// Flask's signed cookies, with Flask's defaults.
    pub fn flask(keys: KeyRing) -> Self {
        Self { keys: Some(keys), ..Profile::Flask.defaults() }
    }

    /// Flask-Session's stored sessions, with its defaults. Keys are needed with
    /// [`use_signer`](Self::use_signer) only.
    pub fn flask_session(keys: Option<KeyRing>) -> Self {
        Self { keys, ..Profile::FlaskSession.defaults() }
    }

    /// Django's stored sessions, with its defaults; set [`storage`](Self::storage)
    /// for `signed_cookies`.
    pub fn django(keys: KeyRing) -> Self {
        Self { keys: Some(keys), ..Profile::Django.defaults() }
    }

    /// Starlette's signed cookies, with its defaults.
    pub fn starlette(keys: KeyRing) -> Self {
        Self { keys: Some(keys), ..Profile::Starlette.defaults() }
    }

    /// As this configuration, but usable on plain `http://localhost`: the
    /// native cookie loses `Secure` and its `__Host-` prefix. Never in production.
    pub fn for_development(mut self) -> Self {
        self.development = true;
        if self.profile == Profile::Native {
            self.cookie.secure = false;
            if let Some(bare) = self.cookie.name.strip_prefix("__Host-") {
                self.cookie.name = bare.to_owned();
            }
        }
        self
    }
}

impl Profile {
    /// The profile's own settings, without a key.
    fn defaults(self) -> Config {
        let foreign = Config {
            profile: self,
            save_on_server_error: true,
            no_store: false,
            ..Config::native()
        };
        match self {
            Self::Native => Config::native(),
            Self::Flask => Config {
                storage: Storage::SignedCookie,
                cookie: CookieSettings::flask(),
                permanent_lifetime: age(31 * DAY),
                ..foreign
            },
            Self::FlaskSession => Config {
                cookie: CookieSettings::flask(),
                permanent_lifetime: age(31 * DAY),
                grace: Duration::ZERO,
                ..foreign
            },
            Self::Django => Config {
                cookie: CookieSettings::django(),
                permanent_lifetime: age(14 * DAY),
                grace: Duration::ZERO,
                refresh_each_request: false,
                key_prefix: String::new(),
                save_on_server_error: false,
                ..foreign
            },
            Self::Starlette => Config {
                storage: Storage::SignedCookie,
                cookie: CookieSettings::starlette(),
                permanent_lifetime: age(14 * DAY),
                ..foreign
            },
        }
    }
}

fn age(secs: u64) -> Lifetime {
    Lifetime { idle: None, absolute: Some(Duration::from_secs(secs)) }
}

/// Why a configuration is refused.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The cookie's settings do not go together.
    Cookie(CookieError),
    /// This profile and storage need a `SECRET_KEY`.
    NoKey,
    /// A profile cannot keep its data there.
    Storage(Profile, Storage),
    /// Cookie-held sessions cannot be ended on the server, and nobody said that this is accepted.
    NotRevocable,
    /// The native profile's cookie lacks `Secure`, and nobody said that this is for development.
    NotSecure,
    /// A field was changed that changes nothing in this profile, or where its sessions are kept.
    NoEffect {
        /// The field of [`Config`].
        setting: &'static str,
        /// The profile.
        profile: Profile,
        /// Where sessions are kept.
        storage: Storage,
    },
    /// A setting is out of its range.
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// What it takes.
        takes: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(error) => write!(f, "the session cookie's settings are refused: {error}"),
            Self::NoKey => f.write_str(
                "SECRET_KEY is not set and this profile signs with it: give the application's own \
                 SECRET_KEY, for with another nothing that it signed can be read; a new site gets \
                 one from `sessile key generate`",
            ),
            Self::Storage(profile, storage) => {
                write!(f, "profile {profile:?} cannot keep its sessions in {storage:?}")
            }
            Self::NotRevocable => f.write_str(
                "sessions kept in cookies cannot be ended on the server; use a store, or accept \
                 it with SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED",
            ),
            Self::NotSecure => f.write_str(
                "the session cookie would travel without TLS (SESSION_COOKIE_SECURE is false); \
                 for plain http on localhost use development mode",
            ),
            Self::NoEffect { setting, profile, storage } => write!(
                f,
                "Config::{setting} was changed and has no effect in the profile {profile:?} with \
                 sessions kept in {storage:?}; leave it as it is"
            ),
            Self::OutOfRange { setting, takes } => write!(f, "{setting} takes {takes}"),
        }
    }
}

sessile_formats::debug_reads_like_display!(ConfigError);

impl std::error::Error for ConfigError {}

impl From<CookieError> for ConfigError {
    fn from(error: CookieError) -> Self {
        Self::Cookie(error)
    }
}
