//! CSRF protection by name: Flask-WTF's settings, Django's, and ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use sessile_connect::{CsrfConfig, CsrfProfile, CsrfRules, SettingValue, Settings, SettingsError};
use sessile_core::csrf::django::DjangoCookie;
use sessile_core::csrf::flask_wtf;
use sessile_core::{SameSite, Timestamp, Value, WeakKey};

const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";
const OTHER_KEY: &str = "d02c4f8a7b1e4935a6c0f2d18e5b7394";

/// The profiles, and the least that makes them complete.
const PROFILES: [(CsrfProfile, &[(&str, &str)]); 3] = [
    (CsrfProfile::Native, &[]),
    (CsrfProfile::FlaskWtf, &[("CSRF_PROFILE", "flask_wtf"), ("SECRET_KEY", KEY)]),
    (CsrfProfile::Django, &[("CSRF_PROFILE", "django"), ("ALLOWED_HOSTS", "shop.example")]),
];

fn env(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())))
}

fn read(pairs: &[(&str, &str)]) -> Result<CsrfConfig, SettingsError> {
    env(pairs).csrf()
}

fn refused(pairs: &[(&str, &str)]) -> SettingsError {
    read(pairs).unwrap_err()
}

fn wtf(pairs: &[(&str, &str)]) -> flask_wtf::Rules {
    let mut all = PROFILES[1].1.to_vec();
    all.extend(pairs);
    match read(&all).unwrap().rules {
        CsrfRules::FlaskWtf(rules, _) => rules,
        other => panic!("{other:?}"),
    }
}

fn with<'a>(complete: &[(&'a str, &'a str)], more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    let mut all = complete.to_vec();
    all.retain(|(name, _)| *name != more.0);
    all.push(more);
    all
}

/// A value that is nobody's default.
fn sample(name: &str) -> &'static str {
    match name {
        "CSRF_FORM_LIMIT" => "4096",
        "CSRF_EXEMPT_ROUTES" => "/hooks/{id}, /pay",
        "CSRF_TRUSTED_ORIGINS" => "https://pay.example",
        "WTF_CSRF_METHODS" => "POST,BREW",
        "WTF_CSRF_FIELD_NAME" | "WTF_CSRF_META_NAME" | "CSRF_COOKIE_NAME" => "other",
        "WTF_CSRF_HEADERS" => "X-Other",
        "WTF_CSRF_TIME_LIMIT" => "none",
        "CSRF_COOKIE_AGE" => "2 days",
        "CSRF_COOKIE_DOMAIN" => "shop.example",
        "CSRF_COOKIE_PATH" => "/shop",
        "CSRF_COOKIE_SAMESITE" => "Strict",
        "CSRF_HEADER_NAME" => "HTTP_X_XSRF_TOKEN",
        "ALLOWED_HOSTS" => "*",
        "WTF_CSRF_ENABLED" | "WTF_CSRF_CHECK_DEFAULT" | "WTF_CSRF_SSL_STRICT" => "false",
        "CSRF_PROFILE" => "nobody's",
        "WTF_CSRF_SECRET_KEY" => "",
        _ => "true",
    }
}

/// What they do shows in tests of their own; here, that a wrong value is seen.
const BY_REFUSAL: &[&str] = &["CSRF_PROFILE", "WTF_CSRF_SECRET_KEY"];

#[test]
fn no_csrf_setting_is_ignored() {
    for setting in Settings::known_csrf() {
        for (profile, complete) in PROFILES {
            let given = read(&with(complete, (setting.name, sample(setting.name))));
            if setting.applies_to_csrf(profile) {
                if BY_REFUSAL.contains(&setting.name) {
                    let error = given.unwrap_err().to_string();
                    assert!(error.starts_with(setting.name), "{error}");
                    continue;
                }
                let (given, plain) = (given.unwrap(), read(complete).unwrap());
                assert_ne!(format!("{given:?}"), format!("{plain:?}"), "{}", setting.name);
            } else {
                let expected = SettingsError::WrongCsrfProfile { setting: setting.name, profile };
                assert_eq!(given.unwrap_err(), expected);
            }
        }
    }
    assert_eq!(
        refused(&[("WTF_CSRF_TIME_LIMIT", "60")]).to_string(),
        "WTF_CSRF_TIME_LIMIT has no meaning with CSRF_PROFILE=native; remove it"
    );
}

