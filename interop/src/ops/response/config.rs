//! The configuration in a case's input, as one of ours.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value as Json;
use sessile_core::{Config, KeyRing, Lifetime, SameSite, Storage};
use sessile_formats::flask_session::Format;

use super::super::Raised;
use super::super::input::{key, missing};
use super::Input;

/// Flask's settings, and what no configuration of ours can say.
pub(super) struct Flask {
    pub(super) config: Config,
    /// `SESSION_COOKIE_SAMESITE` is none of the three.
    pub(super) bad_same_site: bool,
}

/// Flask's; `None` without a `SECRET_KEY`.
pub(super) fn flask(input: &Input<'_>) -> Result<Option<Flask>, Raised> {
    let settings = Settings(input.nested("config"));
    let Some(ring) = settings.keys()? else { return Ok(None) };
    let mut config = Config::flask(ring);
    config.cookie.partitioned = settings.0.flag("SESSION_COOKIE_PARTITIONED")?;
    let bad_same_site = settings.flasks_cookie(&mut config)?;
    Ok(Some(Flask { config, bad_same_site }))
}

/// Flask-Session's. It does not know `SESSION_COOKIE_PARTITIONED`.
pub(super) fn flask_session(input: &Input<'_>) -> Result<Flask, Raised> {
    let settings = Settings(input.nested("config"));
    let mut config = Config::flask_session(settings.keys()?);
    let bad_same_site = settings.flasks_cookie(&mut config)?;
    config.use_signer = settings.0.flag("SESSION_USE_SIGNER")?;
    config.session_permanent = settings.0.flag_or("SESSION_PERMANENT", true)?;
    if let Some(prefix) = settings.text("SESSION_KEY_PREFIX")? {
        config.key_prefix = prefix;
    }
    if let Some(length) = settings.0.count("SESSION_ID_LENGTH")? {
        config.id_length = length;
    }
    config.serialization_format = match settings.text("SESSION_SERIALIZATION_FORMAT")?.as_deref() {
        None | Some("msgpack") => Format::Msgpack,
        Some("json") => Format::Json,
        Some(_) => return Err(missing("SESSION_SERIALIZATION_FORMAT")),
    };
    config.stored_pickled = matches!(&*input.text("type")?, "filesystem" | "cachelib");
    Ok(Flask { config, bad_same_site })
}

/// Django's.
pub(super) fn django(input: &Input<'_>) -> Result<Config, Raised> {
    match &*input.text_or("engine", "signed_cookies")? {
        "signed_cookies" => {}
        other => return Err(Raised::Unsupported(format!("the engine {other}"))),
    }
    let mut config = Config::django(input.ring("SECRET_KEY", "SECRET_KEY_FALLBACKS")?);
    config.storage = Storage::SignedCookie;
    let settings = Settings(input.nested("settings"));
    let cookie = &mut config.cookie;
    cookie.allow_dropped_by_browsers = true;
    if let Some(name) = settings.text("SESSION_COOKIE_NAME")? {
        cookie.name = name;
    }
    cookie.domain = settings.text("SESSION_COOKIE_DOMAIN")?;
    if let Some(path) = settings.text("SESSION_COOKIE_PATH")? {
        cookie.path = path;
    }
    cookie.secure = settings.0.flag("SESSION_COOKIE_SECURE")?;
    cookie.http_only = settings.0.flag_or("SESSION_COOKIE_HTTPONLY", true)?;
    match settings.0.given("SESSION_COOKIE_SAMESITE") {
        None => {}
        // No attribute.
        Some(Json::Null | Json::Bool(_)) => cookie.same_site = None,
        Some(_) => {
            let text = settings.text("SESSION_COOKIE_SAMESITE")?.filter(|it| !it.is_empty());
            let parsed = text.map(|it| SameSite::parse(&it)).transpose();
            cookie.same_site = parsed.map_err(|error| Raised::Unsupported(error.to_string()))?;
        }
    }
    if let Some(span) = settings.span("SESSION_COOKIE_AGE")? {
        config.permanent_lifetime = Lifetime { idle: None, absolute: Some(span) };
    }
    config.expire_at_browser_close = settings.0.flag("SESSION_EXPIRE_AT_BROWSER_CLOSE")?;
    config.refresh_each_request = settings.0.flag("SESSION_SAVE_EVERY_REQUEST")?;
    Ok(config)
}

/// Starlette's options.
pub(super) fn starlette(input: &Input<'_>) -> Result<Config, Raised> {
    let options = Settings(input.nested("options"));
    let mut config = Config::starlette(options.0.ring("secret_key", "")?);
    let cookie = &mut config.cookie;
    cookie.allow_dropped_by_browsers = true;
    if let Some(name) = options.text("session_cookie")? {
        cookie.name = name;
    }
    cookie.domain = options.text("domain")?;
    if let Some(path) = options.text("path")? {
        cookie.path = path;
    }
    cookie.secure = options.0.flag("https_only")?;
    cookie.partitioned = options.0.flag("partitioned")?;
    if let Some(same_site) = options.text("same_site")? {
        let parsed = SameSite::parse(&same_site);
        cookie.same_site = Some(parsed.map_err(|error| Raised::Unsupported(error.to_string()))?);
    }
    match options.0.given("max_age") {
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

struct Settings<'a>(Input<'a>);

impl<'a> Settings<'a> {
    /// `SECRET_KEY` and its fallbacks; `None` without one.
    fn keys(&self) -> Result<Option<KeyRing>, Raised> {
        let secret = self.0.optional_bytes("SECRET_KEY")?;
        // Flask lists them oldest last for verifying; any of them may verify.
        let older = self.0.keys("SECRET_KEY_FALLBACKS")?;
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Ok(None) };
        Ok(Some(KeyRing::new(key(&secret)?).with_fallbacks(older)))
    }

    /// What Flask and Flask-Session read alike; whether `SameSite` is a wrong one.
    fn flasks_cookie(&self, config: &mut Config) -> Result<bool, Raised> {
        let cookie = &mut config.cookie;
        cookie.allow_dropped_by_browsers = true;
        if let Some(name) = self.text("SESSION_COOKIE_NAME")? {
            cookie.name = name;
        }
        cookie.domain = self.text("SESSION_COOKIE_DOMAIN")?;
        let root = self.text("APPLICATION_ROOT")?;
        if let Some(path) = self.text("SESSION_COOKIE_PATH")?.or(root) {
            cookie.path = path;
        }
        cookie.secure = self.0.flag_or("SESSION_COOKIE_SECURE", cookie.secure)?;
        cookie.http_only = self.0.flag_or("SESSION_COOKIE_HTTPONLY", cookie.http_only)?;
        let same_site = self.text("SESSION_COOKIE_SAMESITE")?.map(|it| SameSite::parse(&it));
        cookie.same_site = same_site.as_ref().and_then(|parsed| parsed.as_ref().ok().copied());
        config.refresh_each_request = self.0.flag_or("SESSION_REFRESH_EACH_REQUEST", true)?;
        if let Some(span) = self.span("PERMANENT_SESSION_LIFETIME")? {
            config.permanent_lifetime = Lifetime { idle: None, absolute: Some(span) };
        }
        Ok(same_site.is_some_and(|parsed| parsed.is_err()))
    }

    fn text(&self, name: &str) -> Result<Option<String>, Raised> {
        Ok(self.0.optional_text(name)?.map(Cow::into_owned))
    }

    fn span(&self, name: &str) -> Result<Option<Duration>, Raised> {
        let secs = self.0.whole(name)?.map(u64::try_from).transpose();
        Ok(secs.map_err(|_| missing(name))?.map(Duration::from_secs))
    }
}
