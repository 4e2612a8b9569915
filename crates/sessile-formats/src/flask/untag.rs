//! Tagged JSON back to values.

use crate::base64;
use crate::date;
use crate::error::PayloadError;
use crate::{Map, Value};

use super::python;

fn bad(class: &'static str, what: &'static str) -> PayloadError {
    PayloadError::BadTag { class, what }
}

/// Converts bottom-up, as `_untag_scan` does. The depth was bounded on reading.
pub(super) fn untag_deep(value: Value) -> Result<Value, PayloadError> {
    match value {
        Value::List(items) => {
            items.into_iter().map(untag_deep).collect::<Result<_, _>>().map(Value::List)
        }
        Value::Map(map) => {
            let mut done = Map::with_capacity(map.len());
            for (key, value) in map {
                done.insert(key, untag_deep(value)?);
            }
            match (done.len(), done.pop_last()) {
                (1, Some((key, value))) => untag(key, value),
                (_, Some((key, value))) => {
                    done.insert(key, value);
                    Ok(Value::Map(done))
                }
                (_, None) => Ok(Value::Map(done)),
            }
        }
        scalar => Ok(scalar),
    }
}

/// The value of an object with one entry.
pub(super) fn untag(key: Value, value: Value) -> Result<Value, PayloadError> {
    match key.as_str() {
        Some(" t") => tuple(value),
        Some(" b") => bytes(value),
        Some(" m") => markup(value),
        Some(" u") => uuid(value),
        Some(" d") => datetime(value),
        Some(" di") => dict(value),
        _ => {
            let mut map = Map::with_capacity(1);
            map.insert(key, value);
            Ok(Value::Map(map))
        }
    }
}

/// `tuple(value)`.
fn tuple(value: Value) -> Result<Value, PayloadError> {
    python::items(value)
        .map(Value::Tuple)
        .ok_or_else(|| bad("TypeError", "the value of a tuple is not iterable"))
}

/// `b64decode(value)`.
fn bytes(value: Value) -> Result<Value, PayloadError> {
    let encoded = match &value {
        Value::Str(text) | Value::Markup(text) if text.is_ascii() => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        Value::Str(_) | Value::Markup(_) | Value::Wtf8(_) => {
            return Err(bad("ValueError", "string argument should contain only ASCII characters"));
        }
        _ => {
            let what = "argument should be a bytes-like object or ASCII string";
            return Err(bad("TypeError", what));
        }
    };
    let decoded = base64::decode_standard(encoded);
    decoded.map(Value::Bytes).map_err(|_| bad("Error", "Invalid base64-encoded string"))
}

/// `Markup(value)`. Text with a lone surrogate loses its mark, which is the
/// safe side: it will be escaped.
///
/// Each level of markup around a list doubles the backslashes within, so a few
/// hundred bytes could ask for terabytes. Flask writes no such thing; it is
/// refused where Python would run out of memory, only earlier.
fn markup(value: Value) -> Result<Value, PayloadError> {
    Ok(match value {
        Value::Str(text) | Value::Markup(text) => Value::Markup(text),
        Value::Wtf8(text) => Value::Wtf8(text),
        other => {
            let text = python::str(&other);
            if text.len() > 4096 && text.contains(r"\\") {
                return Err(bad("MemoryError", "markup within markup that grows at every level"));
            }
            Value::Markup(text)
        }
    })
}

/// `UUID(value)`.
fn uuid(value: Value) -> Result<Value, PayloadError> {
    let text = match &value {
        Value::Str(text) | Value::Markup(text) => text,
        Value::Wtf8(_) => return Err(bad("ValueError", "badly formed hexadecimal UUID string")),
        Value::Null => return Err(bad("TypeError", "a UUID needs a value")),
        Value::Bytes(_) => return Err(bad("TypeError", "a bytes-like object is required")),
        Value::DateTime(_) => {
            return Err(bad("TypeError", "replace() takes at most 0 positional arguments"));
        }
        _ => return Err(bad("AttributeError", "the value of a UUID is not text")),
    };
    let hex = text.replace("urn:", "").replace("uuid:", "");
    let hex = hex.trim_matches(['{', '}']).replace('-', "");
    if hex.chars().count() != 32 {
        return Err(bad("ValueError", "badly formed hexadecimal UUID string"));
    }
    match python::int(&hex, 16) {
        Some((false, number)) => Ok(Value::Uuid(number.to_be_bytes())),
        Some((true, 0)) => Ok(Value::Uuid([0; 16])),
        Some(_) => Err(bad("ValueError", "int is out of range (need a 128-bit value)")),
        None => Err(bad("ValueError", "invalid literal for int() with base 16")),
    }
}

/// `werkzeug.http.parse_date(value)`.
fn datetime(value: Value) -> Result<Value, PayloadError> {
    match &value {
        Value::Str(text) | Value::Markup(text) => {
            let parsed = date::parse_date(text)
                .map_err(|_| bad("OverflowError", "Python int too large to convert to C int"))?;
            Ok(parsed.map_or(Value::Null, Value::DateTime))
        }
        // None, what is falsy, and bytes, whose methods want bytes.
        Value::Null | Value::Wtf8(_) | Value::Bytes(_) | Value::Bool(false) | Value::Int(0) => {
            Ok(Value::Null)
        }
        Value::Float(zero) if *zero == 0.0 => Ok(Value::Null),
        Value::List(items) | Value::Tuple(items) if items.is_empty() => Ok(Value::Null),
        Value::Map(map) if map.is_empty() => Ok(Value::Null),
        _ => Err(bad("AttributeError", "the value of a date has no attribute 'split'")),
    }
}

/// The first key without its last two characters.
fn dict(value: Value) -> Result<Value, PayloadError> {
    let empty = match &value {
        Value::Map(map) => map.is_empty(),
        Value::List(items) | Value::Tuple(items) => items.is_empty(),
        Value::Str(text) | Value::Markup(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    };
    if empty {
        return Err(bad("StopIteration", ""));
    }
    let Value::Map(map) = value else {
        return Err(bad("TypeError", "the value of an escaped dict is no dict"));
    };
    let Some((key, value)) = map.into_iter().next() else {
        return Err(bad("StopIteration", ""));
    };
    let key = match key {
        Value::Str(mut key) => {
            let end = key.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
            key.truncate(end);
            Value::Str(key)
        }
        Value::Wtf8(key) => {
            let points: Vec<u32> = key.code_points().collect();
            let kept = points.len().saturating_sub(2);
            Value::text_from_code_points(points.into_iter().take(kept)).unwrap_or(Value::Null)
        }
        other => other,
    };
    let mut map = Map::with_capacity(1);
    map.insert(key, value);
    Ok(Value::Map(map))
}
