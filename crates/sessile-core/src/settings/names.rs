//! Every setting there is: its name, where it has a meaning, what it takes.

use crate::config::Profile;

/// A setting's name and rules. Its meaning and defaults are in `docs/configuration.md`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name, as in the environment.
    pub name: &'static str,
    /// What it takes, in words.
    pub takes: &'static str,
    /// Whether its value is never shown.
    pub is_secret: bool,
    profiles: u8,
}

impl Setting {
    /// Whether it has a meaning in `profile`; elsewhere it is refused.
    pub fn applies_to(&self, profile: Profile) -> bool {
        self.profiles & bit(profile) != 0
    }
}

const fn bit(profile: Profile) -> u8 {
    match profile {
        Profile::Native => N,
        Profile::Flask => F,
        Profile::FlaskSession => S,
        Profile::Django => D,
        Profile::Starlette => T,
    }
}

const N: u8 = 1;
const F: u8 = 2;
const S: u8 = 4;
const D: u8 = 8;
const T: u8 = 16;
const ALL: u8 = N | F | S | D | T;

const BOOL: &str = "true or false";
const SPAN: &str = "seconds or a time such as \"31 days\" or \"PT8H\", above zero";
const LIMIT: &str = "seconds, a time such as \"30 minutes\" or \"PT8H\", or \"none\"";
const TEXT: &str = "text";

const fn plain(name: &'static str, profiles: u8, takes: &'static str) -> Setting {
    Setting { name, takes, is_secret: false, profiles }
}

const fn secret(name: &'static str, profiles: u8, takes: &'static str) -> Setting {
    Setting { name, takes, is_secret: true, profiles }
}

pub(super) const KNOWN: &[Setting] = &[
    plain("SESSION_PROFILE", ALL, "native, flask, flask_session, django or starlette"),
    secret("SECRET_KEY", ALL, TEXT),
    secret(
        "SECRET_KEY_FALLBACKS",
        ALL,
        "a list of texts; in the environment a JSON array, or one key a line",
    ),
    plain("SESSION_ALLOW_WEAK_KEY", ALL, BOOL),
    plain(
        "SESSION_TYPE",
        ALL,
        "cookie (or null), memory, sqlite, sql (or sqlalchemy), filesystem (or file), redis, \
         memcached or mongodb",
    ),
    plain("SESSION_ENGINE", D, "django.contrib.sessions.backends. and db, file or signed_cookies"),
    secret(
        "SESSION_URL",
        N | S | D,
        "the store's address: sqlite:, postgres://, mysql://, redis://, memcached:// or mongodb://",
    ),
    plain("SESSION_TABLE", N, "letters, digits and _, at most 48, no digit first"),
    plain("SESSION_SQLALCHEMY_TABLE", S, "letters, digits and _, at most 48, no digit first"),
    plain("SESSION_FILE_DIR", N | S, "a directory"),
    plain("SESSION_FILE_PATH", D, "a directory"),
    plain("SESSION_FILE_MODE", N | S, "0600, 0640 or 0660 (as a number: 384, 416, 432)"),
    plain("SESSION_STORAGE", ALL, "store, signed_cookie or encrypted_cookie"),
    plain("SESSION_COOKIE_NAME", ALL, TEXT),
    plain("SESSION_COOKIE_DOMAIN", ALL, "a host name, or false for none"),
    plain("SESSION_COOKIE_PATH", ALL, "a path that begins with /"),
    plain("APPLICATION_ROOT", F | S, "a path that begins with /"),
    plain("SESSION_COOKIE_SECURE", ALL, BOOL),
    plain("SESSION_COOKIE_HTTPONLY", ALL, BOOL),
    plain("SESSION_COOKIE_SAMESITE", ALL, "Strict, Lax, None, or false for no attribute"),
    plain("SESSION_COOKIE_PARTITIONED", N | F | T, BOOL),
    plain("SESSION_COOKIE_ALLOW_DROPPED", F | S | D | T, BOOL),
    plain("MAX_COOKIE_SIZE", F | S, "a number of bytes"),
    plain("PERMANENT_SESSION_LIFETIME", N | F | S, SPAN),
    plain("SESSION_COOKIE_AGE", D | T, SPAN),
    plain("SESSION_LEVEL", N, "aal1, aal2 or aal3"),
    plain("SESSION_IDLE_TIMEOUT", N, LIMIT),
    plain("SESSION_ABSOLUTE_TIMEOUT", N, LIMIT),
    plain("SESSION_RENEW_AFTER", N, "seconds or a time such as \"5 minutes\""),
    plain("SESSION_ROTATE_AFTER", N, LIMIT),
    plain("SESSION_GRACE", N, "seconds or a time such as \"30 seconds\"; 0 for none"),
    plain("SESSION_LIMIT_PER_USER", N, "1 or more, or \"none\""),
    plain("SESSION_REFRESH_EACH_REQUEST", F | S, BOOL),
    plain("SESSION_SAVE_EVERY_REQUEST", D, BOOL),
    plain("SESSION_EXPIRE_AT_BROWSER_CLOSE", D, BOOL),
    plain("SESSION_PERMANENT", S, BOOL),
    plain("SESSION_USE_SIGNER", S, BOOL),
    plain("SESSION_KEY_PREFIX", S, "text without control characters, at most 128 bytes"),
    plain("SESSION_ID_LENGTH", S, "16 to 192 bytes; below 16 an id could be guessed"),
    plain("SESSION_SERIALIZATION_FORMAT", S, "msgpack or json"),
    plain("SESSION_MAX_BYTES", ALL, "1 or more bytes"),
    plain("SESSION_SAVE_ON_SERVER_ERROR", N, BOOL),
    plain("SESSION_STORE_FAILURE", N | S | D, "refuse or read_as_anonymous"),
    plain("SESSION_ENDED_MEANWHILE", N | S | D, "refuse or keep_response"),
    plain("SESSION_NO_STORE", ALL, BOOL),
    plain("SESSION_CLEAR_SITE_DATA", ALL, BOOL),
    plain("SESSION_AUDIENCE", N, TEXT),
    plain("SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED", N, BOOL),
    plain("SESSION_DEVELOPMENT", N, BOOL),
];

