//! Whose tables, keys and values a store uses.

use crate::config::{DJANGO_CACHE_PREFIX, Profile};

/// Whose tables, keys and values a store uses.
///
/// In a foreign layout a store writes exactly what the original writes, so
/// that both serve the same sessions. It then has the original's limits: one
/// deadline, no subjects, no grace for an old id, and versions that are the
/// stored bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Ours: hashed keys, versions, subjects, both deadlines.
    #[default]
    Native,
    /// Flask-Session 0.8's.
    FlaskSession,
    /// Django's, of the engine that uses such a store: `db`, `cache` or `file`.
    Django,
}

impl Layout {
    /// The layout that a profile's sessions are stored in.
    pub fn of(profile: Profile) -> Self {
        match profile {
            Profile::FlaskSession => Self::FlaskSession,
            Profile::Django => Self::Django,
            // Flask's and Starlette's sessions travel in cookies.
            Profile::Native | Profile::Flask | Profile::Starlette => Self::Native,
        }
    }

    /// What its keys begin with in a store that many applications share, unless
    /// settings say otherwise: Flask-Session's `SESSION_KEY_PREFIX`, Django's cache prefix.
    pub fn key_prefix(self) -> &'static str {
        match self {
            Self::Native => "sessile:",
            Self::FlaskSession => "session:",
            Self::Django => DJANGO_CACHE_PREFIX,
        }
    }

    /// Whether it is somebody else's.
    pub fn is_foreign(self) -> bool {
        self != Self::Native
    }
}
