//! How long a session of Django's lives, as its data say.

use std::time::Duration;

use super::expiry::Expiry;
use crate::cookie::Keep;
use crate::profile::Profile;
use sessile_formats::django::expiry;
use sessile_formats::{Map, Timestamp, Value};

/// What Django stores for this expiry; `None` when it stores nothing.
pub(super) fn stored(chosen: Expiry) -> Option<Value> {
    match chosen {
        Expiry::Default => None,
        Expiry::BrowserClose => Some(Value::Int(0)),
        // At least a second, or it would mean "until the browser closes": two weeks on the server.
        Expiry::After(span) => {
            Some(Value::Int(i64::try_from(span.as_secs()).unwrap_or(i64::MAX).max(1)))
        }
        Expiry::At(moment) => Some(Value::Str(moment.to_iso8601())),
    }
}

/// Until when a foreign session lives; `None` when its data do not say (Django's `get_expiry_age`).
pub(super) fn age(profile: Profile, data: &Map, now: Timestamp) -> Option<Timestamp> {
    let stored = data.get(expiry::EXPIRY_KEY).filter(|_| profile == Profile::Django)?;
    if let Value::Str(text) = stored {
        return expiry::moment_in(text);
    }
    // Where Django would raise, the session lives as configured.
    let millis = match expiry::age(Some(stored), 0, now).ok()? {
        Value::Int(0) => return None,
        Value::Int(secs) => secs.saturating_mul(1000),
        Value::Float(secs) if secs.is_finite() => (secs * 1000.0) as i64,
        _ => return None,
    };
    Some(Timestamp::from_millis(now.as_millis().saturating_add(millis)))
}

/// How long Django's cookie is kept (`get_expire_at_browser_close`, `get_expiry_age`).
pub(super) fn keep(
    data: &Map,
    configured: Duration,
    at_browser_close: bool,
    now: Timestamp,
) -> Keep {
    let stored = data.get(expiry::EXPIRY_KEY);
    if expiry::at_browser_close(stored, at_browser_close) {
        return Keep::Session;
    }
    let configured = i64::try_from(configured.as_secs()).unwrap_or(i64::MAX);
    Keep::Seconds(match expiry::age(stored, configured, now) {
        Ok(Value::Int(secs)) => secs,
        // `int(max_age)` cuts off.
        Ok(Value::Float(secs)) => secs as i64,
        Ok(Value::Bool(_)) => 1,
        _ => configured,
    })
}
