//! The settings that were given, taken out one by one.

use std::time::Duration;

use super::csrf::CsrfProfile;
use super::error::SettingsError;
use super::names::{self, Setting};
use super::{SettingValue, duration};
use sessile_core::Profile;
use sessile_core::cookie::SameSite;
use sessile_formats::Value;
use sessile_formats::flask_session::read_json;

/// What was given and has not been looked at yet.
pub(super) struct Reader {
    entries: Vec<(&'static Setting, SettingValue)>,
}

type Read<T> = Result<Option<T>, SettingsError>;

impl Reader {
    /// Refuses names there are not.
    pub(super) fn new(entries: Vec<(String, SettingValue)>) -> Result<Self, SettingsError> {
        let known = |(name, value): (String, SettingValue)| {
            if let Some((setting, instead)) = names::replaced(&name) {
                return Err(SettingsError::Replaced { setting, instead });
            }
            match names::find(&name) {
                Some(setting) => Ok((setting, value)),
                None => {
                    let nearest = names::nearest(&name);
                    Err(SettingsError::Unknown { setting: name, nearest })
                }
            }
        };
        Ok(Self { entries: entries.into_iter().map(known).collect::<Result<_, _>>()? })
    }

    /// Refuses settings without a meaning in this profile.
    pub(super) fn check_profile(&self, profile: Profile) -> Result<(), SettingsError> {
        match self.entries.iter().find(|(setting, _)| !setting.applies_to(profile)) {
            Some((setting, _)) => {
                Err(SettingsError::WrongProfile { setting: setting.name, profile })
            }
            None => Ok(()),
        }
    }

    /// Refuses settings of CSRF protection without a meaning in this profile of it.
    pub(super) fn check_csrf_profile(&self, profile: CsrfProfile) -> Result<(), SettingsError> {
        let meant = |setting: &Setting| !setting.is_csrf() || setting.applies_to_csrf(profile);
        match self.entries.iter().find(|(setting, _)| !meant(setting)) {
            Some((setting, _)) => {
                Err(SettingsError::WrongCsrfProfile { setting: setting.name, profile })
            }
            None => Ok(()),
        }
    }

    /// Drops what somebody else looks at.
    pub(super) fn retain(&mut self, keep: impl Fn(&Setting) -> bool) {
        self.entries.retain(|(setting, _)| keep(setting));
    }

    /// Whether a setting is still here.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(setting, _)| setting.name == name)
    }

    pub(super) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&SettingValue) -> Option<T>,
    ) -> Read<T> {
        let Some(at) = self.entries.iter().position(|(setting, _)| setting.name == name) else {
            return Ok(None);
        };
        let (setting, value) = self.entries.swap_remove(at);
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => Err(SettingsError::Invalid {
                setting: setting.name,
                got: (!setting.is_secret).then(|| describe(&value)),
                takes: setting.takes,
            }),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Read<String> {
        self.take(name, |value| text(value).map(str::to_owned))
    }

    /// A text that is not empty.
    pub(super) fn some_text(&mut self, name: &str) -> Read<String> {
        self.take(name, |value| text(value).filter(|text| !text.is_empty()).map(str::to_owned))
    }

    pub(super) fn flag(&mut self, name: &str) -> Read<bool> {
        self.take(name, flag)
    }

    /// One of several words, in any letter case.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, among: &[(&str, T)]) -> Read<T> {
        self.take(name, |value| {
            let word = text(value)?.trim();
            among.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, to)| *to)
        })
    }

    pub(super) fn count(&mut self, name: &str) -> Read<usize> {
        self.take(name, count)
    }

    /// A span, perhaps zero.
    pub(super) fn span(&mut self, name: &str) -> Read<Duration> {
        self.take(name, span)
    }

    /// A span above zero.
    pub(super) fn some_span(&mut self, name: &str) -> Read<Duration> {
        self.take(name, |value| span(value).filter(|span| !span.is_zero()))
    }

    /// A span above zero, or `none`.
    pub(super) fn limit(&mut self, name: &str) -> Read<Option<Duration>> {
        self.take(name, |value| {
            if is_none(value) {
                return Some(None);
            }
            span(value).filter(|span| !span.is_zero()).map(Some)
        })
    }
}

pub(super) fn text(value: &SettingValue) -> Option<&str> {
    match value {
        SettingValue::Text(text) => Some(text),
        _ => None,
    }
}

pub(super) fn flag(value: &SettingValue) -> Option<bool> {
    match value {
        SettingValue::Bool(flag) => Some(*flag),
        SettingValue::Int(number) => match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        SettingValue::Text(text) => {
            let word = text.trim().to_ascii_lowercase();
            match word.as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

pub(super) fn count(value: &SettingValue) -> Option<usize> {
    match value {
        SettingValue::Int(number) => usize::try_from(*number).ok(),
        SettingValue::Text(text) => {
            let text = text.trim();
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        }
        _ => None,
    }
}

/// What says that there is no limit.
pub(super) fn is_none(value: &SettingValue) -> bool {
    matches!(value, SettingValue::Text(text) if text.trim().eq_ignore_ascii_case("none"))
}

pub(super) fn span(value: &SettingValue) -> Option<Duration> {
    match value {
        SettingValue::Int(seconds) => duration::parse(&seconds.to_string()),
        SettingValue::Float(seconds) => duration::from_float(*seconds),
        SettingValue::Text(text) => duration::parse(text),
        _ => None,
    }
}

/// A list as such; as text a JSON array, or its items one after the other.
pub(super) fn list(value: &SettingValue, between: char) -> Option<Vec<String>> {
    match value {
        SettingValue::List(values) => {
            values.iter().map(|value| text(value).map(str::to_owned)).collect()
        }
        SettingValue::Text(text) if text.trim_start().starts_with('[') => {
            match read_json(text.trim().as_bytes()).ok()? {
                Value::List(items) => {
                    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
                }
                _ => None,
            }
        }
        SettingValue::Text(text) => {
            let items = text.split(between).map(str::trim).filter(|item| !item.is_empty());
            Some(items.map(str::to_owned).collect())
        }
        _ => None,
    }
}

/// A cookie's domain, or that it has none.
pub(super) fn domain(reader: &mut Reader, name: &str) -> Read<Option<String>> {
    reader.take(name, |value| match flag(value) {
        Some(false) => Some(None),
        _ => text(value).map(|domain| Some(domain.to_owned())),
    })
}

/// A cookie's `SameSite`, or that it has none.
pub(super) fn same_site(reader: &mut Reader, name: &str) -> Read<Option<SameSite>> {
    reader.take(name, |value| match flag(value) {
        Some(false) => Some(None),
        _ => SameSite::parse(text(value)?.trim()).ok().map(Some),
    })
}

/// A value for an error's text, bounded.
fn describe(value: &SettingValue) -> String {
    const SHOWN: usize = 60;
    match value {
        SettingValue::Text(text) => {
            let mut shown: String = text.chars().take(SHOWN).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            format!("{shown:?}")
        }
        SettingValue::Bool(flag) => flag.to_string(),
        SettingValue::Int(number) => number.to_string(),
        SettingValue::Float(number) => number.to_string(),
        SettingValue::List(values) => format!("a list of {}", values.len()),
    }
}
