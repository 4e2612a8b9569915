//! Writing cookies: what is written, byte for byte, and what is refused.

use sessile_core::cookie::{
    CookieError, CookieSettings, CookieTemplate, Keep, MAX_AGE, Part, Prefix, SameSite, SetCookie,
    Style,
};
use sessile_core::{Cookie, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);
const STYLES: [fn() -> CookieSettings; 4] = [
    CookieSettings::native,
    CookieSettings::flask,
    CookieSettings::django,
    CookieSettings::starlette,
];

fn set(settings: CookieSettings, value: &str, keep: Keep) -> Result<SetCookie, CookieError> {
    CookieTemplate::new(settings)?.set(value, keep, NOW)
}

fn text(settings: CookieSettings, value: &str, keep: Keep) -> String {
    // A refusal shows in the comparison.
    set(settings, value, keep).map_or_else(|error| error.to_string(), SetCookie::into_string)
}

fn everything(settings: CookieSettings) -> CookieSettings {
    CookieSettings {
        domain: Some("example.com".into()),
        path: "/app".into(),
        secure: true,
        http_only: true,
        same_site: Some(SameSite::Lax),
        partitioned: true,
        name: "n".into(),
        ..settings
    }
}

#[test]
fn r25_native_default_is_byte_exact() {
    assert_eq!(
        text(CookieSettings::native(), "VALUE", Keep::Session),
        "__Host-id=VALUE; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
}

#[test]
fn every_style_has_its_order_and_spelling() {
    let keep = Keep::Seconds(60);
    assert_eq!(
        text(everything(CookieSettings::native()), "v", keep),
        "n=v; Path=/app; Domain=example.com; Max-Age=60; Secure; HttpOnly; SameSite=Lax; Partitioned"
    );
    assert_eq!(
        text(everything(CookieSettings::flask()), "v", keep),
        "n=v; Domain=example.com; Expires=Fri, 02 Jan 2026 03:05:05 GMT; Secure; HttpOnly; \
         Path=/app; SameSite=Lax; Partitioned"
    );
    assert_eq!(
        text(everything(CookieSettings::django()), "v", keep),
        "n=v; Domain=example.com; expires=Fri, 02 Jan 2026 03:05:05 GMT; HttpOnly; Max-Age=60; \
         Partitioned; Path=/app; SameSite=Lax; Secure"
    );
    assert_eq!(
        text(everything(CookieSettings::starlette()), "v", keep),
        "n=v; path=/app; Max-Age=60; httponly; samesite=lax; secure; domain=example.com; \
         partitioned"
    );
}

#[test]
fn foreign_defaults_are_what_the_originals_send() {
    let keep = Keep::Seconds(1_209_600);
    assert_eq!(text(CookieSettings::flask(), "v", Keep::Session), "session=v; HttpOnly; Path=/");
    assert_eq!(
        text(CookieSettings::django(), "v", keep),
        "sessionid=v; expires=Fri, 16 Jan 2026 03:04:05 GMT; HttpOnly; Max-Age=1209600; Path=/; \
         SameSite=Lax"
    );
    assert_eq!(
        text(CookieSettings::starlette(), "v", keep),
        "session=v; path=/; Max-Age=1209600; httponly; samesite=lax"
    );
}

#[test]
fn removals_are_what_the_originals_send() {
    let remove = |settings| CookieTemplate::new(settings).unwrap().remove().into_string();
    assert_eq!(
        remove(CookieSettings::flask()),
        "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/"
    );
    assert_eq!(
        remove(CookieSettings::django()),
        "sessionid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax"
    );
    assert_eq!(
        remove(CookieSettings::starlette()),
        "session=null; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly; samesite=lax"
    );
    let bare = CookieSettings {
        domain: Some("example.com".into()),
        path: "/app".into(),
        secure: true,
        same_site: Some(SameSite::Lax),
        ..CookieSettings::flask()
    };
    assert_eq!(
        CookieTemplate::new(bare).unwrap().remove_bare().as_str(),
        "session=; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/app"
    );
}

#[test]
fn django_removes_secure_cookies_as_its_delete_cookie_does() {
    let remove = |name: &str, secure, same_site| {
        let name = name.to_owned();
        let settings =
            CookieSettings { name, secure, same_site: Some(same_site), ..CookieSettings::django() };
        CookieTemplate::new(settings).unwrap().remove().into_string()
    };
    assert!(!remove("sid", true, SameSite::Lax).contains("Secure"));
    assert!(remove("sid", true, SameSite::None).ends_with("; SameSite=None; Secure"));
    assert!(remove("__Secure-sid", true, SameSite::Lax).ends_with("; SameSite=Lax; Secure"));
    assert!(remove("__Http-sid", true, SameSite::Lax).contains("; HttpOnly; Max-Age=0"));
}

#[test]
fn r26_prefix_rules_hold_in_any_letter_case() {
    type Breaks = fn(&mut CookieSettings);
    let broken: [(&str, Breaks); 9] = [
        ("__Host-id", |s| s.domain = Some("example.com".into())),
        ("__Host-id", |s| s.path = "/app".into()),
        ("__Host-id", |s| s.secure = false),
        ("__Secure-id", |s| s.secure = false),
        ("__Http-id", |s| s.http_only = false),
        ("__Http-id", |s| s.secure = false),
        ("__Host-Http-id", |s| s.http_only = false),
        ("__Host-Http-id", |s| s.path = "/app".into()),
        ("__Host-Http-id", |s| s.domain = Some("example.com".into())),
    ];
    for (name, breaks) in broken {
        for name in [name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
            for style in STYLES {
                let mut settings = CookieSettings {
                    name: name.clone(),
                    secure: true,
                    same_site: Some(SameSite::Lax),
                    ..style()
                };
                assert!(CookieTemplate::new(settings.clone()).is_ok(), "{name}");
                breaks(&mut settings);
                let error = CookieTemplate::new(settings).unwrap_err();
                assert!(matches!(error, CookieError::Requires { .. }), "{name}: {error}");
            }
        }
    }
    assert_eq!(Prefix::of("__hOSt-hTTp-x"), Some(Prefix::HostHttp));
    assert_eq!(Prefix::of("__Host"), None);
}

#[test]
fn r28_name_and_value_may_take_4096_octets_and_no_more() {
    for style in STYLES {
        let room = 4096 - style().name.len();
        assert!(set(style(), &"v".repeat(room), Keep::Session).is_ok());
        let error = set(style(), &"v".repeat(room + 1), Keep::Session).unwrap_err();
        assert!(
            matches!(error, CookieError::TooLong { part: Part::NameAndValue, octets: 4097, .. }),
            "{error}"
        );
    }
}

#[test]
fn r28_flask_warns_over_4093_octets_of_header_as_a_flag() {
    let rest = "session=; HttpOnly; Path=/".len();
    let at = |octets: usize| {
        set(CookieSettings::flask(), &"v".repeat(octets - rest), Keep::Session).unwrap()
    };
    assert!(!at(4093).over_flask_limit());
    assert!(at(4094).over_flask_limit());
    let lenient = CookieSettings { allow_dropped_by_browsers: true, ..CookieSettings::flask() };
    assert!(set(lenient, &"v".repeat(9000), Keep::Session).unwrap().over_flask_limit());
}

#[test]
fn r29_attributes_may_take_1024_octets_and_no_more() {
    for style in STYLES {
        let with = |path: String, domain: Option<String>| {
            CookieTemplate::new(CookieSettings { name: "n".into(), path, domain, ..style() })
        };
        assert!(with(format!("/{}", "p".repeat(1023)), None).is_ok());
        let error = with(format!("/{}", "p".repeat(1024)), None).unwrap_err();
        assert!(matches!(error, CookieError::TooLong { part: Part::Path, octets: 1025, .. }));
        let label = format!("{}.", "d".repeat(61));
        assert!(with("/".into(), Some(label.repeat(16) + "org")).is_ok());
        let error = with("/".into(), Some(label.repeat(17))).unwrap_err();
        assert!(matches!(error, CookieError::TooLong { part: Part::Domain, .. }), "{error}");
    }
}

#[test]
fn r30_max_age_is_clamped_and_extremes_do_not_panic() {
    let native = |secs| text(CookieSettings::native(), "v", Keep::Seconds(secs));
    for (secs, written) in [(MAX_AGE, MAX_AGE), (MAX_AGE + 1, MAX_AGE), (i64::MAX, MAX_AGE)] {
        assert!(native(secs).contains(&format!("; Max-Age={written};")));
    }
    for secs in [0, -1, i64::MIN] {
        assert!(native(secs).contains("; Max-Age=0;"));
    }
    for now in [NOW, Timestamp::MAX, Timestamp::from_millis(i64::MIN)] {
        for style in STYLES {
            let template = CookieTemplate::new(style()).unwrap();
            assert!(template.set("v", Keep::Seconds(i64::MAX), now).is_ok());
            assert!(template.set("v", Keep::Seconds(i64::MIN), now).is_ok());
        }
    }
    let flask = |secs| text(CookieSettings::flask(), "v", Keep::Seconds(secs));
    assert!(flask(i64::MAX).contains("Expires=Fri, 31 Dec 9999 23:59:59 GMT"));
    assert!(flask(i64::MIN).contains("Expires=Mon, 01 Jan 0001 00:00:00 GMT"));
}

#[test]
fn r31_control_characters_and_separators_are_refused_in_every_setter() {
    let mut bad: Vec<String> = (0..0x20u8).map(|c| char::from(c).to_string()).collect();
    bad.extend(["\x7f", ";", ",", "é", "\u{a0}", " ", "\r\nSet-Cookie: x=y"].map(String::from));
    for piece in bad {
        for at_end in [false, true] {
            let spoil = |good: &str| {
                if at_end { format!("{good}{piece}") } else { format!("{good}{piece}{good}") }
            };
            for style in STYLES {
                let name = CookieSettings { name: spoil("n"), ..style() };
                let path = CookieSettings { path: spoil("/p"), name: "n".into(), ..style() };
                let domain = Some(spoil("example.com"));
                let domain = CookieSettings { domain, name: "n".into(), ..style() };
                let template = |settings| CookieTemplate::new(settings).map(|_| ());
                assert!(template(name).is_err(), "name {piece:?}");
                assert!(template(path).is_err(), "path {piece:?}");
                let scripts = style().style == Style::Flask && piece == "é";
                assert_eq!(template(domain).is_err(), !scripts, "domain {piece:?}");
                assert!(set(style(), &spoil("v"), Keep::Session).is_err(), "value {piece:?}");
            }
            let cookie = || Cookie::new("n", "v");
            assert!(Cookie::new(spoil("n"), "v").set(NOW).is_err());
            assert!(Cookie::new("n", spoil("v")).set(NOW).is_err());
            assert!(cookie().path(spoil("/p")).set(NOW).is_err());
            assert!(cookie().domain(spoil("example.com")).set(NOW).is_err());
            assert!(Cookie::new(spoil("n"), "v").remove().is_err());
            assert!(cookie().path(spoil("/p")).remove().is_err());
        }
    }
    assert!(Cookie::new("", "v").set(NOW).is_err());
    assert!(Cookie::new("a=b", "v").set(NOW).is_err());
    assert!(Cookie::new("n", "v").path("p").set(NOW).is_err());
    assert!(Cookie::new("n", "v").domain("example.com:80").set(NOW).is_err());
    assert!(Cookie::new("n", "v").domain("a..b").set(NOW).is_err());
}

#[test]
fn r35_same_site_is_explicit_and_none_needs_secure() {
    let silent = CookieSettings { same_site: None, ..CookieSettings::native() };
    assert!(matches!(CookieTemplate::new(silent), Err(CookieError::Requires { .. })));
    for style in STYLES {
        let with = |secure| CookieSettings {
            name: "n".into(),
            same_site: Some(SameSite::None),
            secure,
            ..style()
        };
        assert!(CookieTemplate::new(with(true)).is_ok());
        assert!(matches!(CookieTemplate::new(with(false)), Err(CookieError::Requires { .. })));
    }
}

#[test]
fn r36_partitioned_needs_secure() {
    for style in STYLES {
        let settings =
            CookieSettings { name: "n".into(), partitioned: true, secure: false, ..style() };
        match style().style {
            Style::Flask => assert_eq!(
                text(settings, "v", Keep::Session),
                "n=v; Secure; HttpOnly; Path=/; Partitioned"
            ),
            _ => assert!(matches!(
                CookieTemplate::new(settings),
                Err(CookieError::Requires { what: "Partitioned", .. })
            )),
        }
    }
}

#[test]
fn what_browsers_drop_is_written_only_when_allowed_and_never_natively() {
    let odd = CookieSettings {
        same_site: Some(SameSite::None),
        allow_dropped_by_browsers: true,
        ..CookieSettings::flask()
    };
    assert_eq!(text(odd.clone(), "v", Keep::Session), "session=v; HttpOnly; Path=/; SameSite=None");
    assert!(CookieTemplate::new(CookieSettings { style: Style::Native, ..odd }).is_err());
}

#[test]
fn inv11_neither_errors_nor_debug_show_the_value() {
    let error = set(CookieSettings::native(), "hush,hush", Keep::Session).unwrap_err();
    assert!(error.to_string().contains("__Host-id") && !error.to_string().contains("hush"));
    let cookie = set(CookieSettings::native(), "secret", Keep::Session).unwrap();
    assert_eq!(cookie.name(), "__Host-id");
    assert!(!format!("{cookie:?}").contains("secret"));
    assert!(!format!("{:?}", Cookie::new("n", "secret")).contains("secret"));
}
