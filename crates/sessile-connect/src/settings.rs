//! Configuration by name: Flask's, Flask-Session's and Django's settings, and ours beside them.
//!
//! `table.rs` and `csrf_table.rs` have a row for each setting: its name, what it takes and means,
//! its defaults, how its value is read. The tables of `docs/configuration.md` are made of them
//! (`cargo xtask configuration --write`). This module reads no environment and no file: names and
//! values come in. The order in which they come does not matter.

mod config;
mod csrf;
mod csrf_table;
mod duration;
mod error;
mod keys;
mod lifetime;
mod names;
mod read;
mod setting;
mod store;
mod table;
#[cfg(feature = "toml")]
mod toml;
mod transport;
mod value;
mod words;

use std::fmt;

use self::csrf_table::CsrfTable;
use self::table::Table;
pub use csrf::{CsrfConfig, CsrfRules};
pub use duration::parse_duration;
pub use error::SettingsError;
pub use setting::Setting;
pub use store::address::StoreUrl;
pub use store::choice::{MemcachedClient, StoreChoice};
pub use value::SettingValue;
pub use words::CsrfProfile;

/// Settings by name, not yet checked.
///
/// ```
/// use sessile_connect::{Settings, StoreChoice};
/// use sessile_core::{Profile};
///
/// let settings = Settings::new()
///     .with("SESSION_PROFILE", "flask_session")
///     .with("SESSION_TYPE", "memory")
///     .with("PERMANENT_SESSION_LIFETIME", "14 days");
/// let (config, store) = settings.into_config()?;
/// assert_eq!(config.profile, Profile::FlaskSession);
/// assert!(matches!(store, StoreChoice::Memory));
/// # Ok::<(), sessile_connect::SettingsError>(())
/// ```
#[derive(Clone, Default)]
pub struct Settings {
    entries: Vec<(String, SettingValue)>,
}

/// A prefix that marks a variable of the environment as ours.
const PREFIX: &str = "SESSILE_";

/// What names of ours begin with, so that a mistaken one is not overlooked.
const OURS: &[&str] = &["SESSION_", "CSRF_", "WTF_CSRF_"];

/// Variables that begin like a setting and are none: X11's session manager
/// sets this one on every desktop.
const NOT_OURS: &[&str] = &["SESSION_MANAGER"];

impl Settings {
    /// No settings: all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a setting, in place of an earlier one of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<SettingValue>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds a setting, in place of an earlier one of the same name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<SettingValue>) {
        let (name, value) = (name.into(), value.into());
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name, value)),
        }
    }

    /// These settings, and those of `later`, which win where both have one:
    /// a file's, say, and the environment's.
    #[must_use]
    pub fn overridden_by(mut self, later: Self) -> Self {
        for (name, value) in later.entries {
            self.set(name, value);
        }
        self
    }

    /// Picks the settings out of an environment's variables.
    ///
    /// A variable counts when its name is a setting's or begins with
    /// `SESSION_`, `CSRF_` or `WTF_CSRF_`, bare or behind `SESSILE_`, which wins. All others are left
    /// alone, `SESSION_MANAGER` of X11 too. An empty value counts as not set,
    /// except for `SECRET_KEY` and `WTF_CSRF_SECRET_KEY` (refused) and `SESSION_KEY_PREFIX` (no prefix).
    ///
    /// ```
    /// # use sessile_connect::Settings;
    /// let variables = [("HOME", "/root"), ("SESSION_TYPE", "memory"), ("SESSION_COOKIE_NAME", "")];
    /// let pairs = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    /// assert_eq!(Settings::from_pairs(pairs).names().collect::<Vec<_>>(), ["SESSION_TYPE"]);
    /// ```
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut bare, mut prefixed) = (Self::new(), Self::new());
        for (name, value) in pairs {
            let stripped = name.strip_prefix(PREFIX);
            let setting = stripped.unwrap_or(&name);
            let may_be_empty = || names::find(setting).is_some_and(|it| it.may_be_empty);
            if !Self::is_variable(&name) || value.is_empty() && !may_be_empty() {
                continue;
            }
            let into = if stripped.is_some() { &mut prefixed } else { &mut bare };
            into.set(setting, value);
        }
        bare.overridden_by(prefixed)
    }

    /// Whether [`from_pairs`](Self::from_pairs) takes a variable of this name for a setting.
    pub fn is_variable(name: &str) -> bool {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let begins = OURS.iter().any(|prefix| name.starts_with(prefix));
        let ours = begins || names::find(name).is_some();
        ours && !NOT_OURS.contains(&name)
    }

    /// Reads settings from TOML. A table `[sessile]` holds them and the rest of
    /// the document is somebody else's; without it the whole document is settings.
    ///
    /// ```
    /// # use sessile_connect::Settings;
    /// let text = r#"
    ///     [sessile]
    ///     SESSION_TYPE = "memory"
    ///     SESSION_IDLE_TIMEOUT = "30 minutes"
    /// "#;
    /// assert_eq!(Settings::from_toml(text)?.names().count(), 2);
    /// # Ok::<(), sessile_connect::SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SettingsError::Toml`] names the line. Names and values are checked by
    /// [`into_config`](Self::into_config).
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        Ok(Self { entries: toml::parse(text)? })
    }

    /// The names of the settings that were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Every setting of sessions.
    pub fn known() -> &'static [Setting] {
        Table::ALL
    }

    /// Every setting of CSRF protection.
    pub fn known_csrf() -> &'static [Setting] {
        CsrfTable::ALL
    }

    /// The configuration these settings describe, and where it keeps sessions.
    /// [`Engine::new`](sessile_core::Engine::new) takes it without complaint.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the setting, what it was given, unless that is
    /// secret, and what it takes. A setting without meaning in the profile is
    /// an error too: whoever sets it expects it to act.
    pub fn into_config(self) -> Result<(sessile_core::Config, StoreChoice), SettingsError> {
        config::config(self.entries)
    }

    /// The CSRF protection these settings describe: `CSRF_PROFILE`, or what goes
    /// with `SESSION_PROFILE`. Those of sessions may be among them.
    ///
    /// ```
    /// use sessile_connect::{CsrfRules, Settings};
    ///
    /// let settings = Settings::new()
    ///     .with("SESSION_PROFILE", "django")
    ///     .with("ALLOWED_HOSTS", vec!["shop.example"])
    ///     .with("CSRF_COOKIE_SECURE", true);
    /// let CsrfRules::Django(rules, cookie) = settings.csrf()?.rules else { unreachable!() };
    /// assert!(cookie.secure && !rules.use_sessions);
    /// # Ok::<(), sessile_connect::SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`into_config`](Self::into_config); settings that only sessions know are not looked at.
    pub fn csrf(&self) -> Result<CsrfConfig, SettingsError> {
        csrf::config(self.entries.clone())
    }
}

/// Names only: values may be secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
