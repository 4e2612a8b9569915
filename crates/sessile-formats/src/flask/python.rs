//! The built-ins of Python that reading a session leans on.

use crate::Value;
use crate::json;
use crate::value::iso;

/// `int(text, base)`: surrounding space, a sign, single underscores between
/// digits, and `0x` in base 16. `None` where Python raises `ValueError`. A
/// number beyond 128 bits becomes the largest. Decimal digits of other scripts,
/// which Python takes too, are not read.
pub(crate) fn int(text: &str, radix: u32) -> Option<(bool, u128)> {
    let text = text.trim_matches(is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = if radix == 16 {
        digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))
    } else {
        None
    };
    let digits = match prefixed {
        Some(rest) => rest.strip_prefix('_').unwrap_or(rest),
        None => digits,
    };
    if radix == 10 && digits.len() > json::MAX_INT_DIGITS {
        return None;
    }
    let mut number = 0_u128;
    for part in digits.split('_') {
        if part.is_empty() {
            return None;
        }
        for digit in part.chars() {
            let digit = u128::from(digit.to_digit(radix)?);
            number = number.saturating_mul(u128::from(radix)).saturating_add(digit);
        }
    }
    Some((negative, number))
}

/// What `str.split` and `str.strip` take for space.
pub(crate) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// What iterating over `value` gives; `None` where it is not iterable.
pub(super) fn items(value: Value) -> Option<Vec<Value>> {
    Some(match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => items,
        Value::Str(text) | Value::Markup(text) => {
            text.chars().map(|letter| Value::Str(letter.into())).collect()
        }
        Value::Wtf8(text) => {
            text.code_points().filter_map(|point| Value::text_from_code_points([point])).collect()
        }
        Value::Bytes(bytes) => bytes.into_iter().map(|byte| Value::Int(byte.into())).collect(),
        Value::Map(map) => map.into_iter().map(|(key, _)| key).collect(),
        _ => return None,
    })
}

/// `str(value)`.
pub(super) fn str(value: &Value) -> String {
    match value {
        Value::Str(text) | Value::Markup(text) => text.clone(),
        Value::DateTime(moment) => {
            let mut text = String::new();
            iso::push_date(&mut text, moment.at.date());
            text.push(' ');
            iso::push_time(&mut text, moment.at.time(), moment.offset);
            text
        }
        Value::Uuid(bytes) => {
            let mut text = String::new();
            iso::push_uuid(&mut text, bytes);
            text
        }
        other => {
            let mut text = String::new();
            repr(&mut text, other);
            text
        }
    }
}

/// `repr(value)`, for the types that tagged JSON can hold.
fn repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::BigInt(number) => out.push_str(number.as_str()),
        Value::Float(number) if number.is_nan() => out.push_str("nan"),
        Value::Float(number) if number.is_infinite() => {
            out.push_str(if *number < 0.0 { "-inf" } else { "inf" });
        }
        Value::Float(number) => {
            let mut text = Vec::new();
            json::push_finite(&mut text, *number);
            out.extend(text.into_iter().map(char::from));
        }
        Value::Str(text) => quote(out, &text.chars().map(u32::from).collect::<Vec<_>>()),
        Value::Wtf8(text) => quote(out, &text.code_points().collect::<Vec<_>>()),
        Value::Markup(text) => {
            out.push_str("Markup(");
            quote(out, &text.chars().map(u32::from).collect::<Vec<_>>());
            out.push(')');
        }
        Value::Bytes(bytes) => out.push_str(&crate::error::bytes_repr(bytes)),
        Value::List(items) => sequence(out, "[", items, "]"),
        Value::Tuple(items) if items.len() == 1 => sequence(out, "(", items, ",)"),
        Value::Tuple(items) => sequence(out, "(", items, ")"),
        Value::Map(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                repr(out, key);
                out.push_str(": ");
                repr(out, value);
            }
            out.push('}');
        }
        Value::Uuid(_) => {
            out.push_str("UUID('");
            out.push_str(&str(value));
            out.push_str("')");
        }
        other => out.push_str(&str_of_rare(other)),
    }
}

/// What only a datetime inside a list inside markup reaches.
fn str_of_rare(value: &Value) -> String {
    match value {
        Value::DateTime(_) => str(value),
        other => other.type_name().into(),
    }
}

fn sequence(out: &mut String, open: &str, items: &[Value], close: &str) {
    out.push_str(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        repr(out, item);
    }
    out.push_str(close);
}

fn quote(out: &mut String, points: &[u32]) {
    let has = |letter: char| points.contains(&u32::from(letter));
    let mark = if has('\'') && !has('"') { '"' } else { '\'' };
    out.push(mark);
    for &point in points {
        match char::from_u32(point) {
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\\') => out.push_str("\\\\"),
            Some(letter) if letter == mark => out.extend(['\\', letter]),
            Some(letter) if letter.is_control() || matches!(letter, '\u{a0}' | '\u{ad}') => {
                out.push_str(&format!("\\x{point:02x}"));
            }
            Some(letter) => out.push(letter),
            None => out.push_str(&format!("\\u{point:04x}")),
        }
    }
    out.push(mark);
}
