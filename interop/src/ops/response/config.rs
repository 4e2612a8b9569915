//! The configuration in a case's input, as one of ours.

use std::time::Duration;

use serde_json::Value as Json;
use sessile_core::{Config, KeyRing, Lifetime, SameSite, Value};

use super::super::Raised;
use super::super::input::{key, missing};
use super::Input;
use crate::typed;

/// Flask's; `None` without a `SECRET_KEY`.
pub(super) fn flask(input: &Input<'_>) -> Result<Option<Config>, Raised> {
    let settings = Settings(input.get("config").ok_or_else(|| missing("config"))?);
    let Some(secret) = settings.text("SECRET_KEY").filter(|secret| !secret.is_empty()) else {
        return Ok(None);
    };
    let mut ring = KeyRing::new(key(secret)?);
    if let Some(older) = settings.get("SECRET_KEY_FALLBACKS").and_then(Json::as_array) {
        // Flask lists them oldest last for verifying; any of them may verify.
        let older: Result<Vec<_>, _> = older.iter().filter_map(Json::as_str).map(key).collect();
        ring = ring.with_fallbacks(older?);
    }
    let mut config = Config::flask(ring);
    let cookie = &mut config.cookie;
    cookie.allow_dropped_by_browsers = true;
    if let Some(name) = settings.text("SESSION_COOKIE_NAME") {
        cookie.name = name.to_owned();
    }
    cookie.domain = settings.text("SESSION_COOKIE_DOMAIN").map(str::to_owned);
    let path = settings.text("SESSION_COOKIE_PATH").or(settings.text("APPLICATION_ROOT"));
    if let Some(path) = path {
        cookie.path = path.to_owned();
    }
    cookie.secure = settings.flag("SESSION_COOKIE_SECURE", cookie.secure);
    cookie.http_only = settings.flag("SESSION_COOKIE_HTTPONLY", cookie.http_only);
    cookie.partitioned = settings.flag("SESSION_COOKIE_PARTITIONED", false);
    if let Some(same_site) = settings.text("SESSION_COOKIE_SAMESITE") {
        // Flask notices a wrong one when it sets the cookie: 500 either way.
        match SameSite::parse(same_site) {
            Ok(same_site) => cookie.same_site = Some(same_site),
            Err(_) => cookie.name = String::new(),
        }
    }
    config.refresh_each_request = settings.flag("SESSION_REFRESH_EACH_REQUEST", true);
    if let Some(span) = settings.span("PERMANENT_SESSION_LIFETIME")? {
        config.permanent_lifetime = Lifetime { idle: None, absolute: Some(span) };
    }
    Ok(Some(config))
}

/// Starlette's options.
pub(super) fn starlette(input: &Input<'_>) -> Result<Config, Raised> {
    let options = Settings(input.get("options").ok_or_else(|| missing("options"))?);
    let secret = options.text("secret_key").ok_or_else(|| missing("secret_key"))?;
    let mut config = Config::starlette(KeyRing::new(key(secret)?));
    let cookie = &mut config.cookie;
    cookie.allow_dropped_by_browsers = true;
    if let Some(name) = options.text("session_cookie") {
        cookie.name = name.to_owned();
    }
    cookie.domain = options.text("domain").map(str::to_owned);
    if let Some(path) = options.text("path") {
        cookie.path = path.to_owned();
    }
    cookie.secure = options.flag("https_only", false);
    cookie.partitioned = options.flag("partitioned", false);
    if let Some(same_site) = options.text("same_site") {
        let parsed = SameSite::parse(same_site);
        cookie.same_site = Some(parsed.map_err(|error| Raised::Unsupported(error.to_string()))?);
    }
    match options.0.get("max_age") {
        // No limit in the browser's eyes, nor in the signature's.
        Some(Json::Null) => config.expire_at_browser_close = true,
        _ => {
            if let Some(span) = options.span("max_age")? {
                config.permanent_lifetime = Lifetime { idle: None, absolute: Some(span) };
            }
        }
    }
    Ok(config)
}

struct Settings<'a>(&'a Json);

impl<'a> Settings<'a> {
    fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).and_then(Json::as_bool).unwrap_or(default)
    }

    fn span(&self, name: &str) -> Result<Option<Duration>, Raised> {
        let Some(json) = self.get(name) else { return Ok(None) };
        let secs = match typed::to_value(json).map_err(Raised::Unsupported)? {
            Value::Int(secs) => u64::try_from(secs).map_err(|_| missing(name))?,
            Value::TimeDelta(micros) => {
                u64::try_from(micros).map_err(|_| missing(name))? / 1_000_000
            }
            _ => return Err(missing(name)),
        };
        Ok(Some(Duration::from_secs(secs)))
    }
}
