//! `docs/configuration.md` and the code say the same.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sessile_connect::{Settings, StoreChoice};
use sessile_core::{Config, Lifetime, Profile};

#[path = "../examples/configuration.rs"]
#[allow(dead_code, reason = "its main is for cargo xtask configuration")]
mod configuration;

const DOCUMENT: &str = include_str!("../../../docs/configuration.md");
const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

const PROFILES: [(Profile, &str); 5] = [
    (Profile::Native, "native"),
    (Profile::Flask, "flask"),
    (Profile::FlaskSession, "flask_session"),
    (Profile::Django, "django"),
    (Profile::Starlette, "starlette"),
];

/// Those that have no default.
const NOT_SET: &[&str] = &[
    "SESSION_COOKIE_FORMER_DOMAIN",
    "SESSION_COOKIE_FORMER_PATH",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SESSION_TYPE",
    "SESSION_ENGINE",
    "SESSION_URL",
    "SESSION_CACHE_URL",
    "SESSION_CACHE_KEY_PREFIX",
    "SESSION_REDIS",
    "SESSION_MEMCACHED",
    "SESSION_MONGODB",
    "SESSION_MONGODB_DB",
    "SESSION_SQLALCHEMY",
    "SESSION_SQLALCHEMY_SCHEMA",
    "SESSION_SCHEMA",
    "SESSION_SQL_CA",
    "SESSION_CACHELIB",
    "SESSION_MIGRATE_FROM",
    "SESSION_FILE_DIR",
    "SESSION_FILE_PATH",
    "SESSION_LEVEL",
    "SESSION_TRANSPORT_NAME",
    "SESSION_RENEW_AFTER",
    "SESSION_AUDIENCE",
];

/// The least that makes a profile complete, and `name` meaningful in it.
fn least(profile: Profile, spelt: &str, name: &str) -> Settings {
    let settings = Settings::new().with("SESSION_PROFILE", spelt);
    let settings = match profile {
        Profile::Native | Profile::FlaskSession => settings,
        _ => settings.with("SECRET_KEY", KEY),
    };
    if matches!(profile, Profile::Flask | Profile::Starlette) {
        return settings;
    }
    match name {
        "SESSION_FILE_MODE" | "SESSION_FILE_THRESHOLD" | "SESSION_CACHELIB_NAMES" => {
            settings.with("SESSION_TYPE", "filesystem").with("SESSION_FILE_DIR", "d")
        }
        "SESSION_FILE_DIR" => settings.with("SESSION_TYPE", "filesystem"),
        "SESSION_TABLE"
        | "SESSION_SQLALCHEMY_TABLE"
        | "SESSION_CREATE_TABLES"
        | "SESSION_SQL_CONNECTIONS" => settings.with("SESSION_URL", "postgres://host/db"),
        "SESSION_MEMCACHED_CLIENT" => settings.with("SESSION_URL", "memcached://host"),
        "SESSION_REDIS_REPLICAS" | "SESSION_REDIS_NEAR_CACHE" => {
            settings.with("SESSION_URL", "redis://host")
        }
        "SESSION_CACHE_SERIALIZER" | "SESSION_CACHE_COMPRESSOR" | "SESSION_CACHE_VERSION" => {
            settings.with("SESSION_CACHE_URL", "redis://host")
        }
        "SESSION_MONGODB_DB" | "SESSION_MONGODB_COLLECT" => {
            settings.with("SESSION_URL", "mongodb://host")
        }
        _ => settings.with("SESSION_TYPE", "memory"),
    }
}

fn read(settings: Settings) -> (String, StoreChoice) {
    let (config, store) = settings.into_config().unwrap();
    (format!("{config:?}"), store)
}

#[test]
fn r53_every_setting_is_documented_with_what_it_takes_and_where_it_applies() {
    let made = configuration::filled(DOCUMENT).unwrap();
    assert!(made == DOCUMENT, "run `cargo xtask configuration --write`");
    for setting in Settings::known().iter().chain(Settings::known_csrf()) {
        let row = format!("\n| `{}` | ", setting.name);
        assert_eq!(made.matches(&row).count(), 1, "{}", setting.name);
        for text in [setting.takes, setting.meaning(), setting.from] {
            assert!(!text.is_empty() && !text.contains(['|', '\n']), "{}", setting.name);
        }
    }
    // A section that the document forgets is seen.
    let without = DOCUMENT.replacen("<!-- settings: MongoDB -->", "<!-- settings: Files -->", 1);
    assert!(configuration::filled(&without).is_err());
}

#[test]
fn r53_the_documented_defaults_are_the_codes() {
    for setting in Settings::known() {
        let name = setting.name;
        for (profile, spelt) in PROFILES {
            match setting.default_in(profile) {
                None => {}
                Some("not set") => assert!(NOT_SET.contains(&name), "{name} {spelt}"),
                // It decides which profile this is.
                Some(default) if name == "SESSION_PROFILE" => assert_eq!(default, PROFILES[0].1),
                Some(default) => {
                    let plain = least(profile, spelt, name);
                    let spelt_out = plain.clone().with(name, default);
                    assert_eq!(read(plain), read(spelt_out), "{name} {spelt}");
                }
            }
        }
    }
}

#[test]
fn r53_the_documented_presets_are_the_codes() {
    let hours = |hours: u64| Some(std::time::Duration::from_secs(hours * 3600));
    for (text, level, idle, absolute) in [
        ("aal1 30 days, no idle limit", Lifetime::AAL1, None, hours(30 * 24)),
        ("aal2 24 hours, 1 hour idle", Lifetime::AAL2, hours(1), hours(24)),
        (
            "aal3 12 hours, 15 minutes idle",
            Lifetime::AAL3,
            Some(std::time::Duration::from_secs(900)),
            hours(12),
        ),
    ] {
        assert!(DOCUMENT.contains(text), "{text}");
        assert_eq!(level, Lifetime { idle, absolute });
    }
    assert_eq!(Config::native().lifetime, Lifetime::AAL2);
    assert_eq!(Config::native().permanent_lifetime, Lifetime::AAL1);
}
