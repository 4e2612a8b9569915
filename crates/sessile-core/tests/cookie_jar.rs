//! A browser's jar (rfc6265bis section 5.7, CHIPS), to see that removals remove.

use std::collections::BTreeMap;

use sessile_core::Timestamp;
use sessile_core::cookie::{CookieSettings, CookieTemplate, Keep, SameSite, SetCookie, Style};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);
const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// Cookies by name, domain, path and whether they are partitioned.
#[derive(Default)]
struct Jar(BTreeMap<(String, String, String, bool), String>);

impl Jar {
    /// Takes a `Set-Cookie` in, or drops it as a browser does; tells whether it took it.
    fn take(&mut self, cookie: &SetCookie) -> bool {
        let mut parts = cookie.as_str().split("; ");
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap_or_default();
        let mut attributes = BTreeMap::new();
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            assert!(attributes.insert(key.to_ascii_lowercase(), value).is_none(), "twice: {key}");
        }
        let has = |key: &str| attributes.contains_key(key);
        let path = attributes.get("path").copied().unwrap_or("/request/dir");
        let lower = name.to_ascii_lowercase();
        let host = path == "/" && !has("domain");
        let none = attributes.get("samesite").is_some_and(|v| v.eq_ignore_ascii_case("none"));
        let dropped = (lower.starts_with("__") && !has("secure"))
            || (lower.starts_with("__host-") && !host)
            || (lower.starts_with("__host-http-") && !has("httponly"))
            || (lower.starts_with("__http-") && !has("httponly"))
            || ((none || has("partitioned")) && !has("secure"));
        if dropped {
            return false;
        }
        let domain = attributes.get("domain").copied().unwrap_or("host only");
        let domain = domain.trim_start_matches('.').to_owned();
        let key = (name.to_owned(), domain, path.to_owned(), has("partitioned"));
        let gone = match attributes.get("max-age") {
            Some(age) => age.parse::<i64>().is_ok_and(|age| age <= 0),
            None => attributes.get("expires") == Some(&EPOCH),
        };
        if gone {
            self.0.remove(&key);
        } else {
            self.0.insert(key, value.to_owned());
        }
        true
    }
}

fn templates() -> Vec<CookieTemplate> {
    let presets = [
        CookieSettings::native(),
        CookieSettings::flask(),
        CookieSettings::django(),
        CookieSettings::starlette(),
    ];
    let mut templates = Vec::new();
    for preset in presets {
        for name in ["sid", "__Host-sid", "__secure-sid", "__HTTP-sid", "__Host-Http-sid"] {
            for domain in [None, Some("example.com"), Some(".example.com")] {
                for path in ["/", "/app"] {
                    for flags in 0..8u8 {
                        for same_site in [None, Some(SameSite::Lax), Some(SameSite::None)] {
                            let settings = CookieSettings {
                                name: name.to_owned(),
                                domain: domain.map(str::to_owned),
                                path: path.to_owned(),
                                secure: flags & 1 != 0,
                                http_only: flags & 2 != 0,
                                partitioned: flags & 4 != 0,
                                same_site,
                                ..preset.clone()
                            };
                            templates.extend(CookieTemplate::new(settings));
                        }
                    }
                }
            }
        }
    }
    templates
}

#[test]
fn r37_what_is_set_is_kept_and_a_removal_empties_the_jar() {
    let templates = templates();
    assert!(templates.len() > 500, "{}", templates.len());
    for template in templates {
        let mut jar = Jar::default();
        for keep in [Keep::Session, Keep::Seconds(3600)] {
            let set = template.set("v", keep, NOW).unwrap();
            assert!(jar.take(&set), "dropped: {}", set.as_str());
            assert_eq!(jar.0.len(), 1, "{}", set.as_str());
            assert!(jar.take(&template.remove()), "dropped: {}", template.remove().as_str());
            assert!(jar.0.is_empty(), "{}", template.remove().as_str());
        }
    }
}

#[test]
fn r37_the_bare_removal_empties_the_jar_too() {
    for template in templates() {
        if template.settings().style == Style::Flask {
            let mut jar = Jar::default();
            assert!(jar.take(&template.set("v", Keep::Session, NOW).unwrap()));
            assert!(jar.take(&template.remove_bare()));
            assert!(jar.0.is_empty(), "{}", template.remove_bare().as_str());
        }
    }
}

#[test]
fn r37_a_removal_repeats_every_attribute() {
    let preset = CookieSettings {
        domain: Some("example.com".to_owned()),
        path: "/app".to_owned(),
        partitioned: true,
        name: "sid".to_owned(),
        ..CookieSettings::native()
    };
    for style in [Style::Native, Style::Flask, Style::Starlette] {
        let template = CookieTemplate::new(CookieSettings { style, ..preset.clone() }).unwrap();
        let set = template.set("v", Keep::Session, NOW).unwrap().into_string();
        let removal = template.remove().into_string();
        for attribute in set.split("; ").skip(1) {
            assert!(removal.split("; ").any(|given| given == attribute), "{attribute}: {removal}");
        }
    }
}
