//! `SECRET_KEY` and its fallbacks.

use super::error::SettingsError;
use super::table::Table;
use sessile_formats::{KeyRing, SecretKey};

const KEY: &str = "SECRET_KEY";
const FALLBACKS: &str = "SECRET_KEY_FALLBACKS";

pub(super) fn ring(given: &mut Table) -> Result<Option<KeyRing>, SettingsError> {
    let weak = given.allow_weak_key.take().unwrap_or(false);
    let older = given.older_keys.take().unwrap_or_default();
    let Some(newest) = given.key.take() else {
        return match older.is_empty() {
            true => Ok(None),
            false => Err(SettingsError::Missing {
                setting: KEY,
                because: "SECRET_KEY_FALLBACKS are keys it replaced; they verify and never sign",
            }),
        };
    };
    let older = older.into_iter().map(|text| key(FALLBACKS, text, weak));
    let older = older.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(KeyRing::new(key(KEY, newest, weak)?).with_fallbacks(older)))
}

/// `WTF_CSRF_SECRET_KEY`, else `SECRET_KEY`; Flask-WTF tries no older keys.
pub(super) fn of_tokens(own: Option<String>, sessions: Table) -> Result<SecretKey, SettingsError> {
    const OWN: &str = "WTF_CSRF_SECRET_KEY";
    let weak = sessions.allow_weak_key.unwrap_or(false);
    let own = own.map(|text| (OWN, text));
    match own.or_else(|| sessions.key.map(|text| (KEY, text))) {
        Some((setting, text)) => key(setting, text, weak),
        None => Err(SettingsError::Missing {
            setting: OWN,
            because: "it signs the tokens, or SECRET_KEY does, which is not set either",
        }),
    }
}

fn key(setting: &'static str, text: String, weak: bool) -> Result<SecretKey, SettingsError> {
    let key = if weak { SecretKey::allow_weak(text) } else { SecretKey::new(text) };
    key.map_err(|reason| SettingsError::WeakKey { setting, reason })
}
