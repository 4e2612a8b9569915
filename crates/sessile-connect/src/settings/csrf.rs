//! The settings of CSRF protection: Flask-WTF's, Django's, and ours beside them.

use std::fmt;

use super::error::SettingsError;
use super::names::Setting;
use super::reader::{Reader, count, domain, is_none, list, same_site, span, text};
use super::{SettingValue, keys, read};
use sessile_core::Profile;
use sessile_core::cookie::CookieSettings;
use sessile_core::csrf::django::{self, DjangoCookie};
use sessile_core::csrf::{FORM_LIMIT, flask_wtf, native};
use sessile_core::exchange::CsrfGuard;
use sessile_formats::SecretKey;

/// Whose rules of CSRF protection hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrfProfile {
    /// Ours.
    Native,
    /// Flask-WTF's.
    FlaskWtf,
    /// Django's.
    Django,
}

impl CsrfProfile {
    /// Its name, as `CSRF_PROFILE` takes it.
    pub fn as_str(self) -> &'static str {
        PROFILES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    fn of(profile: Profile) -> Self {
        match profile {
            Profile::Flask | Profile::FlaskSession => Self::FlaskWtf,
            Profile::Django => Self::Django,
            Profile::Native | Profile::Starlette => Self::Native,
        }
    }
}

/// What [`Settings::csrf`](super::Settings::csrf) comes to.
#[derive(Clone, Debug)]
pub struct CsrfConfig {
    /// Whose rules hold, and how they are set.
    pub rules: CsrfRules,
    /// `CSRF_FORM_LIMIT` in bytes.
    pub form_limit: usize,
    /// `CSRF_EXEMPT_ROUTES`.
    pub exempt_routes: Vec<String>,
    /// `WTF_CSRF_META_NAME`.
    pub meta_name: String,
}

/// The rules of a [`CsrfConfig`].
#[derive(Clone)]
pub enum CsrfRules {
    /// Ours.
    Native(native::Rules),
    /// Flask-WTF's, and the key that signs tokens.
    FlaskWtf(flask_wtf::Rules, SecretKey),
    /// Django's, and its cookie.
    Django(django::Rules, DjangoCookie),
}

impl fmt::Debug for CsrfRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(rules) => f.debug_tuple("Native").field(rules).finish(),
            Self::FlaskWtf(rules, key) => {
                f.debug_tuple("FlaskWtf").field(rules).field(key).finish()
            }
            Self::Django(rules, cookie) => {
                f.debug_tuple("Django").field(rules).field(cookie).finish()
            }
        }
    }
}

impl From<CsrfConfig> for CsrfGuard {
    fn from(config: CsrfConfig) -> Self {
        let guard = match config.rules {
            CsrfRules::Native(rules) => Self::native(rules),
            CsrfRules::FlaskWtf(rules, key) => Self::flask_wtf(&key, rules),
            CsrfRules::Django(rules, cookie) => Self::django(rules, cookie),
        };
        let guard = guard.form_limit(config.form_limit).meta_name(config.meta_name);
        config.exempt_routes.into_iter().fold(guard, Self::exempt_route)
    }
}

const PROFILES: &[(&str, CsrfProfile)] = &[
    ("native", CsrfProfile::Native),
    ("flask_wtf", CsrfProfile::FlaskWtf),
    ("django", CsrfProfile::Django),
];

const N: u8 = 1;
const W: u8 = 2;
const D: u8 = 4;
const ALL: u8 = N | W | D;

pub(super) const fn bit(profile: CsrfProfile) -> u8 {
    match profile {
        CsrfProfile::Native => N,
        CsrfProfile::FlaskWtf => W,
        CsrfProfile::Django => D,
    }
}

const BOOL: &str = "true or false";
const TEXT: &str = "text";
const ORIGINS: &str = "a list of origins such as https://shop.example, with Django's rules also \
                       https://*.shop.example";

const fn plain(name: &'static str, rules: u8, takes: &'static str) -> Setting {
    Setting::of_csrf(name, rules, takes, false)
}

