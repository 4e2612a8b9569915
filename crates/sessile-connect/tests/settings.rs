//! Configuration by name.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use sessile_connect::{Setting, SettingValue, Settings, SettingsError, StoreChoice};
use sessile_core::{Config, ConfigError, Engine, Lifetime, Profile, SameSite, WeakKey};

const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";
const OLD: &str = "d02c4f8a7b1e4935a6c0f2d18e5b7394";

fn env(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())))
}

fn read(pairs: &[(&str, &str)]) -> Result<(Config, StoreChoice), SettingsError> {
    env(pairs).into_config()
}

fn config(pairs: &[(&str, &str)]) -> Config {
    read(pairs).unwrap().0
}

fn refused(pairs: &[(&str, &str)]) -> SettingsError {
    read(pairs).unwrap_err()
}

/// Profiles, and what makes them complete.
const PROFILES: [(Profile, &[(&str, &str)]); 5] = [
    (Profile::Native, &[("SESSION_TYPE", "memory"), ("SESSION_DEVELOPMENT", "true")]),
    (Profile::Flask, &[("SESSION_PROFILE", "flask"), ("SECRET_KEY", KEY)]),
    (
        Profile::FlaskSession,
        &[("SESSION_PROFILE", "flask_session"), ("SESSION_TYPE", "memory"), ("SECRET_KEY", KEY)],
    ),
    (
        Profile::Django,
        &[("SESSION_PROFILE", "django"), ("SESSION_TYPE", "memory"), ("SECRET_KEY", KEY)],
    ),
    (Profile::Starlette, &[("SESSION_PROFILE", "starlette"), ("SECRET_KEY", KEY)]),
];

