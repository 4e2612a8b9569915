//! Django: how long a session lives, and what a key is.

use std::time::Duration;

use serde_json::{Value as Json, json};
use sessile_core::{Config, Engine, KeyRing, Session, Timestamp, Value};
use sessile_formats::django::expiry::{self, ExpiryError};
use sessile_formats::django::is_session_key;

use super::input::{Input, missing};
use super::{Answer, Raised};
use crate::typed;

/// Signs nothing here.
const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "django_set_expiry" => set(input),
        "django_cache_key" => cache_key(input),
        "django_validate_key" => input.optional_text("key").map(|key| match key {
            Some(key) if is_session_key(&key) => json!(key),
            _ => Json::Null,
        }),
        _ => return None,
    })
}

fn set(input: &Input<'_>) -> Answer {
    let raised = |error: ExpiryError| Raised::exception(error.python_class(), error);
    let now = input.now()?;
    let cookie_age = input.whole("SESSION_COOKIE_AGE")?.unwrap_or(1_209_600);
    let configured = input.flag("SESSION_EXPIRE_AT_BROWSER_CLOSE")?;
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
    let at_browser_close = expiry::at_browser_close(stored.as_ref(), configured);
    let session = session(&stored, cookie_age, configured, now);
    let whole = match &age {
        Value::Int(secs) => Some(*secs),
        Value::Bool(yes) => Some((*yes).into()),
        Value::Float(secs) => Some(*secs as i64),
        _ => None,
    };
    // A handler asks its session, which must say the same.
    if let Some(session) = session {
        let said = (
            session.get_expiry_age(),
            session.get_expiry_date(),
            session.get_expire_at_browser_close(),
        );
        if said != (whole, date.timestamp(), at_browser_close) {
            return Err(Raised::exception("AssertionError", format!("Session says {said:?}")));
        }
    }
    Ok(json!({
        "stored": stored.as_ref().map(typed::from_value),
        "age": typed::from_value(&age),
        "date": date.isoformat(),
        "at_browser_close": at_browser_close,
        "modified": modified,
    }))
}

/// A session with what `set_expiry` stored; none where the configuration is no site's.
fn session(
    stored: &Option<Value>,
    cookie_age: i64,
    at_browser_close: bool,
    now: Timestamp,
) -> Option<Session> {
    let mut config = Config::django(KeyRing::new(super::input::key(KEY.as_bytes()).ok()?));
    config.permanent_lifetime.absolute = u64::try_from(cookie_age).map(Duration::from_secs).ok();
    config.expire_at_browser_close = at_browser_close;
    let session = Engine::new(config).ok()?.anonymous(now);
    if let Some(stored) = stored {
        session.insert_value(expiry::EXPIRY_KEY, stored.clone());
    }
    Some(session)
}

/// The key of an entry in a cache, and the value as Redis holds it.
pub(super) fn cache_key(input: &Input<'_>) -> Answer {
    let engine = input.text("engine")?;
    let version = input.whole("VERSION")?.unwrap_or(1);
    let (prefix, session) = (input.text_or("KEY_PREFIX", "")?, input.text("session_key")?);
    let value = sessile_formats::pickle::write(&input.value("value")?)
        .map_err(|error| Raised::exception(error.python_class(), error))?;
    if !matches!(&*engine, "cache" | "cached_db") {
        return Err(missing("engine"));
    }
    Ok(json!({
        "key": format!("{prefix}:{version}:django.contrib.sessions.{engine}{session}"),
        "redis_value": typed::to_hex(&value),
    }))
}
