//! How ids travel.

use super::error::SettingsError;
use super::reader::{Reader, text};
use sessile_core::Config;
use sessile_core::transport::{Transport, is_field_name, is_parameter};

const TRANSPORT: &str = "SESSION_TRANSPORT";
const NAME: &str = "SESSION_TRANSPORT_NAME";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Cookie,
    Header,
    Bearer,
    Url,
    Form,
    FormAndUrl,
}

/// Those that leave ids in logs say so in the word that switches them on.
const KINDS: &[(&str, Kind)] = &[
    ("cookie", Kind::Cookie),
    ("header", Kind::Header),
    ("bearer", Kind::Bearer),
    ("url_readable_in_logs", Kind::Url),
    ("form", Kind::Form),
    ("form_and_url_readable_in_logs", Kind::FormAndUrl),
];

pub(super) fn apply(reader: &mut Reader, config: &mut Config) -> Result<(), SettingsError> {
    let kind = reader.choice(TRANSPORT, KINDS)?.unwrap_or(Kind::Cookie);
    let fits = |name: &&str| match kind {
        Kind::Header => is_field_name(name),
        Kind::Url | Kind::Form | Kind::FormAndUrl => is_parameter(name),
        Kind::Cookie | Kind::Bearer => true,
    };
    let name = reader.take(NAME, |value| text(value).filter(fits).map(str::to_owned))?;
    if name.is_some() && matches!(kind, Kind::Cookie | Kind::Bearer) {
        return Err(SettingsError::Contradiction {
            setting: NAME,
            with: TRANSPORT,
            because: "a cookie is named by SESSION_COOKIE_NAME, a bearer's header by its standard",
        });
    }
    let or = |default: &str| name.unwrap_or_else(|| default.to_owned());
    config.transport = match kind {
        Kind::Cookie => Transport::cookie(),
        Kind::Bearer => Transport::bearer(),
        Kind::Header => Transport::header(or("X-Session-Id")),
        Kind::Url => Transport::url_parameter_readable_in_logs(or("sid")),
        Kind::Form => Transport::form_field(or("sid")),
        Kind::FormAndUrl => Transport::form_field(or("sid")).and_url_parameter_readable_in_logs(),
    };
    Ok(())
}