/// Values that are nobody's default, and what must stand beside them.
fn sample(name: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match name {
        "SESSION_PROFILE" | "SESSION_TYPE" | "SESSION_STORAGE" | "MAX_COOKIE_SIZE"
        | "SESSION_SERIALIZER" => ("nobody's", &[]),
        "SECRET_KEY" => ("", &[]),
        "SESSION_ALLOW_WEAK_KEY" => ("true", &[("SECRET_KEY", "short")]),
        "SECRET_KEY_FALLBACKS" => (OLD, &[("SECRET_KEY", KEY)]),
        "SESSION_ENGINE" => ("signed_cookies", &[("SESSION_TYPE", "")]),
        "SESSION_URL" | "SESSION_REDIS" => ("redis://host", &[("SESSION_TYPE", "")]),
        "SESSION_MIGRATE_FROM" => {
            ("sqlite:old.db", &[("SESSION_TYPE", ""), ("SESSION_URL", "sqlite:a.db")])
        }
        "SESSION_CACHE_URL" => {
            ("redis://host", &[("SESSION_TYPE", ""), ("SESSION_URL", "sqlite:a.db")])
        }
        "SESSION_CACHE_KEY_PREFIX" | "SESSION_CACHE_VERSION" => {
            ("7", &[("SESSION_TYPE", ""), ("SESSION_CACHE_URL", "redis://host")])
        }
        "SESSION_CACHE_SERIALIZER" => {
            ("json", &[("SESSION_TYPE", ""), ("SESSION_CACHE_URL", "redis://host")])
        }
        "SESSION_CACHE_COMPRESSOR" => {
            ("zlib", &[("SESSION_TYPE", ""), ("SESSION_CACHE_URL", "redis://host")])
        }
        "SESSION_MEMCACHED_CLIENT" => {
            ("pylibmc_ketama", &[("SESSION_TYPE", ""), ("SESSION_URL", "memcached://host")])
        }
        "SESSION_MEMCACHED" => ("host:11211", &[("SESSION_TYPE", "")]),
        "SESSION_MONGODB" => ("mongodb://host", &[("SESSION_TYPE", "")]),
        "SESSION_MONGODB_DB" | "SESSION_MONGODB_COLLECT" => {
            ("other", &[("SESSION_TYPE", ""), ("SESSION_URL", "mongodb://host")])
        }
        "SESSION_SQLALCHEMY" => ("mysql://host/db", &[("SESSION_TYPE", "")]),
        "SESSION_TABLE"
        | "SESSION_SCHEMA"
        | "SESSION_SQLALCHEMY_TABLE"
        | "SESSION_SQLALCHEMY_SCHEMA" => {
            ("other", &[("SESSION_TYPE", "sql"), ("SESSION_URL", "mysql://host/db")])
        }
        "SESSION_CREATE_TABLES" => ("flip", SERVER),
        "SESSION_SQL_CONNECTIONS" => ("3", SERVER),
        "SESSION_SQL_CA" => ("/etc/ssl/ours.pem", SERVER),
        "SESSION_FILE_THRESHOLD" => ("7", &[("SESSION_TYPE", "filesystem")]),
        "SESSION_CACHELIB_NAMES" => ("md5", &[("SESSION_TYPE", "cachelib")]),
        "SESSION_REDIS_REPLICAS" => ("1", &[("SESSION_TYPE", ""), ("SESSION_URL", "redis://host")]),
        "SESSION_REDIS_NEAR_CACHE" => {
            ("5 seconds", &[("SESSION_TYPE", ""), ("SESSION_URL", "redis://host")])
        }
        "SESSION_CACHELIB" => ("other", &[("SESSION_TYPE", "cachelib")]),
        "SESSION_CLEANUP_N_REQUESTS" => ("100", &[]),
        "SESSION_FILE_DIR" => ("other", &[("SESSION_TYPE", "filesystem")]),
        "SESSION_FILE_PATH" => ("other", &[("SESSION_TYPE", "filesystem")]),
        "SESSION_FILE_MODE" => {
            ("0640", &[("SESSION_TYPE", "filesystem"), ("SESSION_FILE_DIR", "flask_session")])
        }
        "SESSION_TRANSPORT" => ("bearer", &[]),
        "SESSION_TRANSPORT_NAME" => ("other", &[("SESSION_TRANSPORT", "header")]),
        "SESSION_COOKIE_NAME" => ("other", &[]),
        "SESSION_COOKIE_DOMAIN" => ("example.com", &[]),
        "SESSION_COOKIE_FORMER_DOMAIN" => ("example.com", &[("SESSION_COOKIE_NAME", "other")]),
        "SESSION_COOKIE_FORMER_PATH" => ("/other", &[("SESSION_COOKIE_NAME", "other")]),
        "SESSION_COOKIE_PATH" | "APPLICATION_ROOT" => ("/other", &[]),
        "SESSION_COOKIE_HTTPONLY" => ("off", &[]),
        "SESSION_COOKIE_SAMESITE" => ("sTRICT", &[]),
        "SESSION_COOKIE_PARTITIONED" => ("1", &[("SESSION_COOKIE_SECURE", "on")]),
        "SESSION_LEVEL" => ("AAL3", &[]),
        "SESSION_LIMIT_PER_USER" => ("3", &[]),
        "SESSION_KEY_PREFIX" => ("", &[]),
        "SESSION_ID_LENGTH" => ("48", &[]),
        "SESSION_SERIALIZATION_FORMAT" => ("json", &[]),
        "SESSION_MAX_BYTES" => ("4096", &[]),
        "SESSION_STORE_FAILURE" => ("read_as_anonymous", &[]),
        "SESSION_ENDED_MEANWHILE" => ("keep_response", &[]),
        "SESSION_FORMER_IDS" => ("django", &[]),
        "SESSION_AUDIENCE" => ("shop", HELD),
        "SESSION_COOKIE_CHUNKS" => ("2", HELD),
        "PERMANENT_SESSION_LIFETIME"
        | "SESSION_COOKIE_AGE"
        | "SESSION_IDLE_TIMEOUT"
        | "SESSION_ABSOLUTE_TIMEOUT"
        | "SESSION_RENEW_AFTER"
        | "SESSION_ROTATE_AFTER"
        | "SESSION_STORE_TIMEOUT"
        | "SESSION_SWEEP_EVERY"
        | "SESSION_GRACE" => ("7 minutes", &[]),
        _ => ("flip", &[]),
    }
}

