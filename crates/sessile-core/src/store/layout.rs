//! Whose tables, keys and values a store uses.

use crate::config::DJANGO_CACHE_PREFIX;
use crate::profile::Profile;

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

    /// Whether a name that was listed under `prefix` is a session's. Names of Django's `cached_db`
    /// begin as those of `cache` do; none of its session keys has a `_`
    /// (`django/contrib/sessions/backends/base.py`, `VALID_KEY_CHARS`).
    pub fn is_key(self, prefix: &str, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(prefix) else { return false };
        self != Self::Django || !prefix.ends_with(".cache") || !rest.starts_with("d_db")
    }

    /// Whether it is somebody else's.
    pub fn is_foreign(self) -> bool {
        self != Self::Native
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;
    use crate::config::{DJANGO_CACHE_PREFIX, DJANGO_CACHED_DB_PREFIX};

    #[test]
    fn a_list_of_djangos_cache_leaves_cached_db_alone() {
        let key = "0123456789abcdefghijklmnopqrstuv";
        let [of_cache, of_cached_db] =
            [DJANGO_CACHE_PREFIX, DJANGO_CACHED_DB_PREFIX].map(|prefix| format!("{prefix}{key}"));
        assert!(Layout::Django.is_key(DJANGO_CACHE_PREFIX, &of_cache));
        assert!(!Layout::Django.is_key(DJANGO_CACHE_PREFIX, &of_cached_db));
        assert!(Layout::Django.is_key(DJANGO_CACHED_DB_PREFIX, &of_cached_db));
        assert!(Layout::FlaskSession.is_key("session:", "session:d_db"));
        assert!(!Layout::FlaskSession.is_key("session:", "other:key"));
    }
}
