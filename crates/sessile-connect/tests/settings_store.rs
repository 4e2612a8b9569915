//! Where sessions are kept, by settings.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sessile_connect::{Settings, SettingsError, StoreChoice};
use sessile_core::{Config, ConfigError, DJANGO_CACHE_PREFIX, Storage};

const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

const FLASK_SESSION: (&str, &str) = ("SESSION_PROFILE", "flask_session");
const DJANGO: [(&str, &str); 2] = [("SESSION_PROFILE", "django"), ("SECRET_KEY", KEY)];

fn read(pairs: &[(&str, &str)]) -> Result<(Config, StoreChoice), SettingsError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_pairs(pairs).into_config()
}

fn refused(pairs: &[(&str, &str)]) -> SettingsError {
    read(pairs).unwrap_err()
}

fn django(pairs: &[(&str, &str)]) -> (Config, StoreChoice) {
    read(&[&DJANGO, pairs].concat()).unwrap()
}

fn at(url: &str) -> (&str, &str) {
    ("SESSION_URL", url)
}

fn kind(kind: &str) -> (&str, &str) {
    ("SESSION_TYPE", kind)
}

/// A choice in one line: its kind, the address and the rest.
fn said(choice: &StoreChoice) -> String {
    match choice {
        StoreChoice::Sql { url, table, schema, .. } => {
            let schema = schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
            format!("sql {} {schema}{table}", url.expose())
        }
        StoreChoice::File { dir, mode, threshold, .. } => {
            let threshold = threshold.map(|most| format!(" {most}")).unwrap_or_default();
            format!("file {} {mode:o}{threshold}", dir.display())
        }
        StoreChoice::Redis { url, .. } => format!("redis {}", url.expose()),
        StoreChoice::Memcached { url, .. } => format!("memcached {}", url.expose()),
        StoreChoice::MongoDb { url, database, collection } => {
            format!("mongodb {} {database}.{collection}", url.expose())
        }
        StoreChoice::Cached { front, back, key_prefix } => {
            let prefix = key_prefix.as_ref().map(|p| format!(" {p}")).unwrap_or_default();
            format!("{} | {}{prefix}", said(front), said(back))
        }
        StoreChoice::Moving { new, old } => format!("{} <- {}", said(new), said(old)),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_store_follows_from_type_address_and_directory() {
    for (pairs, expected) in [
        (&[at("sqlite:a.db")][..], "sql sqlite:a.db sessile_sessions"),
        (&[at("sqlite+aiosqlite:///a.db")], "sql sqlite:///a.db sessile_sessions"),
        (&[kind("sqlite"), at("/var/a.db")], "sql sqlite:/var/a.db sessile_sessions"),
        (&[kind("SQLAlchemy"), at("sqlite:a.db")], "sql sqlite:a.db sessile_sessions"),
        (
            &[kind("sql"), at("postgresql+psycopg2://u:p@h/d"), ("SESSION_SCHEMA", "web")],
            "sql postgresql://u:p@h/d web.sessile_sessions",
        ),
        (
            &[("SESSION_SQLALCHEMY", "MySQL+pymysql://h/d"), ("SESSION_TABLE", "t")],
            "sql mysql://h/d t",
        ),
        (&[kind("redis"), at("redis://:p@h:6379/1")], "redis redis://:p@h:6379/1"),
        (&[("SESSION_REDIS", "rediss://h")], "redis rediss://h"),
        (&[at("unix:///run/redis.sock")], "redis redis+unix:///run/redis.sock"),
        (&[at("redis+sentinel://a:1,b:2/main")], "redis redis+sentinel://a:1,b:2/main"),
        (&[at("rediss+cluster://a:1,b:2")], "redis rediss+cluster://a:1,b:2"),
        (&[("SESSION_MEMCACHED", "a:1, b:2")], "memcached memcached://a:1,b:2"),
        (&[at("mongodb+srv://h/db?w=1")], "mongodb mongodb+srv://h/db?w=1 db.sessions"),
        (&[at("mongodb://a,b:1")], "mongodb mongodb://a,b:1 sessile.sessions"),
        (
            &[kind("mongodb"), at("mongodb://h"), ("SESSION_MONGODB_DB", "d")],
            "mongodb mongodb://h d.sessions",
        ),
        (&[("SESSION_FILE_DIR", "d"), ("SESSION_FILE_MODE", "416")], "file d 640"),
        (&[at("file:///var/d")], "file /var/d 600"),
        (&[kind("filesystem"), at("file:d")], "file d 600"),
        (
            &[kind("cached"), at("postgres://h/d"), ("SESSION_CACHE_URL", "redis://c")],
            "redis redis://c | sql postgres://h/d sessile_sessions",
        ),
        (
            &[at("mongodb://h"), ("SESSION_CACHE_URL", "memcached://c")],
            "memcached memcached://c | mongodb mongodb://h sessile.sessions",
        ),
        (
            &[at("postgres://h/d"), ("SESSION_MIGRATE_FROM", "sqlite:a.db")],
            "sql postgres://h/d sessile_sessions <- sql sqlite:a.db sessile_sessions",
        ),
        (
            &[kind("cached"), ("SESSION_FILE_DIR", "d"), ("SESSION_CACHE_URL", "redis://c")],
            "redis redis://c | file d 600",
        ),
    ] {
        let (config, choice) = read(pairs).unwrap_or_else(|error| panic!("{pairs:?}: {error}"));
        assert_eq!((config.storage, said(&choice).as_str()), (Storage::Store, expected));
    }
    let sealed = [
        ("SECRET_KEY", KEY),
        ("SESSION_STORAGE", "encrypted_cookie"),
        ("SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED", "true"),
    ];
    let (config, choice) = read(&sealed).unwrap();
    assert_eq!((config.storage, choice), (Storage::EncryptedCookie, StoreChoice::Cookie));
}

#[test]
fn flask_sessions_stores_have_its_names_and_values() {
    for (pairs, expected, pickled) in [
        (&[kind("filesystem")][..], "file flask_session 600 500", true),
        (&[kind("cachelib"), ("SESSION_CACHELIB", "c")], "file c 600 500", true),
        (&[("SESSION_CACHELIB", "file:c")], "file c 600 500", true),
        (&[kind("filesystem"), ("SESSION_FILE_THRESHOLD", "0")], "file flask_session 600", true),
        (
            &[kind("sqlalchemy"), ("SESSION_SQLALCHEMY", "postgres://h/d")],
            "sql postgres://h/d sessions",
            false,
        ),
        (
            &[at("mysql://h/d"), ("SESSION_SQLALCHEMY_SCHEMA", "s")],
            "sql mysql://h/d s.sessions",
            false,
        ),
        (
            &[kind("mongodb"), ("SESSION_MONGODB", "mongodb://h/other")],
            "mongodb mongodb://h/other flask_session.sessions",
            false,
        ),
        (&[kind("redis"), ("SESSION_REDIS", "redis://h")], "redis redis://h", false),
    ] {
        let (config, choice) = read(&[&[FLASK_SESSION][..], pairs].concat()).unwrap();
        assert_eq!((said(&choice).as_str(), config.stored_pickled), (expected, pickled));
        assert_eq!(config.key_prefix, "session:");
    }
    let cached = [FLASK_SESSION, kind("cached"), at("sqlite:a.db")];
    assert!(matches!(refused(&cached), SettingsError::Contradiction { .. }));
    let from = ("SESSION_MIGRATE_FROM", "file:old");
    let pickled = [FLASK_SESSION, kind("redis"), at("redis://h"), from];
    assert!(matches!(refused(&pickled), SettingsError::Contradiction { .. }));
    let client = [FLASK_SESSION, kind("cachelib"), ("SESSION_CACHELIB", "redis://h")];
    assert!(matches!(refused(&client), SettingsError::Invalid { .. }));
}

#[test]
fn djangos_engines_have_its_keys_and_values() {
    let engine = |name| ("SESSION_ENGINE", name);
    let cache = |url| ("SESSION_CACHE_URL", url);
    let prefix = |pairs: &[(&str, &str)]| {
        let (config, choice) = django(pairs);
        (said(&choice), config.key_prefix, config.stored_pickled)
    };
    let db = "django.contrib.sessions.backends.db";
    let database = ("sql mysql://h/d django_session".to_owned(), String::new(), false);
    assert_eq!(prefix(&[engine(db), at("mysql://h/d")]), database);
    let redis = ("redis redis://c".to_owned(), DJANGO_CACHE_PREFIX.to_owned(), true);
    let full = "django.contrib.sessions.backends.cache";
    assert_eq!(prefix(&[engine(full), cache("redis://c")]), redis);
    assert_eq!(prefix(&[kind("redis"), at("redis://c")]), redis);
    let named = [
        engine("cache"),
        cache("memcached://c"),
        ("SESSION_CACHE_KEY_PREFIX", "shop"),
        ("SESSION_CACHE_VERSION", "3"),
    ];
    let expected = "shop:3:django.contrib.sessions.cache".to_owned();
    assert_eq!(prefix(&named), ("memcached memcached://c".to_owned(), expected, true));
    let both = [engine("cached_db"), at("sqlite:a.db"), cache("redis://c")];
    let expected = "redis redis://c | sql sqlite:a.db django_session \
                    :1:django.contrib.sessions.cached_db";
    assert_eq!(prefix(&both), (expected.to_owned(), String::new(), false));
    let file = [engine("file"), ("SESSION_FILE_PATH", "/tmp")];
    assert_eq!(prefix(&file), ("file /tmp 600".to_owned(), String::new(), false));

    let nowhere = refused(&DJANGO);
    assert!(matches!(nowhere, SettingsError::Missing { setting: "SESSION_ENGINE", .. }));
    let mongodb = [&DJANGO[..], &[at("mongodb://h")]].concat();
    assert!(matches!(refused(&mongodb), SettingsError::Contradiction { .. }));
    let pickles = ("SESSION_SERIALIZER", "django.contrib.sessions.serializers.PickleSerializer");
    let pickles = [&DJANGO[..], &[kind("memory"), pickles]].concat();
    assert!(refused(&pickles).to_string().contains("JSONSerializer"));
}

#[test]
fn what_is_missing_wrong_or_too_much_is_named() {
    for mode in ["600", "400", "0777", "0644", "0o604", "abc", "-1"] {
        let error = refused(&[("SESSION_FILE_DIR", "d"), ("SESSION_FILE_MODE", mode)]);
        assert!(matches!(error, SettingsError::Invalid { .. }), "{mode}");
    }
    for (pairs, named) in [
        (&[][..], "SESSION_TYPE"),
        (&[kind("redis")], "SESSION_URL"),
        (&[kind("memcached")], "SESSION_URL"),
        (&[kind("filesystem")], "SESSION_FILE_DIR"),
        (&[kind("cached"), at("sqlite:a.db")], "SESSION_CACHE_URL"),
        (&[kind("cached"), ("SESSION_CACHE_URL", "redis://c")], "SESSION_URL"),
    ] {
        let error = refused(pairs);
        assert!(matches!(error, SettingsError::Missing { setting, .. } if setting == named));
    }
    for pairs in [
        &[kind("redis"), at("mysql://host/db")][..],
        &[kind("sql"), at("redis://host")],
        &[kind("memory"), at("redis://host")],
        &[kind("memory"), ("SESSION_REDIS", "redis://host")],
        &[kind("redis"), at("redis://host"), ("SESSION_REDIS", "redis://host")],
        &[at("redis://host"), ("SESSION_MONGODB_DB", "d")],
        &[at("file:d"), ("SESSION_FILE_DIR", "d")],
        &[kind("cookie"), ("SESSION_STORAGE", "store")],
        &[kind("memory"), ("SESSION_STORAGE", "signed_cookie")],
        &[at("redis://host"), ("SESSION_TABLE", "t")],
        &[kind("cached"), at("redis://host"), ("SESSION_CACHE_URL", "redis://c")],
    ] {
        let error = refused(pairs);
        assert!(matches!(error, SettingsError::Contradiction { .. }), "{pairs:?} {error:?}");
    }
    for (name, value) in [
        ("SESSION_URL", "postgres:h"),
        ("SESSION_URL", "redis://"),
        ("SESSION_URL", "redis+nonsense://h"),
        ("SESSION_URL", "http://h"),
        ("SESSION_REDIS", "memcached://h"),
        ("SESSION_REDIS", "localhost:6379"),
        ("SESSION_CACHE_URL", "postgres://h/d"),
        ("SESSION_MEMCACHED", "redis://h"),
    ] {
        let error = refused(&[(name, value)]);
        assert!(matches!(error, SettingsError::Invalid { setting, .. } if setting == name));
    }
}

#[test]
fn a_profile_keeps_its_sessions_where_its_original_does() {
    for (profile, kind) in [
        ("flask", "memory"),
        ("starlette", "redis"),
        ("flask_session", "cookie"),
        ("flask_session", "null"),
    ] {
        let pairs = [("SESSION_PROFILE", profile), ("SESSION_TYPE", kind), ("SECRET_KEY", KEY)];
        let error = refused(&pairs);
        assert!(matches!(error, SettingsError::Config(ConfigError::Storage(..))), "{error:?}");
    }
}

#[test]
fn inv11_no_piece_of_a_password_is_shown_whatever_stands_in_it() {
    for url in [
        "postgres://app:hun?ter2@db/site",
        "postgres://app:hun@ter2@db/site",
        "postgres://app:hun@ter?2@db/site",
        "mysql://app:hun/ter2@db/site",
        "redis://:hun?ter2@db:6379/1",
        "redis+sentinel://:hun?ter2@a,b/main?sentinel_password=hunter2",
        "mongodb://app:hun?ter2@db/site",
        "memcached://app:hun?ter2@db",
        "postgres://db/site?user=app&password=hun@ter2",
    ] {
        let (_, choice) = read(&[at(url)]).unwrap();
        let shown = match &choice {
            StoreChoice::Sql { url, .. }
            | StoreChoice::Redis { url, .. }
            | StoreChoice::Memcached { url, .. }
            | StoreChoice::MongoDb { url, .. } => format!("{url} {url:?} {choice:?}"),
            other => unreachable!("{other:?}"),
        };
        assert!(!shown.contains("hun") && !shown.contains("ter"), "{shown}");
    }
}
