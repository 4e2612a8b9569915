//! How values that serde has no word for travel through it.
//!
//! A tuple inside a user's type is a plain list to `serde_json`, but must be a
//! tuple again after [`to_value`](super::to_value) or
//! [`from_value`](super::from_value). Such values go out as a newtype struct
//! with one of the names below (which other formats ignore) and come in as an
//! enum variant with one of the numbers, each around the plain form.

use super::{BigInt, Value, iso};

/// The newtype name under which `Value` asks its deserializer for a value.
pub(super) const VALUE: &str = "$sessile::Value";

/// A kind of value that keeps its kind through serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Tuple,
    Set,
    Wtf8,
    Markup,
    Decimal,
    Uuid,
    DateTime,
    Date,
    Time,
    TimeDelta,
    BigInt,
}

impl Kept {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Tuple, "$sessile::Tuple"),
        (Self::Set, "$sessile::Set"),
        (Self::Wtf8, "$sessile::Wtf8"),
        (Self::Markup, "$sessile::Markup"),
        (Self::Decimal, "$sessile::Decimal"),
        (Self::Uuid, "$sessile::Uuid"),
        (Self::DateTime, "$sessile::DateTime"),
        (Self::Date, "$sessile::Date"),
        (Self::Time, "$sessile::Time"),
        (Self::TimeDelta, "$sessile::TimeDelta"),
        (Self::BigInt, "$sessile::BigInt"),
    ];

    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Tuple(_) => Self::Tuple,
            Value::Set(_) => Self::Set,
            Value::Wtf8(_) => Self::Wtf8,
            Value::Markup(_) => Self::Markup,
            Value::Decimal(_) => Self::Decimal,
            Value::Uuid(_) => Self::Uuid,
            Value::DateTime(_) => Self::DateTime,
            Value::Date(_) => Self::Date,
            Value::Time(..) => Self::Time,
            Value::TimeDelta(_) => Self::TimeDelta,
            Value::BigInt(_) => Self::BigInt,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        // Every serialized newtype struct passes here.
        if !name.starts_with("$sessile::") {
            return None;
        }
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|(kind, _)| *kind)
    }

    /// Makes the value again from its plain form. `None` when that is not one.
    pub(super) fn restore(self, plain: Value) -> Option<Value> {
        Some(match (self, plain) {
            (Self::Tuple, Value::List(items)) => Value::Tuple(items),
            (Self::Set, Value::List(items)) => Value::Set(items),
            (Self::Wtf8, Value::Str(text)) => unescape(&text)?,
            (Self::Markup, Value::Str(text)) => Value::Markup(text),
            (Self::Decimal, Value::Str(text)) => Value::Decimal(text),
            (Self::Uuid, Value::Str(text)) => Value::Uuid(iso::uuid(&text)?),
            (Self::DateTime, Value::Str(text)) => Value::DateTime(iso::datetime(&text)?),
            (Self::Date, Value::Str(text)) => Value::Date(iso::date(&text)?),
            (Self::Time, Value::Str(text)) => {
                let (time, offset) = iso::time(&text)?;
                Value::Time(time, offset)
            }
            (Self::TimeDelta, Value::Str(text)) => Value::TimeDelta(iso::span(&text)?),
            (Self::BigInt, Value::Str(text)) => Value::int_from_decimal(&text)?,
            _ => return None,
        })
    }
}

/// The plain text of a value that is text to every other format. `None` for the rest.
pub(super) fn plain_text(value: &Value) -> Option<String> {
    let mut out = String::new();
    match value {
        Value::Wtf8(text) => escape(&mut out, text.code_points()),
        Value::Markup(text) | Value::Decimal(text) => out.push_str(text),
        Value::Uuid(bytes) => iso::push_uuid(&mut out, bytes),
        Value::DateTime(at) => iso::push_datetime(&mut out, at),
        Value::Date(date) => iso::push_date(&mut out, *date),
        Value::Time(time, offset) => iso::push_time(&mut out, *time, *offset),
        Value::TimeDelta(micros) => iso::push_span(&mut out, *micros),
        Value::BigInt(BigInt(digits)) => out.push_str(digits),
        _ => return None,
    }
    Some(out)
}

/// Lone surrogates as `\udXXX`, backslashes doubled.
fn escape(out: &mut String, points: impl Iterator<Item = u32>) {
    for point in points {
        match char::from_u32(point) {
            Some('\\') => out.push_str("\\\\"),
            Some(letter) => out.push(letter),
            None => out.push_str(&format!("\\u{point:04x}")),
        }
    }
}

fn unescape(text: &str) -> Option<Value> {
    let mut points = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            points.push(u32::from(letter));
            continue;
        }
        match rest.next()? {
            '\\' => points.push(u32::from('\\')),
            'u' => {
                let hex = rest.as_str().get(..4)?;
                points.push(u32::from_str_radix(hex, 16).ok()?);
                rest = rest.as_str().get(4..)?.chars();
            }
            _ => return None,
        }
    }
    Value::text_from_code_points(points)
}