pub(super) const KNOWN: &[Setting] = &[
    plain("CSRF_PROFILE", ALL, "native, flask_wtf or django"),
    plain("CSRF_FORM_LIMIT", ALL, "1 or more bytes"),
    plain("CSRF_EXEMPT_ROUTES", ALL, "a list of routes that begin with /"),
    plain("CSRF_ACCEPT_WITHOUT_ORIGIN", N, BOOL),
    plain("CSRF_ACCEPT_WITHOUT_TOKEN", N, BOOL),
    plain("CSRF_TRUSTED_ORIGINS", N | D, ORIGINS),
    plain("WTF_CSRF_ENABLED", W, BOOL),
    plain("WTF_CSRF_CHECK_DEFAULT", W, BOOL),
    plain("WTF_CSRF_METHODS", W, "one or more methods in capitals: POST, PUT, PATCH, DELETE"),
    plain("WTF_CSRF_FIELD_NAME", W, TEXT),
    plain("WTF_CSRF_HEADERS", W, "a list of header names"),
    plain("WTF_CSRF_META_NAME", W, TEXT),
    plain("WTF_CSRF_TIME_LIMIT", W, "seconds, a time such as \"1 hour\" or \"PT1H\", or \"none\""),
    plain("WTF_CSRF_SSL_STRICT", W, BOOL),
    Setting::of_csrf("WTF_CSRF_SECRET_KEY", W, TEXT, true),
    plain("CSRF_COOKIE_NAME", D, TEXT),
    plain("CSRF_COOKIE_AGE", D, "seconds or a time such as \"365 days\", above zero, or \"none\""),
    plain("CSRF_COOKIE_DOMAIN", D, "a host name, or false for none"),
    plain("CSRF_COOKIE_PATH", D, "a path that begins with /"),
    plain("CSRF_COOKIE_SECURE", D, BOOL),
    plain("CSRF_COOKIE_HTTPONLY", D, BOOL),
    plain("CSRF_COOKIE_SAMESITE", D, "Strict, Lax, None, or false for no attribute"),
    plain("CSRF_HEADER_NAME", D, "a header as Django has it: HTTP_X_CSRFTOKEN for X-CSRFToken"),
    plain("CSRF_USE_SESSIONS", D, BOOL),
    plain(
        "ALLOWED_HOSTS",
        D,
        "a list of host names without port; .shop.example for subdomains too, * for all",
    ),
];

