//! Settings from TOML text.

use ::toml::de::{DeTable, DeValue};

use super::error::SettingsError;
use super::value::SettingValue;

/// Settings take a page; more is some other file.
const MAX_BYTES: usize = 1 << 20;

/// The table that holds settings in a document that holds other things too.
const TABLE: &str = "sessile";

pub(super) fn parse(text: &str) -> Result<Vec<(String, SettingValue)>, SettingsError> {
    let error = |at: usize, reason: &str| SettingsError::Toml {
        line: 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count(),
        reason: reason.to_owned(),
    };
    if text.len() > MAX_BYTES {
        return Err(error(0, "the document is larger than 1 MiB"));
    }
    // The error's own text would quote the line, which may hold a key.
    let document = DeTable::parse(text).map_err(|fault| {
        let reason = match fault.message().starts_with("duplicate key") {
            true => "this name stands here a second time; remove one of them",
            false => "this is not TOML; strings need quotes",
        };
        error(fault.span().map_or(0, |span| span.start), reason)
    })?;
    let document = document.into_inner();
    let table = match document.get(TABLE).map(|value| value.get_ref()) {
        Some(DeValue::Table(table)) => table,
        _ => &document,
    };
    let mut settings = Vec::new();
    for (name, value) in table {
        let at = value.span().start;
        let read = read(value.get_ref()).ok_or_else(|| {
            let reason = match value.get_ref() {
                DeValue::Table(_) => {
                    "settings stand in the table [sessile], or at the top of a file of their own; \
                     no other table is read"
                }
                _ => "a setting takes text, a number, true, false or a list of them",
            };
            error(at, reason)
        })?;
        settings.push((name.get_ref().to_string(), read));
    }
    Ok(settings)
}

fn read(value: &DeValue<'_>) -> Option<SettingValue> {
    Some(match value {
        DeValue::String(text) => SettingValue::Text(text.to_string()),
        DeValue::Boolean(flag) => SettingValue::Bool(*flag),
        DeValue::Integer(number) => {
            SettingValue::Int(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => SettingValue::Float(number.as_str().parse().ok()?),
        DeValue::Array(items) => SettingValue::List(
            items.iter().map(|item| read_plain(item.get_ref())).collect::<Option<_>>()?,
        ),
        DeValue::Table(_) | DeValue::Datetime(_) => return None,
    })
}

/// Lists of lists are no settings.
fn read_plain(value: &DeValue<'_>) -> Option<SettingValue> {
    match value {
        DeValue::Array(_) => None,
        _ => read(value),
    }
}
