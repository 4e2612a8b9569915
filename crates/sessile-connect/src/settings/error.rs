//! Why settings were refused.

use std::fmt;

use super::setting::Setting;
use super::value::SettingValue;
use super::words::{self, CsrfProfile};
use sessile_core::cookie::CookieError;
use sessile_core::{ConfigError, Profile};
use sessile_formats::WeakKey;

/// Why settings were refused. The values of secret settings are never in here.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// There is no setting of this name.
    Unknown {
        /// The name.
        setting: String,
        /// The known name closest to it.
        nearest: Option<&'static str>,
    },
    /// A setting of an original that has another place here.
    Replaced {
        /// The name.
        setting: &'static str,
        /// Where it went.
        instead: &'static str,
    },
    /// The setting does not take this value.
    Invalid {
        /// The name.
        setting: &'static str,
        /// What it was given, shortened; `None` where that is secret.
        got: Option<String>,
        /// What it takes.
        takes: &'static str,
    },
    /// The setting has no meaning in this profile.
    WrongProfile {
        /// The name.
        setting: &'static str,
        /// The profile.
        profile: Profile,
    },
    /// The setting has no meaning in this profile of CSRF protection.
    WrongCsrfProfile {
        /// The name.
        setting: &'static str,
        /// The profile.
        profile: CsrfProfile,
    },
    /// A setting that is needed here is not set.
    Missing {
        /// The name.
        setting: &'static str,
        /// Why it is needed, or what it takes.
        because: &'static str,
    },
    /// Two settings do not go together.
    Contradiction {
        /// The one.
        setting: &'static str,
        /// The other.
        with: &'static str,
        /// Why not.
        because: &'static str,
    },
    /// A key anyone could guess. `SESSION_ALLOW_WEAK_KEY` lets it pass.
    WeakKey {
        /// `SECRET_KEY` or `SECRET_KEY_FALLBACKS`.
        setting: &'static str,
        /// What is wrong with it.
        reason: WeakKey,
    },
    /// `CSRF_COOKIE_*` make no cookie that browsers keep.
    CsrfCookie(CookieError),
    /// Each setting is fine, the whole is not.
    Config(ConfigError),
    /// This is not TOML.
    Toml {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

impl SettingsError {
    /// `setting` does not take this value.
    pub(super) fn invalid(setting: &Setting, value: &SettingValue) -> Self {
        let got = (!setting.is_secret).then(|| value.describe());
        Self::Invalid { setting: setting.name, got, takes: setting.takes }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { setting, nearest } => {
                let shown: String = setting.chars().take(64).collect();
                write!(f, "there is no setting {shown:?}")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest}?"),
                    None => f.write_str("; see docs/configuration.md for those there are"),
                }
            }
            Self::Replaced { setting, instead } => write!(f, "{setting} is not used: {instead}"),
            Self::Invalid { setting, got: Some(got), takes } => {
                write!(f, "{setting} is {got}; it takes {takes}")
            }
            Self::Invalid { setting, got: None, takes } => {
                write!(f, "{setting} has a value it does not take (not shown); it takes {takes}")
            }
            Self::WrongProfile { setting, profile } => {
                let profile = words::of(*profile, words::PROFILES);
                write!(f, "{setting} has no meaning with SESSION_PROFILE={profile}; remove it")
            }
            Self::WrongCsrfProfile { setting, profile } => {
                let profile = profile.as_str();
                write!(f, "{setting} has no meaning with CSRF_PROFILE={profile}; remove it")
            }
            Self::Missing { setting, because } => write!(f, "{setting} is not set: {because}"),
            Self::Contradiction { setting, with, because } => {
                write!(f, "{setting} does not go together with {with}: {because}")
            }
            // An empty one never passes.
            Self::WeakKey { setting, reason: reason @ WeakKey::Empty } => {
                write!(f, "{setting}: {reason}")
            }
            Self::WeakKey { setting, reason } => write!(
                f,
                "{setting}: {reason} (a weak key, for tests only, passes with \
                 SESSION_ALLOW_WEAK_KEY=true)"
            ),
            Self::CsrfCookie(error) => write!(f, "the settings CSRF_COOKIE_* are refused: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::Toml { line, reason } => write!(f, "line {line} of the settings: {reason}"),
        }
    }
}

sessile_formats::debug_reads_like_display!(SettingsError);

impl std::error::Error for SettingsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::CsrfCookie(error) => std::error::Error::source(error),
            Self::Config(error) => std::error::Error::source(error),
            Self::WeakKey { reason, .. } => std::error::Error::source(reason),
            _ => None,
        }
    }
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
