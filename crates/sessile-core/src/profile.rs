//! The rules that a deployment follows, and where each framework keeps what it knows of a session:
//! in the data, under keys of its own.
//!
//! Our own profile keeps these things beside the data, so its methods return `None` here.

use sessile_formats::{Map, Value};

/// A complete set of rules a deployment follows: formats, names, when cookies are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Ours, with secure defaults.
    Native,
    /// Flask 3.1: the session travels in a signed cookie.
    Flask,
    /// Flask-Session 0.8: the cookie holds an id, a store the data.
    FlaskSession,
    /// Django 5.2 and 6.1.
    Django,
    /// Starlette 1.x `SessionMiddleware`.
    Starlette,
}

const FLASK_PERMANENT: &str = "_permanent";

impl Profile {
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
