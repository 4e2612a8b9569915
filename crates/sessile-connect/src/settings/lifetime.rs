//! How long sessions live.

use std::time::Duration;

use super::error::SettingsError;
use super::reader::{Reader, count, is_none};
use sessile_core::Lifetime;
use sessile_core::{Config, Profile};

const LEVELS: &[(&str, Lifetime)] =
    &[("aal1", Lifetime::AAL1), ("aal2", Lifetime::AAL2), ("aal3", Lifetime::AAL3)];

pub(super) fn apply(reader: &mut Reader, config: &mut Config) -> Result<(), SettingsError> {
    if config.profile != Profile::Native {
        let name = match config.profile {
            Profile::Django | Profile::Starlette => "SESSION_COOKIE_AGE",
            _ => "PERMANENT_SESSION_LIFETIME",
        };
        if let Some(age) = reader.some_span(name)? {
            config.permanent_lifetime = Lifetime { idle: None, absolute: Some(age) };
        }
        return Ok(());
    }
    let level = reader.choice("SESSION_LEVEL", LEVELS)?;
    if let Some(level) = level {
        config.lifetime = level;
        // "Remember me" is held to the level too.
        config.permanent_lifetime = level;
    }
    let most = level.unwrap_or(Lifetime { idle: None, absolute: None });
    const IDLE: &str = "SESSION_IDLE_TIMEOUT";
    if let Some(idle) = reader.limit(IDLE)? {
        within(IDLE, idle, most.idle)?;
        config.lifetime.idle = idle;
    }
    const ABSOLUTE: &str = "SESSION_ABSOLUTE_TIMEOUT";
    if let Some(absolute) = reader.limit(ABSOLUTE)? {
        within(ABSOLUTE, absolute, most.absolute)?;
        config.lifetime.absolute = absolute;
    }
    const PERMANENT: &str = "PERMANENT_SESSION_LIFETIME";
    if let Some(permanent) = reader.some_span(PERMANENT)? {
        within(PERMANENT, Some(permanent), most.absolute)?;
        config.permanent_lifetime.absolute = Some(permanent);
    }
    config.renew_after = reader.span("SESSION_RENEW_AFTER")?.or(config.renew_after);
    config.rotate_after = reader.limit("SESSION_ROTATE_AFTER")?.unwrap_or(config.rotate_after);
    config.grace = reader.span("SESSION_GRACE")?.unwrap_or(config.grace);
    let limit = reader.take("SESSION_LIMIT_PER_USER", |value| match is_none(value) {
        true => Some(None),
        false => count(value).filter(|limit| *limit > 0).map(Some),
    })?;
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