#[test]
fn a_wrong_value_names_the_setting_what_it_got_and_what_it_takes() {
    for setting in Settings::known_csrf() {
        let free = ["CSRF_COOKIE_DOMAIN", "CSRF_COOKIE_PATH"].contains(&setting.name);
        for (profile, complete) in PROFILES {
            if !setting.applies_to_csrf(profile) || setting.takes == "text" {
                continue;
            }
            let wrong = "wr\u{7}ong wrong";
            match refused(&with(complete, (setting.name, wrong))) {
                SettingsError::Invalid { setting: name, got, takes } => {
                    assert_eq!((name, takes), (setting.name, setting.takes));
                    assert_eq!(got, Some(format!("{wrong:?}")));
                }
                // The rules of cookies name the cookie.
                error @ SettingsError::CsrfCookie(_) if free => {
                    let text = error.to_string();
                    assert!(text.contains("csrftoken") && text.contains("CSRF_COOKIE_"), "{text}");
                }
                other => panic!("{} {profile:?}: {other:?}", setting.name),
            }
        }
    }
    for (name, wrong) in [
        ("WTF_CSRF_METHODS", "post"),
        ("WTF_CSRF_HEADERS", "X CSRF"),
        ("WTF_CSRF_TIME_LIMIT", "-1"),
        ("CSRF_COOKIE_AGE", "0"),
        ("CSRF_HEADER_NAME", "X-CSRFToken"),
        ("CSRF_HEADER_NAME", "HTTP_X-CSRF"),
        ("CSRF_TRUSTED_ORIGINS", "shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://[::1"),
        ("ALLOWED_HOSTS", "https://shop.example"),
        ("ALLOWED_HOSTS", "shop.example:8000"),
        ("ALLOWED_HOSTS", "*.example"),
        ("CSRF_EXEMPT_ROUTES", "hooks"),
        ("CSRF_FORM_LIMIT", "0"),
        ("CSRF_TRUSTED_ORIGINS", "[\"https://a\", 1]"),
        ("CSRF_TRUSTED_ORIGINS", "https://shop.example/"),
        ("CSRF_TRUSTED_ORIGINS", "https://*"),
        ("CSRF_TRUSTED_ORIGINS", "https://shop.*.example"),
        ("CSRF_TRUSTED_ORIGINS", "*://shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://user@shop.example"),
        ("CSRF_HEADER_NAME", "HTTP_"),
        ("CSRF_HEADER_NAME", "HTTP_COOKIE"),
        ("WTF_CSRF_HEADERS", "X-CSRFToken,Cookie"),
        // A list of nothing switches nothing off.
        ("WTF_CSRF_METHODS", " , "),
        ("WTF_CSRF_METHODS", "[]"),
    ] {
        let knows = |(profile, _): &&(CsrfProfile, &[(&str, &str)])| {
            let known = Settings::known_csrf().iter().find(|setting| setting.name == name);
            known.is_some_and(|setting| setting.applies_to_csrf(*profile))
        };
        let (_, complete) = PROFILES.iter().rev().find(knows).unwrap();
        let error = refused(&with(complete, (name, wrong))).to_string();
        assert!(error.starts_with(&format!("{name} is {wrong:?}; it takes ")), "{error}");
    }
    let native = refused(&[("CSRF_TRUSTED_ORIGINS", "https://*.example")]).to_string();
    assert!(native.contains("https://*.example\"; it takes a list of origins"), "{native}");
    // Django's own empty list answers nobody.
    for none in [&[("CSRF_PROFILE", "django")][..], &with(PROFILES[2].1, ("ALLOWED_HOSTS", ","))] {
        let error = refused(none);
        let missing = matches!(error, SettingsError::Missing { setting: "ALLOWED_HOSTS", .. });
        assert!(missing, "{error}");
    }
    // One cookie cannot be two.
    let session = with(PROFILES[2].1, ("SESSION_PROFILE", "django"));
    for pairs in [
        with(&session, ("CSRF_COOKIE_NAME", "sessionid")),
        with(&session, ("SESSION_COOKIE_NAME", "csrftoken")),
    ] {
        let error = refused(&pairs).to_string();
        assert!(error.starts_with("CSRF_COOKIE_NAME does not go together with"), "{error}");
    }
    let insecure = with(PROFILES[2].1, ("CSRF_COOKIE_SAMESITE", "None"));
    assert!(refused(&insecure).to_string().contains("Secure"));
}

