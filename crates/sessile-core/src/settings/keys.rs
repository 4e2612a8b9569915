//! `SECRET_KEY` and its fallbacks.

use super::SettingValue;
use super::error::SettingsError;
use super::given::{Given, text};
use crate::format::flask_session::read_json;
use crate::keys::{KeyRing, SecretKey};
use crate::value::Value;

const FALLBACKS: &str = "SECRET_KEY_FALLBACKS";

pub(super) fn ring(given: &mut Given) -> Result<Option<KeyRing>, SettingsError> {
    let allow_weak = given.flag("SESSION_ALLOW_WEAK_KEY")?.unwrap_or(false);
    let key = |setting: &'static str, text: String| {
        let key = if allow_weak { SecretKey::allow_weak(text) } else { SecretKey::new(text) };
        key.map_err(|reason| SettingsError::WeakKey { setting, reason })
    };
    let newest = given.text("SECRET_KEY")?;
    let older = given.take(FALLBACKS, list)?.unwrap_or_default();
    let Some(newest) = newest else {
        return match older.is_empty() {
            true => Ok(None),
            false => Err(SettingsError::Missing {
                setting: "SECRET_KEY",
                because: "SECRET_KEY_FALLBACKS are keys it replaced; they verify and never sign",
            }),
        };
    };
    let older =
        older.into_iter().map(|text| key(FALLBACKS, text)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(KeyRing::new(key("SECRET_KEY", newest)?).with_fallbacks(older)))
}

/// A list as such; as text a JSON array, or one key a line. A comma may be part of a key.
fn list(value: &SettingValue) -> Option<Vec<String>> {
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
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Some(lines.map(str::to_owned).collect())
        }
        _ => None,
    }
}
