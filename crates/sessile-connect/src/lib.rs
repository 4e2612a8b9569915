//! From settings to sessions: what a deployment says, by name, and what comes of it.
//!
//! [`Settings`] are names and values, from the environment, from TOML or from
//! code: Flask's, Flask-Session's and Django's where they have one, and ours
//! beside them. [`connect`] makes them an engine and an open store, in the
//! layout of their profile; [`Settings::csrf`] the rules of CSRF protection.
//! Most users want the `sessile` crate, whose layer does all of it.

mod cached;
mod env;
mod error;
#[cfg(feature = "form")]
pub mod form;
mod invalidated;
mod links;
mod migrating;
mod open;
mod runtime;
mod settings;

pub use crate::cached::{Cached, CachedOptions};
pub use crate::env::from_env;
#[cfg(feature = "toml")]
pub use crate::env::from_toml;
pub use crate::error::ConnectError;
pub use crate::invalidated::InvalidatedCache;
pub use crate::links::{LinkError, SignedLinks};
pub use crate::migrating::{MigratingOptions, MigratingStore};
pub use crate::open::{Purpose, app, connect, connect_store, open_store};
pub use crate::runtime::{TokioRuntime, system_time};
pub use crate::settings::{
    CsrfConfig, CsrfProfile, CsrfRules, MemcachedClient, Setting, SettingValue, Settings,
    SettingsError, StoreChoice, StoreUrl, parse_duration,
};
