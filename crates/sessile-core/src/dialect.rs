//! Where each framework keeps what it knows of a session: in the data, under keys of its own.
//!
//! Our own profile keeps these things beside the data, so its methods return `None` here.

use std::time::Duration;

use crate::cookie::Keep;
use crate::session::Expiry;
use sessile_formats::Timestamp;
use sessile_formats::django::expiry;
pub(crate) use sessile_formats::django::expiry::EXPIRY_KEY as DJANGO_EXPIRY;
use sessile_formats::{Map, Value};

/// Whose conventions the session's data follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Native,
    Flask,
    FlaskSession,
    Django,
    Starlette,
}

const FLASK_PERMANENT: &str = "_permanent";

impl Dialect {
    /// The key of `session.permanent` (Flask 3.1, `SessionMixin`).
    pub(crate) fn permanent_key(self) -> Option<&'static str> {
        matches!(self, Self::Flask | Self::FlaskSession).then_some(FLASK_PERMANENT)
    }

    /// The key that names the logged-in user: Flask-Login's, Django's.
    pub(crate) fn subject_key(self) -> Option<&'static str> {
        match self {
            Self::Native | Self::Starlette => None,
            Self::Flask | Self::FlaskSession => Some("_user_id"),
            Self::Django => Some("_auth_user_id"),
        }
    }

    /// The key of the one-time messages: Flask's, Django's `SessionStorage`'s.
    pub(crate) fn flash_key(self) -> &'static str {
        match self {
            Self::Django => "_messages",
            _ => "_flashes",
        }
    }

    /// What `clear()` leaves: Flask-Session 0.8 keeps whether the session is
    /// permanent, and puts in that it is not where nothing said so.
    pub(crate) fn kept_by_clear(self, data: &Map) -> Map {
        if self != Self::FlaskSession {
            return Map::new();
        }
        let permanent = data.get(FLASK_PERMANENT).cloned().unwrap_or(Value::Bool(false));
        Map::from_iter([(FLASK_PERMANENT, permanent)])
    }

    /// Whether the framework takes these data for no session at all.
    pub(crate) fn is_empty(self, data: &Map) -> bool {
        data.is_empty()
            || self == Self::FlaskSession
                && data.single().is_some_and(|(key, _)| key.as_str() == Some(FLASK_PERMANENT))
    }
}

/// What Django stores for this expiry; `None` when it stores nothing.
pub(crate) fn django_expiry(expiry: Expiry) -> Option<Value> {
    match expiry {
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
pub(crate) fn django_age(dialect: Dialect, data: &Map, now: Timestamp) -> Option<Timestamp> {
    let stored = data.get(DJANGO_EXPIRY).filter(|_| dialect == Dialect::Django)?;
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
pub(crate) fn django_keep(
    data: &Map,
    configured: Duration,
    at_browser_close: bool,
    now: Timestamp,
) -> Keep {
    let stored = data.get(DJANGO_EXPIRY);
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
