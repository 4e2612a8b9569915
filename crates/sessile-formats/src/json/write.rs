//! Values to JSON text, into one buffer.

use std::marker::PhantomData;

use super::float::push_finite;
use super::{MAX_DEPTH, MAX_INT_DIGITS, Style, order};
use crate::date;
use crate::error::PayloadError;
use crate::{Map, Value};

/// How the types that JSON lacks are written.
pub(crate) trait Dialect: Sized {
    /// A tuple; plain JSON has lists only.
    fn tuple(writer: &mut Writer<Self>, items: &[Value], depth: usize) -> Result<(), PayloadError> {
        writer.list(items, depth)
    }

    /// A mapping.
    fn map(writer: &mut Writer<Self>, map: &Map, depth: usize) -> Result<(), PayloadError> {
        writer.object(map, depth)
    }

    /// Markup, which is text to Python.
    fn markup(writer: &mut Writer<Self>, text: &str) -> Result<(), PayloadError> {
        writer.text(text);
        Ok(())
    }

    /// Anything else.
    fn other(_writer: &mut Writer<Self>, value: &Value) -> Result<(), PayloadError> {
        Err(PayloadError::Unserializable { type_name: value.type_name() })
    }
}

/// Python's `json` alone.
pub(super) struct Strict;

impl Dialect for Strict {}

/// Python's `json` with the hook of Flask's provider.
pub(super) struct Provider;

impl Dialect for Provider {
    fn other(writer: &mut Writer<Self>, value: &Value) -> Result<(), PayloadError> {
        writer.provider_default(value)
    }
}

pub(crate) struct Writer<D> {
    pub(crate) out: Vec<u8>,
    style: Style,
    lone_surrogate: bool,
    dialect: PhantomData<D>,
}

pub(super) fn to_vec<D: Dialect>(value: &Value, style: Style) -> Result<Vec<u8>, PayloadError> {
    let mut writer = Writer::<D>::new(style);
    writer.value(value, 0)?;
    if writer.lone_surrogate && !style.ensure_ascii {
        return Err(PayloadError::LoneSurrogate);
    }
    Ok(writer.out)
}

impl<D: Dialect> Writer<D> {
    pub(crate) fn new(style: Style) -> Self {
        Self { out: Vec::with_capacity(256), style, lone_surrogate: false, dialect: PhantomData }
    }

    pub(crate) fn value(&mut self, value: &Value, depth: usize) -> Result<(), PayloadError> {
        match value {
            Value::Str(text) => self.text(text),
            Value::Int(number) => self.int(*number),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Map(map) => return D::map(self, map, depth),
            Value::List(items) => return self.list(items, depth),
            Value::Tuple(items) => return D::tuple(self, items, depth),
            Value::Float(number) => self.float(*number),
            Value::BigInt(number) => return self.big_int(number.as_str()),
            Value::Wtf8(text) => self.code_points(text.code_points()),
            Value::Markup(text) => return D::markup(self, text),
            // As Python's json: a subclass of str or dict is one; sets and bytearrays are neither.
            Value::Classed(of) if matches!(of.value, Value::Str(_) | Value::Map(_)) => {
                return self.value(&of.value, depth);
            }
            other => return D::other(self, other),
        }
        Ok(())
    }