/// Sessions in a SQL server, whatever the profile.
const SERVER: &[(&str, &str)] = &[("SESSION_TYPE", ""), ("SESSION_URL", "mysql://host/db")];

/// Native sessions that are kept in the cookie.
const HELD: &[(&str, &str)] = &[
    ("SESSION_TYPE", "cookie"),
    ("SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED", "true"),
    ("SECRET_KEY", "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94"),
];

/// What they do shows in the tests below, or they do nothing but say yes to one value; here, that
/// a wrong value is seen.
const BY_REFUSAL: &[&str] = &[
    "SESSION_PROFILE",
    "SECRET_KEY",
    "SESSION_TYPE",
    "SESSION_STORAGE",
    "MAX_COOKIE_SIZE",
    "SESSION_SERIALIZER",
];

#[test]
fn no_setting_is_ignored() {
    for setting in Settings::known() {
        for (profile, complete) in PROFILES.iter().filter(|(p, _)| setting.applies_to(*p)) {
            let (value, beside) = sample(setting.name);
            let mut all: Vec<(&str, &str)> = complete.to_vec();
            all.retain(|(name, _)| !beside.iter().any(|(other, _)| other == name));
            all.extend(beside);
            let outcome = |value: Option<&str>| {
                let mut all = all.clone();
                all.extend(value.map(|value| (setting.name, value)));
                read(&all).map(|(config, store)| (format!("{config:?}"), store))
            };
            let name = setting.name;
            if BY_REFUSAL.contains(&name) {
                let error = outcome(Some(value)).unwrap_err().to_string();
                assert!(error.starts_with(name), "{name} {profile:?} {error}");
            } else if value == "flip" {
                let (on, off) = (outcome(Some("true")), outcome(Some("false")));
                assert!(on.is_ok() && off.is_ok(), "{name} {profile:?} {on:?} {off:?}");
                assert_ne!(on, off, "{name} {profile:?}");
            } else {
                let with = outcome(Some(value));
                assert!(with.is_ok(), "{name} {profile:?} {with:?}");
                assert_ne!(with, outcome(None), "{name} {profile:?}");
            }
        }
    }
}

#[test]
fn a_setting_without_meaning_in_the_profile_is_refused() {
    for (profile, complete) in PROFILES {
        for setting in Settings::known().iter().filter(|setting| !setting.applies_to(profile)) {
            let mut all = complete.to_vec();
            all.push((setting.name, "1"));
            let expected = SettingsError::WrongProfile { setting: setting.name, profile };
            assert_eq!(refused(&all), expected);
        }
    }
    let error = refused(&[("SESSION_PERMANENT", "1")]).to_string();
    assert!(error.contains("SESSION_PERMANENT") && error.contains("native"), "{error}");
}

