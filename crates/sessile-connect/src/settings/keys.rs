//! `SECRET_KEY` and its fallbacks.

use super::error::SettingsError;
use super::reader::{Reader, list};
use sessile_formats::{KeyRing, SecretKey};

const ALLOW_WEAK: &str = "SESSION_ALLOW_WEAK_KEY";
const FALLBACKS: &str = "SECRET_KEY_FALLBACKS";

pub(super) fn ring(reader: &mut Reader) -> Result<Option<KeyRing>, SettingsError> {
    let allow_weak = reader.flag(ALLOW_WEAK)?.unwrap_or(false);
    let newest = reader.text("SECRET_KEY")?;
    // A comma may be part of a key.
    let older = reader.take(FALLBACKS, |value| list(value, '\n'))?.unwrap_or_default();
    let Some(newest) = newest else {
        return match older.is_empty() {
            true => Ok(None),
            false => Err(SettingsError::Missing {
                setting: "SECRET_KEY",
                because: "SECRET_KEY_FALLBACKS are keys it replaced; they verify and never sign",
            }),
        };
    };
    let older = older
        .into_iter()
        .map(|text| key(FALLBACKS, text, allow_weak))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(KeyRing::new(key("SECRET_KEY", newest, allow_weak)?).with_fallbacks(older)))
}

/// The first of these keys that is set, alone: where older keys are not tried.
pub(super) fn first(
    reader: &mut Reader,
    settings: [&'static str; 2],
) -> Result<Option<SecretKey>, SettingsError> {
    let allow_weak = reader.flag(ALLOW_WEAK)?.unwrap_or(false);
    for setting in settings {
        if let Some(text) = reader.text(setting)? {
            return key(setting, text, allow_weak).map(Some);
        }
    }
    Ok(None)
}

fn key(setting: &'static str, text: String, weak: bool) -> Result<SecretKey, SettingsError> {
    let key = if weak { SecretKey::allow_weak(text) } else { SecretKey::new(text) };
    key.map_err(|reason| SettingsError::WeakKey { setting, reason })
}