    pub(crate) fn list(&mut self, items: &[Value], depth: usize) -> Result<(), PayloadError> {
        let depth = deeper(depth)?;
        self.out.push(b'[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.comma();
            }
            self.value(item, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    pub(crate) fn object(&mut self, map: &Map, depth: usize) -> Result<(), PayloadError> {
        if self.style.sort_keys && !order::is_sorted(map) {
            return self.entries(order::sorted(map)?.into_iter(), depth);
        }
        self.entries(map.iter(), depth)
    }

    fn entries<'v>(
        &mut self,
        entries: impl Iterator<Item = (&'v Value, &'v Value)>,
        depth: usize,
    ) -> Result<(), PayloadError> {
        let depth = deeper(depth)?;
        self.out.push(b'{');
        for (at, (key, value)) in entries.enumerate() {
            if at > 0 {
                self.comma();
            }
            self.key(key)?;
            self.colon();
            self.value(value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn comma(&mut self) {
        self.out.extend_from_slice(if self.style.spaced { b", " } else { b"," });
    }

    pub(crate) fn colon(&mut self) {
        self.out.extend_from_slice(if self.style.spaced { b": " } else { b":" });
    }

    fn key(&mut self, key: &Value) -> Result<(), PayloadError> {
        match key {
            Value::Str(text) | Value::Markup(text) => {
                self.text(text);
                return Ok(());
            }
            Value::Wtf8(text) => {
                self.code_points(text.code_points());
                return Ok(());
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) => {}
            other => return Err(PayloadError::BadKey { type_name: other.type_name() }),
        }
        self.out.push(b'"');
        // Scalars, so neither dialect nor depth matter.
        self.value(key, 0)?;
        self.out.push(b'"');
        Ok(())
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let ascii = self.style.ensure_ascii;
        let mut from = 0;
        while let Some(run) = bytes.get(from..) {
            let plain = run.iter().position(|byte| must_escape(*byte, ascii));
            let at = plain.unwrap_or(run.len());
            self.out.extend_from_slice(run.get(..at).unwrap_or_default());
            from += at;
            let Some(special) = text.get(from..).and_then(|rest| rest.chars().next()) else {
                break;
            };
            self.escape(u32::from(special));
            from += special.len_utf8();
        }
        self.out.push(b'"');
    }

    /// Text with lone surrogates.
    fn code_points(&mut self, points: impl Iterator<Item = u32>) {
        // An error of Python's only once all is written and becomes UTF-8.
        self.lone_surrogate = true;
        self.out.push(b'"');
        for point in points {
            match u8::try_from(point) {
                Ok(byte) if !must_escape(byte, true) => self.out.push(byte),
                _ => self.escape(point),
            }
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, point: u32) {
        let short = match point {
            0x22 => b'"',
            0x5c => b'\\',
            0x0a => b'n',
            0x0d => b'r',
            0x09 => b't',
            0x0c => b'f',
            0x08 => b'b',
            _ => {
                if let Some(beyond) = point.checked_sub(0x1_0000) {
                    self.hex(0xd800 | beyond >> 10);
                    self.hex(0xdc00 | beyond & 0x3ff);
                } else {
                    self.hex(point);
                }
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    fn hex(&mut self, unit: u32) {
        let digit = |shift: u32| match (unit >> shift & 15) as u8 {
            low @ 0..=9 => b'0' + low,
            high => b'a' - 10 + high,
        };
        self.out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
    }

    fn int(&mut self, number: i64) {
        let mut room = [0_u8; 20];
        let mut at = room.len();
        let mut rest = number.unsigned_abs();
        for (place, slot) in room.iter_mut().enumerate().rev() {
            *slot = b'0' + (rest % 10) as u8;
            rest /= 10;
            at = place;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(room.get(at..).unwrap_or_default());
    }

    fn big_int(&mut self, decimal: &str) -> Result<(), PayloadError> {
        let digits = decimal.trim_start_matches('-').len();
        if digits > MAX_INT_DIGITS {
            return Err(PayloadError::LongInteger { digits });
        }
        self.out.extend_from_slice(decimal.as_bytes());
        Ok(())
    }

    fn float(&mut self, number: f64) {
        if number.is_nan() {
            self.out.extend_from_slice(b"NaN");
        } else if number.is_infinite() {
            let name: &[u8] = if number < 0.0 { b"-Infinity" } else { b"Infinity" };
            self.out.extend_from_slice(name);
        } else {
            push_finite(&mut self.out, number);
        }
    }

    /// The default hook of Flask's JSON provider.
    pub(crate) fn provider_default(&mut self, value: &Value) -> Result<(), PayloadError> {
        match value {
            Value::Date(day) => {
                self.out.push(b'"');
                self.out.extend_from_slice(&date::http_date(day.midnight()));
                self.out.push(b'"');
            }
            Value::DateTime(moment) => {
                let utc = date::to_utc(moment).ok_or(PayloadError::DateOutOfRange)?;
                self.out.push(b'"');
                self.out.extend_from_slice(&date::http_date(utc));
                self.out.push(b'"');
            }
            Value::Decimal(text) => self.text(text),
            Value::Uuid(bytes) => {
                self.out.push(b'"');
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        self.out.push(b'-');
                    }
                    push_hex(&mut self.out, *byte);
                }
                self.out.push(b'"');
            }
            other => return Err(PayloadError::Unserializable { type_name: other.type_name() }),
        }
        Ok(())
    }
}

/// Two lower-case hex digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, byte: u8) {
    let digit = |low: u8| if low < 10 { b'0' + low } else { b'a' - 10 + low };
    out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
}

fn must_escape(byte: u8, ensure_ascii: bool) -> bool {
    matches!(byte, 0..=0x1f | b'"' | b'\\') || (ensure_ascii && byte >= 0x7f)
}

fn deeper(depth: usize) -> Result<usize, PayloadError> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(PayloadError::TooDeep) }
}
