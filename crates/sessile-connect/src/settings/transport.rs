//! How ids travel.

use super::error::SettingsError;
use super::table::Table;
use super::words::Channel;
use sessile_core::Config;
use sessile_core::transport::{Transport, is_field_name, is_parameter};

const NAME: &str = "SESSION_TRANSPORT_NAME";

pub(super) fn apply(given: &mut Table, config: &mut Config) -> Result<(), SettingsError> {
    let channel = given.transport.take().unwrap_or(Channel::Cookie);
    let fits = |name: &&str| match channel {
        Channel::Header => is_field_name(name),
        Channel::Url | Channel::Form | Channel::FormAndUrl => is_parameter(name),
        Channel::Cookie | Channel::Bearer => true,
    };
    let name = match given.transport_name.take() {
        None => None,
        Some(value) => Some(Table::checked(NAME, &value, |value| {
            value.text().filter(fits).map(str::to_owned)
        })?),
    };
    if name.is_some() && matches!(channel, Channel::Cookie | Channel::Bearer) {
        return Err(SettingsError::Contradiction {
            setting: NAME,
            with: "SESSION_TRANSPORT",
            because: "a cookie is named by SESSION_COOKIE_NAME, a bearer's header by its standard",
        });
    }
    let or = |default: &str| name.unwrap_or_else(|| default.to_owned());
    config.transport = match channel {
        Channel::Cookie => Transport::cookie(),
        Channel::Bearer => Transport::bearer(),
        Channel::Header => Transport::header(or("X-Session-Id")),
        Channel::Url => Transport::url_parameter_readable_in_logs(or("sid")),
        Channel::Form => Transport::form_field(or("sid")),
        Channel::FormAndUrl => {
            Transport::form_field(or("sid")).and_url_parameter_readable_in_logs()
        }
    };
    Ok(())
}
