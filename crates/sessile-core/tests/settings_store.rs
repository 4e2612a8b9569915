//! Where sessions are kept, by settings.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sessile_core::{Config, ConfigError, Settings, SettingsError, Storage, StoreChoice};

const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

fn read(pairs: &[(&str, &str)]) -> Result<(Config, StoreChoice), SettingsError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_pairs(pairs).into_config()
}

fn refused(pairs: &[(&str, &str)]) -> SettingsError {
    read(pairs).unwrap_err()
}

#[test]
fn the_store_follows_from_type_address_and_directory() {
    let choice =
        |pairs: &[(&str, &str)]| read(pairs).map(|(config, store)| (config.storage, store));
    let sqlite = |url: &str| {
        let table = "sessile_sessions".to_owned();
        Ok((Storage::Store, StoreChoice::Sqlite { url: url.to_owned(), table }))
    };
    let url = |url: &str, table: Option<&str>| {
        let table = table.map(str::to_owned);
        Ok((Storage::Store, StoreChoice::Url { url: url.to_owned(), table }))
    };
    let at = |url| ("SESSION_URL", url);
    let kind = |kind| ("SESSION_TYPE", kind);
    assert_eq!(choice(&[at("sqlite:a.db")]), sqlite("sqlite:a.db"));
    assert_eq!(choice(&[at("sqlite+aiosqlite:///a.db")]), sqlite("sqlite:///a.db"));
    assert_eq!(choice(&[kind("sqlite"), at("/var/a.db")]), sqlite("sqlite:/var/a.db"));
    assert_eq!(choice(&[kind("SQLAlchemy"), at("sqlite:a.db")]), sqlite("sqlite:a.db"));
    let redis = "redis://:p@host:6379/1";
    assert_eq!(choice(&[kind("redis"), at(redis)]), url(redis, None));
    let postgres = [kind("sql"), at("postgresql+psycopg2://u:p@host/db")];
    assert_eq!(choice(&postgres), url("postgresql://u:p@host/db", Some("sessile_sessions")));
    assert_eq!(choice(&[at("mongodb+srv://host/db")]), url("mongodb+srv://host/db", None));
    assert_eq!(
        choice(&[("SESSION_FILE_DIR", "d"), ("SESSION_FILE_MODE", "416")]),
        Ok((Storage::Store, StoreChoice::File { dir: "d".into(), mode: 0o640 }))
    );
    let flask_session = ("SESSION_PROFILE", "flask_session");
    assert_eq!(
        choice(&[flask_session, kind("filesystem")]),
        Ok((Storage::Store, StoreChoice::File { dir: "flask_session".into(), mode: 0o600 }))
    );
    let django = [("SESSION_PROFILE", "django"), ("SECRET_KEY", KEY)];
    let engine = ("SESSION_ENGINE", "django.contrib.sessions.backends.db");
    assert_eq!(
        choice(&[django[0], django[1], engine, at("mysql://h/d")]),
        url("mysql://h/d", Some("django_session"))
    );
    let sealed = [
        ("SECRET_KEY", KEY),
        ("SESSION_STORAGE", "encrypted_cookie"),
        ("SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED", "true"),
    ];
    assert_eq!(choice(&sealed), Ok((Storage::EncryptedCookie, StoreChoice::Cookie)));

    for mode in ["600", "400", "0777", "0644", "0o604", "abc", "-1"] {
        let error = refused(&[("SESSION_FILE_DIR", "d"), ("SESSION_FILE_MODE", mode)]);
        assert!(matches!(error, SettingsError::Invalid { .. }), "{mode}");
    }
    for (pairs, named) in [
        (&[][..], "SESSION_TYPE"),
        (&[kind("redis")], "SESSION_URL"),
        (&[kind("filesystem")], "SESSION_FILE_DIR"),
    ] {
        let error = refused(pairs);
        assert!(matches!(error, SettingsError::Missing { setting, .. } if setting == named));
    }
    for pairs in [
        &[kind("redis"), at("mysql://host/db")][..],
        &[kind("sql"), at("redis://host")],
        &[kind("memory"), at("redis://host")],
        &[kind("cookie"), ("SESSION_STORAGE", "store")],
        &[kind("memory"), ("SESSION_STORAGE", "signed_cookie")],
        &[at("redis://host"), ("SESSION_TABLE", "t")],
    ] {
        let error = refused(pairs);
        assert!(matches!(error, SettingsError::Contradiction { .. }), "{pairs:?} {error:?}");
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
