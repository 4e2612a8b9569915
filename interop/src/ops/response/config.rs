//! The configuration in a case's input, as one of ours.

use std::time::Duration;

use serde_json::Value as Json;
use sessile_core::{Config, KeyRing, Lifetime, SameSite, Storage, Value};
use sessile_formats::flask_session::Format;

use super::super::Raised;
use super::super::input::{key, missing};
use super::Input;
use crate::typed;

/// Flask's settings, and what no configuration of ours can say.
pub(super) struct Flask {
    pub(super) config: Config,
    /// `SESSION_COOKIE_SAMESITE` is none of the three.
    pub(super) bad_same_site: bool,
}

/// Flask's; `None` without a `SECRET_KEY`.
pub(super) fn flask(input: &Input<'_>) -> Result<Option<Flask>, Raised> {
    let settings = Settings(input.get("config").ok_or_else(|| missing("config"))?);
    let Some(ring) = settings.keys()? else { return Ok(None) };
    let mut config = Config::flask(ring);
    config.cookie.partitioned = settings.flag("SESSION_COOKIE_PARTITIONED", false);
    let bad_same_site = settings.flasks_cookie(&mut config)?;
    Ok(Some(Flask { config, bad_same_site }))
}

/// Flask-Session's. It does not know `SESSION_COOKIE_PARTITIONED`.
pub(super) fn flask_session(input: &Input<'_>) -> Result<Flask, Raised> {
    let settings = Settings(input.get("config").ok_or_else(|| missing("config"))?);
    let mut config = Config::flask_session(settings.keys()?);
    let bad_same_site = settings.flasks_cookie(&mut config)?;
    config.use_signer = settings.flag("SESSION_USE_SIGNER", false);
    config.session_permanent = settings.flag("SESSION_PERMANENT", true);
    if let Some(prefix) = settings.text("SESSION_KEY_PREFIX") {
        config.key_prefix = prefix.to_owned();
    }
    if let Some(length) = settings.get("SESSION_ID_LENGTH").and_then(Json::as_u64) {
        config.id_length = usize::try_from(length).map_err(|_| missing("SESSION_ID_LENGTH"))?;
    }
    config.serialization_format = match settings.text("SESSION_SERIALIZATION_FORMAT") {
        None | Some("msgpack") => Format::Msgpack,
        Some("json") => Format::Json,
        Some(_) => return Err(missing("SESSION_SERIALIZATION_FORMAT")),
    };
    config.stored_pickled = matches!(input.text("type")?, "filesystem" | "cachelib");
    Ok(Flask { config, bad_same_site })
}

/// Django's.
pub(super) fn django(input: &Input<'_>) -> Result<Config, Raised> {
    match input.text_or("engine", "signed_cookies") {
        "signed_cookies" => {}
        other => return Err(Raised::Unsupported(format!("the engine {other}"))),
    }
    let mut config = Config::django(input.ring("SECRET_KEY", "SECRET_KEY_FALLBACKS")?);
    config.storage = Storage::SignedCookie;
    let none = Json::Null;
    let settings = Settings(input.get("settings").unwrap_or(&none));
    let cookie = &mut config.cookie;
    cookie.allow_dropped_by_browsers = true;
    if let Some(name) = settings.text("SESSION_COOKIE_NAME") {
        cookie.name = name.to_owned();
    }
    cookie.domain = settings.text("SESSION_COOKIE_DOMAIN").map(str::to_owned);
    if let Some(path) = settings.text("SESSION_COOKIE_PATH") {
        cookie.path = path.to_owned();
    }
    cookie.secure = settings.flag("SESSION_COOKIE_SECURE", false);
    cookie.http_only = settings.flag("SESSION_COOKIE_HTTPONLY", true);
    match settings.0.get("SESSION_COOKIE_SAMESITE") {
        None => {}
        Some(Json::String(same_site)) if !same_site.is_empty() => {
            let parsed = SameSite::parse(same_site);
            cookie.same_site =
                Some(parsed.map_err(|error| Raised::Unsupported(error.to_string()))?);
        }
        // `False`: no attribute.
        Some(_) => cookie.same_site = None,
    }
    if let Some(span) = settings.span("SESSION_COOKIE_AGE")? {
        config.permanent_lifetime = Lifetime { idle: None, absolute: Some(span) };
    }
    config.expire_at_browser_close = settings.flag("SESSION_EXPIRE_AT_BROWSER_CLOSE", false);
    config.refresh_each_request = settings.flag("SESSION_SAVE_EVERY_REQUEST", false);
    Ok(config)
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
    /// `SECRET_KEY` and its fallbacks; `None` without one.
    fn keys(&self) -> Result<Option<KeyRing>, Raised> {
        let Some(secret) = self.text("SECRET_KEY").filter(|secret| !secret.is_empty()) else {
            return Ok(None);
        };
        let mut ring = KeyRing::new(key(secret)?);
        if let Some(older) = self.get("SECRET_KEY_FALLBACKS").and_then(Json::as_array) {
            // Flask lists them oldest last for verifying; any of them may verify.
            let older: Result<Vec<_>, _> = older.iter().filter_map(Json::as_str).map(key).collect();
            ring = ring.with_fallbacks(older?);
        }
        Ok(Some(ring))
    }

    /// What Flask and Flask-Session read alike; whether `SameSite` is a wrong one.
    fn flasks_cookie(&self, config: &mut Config) -> Result<bool, Raised> {
        let cookie = &mut config.cookie;
        cookie.allow_dropped_by_browsers = true;
        if let Some(name) = self.text("SESSION_COOKIE_NAME") {
            cookie.name = name.to_owned();
        }
        cookie.domain = self.text("SESSION_COOKIE_DOMAIN").map(str::to_owned);
        if let Some(path) = self.text("SESSION_COOKIE_PATH").or(self.text("APPLICATION_ROOT")) {
            cookie.path = path.to_owned();
        }
        cookie.secure = self.flag("SESSION_COOKIE_SECURE", cookie.secure);
        cookie.http_only = self.flag("SESSION_COOKIE_HTTPONLY", cookie.http_only);
        let same_site = self.text("SESSION_COOKIE_SAMESITE").map(SameSite::parse);
        cookie.same_site = same_site.as_ref().and_then(|parsed| parsed.as_ref().ok().copied());
        config.refresh_each_request = self.flag("SESSION_REFRESH_EACH_REQUEST", true);
        if let Some(span) = self.span("PERMANENT_SESSION_LIFETIME")? {
            config.permanent_lifetime = Lifetime { idle: None, absolute: Some(span) };
        }
        Ok(same_site.is_some_and(|parsed| parsed.is_err()))
    }

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
