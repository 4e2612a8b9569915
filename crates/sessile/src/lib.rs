//! Web sessions for axum and tower that Flask and Django applications can share.
//!
//! Add one layer, then ask for a [`Session`] in any handler:
//!
//! ```
//! use axum::{Router, routing::get};
//! use sessile::{Config, MemoryStore, Session, SessionLayer};
//!
//! async fn index(session: Session) -> String {
//!     let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
//!     session.insert("visits", visits);
//!     format!("visit number {visits}")
//! }
//!
//! # fn main() -> Result<(), sessile::ConfigError> {
//! let sessions = SessionLayer::new(Config::native(), MemoryStore::default())?;
//! let app: Router = Router::new().route("/", get(index)).layer(sessions);
//! # Ok(())
//! # }
//! ```
//!
//! A route that never asks for the session costs nothing: no store trip, no
//! look at the cookie, no header. See [`SessionLayer`] for what happens when one does.
//!
//! The cookie is `Secure`: without TLS browsers drop it, so on localhost take
//! [`Config::for_development`].
//!
//! | for | see |
//! |---|---|
//! | whose rules: ours, Flask's, Flask-Session's, Django's | [`Config`], [`Profile`] |
//! | settings from the environment or TOML, and the store they name | [`from_env`], [`SessionLayer::connect`], [`Settings`] |
//! | logins, members' pages, who is logged in where | [`Session`], `RequireLogin`, [`Sessions`] |
//! | cookies of one's own; values for one request | [`Cookies`], [`G`] |
//! | forms that cannot be forged | `csrf` |
//! | pages that know the session (feature `templates`) | `templates` |
//! | ids elsewhere than in cookies; links that are signed | [`transport`], [`SignedLinks`] |
//! | tests of an application (feature `testing`) | `testing` |
//! | stores (a feature each: `sqlite`, `postgres`, `mysql`, `redis`, `memcached`, `mongodb`, `file`) | [`store`], [`MemoryStore`] |
//!
//! A guide for each task, every setting and the formats byte by byte are in the
//! repository's `docs/`.

mod cookies;
#[cfg(feature = "csrf")]
pub mod csrf;
#[cfg(feature = "axum")]
mod extract;
mod failure;
mod g;
mod head;
mod layer;
#[cfg(feature = "axum")]
mod login;
mod manage;
#[cfg(feature = "templates")]
pub mod templates;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
mod typed;

pub use cookies::Cookies;
#[cfg(feature = "csrf")]
#[doc(inline)]
pub use csrf::{Csrf, CsrfLayer};
pub use failure::Failure;
pub use g::G;
pub use head::accepts_html;
pub use layer::{SessionFuture, SessionLayer, SessionService};
#[cfg(feature = "axum")]
pub use login::{LoggedIn, LoginRequired, NextPage, RequireLogin, RequireLoginService};
pub use manage::Sessions;
#[cfg(feature = "toml")]
#[doc(no_inline)]
pub use sessile_connect::from_toml;
#[doc(no_inline)]
pub use sessile_connect::{
    Cached, CachedOptions, ConnectError, InvalidatedCache, LinkError, MigratingOptions,
    MigratingStore, SettingValue, Settings, SettingsError, SignedLinks, from_env,
};
#[doc(no_inline)]
pub use sessile_core::exchange::{Scheme, SessionInfo, same_site};
#[doc(no_inline)]
pub use sessile_core::{
    AnyStore, BadHandle, BigInt, Config, ConfigError, Cookie, CookieError, CookieSettings,
    DateTime, Deadlines, EndedMeanwhile, Engine, Event, EventKind, Expiry, FlashedMessage, Handle,
    KeyRing, Lifetime, MIN_KEY_BYTES, Map, MemoryStore, Profile, SUBJECT_MAX_BYTES, SameSite,
    SecretKey, SessionError, SessionStore, Storage, StoreError, StoreErrorKind, StoreFailure,
    StoreKey, Subject, Timestamp, Transport, Value, ValueError, WeakKey, Wtf8, from_value, map,
    store, to_value,
};
#[cfg(feature = "file")]
#[doc(no_inline)]
pub use sessile_file as file;
#[cfg(feature = "memcached")]
#[doc(no_inline)]
pub use sessile_memcached as memcached;
#[cfg(feature = "mongodb")]
#[doc(no_inline)]
pub use sessile_mongodb as mongodb;
#[cfg(feature = "redis")]
#[doc(no_inline)]
pub use sessile_redis as redis;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#[doc(no_inline)]
pub use sessile_sql as sql;
pub use typed::{Dict, Session};

/// The README's first program, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The programs of the guides and of the pages on the seeds, compiled and run.
#[cfg(all(doctest, feature = "templates", feature = "testing"))]
mod documents {
    macro_rules! programs {
        ($($name:ident: $file:literal,)*) => {$(
            #[doc = include_str!(concat!("../../../docs/", $file))]
            struct $name;
        )*};
    }

    programs! {
        LogIn: "guides/log-in.md",
        RememberMe: "guides/remember-me.md",
        Forms: "guides/forms.md",
        JsonFrontEnds: "guides/json-front-ends.md",
        Devices: "guides/devices.md",
        TypedSessions: "guides/typed-sessions.md",
        IdsWithoutCookies: "guides/ids-without-cookies.md",
        MoveTheCookie: "guides/move-the-cookie.md",
        BehindAProxy: "guides/behind-a-proxy.md",
        SeveralProcesses: "guides/several-processes.md",
        AStoreOfYourOwn: "guides/a-store-of-your-own.md",
        RotateAKey: "guides/rotate-a-key.md",
        ShareWithFlask: "guides/share-with-flask.md",
        ShareWithDjango: "guides/share-with-django.md",
        PostgresqlBehindPgbouncer: "guides/postgresql-behind-pgbouncer.md",
        SqlRoles: "guides/sql-roles.md",
        ManagedRedis: "guides/managed-redis.md",
        Seed000: "seeds/000.md",
        Seed001: "seeds/001.md",
        Seed002: "seeds/002.md",
        Seed003: "seeds/003.md",
        Seed004: "seeds/004.md",
    }
}
