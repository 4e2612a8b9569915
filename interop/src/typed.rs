//! Values as vector files write them, and ours.
//!
//! Plain JSON means itself; `{"$t": TYPE, …}` is everything that JSON cannot tell apart.

use serde_json::{Value as Json, json};
use sessile_core::{DateTime, Map, Value};

/// Integers beyond this are written as text.
const LARGEST_PLAIN: u64 = 1 << 53;

/// Our value for a typed one.
///
/// # Errors
/// Says what is not understood.
pub fn to_value(typed: &Json) -> Result<Value, String> {
    Ok(match typed {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::Str(text.clone()),
        Json::Array(items) => Value::List(to_values(items)?),
        Json::Number(number) => Value::int_from_decimal(&number.to_string())
            .ok_or_else(|| format!("a float without $t: {number}"))?,
        Json::Object(object) => {
            let kind = object.get("$t").and_then(Json::as_str);
            let kind = kind.ok_or_else(|| format!("a mapping without $t: {typed}"))?;
            of_kind(kind, object.get("v").or_else(|| object.get("hex")).unwrap_or(&Json::Null))
                .ok_or_else(|| format!("not understood: {typed}"))?
        }
    })
}

fn to_values(items: &[Json]) -> Result<Vec<Value>, String> {
    items.iter().map(to_value).collect()
}

fn of_kind(kind: &str, value: &Json) -> Option<Value> {
    let text = value.as_str();
    Some(match kind {
        "int" => Value::int_from_decimal(text?)?,
        // Rust reads Python's reprs, `nan` and `inf` among them.
        "float" => Value::Float(text?.parse().ok()?),
        "tuple" => Value::Tuple(to_values(value.as_array()?).ok()?),
        "set" => Value::Set(to_values(value.as_array()?).ok()?),
        "bytes" => Value::Bytes(from_hex(text?)?),
        "markup" => Value::Markup(text?.into()),
        "uuid" => {
            let digits: String = text?.chars().filter(|letter| *letter != '-').collect();
            Value::Uuid(from_hex(&digits)?.try_into().ok()?)
        }
        "datetime" => Value::DateTime(DateTime::from_isoformat(text?)?),
        "date" => Value::date_from_isoformat(text?)?,
        "time" => Value::time_from_isoformat(text?)?,
        // Seconds; microseconds survive the rounding for some 280 years.
        "timedelta" => Value::TimeDelta((value.as_f64()? * 1e6).round() as i64),
        "decimal" => Value::Decimal(text?.into()),
        "surrogate" => {
            let points: Option<Vec<u32>> =
                value.as_array()?.iter().map(|point| point.as_u64()?.try_into().ok()).collect();
            Value::text_from_code_points(points?)?
        }
        "dict" => {
            let mut map = Map::new();
            for entry in value.as_array()? {
                let [key, value] = entry.as_array()?.as_slice() else { return None };
                map.insert(to_value(key).ok()?, to_value(value).ok()?);
            }
            Value::Map(map)
        }
        _ => return None,
    })
}

/// The typed form of our value.
pub fn from_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) if value.unsigned_abs() <= LARGEST_PLAIN => json!(value),
        Value::Int(value) => json!({"$t": "int", "v": value.to_string()}),
        Value::BigInt(digits) => json!({"$t": "int", "v": digits.as_str()}),
        Value::Float(value) => json!({"$t": "float", "v": float_repr(*value)}),
        Value::Str(text) => json!(text),
        Value::Wtf8(text) => {
            json!({"$t": "surrogate", "v": text.code_points().collect::<Vec<u32>>()})
        }
        Value::Bytes(bytes) => json!({"$t": "bytes", "hex": to_hex(bytes)}),
        Value::List(items) => Json::Array(items.iter().map(from_value).collect()),
        Value::Tuple(items) => json!({"$t": "tuple", "v": from_values(items)}),
        Value::Set(items) => json!({"$t": "set", "v": from_values(items)}),
        Value::Map(map) => {
            let entries: Vec<Json> = map
                .iter()
                .map(|(key, value)| json!([from_value(key), from_value(value)]))
                .collect();
            json!({"$t": "dict", "v": entries})
        }
        Value::Markup(text) => json!({"$t": "markup", "v": text}),
        Value::Decimal(text) => json!({"$t": "decimal", "v": text}),
        Value::TimeDelta(micros) => json!({"$t": "timedelta", "v": *micros as f64 / 1e6}),
        Value::Uuid(_) => json!({"$t": "uuid", "v": text_of(value)}),
        Value::DateTime(_) => json!({"$t": "datetime", "v": text_of(value)}),
        Value::Date(_) => json!({"$t": "date", "v": text_of(value)}),
        Value::Time(..) => json!({"$t": "time", "v": text_of(value)}),
        Value::Classed(of) => from_value(&of.value),
    }
}

fn from_values(items: &[Value]) -> Vec<Json> {
    items.iter().map(from_value).collect()
}

/// The text that serde gives values that JSON has no form for.
fn text_of(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// Python's `repr` of a float.
pub fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.into();
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if let Some(small) = digits.strip_prefix("0.0000") {
        let (first, rest) = small.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}e-05");
    }
    match text.split_once("e-") {
        // At least two digits.
        Some((digits, power)) => format!("{digits}e-{power:0>2}"),
        None => text.into(),
    }
}

/// Lower-case hex digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from hex digits; `None` if they are not.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let typed = json!({"$t": "dict", "v": [
            ["n", null], ["t", true], ["i", -9007199254740992_i64],
            ["b", {"$t": "int", "v": "9007199254740993"}],
            ["x", {"$t": "int", "v": "18446744073709551616"}],
            ["f", [{"$t": "float", "v": "1e+16"}, {"$t": "float", "v": "1e-05"},
                   {"$t": "float", "v": "-0.0"}, {"$t": "float", "v": "nan"},
                   {"$t": "float", "v": "1.2345678901234568e+17"},
                   {"$t": "float", "v": "10.0"}, {"$t": "float", "v": "0.0001"}]],
            [{"$t": "tuple", "v": [1]}, {"$t": "set", "v": ["a"]}],
            ["by", {"$t": "bytes", "hex": "00ff"}],
            ["u", {"$t": "uuid", "v": "12345678-1234-5678-1234-567812345678"}],
            ["d", {"$t": "datetime", "v": "2026-01-02T03:04:05.678901+00:00"}],
            ["e", {"$t": "date", "v": "2026-01-02"}],
            ["g", {"$t": "time", "v": "03:04:05"}],
            ["h", {"$t": "timedelta", "v": 90.5}],
            ["m", {"$t": "markup", "v": "<b>"}],
            ["k", {"$t": "decimal", "v": "1.10"}],
            ["s", {"$t": "surrogate", "v": [0xd800, 97]}],
        ]});
        assert_eq!(from_value(&to_value(&typed).unwrap()), typed);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for wrong in [json!({"a": 1}), json!({"$t": "ext", "v": 1}), json!(1.5)] {
            assert!(to_value(&wrong).is_err(), "{wrong}");
        }
    }
}
