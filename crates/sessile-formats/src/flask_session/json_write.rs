//! Values to JSON as msgspec 0.22 writes it: raw UTF-8, no spaces, keys in order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::msgpack::{MAX_DEPTH, WriteError, push_datetime, push_time};
use crate::value::{BigInt, Map, Value, iso};

/// CPython's limit for printing integers.
const MAX_DIGITS: usize = 4300;

/// Writes `value` as `msgspec.json.encode` does.
///
/// # Errors
/// See [`WriteError`].
pub fn write_json(value: &Value) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer { out: String::with_capacity(256) };
    writer.value(value, MAX_DEPTH)?;
    Ok(writer.out.into_bytes())
}

/// Writes the mapping without making a [`Value`] of it.
pub(super) fn write_map(map: &Map) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer { out: String::with_capacity(256) };
    writer.map(map, MAX_DEPTH)?;
    Ok(writer.out.into_bytes())
}

struct Writer {
    out: String,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), WriteError> {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => self.out.push_str(&value.to_string()),
            Value::BigInt(digits) => self.big_int(digits)?,
            Value::Float(value) if value.is_finite() => push_float(&mut self.out, *value),
            Value::Float(_) => self.out.push_str("null"),
            Value::Map(map) => self.map(map, depth)?,
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                let depth = depth.checked_sub(1).ok_or(WriteError::TooDeep)?;
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at != 0 {
                        self.out.push(',');
                    }
                    self.value(item, depth)?;
                }
                self.out.push(']');
            }
            Value::Markup(_) => return Err(WriteError::Type("Markup")),
            Value::Classed(of) => self.value(&of.value, depth)?,
            other => self.text_like(other)?,
        }
        Ok(())
    }

    fn map(&mut self, map: &Map, depth: usize) -> Result<(), WriteError> {
        let depth = depth.checked_sub(1).ok_or(WriteError::TooDeep)?;
        self.out.push('{');
        for (at, (key, value)) in map.iter().enumerate() {
            if at != 0 {
                self.out.push(',');
            }
            self.key(key)?;
            self.out.push(':');
            self.value(value, depth)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn key(&mut self, key: &Value) -> Result<(), WriteError> {
        match key {
            Value::Markup(text) => self.text(text),
            Value::Int(value) => self.quoted(|out| out.push_str(&value.to_string())),
            Value::BigInt(digits) => {
                self.out.push('"');
                self.big_int(digits)?;
                self.out.push('"');
            }
            Value::Float(value) => self.quoted(|out| match value {
                value if value.is_nan() => out.push_str("nan"),
                value if value.is_infinite() => {
                    out.push_str(if *value < 0.0 { "-inf" } else { "inf" });
                }
                value => push_float(out, *value),
            }),
            other => self.text_like(other)?,
        }
        Ok(())
    }

    /// Whatever is a JSON string both as a value and as a key.
    fn text_like(&mut self, value: &Value) -> Result<(), WriteError> {
        match value {
            Value::Str(text) => self.text(text),
            Value::Wtf8(_) => return Err(WriteError::Surrogate),
            Value::Decimal(text) => self.quoted(|out| out.push_str(text)),
            Value::Bytes(bytes) => self.quoted(|out| STANDARD.encode_string(bytes, out)),
            Value::DateTime(at) => self.quoted(|out| push_datetime(out, at)),
            Value::Date(date) => self.quoted(|out| iso::push_date(out, *date)),
            Value::Time(time, offset) => self.quoted(|out| push_time(out, *time, *offset)),
            Value::TimeDelta(micros) => self.quoted(|out| iso::push_span(out, *micros)),
            Value::Uuid(bytes) => self.quoted(|out| iso::push_uuid(out, bytes)),
            // Only keys can be of the other kinds here.
            _ => return Err(WriteError::Key),
        }
        Ok(())
    }

    fn quoted(&mut self, write: impl FnOnce(&mut String)) {
        self.out.push('"');
        write(&mut self.out);
        self.out.push('"');
    }

    fn big_int(&mut self, digits: &BigInt) -> Result<(), WriteError> {
        let digits = digits.as_str();
        if digits.trim_start_matches('-').len() > MAX_DIGITS {
            return Err(WriteError::DigitCount);
        }
        self.out.push_str(digits);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) =
            rest.bytes().position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
        {
            // What is escaped is ASCII, so both cuts lie between characters.
            let (plain, tail) = rest.split_at(at);
            self.out.push_str(plain);
            let mut letters = tail.chars();
            match letters.next() {
                Some('\u{8}') => self.out.push_str("\\b"),
                Some('\t') => self.out.push_str("\\t"),
                Some('\n') => self.out.push_str("\\n"),
                Some('\u{c}') => self.out.push_str("\\f"),
                Some('\r') => self.out.push_str("\\r"),
                Some(quote @ ('"' | '\\')) => self.out.extend(['\\', quote]),
                Some(control) => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(control)));
                }
                None => {}
            }
            rest = letters.as_str();
        }
        self.out.push_str(rest);
        self.out.push('"');
    }
}

/// A finite float in msgspec's spelling: the shortest digits, plain from 10⁻⁵ to below 10¹⁶, else
/// as `1e16`. (Rust's own formatting breaks ties between two shortest texts the other way.)
fn push_float(out: &mut String, value: f64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match text.split_once("e+") {
        Some((digits, power)) => out.extend([digits, "e", power]),
        None => out.push_str(text),
    }
}
