//! The order Python gives to the keys of one mapping.

use std::cmp::Ordering;

use super::super::error::PayloadError;
use crate::{Map, Value};

/// Whether the entries can be written as they stand: at most one, or all text
/// and in order already.
pub(super) fn is_sorted(map: &Map) -> bool {
    let mut last: Option<&str> = None;
    map.iter().all(|(key, _)| match key {
        Value::Str(text) => last.replace(text).is_none_or(|before| before <= text.as_str()),
        _ => map.len() == 1,
    })
}

/// The entries as `sorted(dict.items())` puts them.
///
/// # Errors
/// Keys of types without an order among them: Python's `TypeError`.
pub(super) fn sorted(map: &Map) -> Result<Vec<(&Value, &Value)>, PayloadError> {
    let mut entries: Vec<_> = map.iter().collect();
    let Some((first, _)) = entries.first() else {
        return Ok(entries);
    };
    for (key, _) in &entries {
        match (text(first), text(key)) {
            (Some(_), Some(_)) => {}
            (None, None) if is_number(first) && is_number(key) => {}
            _ => {
                let (left, right) = (key.type_name(), first.type_name());
                return Err(match [first, key].iter().find(|key| !is_key(key)) {
                    Some(key) => PayloadError::BadKey { type_name: key.type_name() },
                    None => PayloadError::UnsortableKeys { left, right },
                });
            }
        }
    }
    entries.sort_by(|(left, _), (right, _)| compare(left, right));
    Ok(entries)
}

fn text(key: &Value) -> Option<&[u8]> {
    match key {
        Value::Str(text) | Value::Markup(text) => Some(text.as_bytes()),
        Value::Wtf8(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn is_number(key: &Value) -> bool {
    matches!(key, Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_))
}

fn is_key(key: &Value) -> bool {
    text(key).is_some() || is_number(key) || matches!(key, Value::Null)
}

fn compare(left: &Value, right: &Value) -> Ordering {
    if let (Some(left), Some(right)) = (text(left), text(right)) {
        // Both UTF-8 and WTF-8 keep the order of code points.
        return left.cmp(right);
    }
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => compare_floats(*left, *right),
        (Value::Float(left), right) => compare_to_float(right, *left).reverse(),
        (left, Value::Float(right)) => compare_to_float(left, *right),
        (Value::BigInt(left), Value::BigInt(right)) => {
            compare_decimals(left.as_str(), right.as_str())
        }
        (Value::BigInt(left), _) => sign(left.as_str()),
        (_, Value::BigInt(right)) => sign(right.as_str()).reverse(),
        (left, right) => small(left).cmp(&small(right)),
    }
}

fn small(key: &Value) -> i64 {
    match key {
        Value::Bool(value) => i64::from(*value),
        Value::Int(value) => *value,
        _ => 0,
    }
}

/// How a number beyond 64 bits compares to all within.
fn sign(decimal: &str) -> Ordering {
    if decimal.starts_with('-') { Ordering::Less } else { Ordering::Greater }
}

fn compare_decimals(left: &str, right: &str) -> Ordering {
    let magnitude = |left: &str, right: &str| left.len().cmp(&right.len()).then(left.cmp(right));
    match (left.strip_prefix('-'), right.strip_prefix('-')) {
        (Some(left), Some(right)) => magnitude(right, left),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => magnitude(left, right),
    }
}

/// NaN last: Python's order of it is an accident, ours must be an order.
fn compare_floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

fn compare_to_float(left: &Value, right: f64) -> Ordering {
    if let Value::BigInt(left) = left {
        let left: f64 = left.as_str().parse().unwrap_or(f64::NAN);
        return compare_floats(left, right);
    }
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if right.is_nan() || right >= BEYOND {
        return Ordering::Less;
    }
    if right < -BEYOND {
        return Ordering::Greater;
    }
    // Exact: the whole part fits, and converting it back loses nothing.
    let whole = right.trunc();
    small(left).cmp(&(whole as i64)).then(compare_floats(0.0, right - whole))
}