/// Settings of the originals that have another place here.
const REPLACED: &[(&str, &str)] = &[
    ("SESSION_REDIS", "it holds a client; give the server's address in SESSION_URL"),
    ("SESSION_MEMCACHED", "it holds a client; give the server's address in SESSION_URL"),
    ("SESSION_MONGODB", "it holds a client; give the server's address in SESSION_URL"),
    ("SESSION_MONGODB_DB", "give the database in SESSION_URL: mongodb://host/database"),
    ("SESSION_MONGODB_COLLECT", "the collection's name is fixed; give the address in SESSION_URL"),
    ("SESSION_DYNAMODB", "there is no DynamoDB store; SESSION_TYPE names those there are"),
    ("SESSION_SQLALCHEMY", "it holds a client; give the database's address in SESSION_URL"),
    ("SESSION_SQLALCHEMY_BIND_KEY", "give the database's address in SESSION_URL"),
    ("SESSION_CACHELIB", "it holds a client; use SESSION_TYPE=filesystem with SESSION_FILE_DIR"),
    ("SESSION_CACHE_ALIAS", "give the cache's address in SESSION_URL"),
    ("SESSION_CLEANUP_N_REQUESTS", "sweep in the background or with `sessile sweep`"),
    ("SESSION_FILE_THRESHOLD", "expired files are swept; live sessions are never dropped"),
    ("SESSION_SERIALIZER", "sessions are JSON, as Django's default is"),
];

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    KNOWN.iter().find(|setting| setting.name == name)
}

/// Where a setting of the originals went.
pub(super) fn replaced(name: &str) -> Option<(&'static str, &'static str)> {
    REPLACED.iter().find(|(known, _)| *known == name).copied()
}

/// The known name closest to a mistaken one, if it is close.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_ascii_uppercase();
    let bare = name.strip_prefix("SESSION_").unwrap_or(&name);
    let away = |known: &'static str| distance(&name, known).min(distance(bare, known));
    let (away, known) = KNOWN.iter().map(|known| (away(known.name), known.name)).min()?;
    (away <= 1 + name.len() / 4).then_some(known)
}

/// How many letters must be inserted, removed or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (b, cell) in other.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (one, other, expected) in
            [("", "", 0), ("abc", "abc", 0), ("kitten", "sitting", 3), ("", "ab", 2), ("ab", "", 2)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn mistaken_names_find_what_was_meant() {
        for (name, meant) in [
            ("SESSION_COOKIE_SAMSITE", Some("SESSION_COOKIE_SAMESITE")),
            ("session_type", Some("SESSION_TYPE")),
            ("SESSION_SECRET_KEY", Some("SECRET_KEY")),
            ("SESSION_SECRET_KEY_FALLBACKS", Some("SECRET_KEY_FALLBACKS")),
            ("SESSION_PERMANENT_SESSION_LIFETIME", Some("PERMANENT_SESSION_LIFETIME")),
            ("SESSION_THE_WEATHER_TOMORROW", None),
            ("", None),
        ] {
            assert_eq!(nearest(name), meant, "{name}");
        }
        assert_eq!(nearest(&"S".repeat(1000)), None);
    }
}
