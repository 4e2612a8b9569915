//! How long sessions live.

use std::time::Duration;

use super::error::SettingsError;
use super::table::Table;
use sessile_core::{Config, Lifetime, Profile};

pub(super) fn apply(given: &mut Table, config: &mut Config) -> Result<(), SettingsError> {
    if config.profile != Profile::Native {
        // Each profile has one of the two.
        if let Some(age) = given.permanent_lifetime.take().or(given.cookie_age.take()) {
            config.permanent_lifetime = Lifetime { idle: None, absolute: Some(age) };
        }
        return Ok(());
    }
    let level = given.level.take();
    if let Some(level) = level {
        config.lifetime = level;
        // "Remember me" is held to the level too.
        config.permanent_lifetime = level;
    }
    let most = level.unwrap_or(Lifetime { idle: None, absolute: None });
    if let Some(idle) = given.idle_timeout.take() {
        within("SESSION_IDLE_TIMEOUT", idle, most.idle)?;
        config.lifetime.idle = idle;
    }
    if let Some(absolute) = given.absolute_timeout.take() {
        within("SESSION_ABSOLUTE_TIMEOUT", absolute, most.absolute)?;
        config.lifetime.absolute = absolute;
    }
    if let Some(permanent) = given.permanent_lifetime.take() {
        within("PERMANENT_SESSION_LIFETIME", Some(permanent), most.absolute)?;
        config.permanent_lifetime.absolute = Some(permanent);
    }
    config.renew_after = given.renew_after.take().or(config.renew_after);
    config.rotate_after = given.rotate_after.take().unwrap_or(config.rotate_after);
    config.grace = given.grace.take().unwrap_or(config.grace);
    let limit = given.limit_per_user.take();
    config.sessions_per_subject = limit.unwrap_or(config.sessions_per_subject);
    Ok(())
}

/// A level that was asked for may be tightened, not loosened.
fn within(
    setting: &'static str,
    given: Option<Duration>,
    most: Option<Duration>,
) -> Result<(), SettingsError> {
    match (given, most) {
        (_, None) => Ok(()),
        (Some(given), Some(most)) if given <= most => Ok(()),
        _ => Err(SettingsError::Contradiction {
            setting,
            with: "SESSION_LEVEL",
            because: "it is longer than the level allows (NIST SP 800-63B-4)",
        }),
    }
}
