//! From names and values to a configuration.

use std::num::NonZero;

use super::error::SettingsError;
use super::reader::{Reader, domain, is_none, same_site, text};
use super::{SettingValue, StoreChoice, keys, lifetime, store, transport};
use sessile_core::{Config, ConfigError, EndedMeanwhile, Profile, StoreFailure};
use sessile_formats::flask_session::Format;

pub(super) const PROFILES: &[(&str, Profile)] = &[
    ("native", Profile::Native),
    ("flask", Profile::Flask),
    ("flask_session", Profile::FlaskSession),
    ("django", Profile::Django),
    ("starlette", Profile::Starlette),
];

pub(super) fn config(
    entries: Vec<(String, SettingValue)>,
) -> Result<(Config, StoreChoice), SettingsError> {
    let mut reader = Reader::new(entries)?;
    reader.retain(|setting| !setting.is_csrf());
    let profile = reader.choice("SESSION_PROFILE", PROFILES)?.unwrap_or(Profile::Native);
    reader.check_profile(profile)?;
    let mut config = base(profile, &mut reader)?;
    let store = store::choose(&mut reader, &mut config)?;
    transport::apply(&mut reader, &mut config)?;
    cookie(&mut reader, &mut config)?;
    lifetime::apply(&mut reader, &mut config)?;
    behaviour(&mut reader, &mut config)?;
    flask_session(&mut reader, &mut config)?;
    config.check()?;
    Ok((config, store))
}

fn base(profile: Profile, reader: &mut Reader) -> Result<Config, SettingsError> {
    let keys = keys::ring(reader)?;
    let config = match (profile, keys) {
        (Profile::Native, keys) => Config { keys, ..Config::native() },
        (Profile::FlaskSession, keys) => Config::flask_session(keys),
        (_, None) => return Err(ConfigError::NoKey.into()),
        (Profile::Flask, Some(keys)) => Config::flask(keys),
        (Profile::Django, Some(keys)) => Config::django(keys),
        (Profile::Starlette, Some(keys)) => Config::starlette(keys),
    };
    let development = reader.flag("SESSION_DEVELOPMENT")?.unwrap_or(false);
    Ok(if development { config.for_development() } else { config })
}

fn cookie(reader: &mut Reader, config: &mut Config) -> Result<(), SettingsError> {
    let cookie = &mut config.cookie;
    set(&mut cookie.name, reader.text("SESSION_COOKIE_NAME")?);
    set(&mut cookie.domain, domain(reader, "SESSION_COOKIE_DOMAIN")?);
    let root = reader.text("APPLICATION_ROOT")?;
    set(&mut cookie.path, reader.text("SESSION_COOKIE_PATH")?.or(root));
    set(&mut cookie.secure, reader.flag("SESSION_COOKIE_SECURE")?);
    set(&mut cookie.http_only, reader.flag("SESSION_COOKIE_HTTPONLY")?);
    set(&mut cookie.same_site, same_site(reader, "SESSION_COOKIE_SAMESITE")?);
    set(&mut cookie.partitioned, reader.flag("SESSION_COOKIE_PARTITIONED")?);
    set(&mut cookie.allow_dropped_by_browsers, reader.flag("SESSION_COOKIE_ALLOW_DROPPED")?);
    // Flask warns above it. Here browsers' own limit is an error, so nothing is left to warn of.
    reader.count("MAX_COOKIE_SIZE")?;
    Ok(())
}

fn behaviour(reader: &mut Reader, config: &mut Config) -> Result<(), SettingsError> {
    let refresh = match config.profile {
        Profile::Django => "SESSION_SAVE_EVERY_REQUEST",
        _ => "SESSION_REFRESH_EACH_REQUEST",
    };
    set(&mut config.refresh_each_request, reader.flag(refresh)?);
    let at_close = reader.flag("SESSION_EXPIRE_AT_BROWSER_CLOSE")?;
    set(&mut config.expire_at_browser_close, at_close);
    let above_zero = |value: &SettingValue| super::reader::count(value).filter(|bytes| *bytes > 0);
    set(&mut config.max_bytes, reader.take("SESSION_MAX_BYTES", above_zero)?);
    set(&mut config.save_on_server_error, reader.flag("SESSION_SAVE_ON_SERVER_ERROR")?);
    let failures =
        &[("refuse", StoreFailure::Refuse), ("read_as_anonymous", StoreFailure::ReadAsAnonymous)];
    set(&mut config.store_timeout, reader.some_span("SESSION_STORE_TIMEOUT")?);
    set(&mut config.sweep_every, reader.limit("SESSION_SWEEP_EVERY")?);
    let requests = reader.take("SESSION_CLEANUP_N_REQUESTS", |value| match is_none(value) {
        true => Some(None),
        false => u32::try_from(super::reader::count(value)?).ok().and_then(NonZero::new).map(Some),
    })?;
    set(&mut config.cleanup_n_requests, requests);
    // Django's own default; nothing else is written since Django 5.0.
    reader.take("SESSION_SERIALIZER", |value| {
        let name = text(value)?;
        (name == "django.contrib.sessions.serializers.JSONSerializer").then_some(())
    })?;
    set(&mut config.store_failure, reader.choice("SESSION_STORE_FAILURE", failures)?);
    let ended =
        &[("refuse", EndedMeanwhile::Refuse), ("keep_response", EndedMeanwhile::KeepResponse)];
    set(&mut config.ended_meanwhile, reader.choice("SESSION_ENDED_MEANWHILE", ended)?);
    set(&mut config.no_store, reader.flag("SESSION_NO_STORE")?);
    set(&mut config.clear_site_data, reader.flag("SESSION_CLEAR_SITE_DATA")?);
    let former = &[
        ("none", None),
        ("flask_session", Some(Profile::FlaskSession)),
        ("django", Some(Profile::Django)),
    ];
    set(&mut config.former_ids, reader.choice("SESSION_FORMER_IDS", former)?);
    set(&mut config.audience, reader.text("SESSION_AUDIENCE")?);
    let accepted = reader.flag("SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED")?;
    set(&mut config.cookie_sessions_cannot_be_revoked, accepted);
    let chunks = reader.take("SESSION_COOKIE_CHUNKS", |value| {
        u8::try_from(super::reader::count(value)?).ok().filter(|count| (1..=8).contains(count))
    })?;
    set(&mut config.cookie_chunks, chunks);
    Ok(())
}

fn flask_session(reader: &mut Reader, config: &mut Config) -> Result<(), SettingsError> {
    set(&mut config.session_permanent, reader.flag("SESSION_PERMANENT")?);
    set(&mut config.use_signer, reader.flag("SESSION_USE_SIGNER")?);
    let prefix = reader.take("SESSION_KEY_PREFIX", |value| {
        let fits = |text: &&str| text.len() <= 128 && !text.chars().any(char::is_control);
        text(value).filter(fits).map(str::to_owned)
    })?;
    set(&mut config.key_prefix, prefix);
    let length = reader.take("SESSION_ID_LENGTH", |value| {
        super::reader::count(value).filter(|length| (16..=192).contains(length))
    })?;
    set(&mut config.id_length, length);
    let formats = &[("msgpack", Format::Msgpack), ("json", Format::Json)];
    let format = reader.choice("SESSION_SERIALIZATION_FORMAT", formats)?;
    set(&mut config.serialization_format, format);
    Ok(())
}

pub(super) fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}
