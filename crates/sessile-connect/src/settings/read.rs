//! How the values of settings are read. `None`: it is not what the setting takes.

use std::time::Duration;

use super::duration;
use super::store::address::{self, Kind};
use super::value::SettingValue;
use super::words::ENGINES;
use sessile_core::cookie::SameSite;
use sessile_core::csrf::django;
use sessile_formats::Value;
use sessile_formats::flask_session::read_json;

/// What only other settings can explain is read later.
pub(super) fn as_given(value: &SettingValue) -> Option<SettingValue> {
    Some(value.clone())
}

pub(super) fn flag(value: &SettingValue) -> Option<bool> {
    match value {
        SettingValue::Bool(flag) => Some(*flag),
        SettingValue::Int(number) => match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        SettingValue::Text(text) => {
            let word = text.trim().to_ascii_lowercase();
            match word.as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

pub(super) fn count(value: &SettingValue) -> Option<usize> {
    match value {
        SettingValue::Int(number) => usize::try_from(*number).ok(),
        SettingValue::Text(text) => {
            let text = text.trim();
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        }
        _ => None,
    }
}

fn is_none(value: &SettingValue) -> bool {
    matches!(value, SettingValue::Text(text) if text.trim().eq_ignore_ascii_case("none"))
}

pub(super) fn span(value: &SettingValue) -> Option<Duration> {
    match value {
        SettingValue::Int(seconds) => duration::parse_duration(&seconds.to_string()),
        SettingValue::Float(seconds) => duration::from_float(*seconds),
        SettingValue::Text(text) => duration::parse_duration(text),
        _ => None,
    }
}

/// A list as such; as text a JSON array, or its items one after the other.
pub(super) fn list(value: &SettingValue, between: char) -> Option<Vec<String>> {
    match value {
        SettingValue::List(values) => {
            values.iter().map(|value| value.text().map(str::to_owned)).collect()
        }
        SettingValue::Text(text) if text.trim_start().starts_with('[') => {
            match read_json(text.trim().as_bytes()).ok()? {
                Value::List(items) => {
                    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
                }
                _ => None,
            }
        }
        SettingValue::Text(text) => {
            let items = text.split(between).map(str::trim).filter(|item| !item.is_empty());
            Some(items.map(str::to_owned).collect())
        }
        _ => None,
    }
}

/// One of several words, in any letter case.
pub(super) fn word<T: Copy>(value: &SettingValue, among: &[(&str, T)]) -> Option<T> {
    let word = value.text()?.trim();
    among.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, to)| *to)
}

/// What `read` reads, or `none`.
pub(super) fn or_none<T>(
    value: &SettingValue,
    read: impl FnOnce(&SettingValue) -> Option<T>,
) -> Option<Option<T>> {
    if is_none(value) { Some(None) } else { read(value).map(Some) }
}

pub(super) fn string(value: &SettingValue) -> Option<String> {
    value.text().map(str::to_owned)
}

/// A text that is not empty.
pub(super) fn some_string(value: &SettingValue) -> Option<String> {
    string(value).filter(|text| !text.is_empty())
}

/// A number above zero.
pub(super) fn some_count(value: &SettingValue) -> Option<usize> {
    count(value).filter(|count| *count > 0)
}

/// A number above zero that takes no more than 32 bits.
pub(super) fn some_small(value: &SettingValue) -> Option<u32> {
    u32::try_from(some_count(value)?).ok()
}

/// A span above zero.
pub(super) fn some_span(value: &SettingValue) -> Option<Duration> {
    span(value).filter(|span| !span.is_zero())
}

/// A span above zero, or `none`.
pub(super) fn limit(value: &SettingValue) -> Option<Option<Duration>> {
    or_none(value, some_span)
}

/// Ages of tokens and cookies are whole seconds: a fraction more is no more.
pub(super) fn whole_seconds(value: &SettingValue) -> Option<i64> {
    i64::try_from(span(value)?.as_secs()).ok()
}

/// A list whose items may hold commas.
pub(super) fn lines(value: &SettingValue) -> Option<Vec<String>> {
    list(value, '\n')
}

/// A list of what `fits`.
pub(super) fn list_of(value: &SettingValue, fits: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    list(value, ',').filter(|items| items.iter().all(|item| fits(item)))
}

/// A cookie's domain, or that it has none.
pub(super) fn domain(value: &SettingValue) -> Option<Option<String>> {
    if flag(value) == Some(false) { Some(None) } else { string(value).map(Some) }
}

/// A cookie's `SameSite`, or that it has none.
pub(super) fn same_site(value: &SettingValue) -> Option<Option<SameSite>> {
    match flag(value) {
        Some(false) => Some(None),
        _ => SameSite::parse(value.text()?.trim()).ok().map(Some),
    }
}

/// Over how many cookies a session may be spread.
pub(super) fn chunks(value: &SettingValue) -> Option<u8> {
    u8::try_from(count(value)?).ok().filter(|count| (1..=8).contains(count))
}

pub(super) fn id_length(value: &SettingValue) -> Option<usize> {
    count(value).filter(|length| (16..=192).contains(length))
}

/// What keys of a store may begin with.
pub(super) fn prefix(value: &SettingValue) -> Option<String> {
    string(value).filter(|text| text.len() <= 128 && !text.chars().any(char::is_control))
}

/// Django's own default; nothing else is written since Django 5.0.
pub(super) fn json_serializer(value: &SettingValue) -> Option<()> {
    (value.text()? == "django.contrib.sessions.serializers.JSONSerializer").then_some(())
}

/// A backend of Django's, with or without its module.
pub(super) fn engine(value: &SettingValue) -> Option<Kind> {
    let name = value.text()?.trim();
    let name = name.strip_prefix("django.contrib.sessions.backends.").unwrap_or(name);
    ENGINES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// A name in SQL that needs no quoting.
pub(super) fn table_name(value: &SettingValue) -> Option<String> {
    let name = string(value)?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let fits = plain && (1..=48).contains(&name.len());
    (fits && !name.starts_with(|first: char| first.is_ascii_digit())).then_some(name)
}

/// What MongoDB takes as a name.
pub(super) fn mongodb_name(value: &SettingValue, without: &str) -> Option<String> {
    let name = string(value)?;
    let plain = !name.contains(|letter: char| letter.is_control() || without.contains(letter));
    let fits = (1..=63).contains(&name.len()) && !name.starts_with("system.");
    (plain && fits).then_some(name)
}

pub(super) fn directory(value: &SettingValue) -> Option<String> {
    some_string(value).filter(|path| !path.contains('\0'))
}

/// cachelib's directory, not the address of a server that cachelib could use.
pub(super) fn cachelib(value: &SettingValue) -> Option<String> {
    let path = || directory(value).filter(|path| !path.contains("://"));
    address::parse(value, None).and_then(|(_, url)| address::directory(&url)).or_else(path)
}

/// Sessions must not be readable by everyone, and `400` is too easily meant octal.
pub(super) fn mode(value: &SettingValue) -> Option<u32> {
    let mode = match value {
        SettingValue::Int(mode) => u32::try_from(*mode).ok()?,
        SettingValue::Text(text) => {
            let octal = text.strip_prefix("0o").or_else(|| text.strip_prefix('0'));
            match octal {
                Some(digits) => u32::from_str_radix(digits, 8).ok()?,
                None => text.parse().ok()?,
            }
        }
        _ => return None,
    };
    matches!(mode, 0o600 | 0o640 | 0o660).then_some(mode)
}

/// Methods as Flask compares them, letter by letter: another spelling would switch the check off,
/// and so would none. `WTF_CSRF_ENABLED` is there for that.
pub(super) fn methods(value: &SettingValue) -> Option<Vec<String>> {
    let fits =
        |method: &str| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    list_of(value, fits).filter(|methods| !methods.is_empty())
}

/// A header that scripts must add: browsers send cookies by themselves.
pub(super) fn is_header(name: &str) -> bool {
    // RFC 9110, 5.1.
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let fits = !name.is_empty() && name.len() <= 128 && name.bytes().all(token);
    fits && !name.eq_ignore_ascii_case("cookie")
}

/// A header as Django's `META` spells it.
pub(super) fn django_header(value: &SettingValue) -> Option<String> {
    let meta = string(value)?;
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let named = django::Rules::default().with_header_name(&meta);
    let fits = named.header().is_some_and(is_header);
    (meta.bytes().all(plain) && fits).then_some(meta)
}
