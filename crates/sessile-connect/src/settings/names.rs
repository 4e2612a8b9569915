//! Every setting there is: its name, where it has a meaning, what it takes.

use super::csrf::{self, CsrfProfile};
use sessile_core::Profile;

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
    /// For CSRF protection: in which of its profiles it has a meaning.
    csrf: u8,
}

impl Setting {
    /// Whether it has a meaning in `profile`; elsewhere it is refused. Those of
    /// CSRF protection have none for sessions, and are left to it.
    pub fn applies_to(&self, profile: Profile) -> bool {
        self.profiles & bit(profile) != 0
    }

    /// Whether it has a meaning in this profile of CSRF protection.
    pub fn applies_to_csrf(&self, profile: CsrfProfile) -> bool {
        self.csrf & csrf::bit(profile) != 0
    }

    pub(super) fn is_csrf(&self) -> bool {
        self.csrf != 0
    }

    pub(super) const fn of_csrf(
        name: &'static str,
        csrf: u8,
        takes: &'static str,
        is_secret: bool,
    ) -> Self {
        Self { name, takes, is_secret, profiles: 0, csrf }
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
const PREFIX: &str = "text without control characters, at most 128 bytes";
const NAME: &str = "letters, digits and _, at most 48, no digit first";

const fn plain(name: &'static str, profiles: u8, takes: &'static str) -> Setting {
    Setting { name, takes, is_secret: false, profiles, csrf: 0 }
}

const fn secret(name: &'static str, profiles: u8, takes: &'static str) -> Setting {
    Setting { name, takes, is_secret: true, profiles, csrf: 0 }
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
        "cookie (or null), memory, sqlite, sql (or sqlalchemy), filesystem (or file, cachelib), \
         redis, memcached, mongodb or cached",
    ),
    plain(
        "SESSION_ENGINE",
        D,
        "django.contrib.sessions.backends. and db, cache, cached_db, file or signed_cookies",
    ),
    secret(
        "SESSION_URL",
        N | S | D,
        "the store's address: sqlite:, postgres://, mysql://, redis://, memcached://, mongodb:// \
         or file:",
    ),
    secret("SESSION_CACHE_URL", N | D, "redis://, rediss:// or memcached:// and the servers"),
    plain("SESSION_CACHE_KEY_PREFIX", D, PREFIX),
    plain("SESSION_CACHE_VERSION", D, "a whole number"),
    secret(
        "SESSION_REDIS",
        N | S,
        "an address: redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://",
    ),
    plain("SESSION_REDIS_REPLICAS", N | S | D, "1 or more, or \"none\""),
    plain("SESSION_REDIS_NEAR_CACHE", N | S | D, LIMIT),
    secret("SESSION_MEMCACHED", N | S, "servers: host:11211,other:11211"),
    plain(
        "SESSION_MEMCACHED_CLIENT",
        N | S | D,
        "pymemcache, pylibmc, pylibmc_ketama or python_memcached",
    ),
    secret("SESSION_MONGODB", N | S, "an address: mongodb:// or mongodb+srv://"),
    plain("SESSION_MONGODB_DB", N | S, "a database's name"),
    plain("SESSION_MONGODB_COLLECT", N | S, "a collection's name"),
    secret("SESSION_SQLALCHEMY", N | S, "an address: sqlite:, postgres:// or mysql://"),
    plain("SESSION_SQLALCHEMY_TABLE", S, NAME),
    plain("SESSION_SQLALCHEMY_SCHEMA", S, NAME),
    plain("SESSION_TABLE", N, NAME),
    plain("SESSION_SCHEMA", N, NAME),
    plain("SESSION_FILE_DIR", N | S, "a directory"),
    plain("SESSION_FILE_PATH", D, "a directory"),
    plain("SESSION_FILE_MODE", N | S, "0600, 0640 or 0660 (as a number: 384, 416, 432)"),
    plain("SESSION_FILE_THRESHOLD", S, "a number of files; 0 for no limit"),
    plain("SESSION_CACHELIB", S, "cachelib's directory"),
    plain("SESSION_CACHELIB_NAMES", S, "sha256 or md5"),
    secret("SESSION_MIGRATE_FROM", N | S | D, "the old store's address, as SESSION_URL takes it"),
    plain("SESSION_STORAGE", ALL, "store, signed_cookie or encrypted_cookie"),
    plain(
        "SESSION_TRANSPORT",
        N | S | D,
        "cookie, header, bearer, url_readable_in_logs, form or form_and_url_readable_in_logs",
    ),
    plain("SESSION_TRANSPORT_NAME", N | S | D, "a header's, parameter's or form field's name"),
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
    plain("SESSION_KEY_PREFIX", S, PREFIX),
    plain("SESSION_ID_LENGTH", S, "16 to 192 bytes; below 16 an id could be guessed"),
    plain("SESSION_SERIALIZATION_FORMAT", S, "msgpack or json"),
    plain("SESSION_SERIALIZER", D, "django.contrib.sessions.serializers.JSONSerializer"),
    plain("SESSION_FORMER_IDS", N, "flask_session, django or none"),
    plain("SESSION_MAX_BYTES", ALL, "1 or more bytes"),
    plain("SESSION_SAVE_ON_SERVER_ERROR", N, BOOL),
    plain("SESSION_STORE_TIMEOUT", N | S | D, SPAN),
    plain("SESSION_SWEEP_EVERY", N | S | D, LIMIT),
    plain("SESSION_CLEANUP_N_REQUESTS", N | S, "1 or more, or \"none\""),
    plain("SESSION_STORE_FAILURE", N | S | D, "refuse or read_as_anonymous"),
    plain("SESSION_ENDED_MEANWHILE", N | S | D, "refuse or keep_response"),
    plain("SESSION_NO_STORE", ALL, BOOL),
    plain("SESSION_CLEAR_SITE_DATA", ALL, BOOL),
    plain("SESSION_AUDIENCE", N, TEXT),
    plain("SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED", N, BOOL),
    plain("SESSION_COOKIE_CHUNKS", N, "1 to 8; above 1 only where the cookie holds the session"),
    plain("SESSION_DEVELOPMENT", N, BOOL),
];

const NO_DYNAMODB: &str = "there is no DynamoDB store; SESSION_TYPE names those there are";

/// Settings of the originals that have another place here.
const REPLACED: &[(&str, &str)] = &[
    (
        "SESSION_SQLALCHEMY_SEQUENCE",
        "the id column has a default of its own; make the table yourself, with that sequence as \
         its default, and it is used as it is",
    ),
    ("SESSION_SQLALCHEMY_BIND_KEY", "give that database's address in SESSION_SQLALCHEMY"),
    ("SESSION_DYNAMODB", NO_DYNAMODB),
    ("SESSION_DYNAMODB_TABLE", NO_DYNAMODB),
    (
        "SESSION_CACHE_ALIAS",
        "it names one of Django's CACHES; give that one's address in SESSION_CACHE_URL, its \
         KEY_PREFIX in SESSION_CACHE_KEY_PREFIX, its VERSION in SESSION_CACHE_VERSION",
    ),
    (
        "CSRF_FAILURE_VIEW",
        "it names a function in Python; answer refused requests with CsrfLayer::on_refusal",
    ),
    ("CSRF_COOKIE_MASKED", "Django 5.0 removed it; cookies with a masked secret are read"),
];

fn all() -> impl Iterator<Item = &'static Setting> {
    KNOWN.iter().chain(csrf::KNOWN)
}

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
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
    let (away, known) = all().map(|known| (away(known.name), known.name)).min()?;
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
