//! `docs/configuration.md` and the code say the same.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sessile_connect::{Settings, StoreChoice};
use sessile_core::{Config, Lifetime, Profile};

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
    "SESSION_CACHELIB",
    "SESSION_MIGRATE_FROM",
    "SESSION_FILE_DIR",
    "SESSION_FILE_PATH",
    "SESSION_LEVEL",
    "SESSION_TRANSPORT_NAME",
    "SESSION_RENEW_AFTER",
    "SESSION_AUDIENCE",
];

struct Row {
    name: &'static str,
    defaults: [&'static str; 5],
    takes: &'static str,
}

fn rows() -> Vec<Row> {
    let bare = |cell: &'static str| cell.trim().trim_matches('`');
    let (document, _) = DOCUMENT.split_once("\n## CSRF").unwrap();
    let lines = document.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            assert_eq!(cells.len(), 9, "{line}");
            assert!(cells[6..].iter().all(|cell| !cell.trim().is_empty()), "{line}");
            let defaults = std::array::from_fn(|at| bare(cells[at + 1]));
            Row { name: bare(cells[0]), defaults, takes: cells[6].trim() }
        })
        .collect()
}

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
        "SESSION_TABLE" | "SESSION_SQLALCHEMY_TABLE" => {
            settings.with("SESSION_URL", "postgres://host/db")
        }
        "SESSION_MEMCACHED_CLIENT" => settings.with("SESSION_URL", "memcached://host"),
        "SESSION_REDIS_REPLICAS" | "SESSION_REDIS_NEAR_CACHE" => {
            settings.with("SESSION_URL", "redis://host")
        }
        "SESSION_CACHE_VERSION" => settings.with("SESSION_CACHE_URL", "redis://host"),
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
    let rows = rows();
    let documented: Vec<_> = rows.iter().map(|row| row.name).collect();
    let known: Vec<_> = Settings::known().iter().map(|setting| setting.name).collect();
    assert_eq!(documented, known);
    for (row, setting) in rows.iter().zip(Settings::known()) {
        assert_eq!(row.takes, setting.takes, "{}", row.name);
        for (cell, (profile, spelt)) in row.defaults.iter().zip(PROFILES) {
            assert_eq!(*cell != "—", setting.applies_to(profile), "{} {spelt}", row.name);
        }
    }
}

#[test]
fn r53_the_documented_defaults_are_the_codes() {
    for row in rows() {
        for (cell, (profile, spelt)) in row.defaults.into_iter().zip(PROFILES) {
            match cell {
                "—" => {}
                "not set" => assert!(NOT_SET.contains(&row.name), "{} {spelt}", row.name),
                default => {
                    let plain = least(profile, spelt, row.name);
                    let spelt_out = plain.clone().with(row.name, default);
                    assert_eq!(read(plain), read(spelt_out), "{} {spelt}", row.name);
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
