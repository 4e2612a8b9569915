//! Django: how long a session lives, and what a key is.

use serde_json::{Value as Json, json};
use sessile_core::Value;
use sessile_core::format::django::expiry::{self, ExpiryError};
use sessile_core::format::django::is_session_key;

use super::input::{Input, missing};
use super::{Answer, Raised};
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "django_set_expiry" => set(input),
        "django_cache_key" => cache_key(input),
        "django_validate_key" => Ok(match input.get("key").and_then(Json::as_str) {
            Some(key) if is_session_key(key) => json!(key),
            _ => Json::Null,
        }),
        _ => return None,
    })
}

fn set(input: &Input<'_>) -> Answer {
    let raised = |error: ExpiryError| Raised::exception(error.python_class(), error);
    let now = input.now()?;
    let cookie_age = input.seconds("SESSION_COOKIE_AGE")?.unwrap_or(1_209_600.0) as i64;
    let configured = input.flag("SESSION_EXPIRE_AT_BROWSER_CLOSE");
    let (stored, modified) = match input.value("value")? {
        // The cases' word for not calling it at all.
        Value::Str(text) if text == "unset" => (None, false),
        value => {
            let stored = expiry::stored(value, now).map_err(raised)?;
            // There was nothing to remove.
            let modified = stored.is_some();
            (stored, modified)
        }
    };
    let age = expiry::age(stored.as_ref(), cookie_age, now).map_err(raised)?;
    let date = expiry::date(stored.as_ref(), cookie_age, now).map_err(raised)?;
    Ok(json!({
        "stored": stored.as_ref().map(typed::from_value),
        "age": typed::from_value(&age),
        "date": date.isoformat(),
        "at_browser_close": expiry::at_browser_close(stored.as_ref(), configured),
        "modified": modified,
    }))
}

/// The key of an entry in a cache, and the value as Redis holds it.
pub(super) fn cache_key(input: &Input<'_>) -> Answer {
    let engine = input.text("engine")?;
    let version = input.get("VERSION").and_then(Json::as_i64).unwrap_or(1);
    let (prefix, session) = (input.text_or("KEY_PREFIX", ""), input.text("session_key")?);
    let value = sessile_core::format::pickle::write(&input.value("value")?)
        .map_err(|error| Raised::exception(error.python_class(), error))?;
    if !matches!(engine, "cache" | "cached_db") {
        return Err(missing("engine"));
    }
    Ok(json!({
        "key": format!("{prefix}:{version}:django.contrib.sessions.{engine}{session}"),
        "redis_value": typed::to_hex(&value),
    }))
}