#[test]
fn a_wrong_value_is_refused_with_what_was_given_and_what_it_takes() {
    for (profile, complete) in PROFILES {
        let takes_any_text = |setting: &&Setting| setting.takes == "text";
        let applying = |setting: &&Setting| setting.applies_to(profile);
        for setting in Settings::known().iter().filter(applying).filter(|s| !takes_any_text(s)) {
            // Free text as far as settings go; the cookie's own rules and the stores check these.
            let free = [
                "SESSION_COOKIE_DOMAIN",
                "SESSION_COOKIE_PATH",
                "SESSION_COOKIE_FORMER_DOMAIN",
                "SESSION_COOKIE_FORMER_PATH",
                "APPLICATION_ROOT",
            ];
            if free.contains(&setting.name) || setting.name == "SECRET_KEY_FALLBACKS" {
                continue;
            }
            let (_, beside) = sample(setting.name);
            let mut all = complete.to_vec();
            all.retain(|(name, _)| *name != setting.name);
            all.retain(|(name, _)| !beside.iter().any(|(other, _)| other == name));
            all.extend(beside);
            all.push((setting.name, "wr\u{7}o\0ng/"));
            match refused(&all) {
                SettingsError::Invalid { setting: name, got, takes } => {
                    assert_eq!((name, takes), (setting.name, setting.takes));
                    assert_eq!(got.is_none(), setting.is_secret);
                }
                other => panic!("{} {profile:?}: {other:?}", setting.name),
            }
        }
    }
    let error = refused(&[("SESSION_TYPE", "memory"), ("SESSION_GRACE", "soon")]);
    assert_eq!(
        error.to_string(),
        "SESSION_GRACE is \"soon\"; it takes seconds or a time such as \"30 seconds\"; 0 for none"
    );
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    let error = refused(&[("SESSION_COOKIE_SAMSITE", "Lax")]);
    assert_eq!(
        error.to_string(),
        "there is no setting \"SESSION_COOKIE_SAMSITE\"; did you mean SESSION_COOKIE_SAMESITE?"
    );
    for (name, instead) in [
        ("SESSION_CACHE_ALIAS", "SESSION_CACHE_URL"),
        ("SESSION_SQLALCHEMY_BIND_KEY", "SESSION_SQLALCHEMY"),
        ("SESSION_SQLALCHEMY_SEQUENCE", "make the table yourself"),
        ("SESSION_DYNAMODB", "SESSION_TYPE"),
        ("SESSION_REDIS_URL", "SESSION_REDIS?"),
        ("SESSION_MONGODB_COLLECTION", "SESSION_MONGODB_COLLECT?"),
    ] {
        let error = refused(&[(name, "hunter2")]).to_string();
        assert!(error.contains(instead) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn the_environment_is_read_by_its_rules() {
    let settings = env(&[
        ("SESSILE_SESSION_COOKIE_NAME", "prefixed"),
        ("SESSION_COOKIE_NAME", "bare"),
        ("SESSION_MANAGER", "local/host:@/tmp/.ICE-unix/1"),
        ("SESSION_COOKIE_DOMAIN", ""),
        ("SESSILE_LOG", "debug"),
        ("FLASK_SECRET_KEY", "x"),
        ("PATH", "/bin"),
        ("SESSION_DEVELOPMENT", "1"),
    ]);
    let config = settings.into_config().unwrap().0;
    assert_eq!((config.cookie.name.as_str(), config.cookie.domain), ("prefixed", None));
    // Order does not matter.
    let both = [("SESSION_COOKIE_NAME", "bare"), ("SESSILE_SESSION_COOKIE_NAME", "prefixed")];
    assert!(env(&both).names().eq(["SESSION_COOKIE_NAME"]));
}

#[test]
fn r24_a_weak_key_is_refused_unless_that_is_asked_for() {
    let flask = ("SESSION_PROFILE", "flask");
    let weak = |setting, reason| SettingsError::WeakKey { setting, reason };
    let short = WeakKey::Short { len: 3 };
    assert_eq!(refused(&[flask, ("SECRET_KEY", "dev")]), weak("SECRET_KEY", short));
    assert_eq!(refused(&[flask, ("SECRET_KEY", "")]), weak("SECRET_KEY", WeakKey::Empty));
    let fallback = [flask, ("SECRET_KEY", KEY), ("SECRET_KEY_FALLBACKS", "dev")];
    assert_eq!(refused(&fallback), weak("SECRET_KEY_FALLBACKS", short));
    let allowed = ("SESSION_ALLOW_WEAK_KEY", "true");
    assert!(read(&[flask, ("SECRET_KEY", "dev"), allowed]).is_ok());
    assert_eq!(refused(&[flask, ("SECRET_KEY", ""), allowed]), weak("SECRET_KEY", WeakKey::Empty));
    assert_eq!(refused(&[flask]), SettingsError::Config(ConfigError::NoKey));
    let alone = [("SESSION_TYPE", "memory"), ("SECRET_KEY_FALLBACKS", KEY)];
    assert!(matches!(refused(&alone), SettingsError::Missing { setting: "SECRET_KEY", .. }));
}

#[test]
fn r23_fallbacks_are_a_list_in_every_spelling() {
    let ring = |settings: Settings| {
        let keys = settings.into_config().unwrap().0.keys.unwrap();
        keys.iter().map(|key| key.expose().to_vec()).collect::<Vec<_>>()
    };
    let flask = |value: SettingValue| {
        let settings = Settings::new().with("SESSION_PROFILE", "flask").with("SECRET_KEY", KEY);
        settings.with("SECRET_KEY_FALLBACKS", value)
    };
    let comma = format!("{OLD},with,commas");
    let expected = [KEY, OLD, &comma].map(|key| key.as_bytes().to_vec());
    assert_eq!(ring(flask(vec![OLD, comma.as_str()].into())), expected);
    assert_eq!(ring(flask(format!(" [\"{OLD}\", \"{comma}\"] ").into())), expected);
    assert_eq!(ring(flask(format!("{OLD}\r\n\n {comma}\n").into())), expected);
    for wrong in ["[1]", "[", "[null]", "{}]["] {
        let error = flask(wrong.into()).into_config();
        assert!(error.is_err(), "{wrong}");
    }
}

#[test]
fn inv11_secrets_are_in_no_error_and_no_debug() {
    const SECRET: &str = "hunter2";
    let cases: &[&[(&str, &str)]] = &[
        &[("SECRET_KEY", SECRET)],
        &[("SECRET_KEY", KEY), ("SECRET_KEY_FALLBACKS", "[\"hunter2\", 1]")],
        &[("SESSION_TYPE", "sql"), ("SESSION_URL", "ftp://u:hunter2@host")],
        &[("SESSION_TYPE", "redis"), ("SESSION_URL", "mysql://u:hunter2@host/db")],
        &[("SESSION_TYPE", "memory"), ("SESSION_URL", "mysql://u:hunter2@host/db")],
        &[("SESSION_SECRET", SECRET)],
        &[("SESSION_MONGODB", SECRET)],
        &[("SESSION_REDIS", "http://:hunter2@host")],
        &[("SESSION_MEMCACHED", "u:hunter2@host")],
        &[("SESSION_REDIS", "redis://:hunter2@host"), ("SESSION_URL", "redis://:hunter2@host")],
        &[("SESSION_CACHE_URL", "mysql://u:hunter2@host")],
    ];
    for case in cases {
        let error = refused(case);
        assert!(!format!("{error} {error:?} {:?}", env(case)).contains(SECRET), "{error}");
    }
    let (_, store) = read(&[("SESSION_URL", "redis://:hunter2@host")]).unwrap();
    assert!(!format!("{store:?}").contains(SECRET));
    assert!(!format!("{:?}", SettingValue::from(SECRET)).contains(SECRET));
}

#[test]
fn a_level_can_be_tightened_and_not_loosened() {
    let base = [("SESSION_TYPE", "memory"), ("SESSION_LEVEL", "aal3")];
    let strict = config(&base);
    assert_eq!((strict.lifetime, strict.permanent_lifetime), (Lifetime::AAL3, Lifetime::AAL3));
    let with = |name, value| [base[0], base[1], (name, value)];
    let tight = config(&with("SESSION_IDLE_TIMEOUT", "PT5M"));
    assert_eq!(tight.lifetime.idle, Some(Duration::from_secs(300)));
    for (name, value) in [
        ("SESSION_IDLE_TIMEOUT", "16 minutes"),
        ("SESSION_IDLE_TIMEOUT", "none"),
        ("SESSION_ABSOLUTE_TIMEOUT", "13h"),
        ("SESSION_ABSOLUTE_TIMEOUT", "None"),
        ("PERMANENT_SESSION_LIFETIME", "31 days"),
    ] {
        let error = refused(&with(name, value));
        assert!(matches!(error, SettingsError::Contradiction { with: "SESSION_LEVEL", .. }));
    }
    let free = config(&[("SESSION_TYPE", "memory"), ("SESSION_IDLE_TIMEOUT", "none")]);
    assert_eq!(free.lifetime.idle, None);
}

#[test]
fn same_site_is_read_as_flask_and_django_write_it() {
    let django = |value: SettingValue| {
        let settings = Settings::new().with("SESSION_PROFILE", "django").with("SECRET_KEY", KEY);
        let settings = settings.with("SESSION_TYPE", "memory").with("SESSION_COOKIE_SECURE", true);
        let settings = settings.with("SESSION_COOKIE_SAMESITE", value);
        settings.into_config().map(|(config, _)| config.cookie.same_site)
    };
    assert_eq!(django("strict".into()), Ok(Some(SameSite::Strict)));
    assert_eq!(django("NONE".into()), Ok(Some(SameSite::None)));
    assert_eq!(django(false.into()), Ok(None));
    assert_eq!(django("False".into()), Ok(None));
    assert!(django(true.into()).is_err());
    assert!(django("yes".into()).is_err());
}

#[test]
fn what_settings_accept_the_engine_accepts() {
    for (_, complete) in PROFILES {
        Engine::new(config(complete)).unwrap();
    }
    let insecure = [("SESSION_TYPE", "memory"), ("SESSION_COOKIE_SECURE", "false")];
    assert_eq!(refused(&insecure), SettingsError::Config(ConfigError::NotSecure));
    let domain = [("SESSION_TYPE", "memory"), ("SESSION_COOKIE_DOMAIN", "example.com")];
    assert!(matches!(refused(&domain), SettingsError::Config(ConfigError::Cookie(_))));
    let signer = [
        ("SESSION_PROFILE", "flask_session"),
        ("SESSION_TYPE", "memory"),
        ("SESSION_USE_SIGNER", "true"),
    ];
    assert_eq!(refused(&signer), SettingsError::Config(ConfigError::NoKey));
}

#[cfg(feature = "toml")]
#[test]
fn toml_is_read_from_its_table_or_whole() {
    let text = format!(
        "name = 'an application'\n[sessile]\nSESSION_PROFILE = 'flask'\nSECRET_KEY = '{KEY}'\n\
         SECRET_KEY_FALLBACKS = ['{OLD}']\nPERMANENT_SESSION_LIFETIME = 0x3c\n\
         SESSION_COOKIE_SECURE = true\n"
    );
    let config = Settings::from_toml(&text).unwrap().into_config().unwrap().0;
    assert_eq!(config.permanent_lifetime.absolute, Some(Duration::from_secs(60)));
    assert_eq!(config.keys.unwrap().iter().count(), 2);
    assert!(config.cookie.secure);

    let whole = Settings::from_toml("SESSION_TYPE = 'memory'\nSESSION_GRACE = 1.5").unwrap();
    assert_eq!(whole.into_config().unwrap().0.grace, Duration::from_millis(1500));
    let unknown = Settings::from_toml("session_type = 'memory'").unwrap().into_config();
    assert!(unknown.is_err_and(|error| error.to_string().contains("SESSION_TYPE")));
}

#[cfg(feature = "toml")]
#[test]
fn a_fault_in_toml_says_what_to_do() {
    for (text, says) in [
        ("SESSION_TYPE = memory", "strings need quotes"),
        ("SESSION_TYPE = 'memory'\nSESSION_TYPE = 'redis'", "a second time"),
        ("[sesile]\nSESSION_TYPE = 'memory'", "in the table [sessile]"),
        ("SESSION_GRACE = 1979-05-27", "takes text, a number"),
    ] {
        let error = Settings::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[cfg(feature = "toml")]
#[test]
fn inv11_a_fault_in_toml_names_its_line_and_quotes_nothing() {
    for (text, at) in [
        ("SESSION_TYPE = 'memory'\nSECRET_KEY = hunter2\n", 2),
        ("SECRET_KEY = 'hunter2", 1),
        ("\n\nSECRET_KEY = 1979-05-27", 3),
        ("SECRET_KEY_FALLBACKS = [['hunter2']]", 1),
        ("SECRET_KEY = 'hunter2'\nSECRET_KEY = 'hunter2'", 2),
        ("[sesile]\nSECRET_KEY = 'hunter2'", 1),
    ] {
        match Settings::from_toml(text) {
            Err(SettingsError::Toml { line, reason }) => {
                assert_eq!(line, at, "{text}");
                assert!(!reason.contains("hunter2"), "{reason}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}