#[test]
fn unknown_and_replaced_names_are_refused_for_sessions_too() {
    for (name, instead) in [
        ("WTF_CSRF_TIMELIMIT", "did you mean WTF_CSRF_TIME_LIMIT?"),
        ("CSRF_COOKIE_SAMSITE", "did you mean CSRF_COOKIE_SAMESITE?"),
        ("CSRF_FAILURE_VIEW", "CsrfLayer::on_refusal"),
        ("CSRF_COOKIE_MASKED", "Django 5.0"),
    ] {
        for error in [
            refused(&[(name, "hunter2")]),
            env(&[(name, "hunter2"), ("SESSION_TYPE", "memory")]).into_config().unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(error.contains(name) && error.contains(instead), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

#[test]
fn the_rules_follow_the_sessions_unless_they_are_named() {
    for (session, rules) in [
        ("native", CsrfProfile::Native),
        ("starlette", CsrfProfile::Native),
        ("flask", CsrfProfile::FlaskWtf),
        ("flask_session", CsrfProfile::FlaskWtf),
        ("django", CsrfProfile::Django),
    ] {
        let pairs = [("SESSION_PROFILE", session), ("SECRET_KEY", KEY), ("SESSION_TYPE", "cookie")];
        // Flask-Session's sessions are in no cookie.
        let memory = session == "flask_session" || session == "native";
        let pairs = if memory { [pairs[0], pairs[1], ("SESSION_TYPE", "memory")] } else { pairs };
        for named in [None, Some(CsrfProfile::Native), Some(CsrfProfile::FlaskWtf)] {
            let mut settings = env(&pairs);
            let expected = named.unwrap_or(rules);
            if let Some(named) = named {
                settings.set("CSRF_PROFILE", named.as_str());
            }
            if expected == CsrfProfile::Django {
                settings.set("ALLOWED_HOSTS", vec!["shop.example"]);
            }
            let got = match settings.csrf().unwrap().rules {
                CsrfRules::Native(_) => CsrfProfile::Native,
                CsrfRules::FlaskWtf(..) => CsrfProfile::FlaskWtf,
                CsrfRules::Django(..) => CsrfProfile::Django,
            };
            assert_eq!(got, expected, "{session} {named:?}");
            // The same settings are the sessions' own.
            let into = settings.into_config();
            assert!(into.is_ok(), "{session} {named:?} {into:?}");
        }
    }
}

#[test]
fn defaults_are_flask_wtfs_and_djangos() {
    // flask_wtf/csrf.py of 1.3, CSRFProtect.init_app.
    let rules = wtf(&[]);
    assert_eq!(rules, flask_wtf::Rules::default());
    assert!(rules.enabled && rules.check_default && rules.ssl_strict);
    assert_eq!(rules.methods, ["POST", "PUT", "PATCH", "DELETE"]);
    assert_eq!(rules.headers, ["X-CSRFToken", "X-CSRF-Token"]);
    assert_eq!((rules.field_name.as_str(), rules.time_limit), ("csrf_token", Some(3600)));
    assert_eq!(read(PROFILES[1].1).unwrap().meta_name, "csrf-token");
    // django/conf/global_settings.py of 5.2.
    let CsrfRules::Django(rules, cookie) = read(PROFILES[2].1).unwrap().rules else {
        panic!("not Django's")
    };
    let expected = DjangoCookie {
        name: "csrftoken".to_owned(),
        age: Some(60 * 60 * 24 * 7 * 52),
        domain: None,
        path: "/".to_owned(),
        secure: false,
        http_only: false,
        same_site: Some(SameSite::Lax),
    };
    assert_eq!(cookie, expected);
    assert_eq!(rules.header(), Some("x-csrftoken"));
    assert!(!rules.use_sessions && rules.cookie_domain.is_none());
    let now = Timestamp::from_secs(1_767_225_600);
    // As Django's own `set_cookie` writes it.
    assert_eq!(
        cookie.set("s", now).unwrap().as_str(),
        "csrftoken=s; expires=Thu, 31 Dec 2026 00:00:00 GMT; Max-Age=31449600; Path=/; SameSite=Lax"
    );
}

#[test]
fn lists_are_read_in_every_spelling() {
    let expected = ["POST", "PUT"];
    for text in ["POST,PUT", " POST , PUT,", "[\"POST\", \"PUT\"]"] {
        assert_eq!(wtf(&[("WTF_CSRF_METHODS", text)]).methods, expected, "{text}");
    }
    let list: SettingValue = vec!["POST", "PUT"].into();
    let settings = env(PROFILES[1].1).with("WTF_CSRF_METHODS", list);
    let CsrfRules::FlaskWtf(rules, _) = settings.csrf().unwrap().rules else { panic!() };
    assert_eq!(rules.methods, expected);
    // Times, as everywhere; Flask compares whole seconds.
    for (text, limit) in
        [("60", Some(60)), ("1.9", Some(1)), ("1 hour", Some(3600)), ("None", None), ("0", Some(0))]
    {
        assert_eq!(wtf(&[("WTF_CSRF_TIME_LIMIT", text)]).time_limit, limit, "{text}");
    }
}

#[test]
fn the_key_of_tokens_is_its_own_or_the_sites() {
    let token = |pairs: &[(&str, &str)]| {
        let mut all = vec![("CSRF_PROFILE", "flask_wtf")];
        all.extend(pairs);
        let CsrfRules::FlaskWtf(_, key) = read(&all).unwrap().rules else { panic!() };
        let now = Timestamp::from_secs(1_767_225_600);
        flask_wtf::Tokens::new(&key).generate(&Value::from("s"), now).unwrap()
    };
    let (site, own) = (("SECRET_KEY", KEY), ("WTF_CSRF_SECRET_KEY", OTHER_KEY));
    assert_ne!(token(&[site]), token(&[own]));
    assert_eq!(token(&[site, own]), token(&[own]));
    let error = refused(&[("CSRF_PROFILE", "flask_wtf")]);
    assert!(matches!(error, SettingsError::Missing { setting: "WTF_CSRF_SECRET_KEY", .. }));
    for (weak, reason) in [("", WeakKey::Empty), ("hunter2", WeakKey::Short { len: 7 })] {
        let error = refused(&[("CSRF_PROFILE", "flask_wtf"), ("WTF_CSRF_SECRET_KEY", weak)]);
        let expected = SettingsError::WeakKey { setting: "WTF_CSRF_SECRET_KEY", reason };
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("hunter2"));
    }
    let weak = [("WTF_CSRF_SECRET_KEY", "hunter2"), ("SESSION_ALLOW_WEAK_KEY", "true")];
    let config = env(&weak).with("CSRF_PROFILE", "flask_wtf").csrf().unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let settings = env(&weak).with("WTF_CSRF_SECRET_KEY", 7);
    assert!(
        settings
            .with("CSRF_PROFILE", "flask_wtf")
            .csrf()
            .unwrap_err()
            .to_string()
            .contains("WTF_CSRF_SECRET_KEY has a value it does not take (not shown)")
    );
}

#[test]
fn djangos_domain_is_that_of_the_cookie_in_use() {
    let domains =
        [("CSRF_COOKIE_DOMAIN", "csrf.example"), ("SESSION_COOKIE_DOMAIN", "session.example")];
    for (uses_sessions, domain) in [("false", "csrf.example"), ("true", "session.example")] {
        let mut all = with(PROFILES[2].1, ("CSRF_USE_SESSIONS", uses_sessions));
        all.extend(domains);
        let CsrfRules::Django(rules, cookie) = read(&all).unwrap().rules else { panic!() };
        assert_eq!(rules.cookie_domain.as_deref(), Some(domain));
        assert_eq!(cookie.domain.as_deref(), Some("csrf.example"));
    }
}

#[cfg(feature = "toml")]
#[test]
fn toml_holds_them_beside_the_sessions() {
    let text = r#"
        [sessile]
        SESSION_PROFILE = "django"
        SECRET_KEY = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94"
        SESSION_TYPE = "memory"
        ALLOWED_HOSTS = [".shop.example", "[::1]"]
        CSRF_COOKIE_SAMESITE = false
        CSRF_COOKIE_AGE = 3600
        CSRF_TRUSTED_ORIGINS = ["https://*.pay.example"]
    "#;
    let settings = Settings::from_toml(text).unwrap();
    let CsrfRules::Django(rules, cookie) = settings.csrf().unwrap().rules else { panic!() };
    assert_eq!(rules.allowed_hosts, [".shop.example", "[::1]"]);
    assert_eq!((cookie.same_site, cookie.age), (None, Some(3600)));
    assert!(settings.into_config().is_ok());
}

#[test]
fn r53_every_csrf_setting_is_documented_with_what_it_takes_and_its_default() {
    for setting in Settings::known_csrf() {
        let name = setting.name;
        for (profile, complete) in PROFILES {
            match setting.csrf_default_in(profile) {
                None => {}
                Some("not set") => {
                    let none = ["CSRF_PROFILE", "CSRF_EXEMPT_ROUTES", "CSRF_TRUSTED_ORIGINS"];
                    assert!(none.contains(&name) || name == "WTF_CSRF_SECRET_KEY", "{name}");
                }
                Some("needed") => {
                    let without: Vec<_> =
                        complete.iter().copied().filter(|(other, _)| *other != name).collect();
                    let error = refused(&without);
                    let missing =
                        matches!(error, SettingsError::Missing { setting, .. } if setting == name);
                    assert!(missing, "{name} {error:?}");
                }
                Some(default) => {
                    let spelt_out = read(&with(complete, (name, default))).unwrap();
                    let plain = read(complete).unwrap();
                    assert_eq!(format!("{spelt_out:?}"), format!("{plain:?}"), "{name} {default}");
                }
            }
        }
    }
}
