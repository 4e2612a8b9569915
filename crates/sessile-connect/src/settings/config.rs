//! From what was given to a configuration.

use super::error::SettingsError;
use super::setting::set;
use super::store::choice::StoreChoice;
use super::table::Table;
use super::value::SettingValue;
use super::{keys, lifetime, names, store, transport};
use sessile_core::{Config, ConfigError, Profile};

pub(super) fn config(
    entries: Vec<(String, SettingValue)>,
) -> Result<(Config, StoreChoice), SettingsError> {
    let mut given = names::resolve(entries)?;
    given.retain(|(setting, _)| !setting.is_csrf);
    let profile = Table::read(&given, |setting| setting.name == "SESSION_PROFILE")?.profile;
    let profile = profile.unwrap_or(Profile::Native);
    if let Some((setting, _)) = given.iter().find(|(setting, _)| !setting.applies_to(profile)) {
        return Err(SettingsError::WrongProfile { setting: setting.name, profile });
    }
    let mut given = Table::read(&given, |setting| setting.name != "SESSION_PROFILE")?;
    let mut config = base(profile, &mut given)?;
    let store = store::choose(&mut given, &mut config)?;
    transport::apply(&mut given, &mut config)?;
    lifetime::apply(&mut given, &mut config)?;
    cookie(&mut given, &mut config);
    behaviour(&mut given, &mut config);
    if let Some(setting) = given.left() {
        return Err(SettingsError::Contradiction {
            setting,
            with: "SESSION_TYPE",
            because: "it has no meaning for where sessions are kept; remove it",
        });
    }
    config.check()?;
    Ok((config, store))
}

fn base(profile: Profile, given: &mut Table) -> Result<Config, SettingsError> {
    let config = match (profile, keys::ring(given)?) {
        (Profile::Native, keys) => Config { keys, ..Config::native() },
        (Profile::FlaskSession, keys) => Config::flask_session(keys),
        (_, None) => return Err(ConfigError::NoKey.into()),
        (Profile::Flask, Some(keys)) => Config::flask(keys),
        (Profile::Django, Some(keys)) => Config::django(keys),
        (Profile::Starlette, Some(keys)) => Config::starlette(keys),
    };
    let development = given.development.take().unwrap_or(false);
    Ok(if development { config.for_development() } else { config })
}

fn cookie(given: &mut Table, config: &mut Config) {
    let cookie = &mut config.cookie;
    set(&mut cookie.name, &mut given.cookie_name);
    set(&mut cookie.domain, &mut given.cookie_domain);
    // The second wins.
    set(&mut cookie.path, &mut given.application_root);
    set(&mut cookie.path, &mut given.cookie_path);
    set(&mut cookie.secure, &mut given.cookie_secure);
    set(&mut cookie.http_only, &mut given.cookie_httponly);
    set(&mut cookie.same_site, &mut given.cookie_samesite);
    set(&mut cookie.partitioned, &mut given.cookie_partitioned);
    set(&mut cookie.allow_dropped_by_browsers, &mut given.cookie_allow_dropped);
    config.former_domain = given.former_domain.take();
    config.former_path = given.former_path.take();
    set(&mut config.cookie_chunks, &mut given.cookie_chunks);
    // Flask warns above it. Here browsers' own limit is an error, so nothing is left to warn of.
    given.max_cookie_size = None;
}

fn behaviour(given: &mut Table, config: &mut Config) {
    set(&mut config.refresh_each_request, &mut given.refresh_each_request);
    set(&mut config.refresh_each_request, &mut given.save_every_request);
    set(&mut config.expire_at_browser_close, &mut given.expire_at_browser_close);
    set(&mut config.session_permanent, &mut given.permanent);
    set(&mut config.max_bytes, &mut given.max_bytes);
    set(&mut config.save_on_server_error, &mut given.save_on_server_error);
    set(&mut config.store_timeout, &mut given.store_timeout);
    set(&mut config.sweep_every, &mut given.sweep_every);
    set(&mut config.cleanup_n_requests, &mut given.cleanup_n_requests);
    set(&mut config.store_failure, &mut given.store_failure);
    set(&mut config.ended_meanwhile, &mut given.ended_meanwhile);
    set(&mut config.no_store, &mut given.no_store);
    set(&mut config.clear_site_data, &mut given.clear_site_data);
    set(&mut config.former_ids, &mut given.former_ids);
    set(&mut config.audience, &mut given.audience);
    set(&mut config.cookie_sessions_cannot_be_revoked, &mut given.cannot_be_revoked);
    set(&mut config.use_signer, &mut given.use_signer);
    set(&mut config.key_prefix, &mut given.key_prefix);
    set(&mut config.id_length, &mut given.id_length);
    set(&mut config.serialization_format, &mut given.serialization_format);
    // It says what is done anyway.
    given.serializer = None;
}