/// What belongs to sessions and counts here too.
const SHARED: &[&str] =
    &["SECRET_KEY", "SESSION_ALLOW_WEAK_KEY", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_NAME"];

pub(super) fn config(entries: Vec<(String, SettingValue)>) -> Result<CsrfConfig, SettingsError> {
    let mut reader = Reader::new(entries)?;
    let session = reader.choice("SESSION_PROFILE", read::PROFILES)?.unwrap_or(Profile::Native);
    let named = reader.choice("CSRF_PROFILE", PROFILES)?;
    let profile = named.unwrap_or_else(|| CsrfProfile::of(session));
    reader.retain(|setting| setting.is_csrf() || SHARED.contains(&setting.name));
    reader.check_csrf_profile(profile)?;
    let above_zero = |value: &SettingValue| count(value).filter(|bytes| *bytes > 0);
    let form_limit = reader.take("CSRF_FORM_LIMIT", above_zero)?;
    let exempt_routes = reader.take("CSRF_EXEMPT_ROUTES", |value| {
        let routes = list(value, ',')?;
        routes.iter().all(|route| route.starts_with('/')).then_some(routes)
    })?;
    let meta_name = reader.some_text("WTF_CSRF_META_NAME")?;
    let rules = match profile {
        CsrfProfile::Native => CsrfRules::Native(native(&mut reader)?),
        CsrfProfile::FlaskWtf => {
            let rules = wtf(&mut reader)?;
            CsrfRules::FlaskWtf(rules, wtf_key(&mut reader)?)
        }
        CsrfProfile::Django => django(&mut reader, session)?,
    };
    Ok(CsrfConfig {
        rules,
        form_limit: form_limit.unwrap_or(FORM_LIMIT),
        exempt_routes: exempt_routes.unwrap_or_default(),
        meta_name: meta_name.unwrap_or_else(|| "csrf-token".to_owned()),
    })
}

fn native(reader: &mut Reader) -> Result<native::Rules, SettingsError> {
    let trusting = reader.take("CSRF_TRUSTED_ORIGINS", |value| {
        let origins = list(value, ',')?;
        origins.iter().try_fold(native::Rules::default(), |rules, origin| rules.trust(origin).ok())
    })?;
    let mut rules = trusting.unwrap_or_default();
    if reader.flag("CSRF_ACCEPT_WITHOUT_ORIGIN")?.unwrap_or(false) {
        rules = rules.accept_without_origin();
    }
    if reader.flag("CSRF_ACCEPT_WITHOUT_TOKEN")?.unwrap_or(false) {
        rules = rules.accept_without_token();
    }
    Ok(rules)
}

fn wtf(reader: &mut Reader) -> Result<flask_wtf::Rules, SettingsError> {
    let mut rules = flask_wtf::Rules::default();
    read::set(&mut rules.enabled, reader.flag("WTF_CSRF_ENABLED")?);
    read::set(&mut rules.check_default, reader.flag("WTF_CSRF_CHECK_DEFAULT")?);
    let methods = reader.take("WTF_CSRF_METHODS", |value| {
        let methods = list(value, ',')?;
        // Flask compares letter by letter: another spelling would switch the check off.
        let fits = |method: &String| method.bytes().all(|byte| byte.is_ascii_uppercase());
        // None would switch it off, too; WTF_CSRF_ENABLED is there for that.
        let some = !methods.is_empty() && methods.iter().all(|method| !method.is_empty());
        (some && methods.iter().all(fits)).then_some(methods)
    })?;
    read::set(&mut rules.methods, methods);
    read::set(&mut rules.field_name, reader.some_text("WTF_CSRF_FIELD_NAME")?);
    let headers = reader.take("WTF_CSRF_HEADERS", |value| {
        let headers = list(value, ',')?;
        let fits = |name: &String| is_header(name) && !name.eq_ignore_ascii_case("cookie");
        headers.iter().all(fits).then_some(headers)
    })?;
    read::set(&mut rules.headers, headers);
    let limit = reader.take("WTF_CSRF_TIME_LIMIT", |value| match is_none(value) {
        true => Some(None),
        // Ages are whole seconds: a fraction more is no more.
        false => i64::try_from(span(value)?.as_secs()).ok().map(Some),
    })?;
    read::set(&mut rules.time_limit, limit);
    read::set(&mut rules.ssl_strict, reader.flag("WTF_CSRF_SSL_STRICT")?);
    Ok(rules)
}

/// `WTF_CSRF_SECRET_KEY`, else `SECRET_KEY`; Flask-WTF tries no older keys.
fn wtf_key(reader: &mut Reader) -> Result<SecretKey, SettingsError> {
    const OWN: &str = "WTF_CSRF_SECRET_KEY";
    keys::first(reader, [OWN, "SECRET_KEY"])?.ok_or(SettingsError::Missing {
        setting: OWN,
        because: "it signs the tokens, or SECRET_KEY does, which is not set either",
    })
}

fn django(reader: &mut Reader, session: Profile) -> Result<CsrfRules, SettingsError> {
    let cookie = django_cookie(reader)?;
    let taken = reader.text("SESSION_COOKIE_NAME")?.unwrap_or_else(|| match session {
        Profile::Native => CookieSettings::native().name,
        Profile::Flask | Profile::FlaskSession => CookieSettings::flask().name,
        Profile::Django => CookieSettings::django().name,
        Profile::Starlette => CookieSettings::starlette().name,
    });
    if cookie.name == taken {
        return Err(SettingsError::Contradiction {
            setting: "CSRF_COOKIE_NAME",
            with: "SESSION_COOKIE_NAME",
            because: "each would take the other's place in the browser; give it another name",
        });
    }
    let trusting = reader.take("CSRF_TRUSTED_ORIGINS", |value| {
        let origins = list(value, ',')?;
        // Django takes others, too, and they agree with nothing that browsers send.
        origins.iter().all(|origin| is_trusted_origin(origin)).then_some(())?;
        django::Rules::default().with_trusted_origins(origins).ok()
    })?;
    let mut rules = trusting.unwrap_or_default();
    let header = reader.take("CSRF_HEADER_NAME", |value| {
        let meta = text(value)?;
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let named = rules.clone().with_header_name(meta);
        // Browsers send cookies by themselves.
        let fits = named.header().is_some_and(|name| is_header(name) && name != "cookie");
        (meta.bytes().all(plain) && fits).then(|| meta.to_owned())
    })?;
    if let Some(header) = header {
        rules = rules.with_header_name(&header);
    }
    read::set(&mut rules.use_sessions, reader.flag("CSRF_USE_SESSIONS")?);
    let session_domain = domain(reader, "SESSION_COOKIE_DOMAIN")?.flatten();
    rules.cookie_domain = if rules.use_sessions { session_domain } else { cookie.domain.clone() };
    let hosts = reader.take("ALLOWED_HOSTS", |value| {
        let hosts = list(value, ',')?;
        hosts.iter().all(|host| django::is_host_pattern(host)).then_some(hosts)
    })?;
    rules.allowed_hosts =
        hosts.filter(|hosts| !hosts.is_empty()).ok_or(SettingsError::Missing {
            setting: "ALLOWED_HOSTS",
            because: "Django answers no request without it; name the site's hosts, or * for any",
        })?;
    Ok(CsrfRules::Django(rules, cookie))
}

fn django_cookie(reader: &mut Reader) -> Result<DjangoCookie, SettingsError> {
    let mut cookie = DjangoCookie::default();
    read::set(&mut cookie.name, reader.text("CSRF_COOKIE_NAME")?);
    let age = reader.take("CSRF_COOKIE_AGE", |value| match is_none(value) {
        true => Some(None),
        false => i64::try_from(span(value)?.as_secs()).ok().filter(|age| *age > 0).map(Some),
    })?;
    read::set(&mut cookie.age, age);
    read::set(&mut cookie.domain, domain(reader, "CSRF_COOKIE_DOMAIN")?);
    read::set(&mut cookie.path, reader.text("CSRF_COOKIE_PATH")?);
    read::set(&mut cookie.secure, reader.flag("CSRF_COOKIE_SECURE")?);
    read::set(&mut cookie.http_only, reader.flag("CSRF_COOKIE_HTTPONLY")?);
    read::set(&mut cookie.same_site, same_site(reader, "CSRF_COOKIE_SAMESITE")?);
    cookie.check().map_err(SettingsError::CsrfCookie)?;
    Ok(cookie)
}

/// A scheme, a host or `*.` before one, perhaps a port.
fn is_trusted_origin(origin: &str) -> bool {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let host = rest.map(|rest| rest.strip_prefix("*.").unwrap_or(rest));
    host.is_some_and(|host| {
        let odd = |c: char| c.is_whitespace() || "/\\?#@*".contains(c);
        !host.is_empty() && !host.starts_with(['.', ':']) && !host.contains(odd)
    })
}

/// RFC 9110, 5.1.
fn is_header(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(token)
}
