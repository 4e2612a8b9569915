//! The settings of CSRF protection: Flask-WTF's, Django's, and ours beside them.

use std::fmt;

use super::csrf_table::CsrfTable;
use super::error::SettingsError;
use super::read::{list, list_of};
use super::setting::{Setting, set};
use super::table::Table;
use super::value::SettingValue;
use super::words::CsrfProfile;
use super::{keys, names};
use sessile_core::Profile;
use sessile_core::cookie::CookieSettings;
use sessile_core::csrf::django::{self, DjangoCookie};
use sessile_core::csrf::{FORM_LIMIT, flask_wtf, native};
use sessile_core::exchange::CsrfGuard;
use sessile_formats::SecretKey;

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

/// What belongs to sessions and counts here too.
const SHARED: &[&str] = &[
    "SESSION_PROFILE",
    "SECRET_KEY",
    "SESSION_ALLOW_WEAK_KEY",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_NAME",
];
const TRUSTED: &str = "CSRF_TRUSTED_ORIGINS";

pub(super) fn config(entries: Vec<(String, SettingValue)>) -> Result<CsrfConfig, SettingsError> {
    let given = names::resolve(entries)?;
    let sessions = Table::read(&given, |setting| SHARED.contains(&setting.name))?;
    let named = CsrfTable::read(&given, |setting| setting.name == "CSRF_PROFILE")?.profile;
    let profile = named.unwrap_or(match sessions.profile {
        Some(Profile::Flask | Profile::FlaskSession) => CsrfProfile::FlaskWtf,
        Some(Profile::Django) => CsrfProfile::Django,
        Some(Profile::Native | Profile::Starlette) | None => CsrfProfile::Native,
    });
    let strange = |setting: &Setting| setting.is_csrf && !setting.applies_to_csrf(profile);
    if let Some((setting, _)) = given.iter().find(|(setting, _)| strange(setting)) {
        return Err(SettingsError::WrongCsrfProfile { setting: setting.name, profile });
    }
    let mut given = CsrfTable::read(&given, |setting| setting.name != "CSRF_PROFILE")?;
    let form_limit = given.form_limit.take().unwrap_or(FORM_LIMIT);
    let exempt_routes = given.exempt_routes.take().unwrap_or_default();
    let meta_name = given.meta_name.take().unwrap_or_else(|| "csrf-token".to_owned());
    let rules = match profile {
        CsrfProfile::Native => CsrfRules::Native(native(&mut given)?),
        CsrfProfile::FlaskWtf => {
            let key = keys::of_tokens(given.key.take(), sessions)?;
            CsrfRules::FlaskWtf(wtf(&mut given), key)
        }
        CsrfProfile::Django => django(&mut given, sessions)?,
    };
    match given.left() {
        Some(setting) => Err(SettingsError::WrongCsrfProfile { setting, profile }),
        None => Ok(CsrfConfig { rules, form_limit, exempt_routes, meta_name }),
    }
}

fn native(given: &mut CsrfTable) -> Result<native::Rules, SettingsError> {
    let mut rules = native::Rules::default();
    if let Some(origins) = given.trusted_origins.take() {
        rules = CsrfTable::checked(TRUSTED, &origins, |value| {
            list(value, ',')?.iter().try_fold(rules, |rules, origin| rules.trust(origin).ok())
        })?;
    }
    if given.without_origin.take().unwrap_or(false) {
        rules = rules.accept_without_origin();
    }
    if given.without_token.take().unwrap_or(false) {
        rules = rules.accept_without_token();
    }
    Ok(rules)
}

fn wtf(given: &mut CsrfTable) -> flask_wtf::Rules {
    let mut rules = flask_wtf::Rules::default();
    set(&mut rules.enabled, &mut given.enabled);
    set(&mut rules.check_default, &mut given.check_default);
    set(&mut rules.methods, &mut given.methods);
    set(&mut rules.field_name, &mut given.field_name);
    set(&mut rules.headers, &mut given.headers);
    set(&mut rules.time_limit, &mut given.time_limit);
    set(&mut rules.ssl_strict, &mut given.ssl_strict);
    rules
}

fn django(given: &mut CsrfTable, sessions: Table) -> Result<CsrfRules, SettingsError> {
    let mut cookie = DjangoCookie::default();
    set(&mut cookie.name, &mut given.cookie_name);
    set(&mut cookie.age, &mut given.cookie_age);
    set(&mut cookie.domain, &mut given.cookie_domain);
    set(&mut cookie.path, &mut given.cookie_path);
    set(&mut cookie.secure, &mut given.cookie_secure);
    set(&mut cookie.http_only, &mut given.cookie_httponly);
    set(&mut cookie.same_site, &mut given.cookie_samesite);
    cookie.check().map_err(SettingsError::CsrfCookie)?;
    let taken = sessions.cookie_name.unwrap_or_else(|| match sessions.profile {
        Some(Profile::Native) | None => CookieSettings::native().name,
        Some(Profile::Flask | Profile::FlaskSession) => CookieSettings::flask().name,
        Some(Profile::Django) => CookieSettings::django().name,
        Some(Profile::Starlette) => CookieSettings::starlette().name,
    });
    if cookie.name == taken {
        return Err(SettingsError::Contradiction {
            setting: "CSRF_COOKIE_NAME",
            with: "SESSION_COOKIE_NAME",
            because: "each would take the other's place in the browser; give it another name",
        });
    }
    let mut rules = django::Rules::default();
    if let Some(origins) = given.trusted_origins.take() {
        rules = CsrfTable::checked(TRUSTED, &origins, |value| {
            // Django takes others, too, and they agree with nothing that browsers send.
            rules.with_trusted_origins(list_of(value, is_trusted_origin)?).ok()
        })?;
    }
    if let Some(header) = given.header_name.take() {
        rules = rules.with_header_name(&header);
    }
    set(&mut rules.use_sessions, &mut given.use_sessions);
    let session_domain = sessions.cookie_domain.flatten();
    rules.cookie_domain = if rules.use_sessions { session_domain } else { cookie.domain.clone() };
    let hosts = given.allowed_hosts.take().filter(|hosts| !hosts.is_empty());
    rules.allowed_hosts = hosts.ok_or(SettingsError::Missing {
        setting: "ALLOWED_HOSTS",
        because: "Django answers no request without it; name the site's hosts, or * for any",
    })?;
    Ok(CsrfRules::Django(rules, cookie))
}

/// A scheme, a host or `*.` before one, perhaps a port.
fn is_trusted_origin(origin: &str) -> bool {
    let named = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it))
    };
    let rest = origin.split_once("://").filter(|(scheme, _)| named(scheme)).map(|it| it.1);
    let host = rest.map(|rest| rest.strip_prefix("*.").unwrap_or(rest));
    host.is_some_and(|host| {
        let odd = |c: char| c.is_whitespace() || "/\\?#@*".contains(c);
        !host.is_empty() && !host.starts_with(['.', ':']) && !host.contains(odd)
    })
}
