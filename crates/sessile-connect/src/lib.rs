//! From settings to sessions: what a deployment says, by name, and what comes of it.
//!
//! [`Settings`] are names and values, from the environment, from TOML or from
//! code: Flask's, Flask-Session's and Django's where they have one, and ours
//! beside them. They become a [`Config`](sessile_core::Config) and a
//! [`StoreChoice`], and the rules of CSRF protection. Most users want the
//! `sessile` crate, whose layer opens the store, too.

mod settings;

pub use crate::settings::{
    CsrfConfig, CsrfProfile, CsrfRules, MemcachedClient, Setting, SettingValue, Settings,
    SettingsError, StoreChoice, StoreUrl,
};
