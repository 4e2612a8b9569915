//! What a configuration refuses.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use sessile_core::{Config, ConfigError, Engine, KeyRing, Lifetime, Profile, SecretKey, Storage};

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::allow_weak("0123456789abcdef0123456789abcdef").unwrap())
}

fn all() -> [Config; 5] {
    [
        Config::native(),
        Config::flask(keys()),
        Config::flask_session(Some(keys())),
        Config::django(keys()),
        Config::starlette(keys()),
    ]
}

/// Who changes a field wants an effect: where there is none, that is said when the engine is built.
#[test]
fn a_changed_field_that_changes_nothing_is_refused() {
    use Profile::*;
    type Change = fn(&mut Config);
    let changes: [(&str, Change, &[Profile]); 9] = [
        ("lifetime", |it| it.lifetime = Lifetime::AAL3, &[Native]),
        ("renew_after", |it| it.renew_after = Some(Duration::from_secs(1)), &[Native]),
        ("rotate_after", |it| it.rotate_after = Some(Duration::from_secs(1)), &[Native]),
        ("former_ids", |it| it.former_ids = Some(Django), &[Native]),
        ("expire_at_browser_close", |it| it.expire_at_browser_close = true, &[Django, Starlette]),
        ("session_permanent", |it| it.session_permanent = false, &[FlaskSession]),
        ("id_length", |it| it.id_length = 48, &[FlaskSession]),
        ("key_prefix", |it| it.key_prefix = "x:".into(), &[FlaskSession, Django]),
        (
            "sweep_every",
            |it| it.sweep_every = Some(Duration::from_secs(60)),
            &[Native, FlaskSession, Django],
        ),
    ];
    for (name, change, profiles) in changes {
        for mut config in all() {
            let profile = config.profile;
            change(&mut config);
            match Engine::new(config) {
                Ok(_) => assert!(profiles.contains(&profile), "{name} {profile:?}"),
                Err(ConfigError::NoEffect { setting, .. }) => {
                    assert!(setting.starts_with(name), "{setting}");
                    assert!(!profiles.contains(&profile), "{name} {profile:?}");
                }
                Err(error) => unreachable!("{name} {profile:?}: {error}"),
            }
        }
    }
}

#[test]
fn an_audience_counts_where_the_cookie_holds_the_session() {
    let mut config = Config { audience: "shop".into(), ..Config::native() };
    let refused = Engine::new(config.clone()).unwrap_err();
    assert!(refused.to_string().contains("SESSION_AUDIENCE"), "{refused}");
    (config.storage, config.keys) = (Storage::SignedCookie, Some(keys()));
    config.cookie_sessions_cannot_be_revoked = true;
    assert!(Engine::new(config).is_ok());
}
