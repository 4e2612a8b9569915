//! Values to MessagePack.

use super::{MAX_DEPTH, WriteError, push_datetime, push_time};
use crate::value::{BigInt, DateTime, Map, Value, iso};

/// Writes `value` as `msgspec.msgpack.encode` does.
///
/// # Errors
/// See [`WriteError`].
///
/// ```
/// use sessile_formats::{Map, msgpack};
///
/// let session = Map::from_iter([("value", "42")]).into();
/// assert_eq!(msgpack::write(&session)?, b"\x81\xa5value\xa242");
/// # Ok::<(), msgpack::WriteError>(())
/// ```
pub fn write(value: &Value) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer { out: Vec::with_capacity(256) };
    writer.value(value, MAX_DEPTH)?;
    Ok(writer.out)
}

/// Writes the mapping without making a [`Value`] of it.
pub(crate) fn write_map(map: &Map) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer { out: Vec::with_capacity(256) };
    writer.map(map, MAX_DEPTH)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
}

/// First bytes of a string, array or map, by how much room the length takes.
struct Heads {
    /// The one-byte form, and the lengths below which it is used.
    fixed: Option<(u8, u32)>,
    len8: Option<u8>,
    len16: u8,
    len32: u8,
}

const STR: Heads = Heads { fixed: Some((0xa0, 32)), len8: Some(0xd9), len16: 0xda, len32: 0xdb };
const BIN: Heads = Heads { fixed: None, len8: Some(0xc4), len16: 0xc5, len32: 0xc6 };
const ARRAY: Heads = Heads { fixed: Some((0x90, 16)), len8: None, len16: 0xdc, len32: 0xdd };
const MAP: Heads = Heads { fixed: Some((0x80, 16)), len8: None, len16: 0xde, len32: 0xdf };

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), WriteError> {
        match value {
            Value::Null => self.out.push(0xc0),
            Value::Bool(value) => self.out.push(if *value { 0xc3 } else { 0xc2 }),
            Value::Int(value) => self.int(*value),
            Value::BigInt(digits) => self.big_int(digits)?,
            Value::Float(value) => self.head(0xcb, &value.to_bits().to_be_bytes()),
            Value::Str(text) | Value::Decimal(text) => self.text(text)?,
            Value::Wtf8(_) => return Err(WriteError::Surrogate),
            Value::Markup(_) => return Err(WriteError::Type("Markup")),
            Value::Bytes(bytes) => {
                self.len(&BIN, bytes.len())?;
                self.out.extend_from_slice(bytes);
            }
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                self.len(&ARRAY, items.len())?;
                let depth = depth.checked_sub(1).ok_or(WriteError::TooDeep)?;
                for item in items {
                    self.value(item, depth)?;
                }
            }
            Value::Map(map) => self.map(map, depth)?,
            Value::Classed(of) => self.value(&of.value, depth)?,
            Value::DateTime(at @ DateTime { offset: Some(_), .. }) => self.timestamp(at)?,
            Value::DateTime(at) => self.spelled(|out| push_datetime(out, at))?,
            Value::Date(date) => self.spelled(|out| iso::push_date(out, *date))?,
            Value::Time(time, offset) => self.spelled(|out| push_time(out, *time, *offset))?,
            Value::TimeDelta(micros) => self.spelled(|out| iso::push_span(out, *micros))?,
            Value::Uuid(bytes) => self.spelled(|out| iso::push_uuid(out, bytes))?,
        }
        Ok(())
    }

    fn map(&mut self, map: &Map, depth: usize) -> Result<(), WriteError> {
        self.len(&MAP, map.len())?;
        let depth = depth.checked_sub(1).ok_or(WriteError::TooDeep)?;
        for (key, value) in map.iter() {
            match key {
                // As a key, a subclass of str is as good as str.
                Value::Markup(text) => self.text(text)?,
                _ => self.value(key, depth)?,
            }
            self.value(value, depth)?;
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), WriteError> {
        self.len(&STR, text.len())?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn spelled(&mut self, spell: impl FnOnce(&mut String)) -> Result<(), WriteError> {
        let mut text = String::with_capacity(40);
        spell(&mut text);
        self.text(&text)
    }

    fn head(&mut self, first: u8, rest: &[u8]) {
        self.out.push(first);
        self.out.extend_from_slice(rest);
    }

    fn len(&mut self, heads: &Heads, len: usize) -> Result<(), WriteError> {
        let len = u32::try_from(len).map_err(|_| WriteError::TooLong)?;
        match (heads.fixed, heads.len8, u8::try_from(len), u16::try_from(len)) {
            (Some((first, limit)), _, Ok(short), _) if len < limit => self.out.push(first | short),
            (_, Some(first), Ok(short), _) => self.head(first, &[short]),
            (_, _, _, Ok(middle)) => self.head(heads.len16, &middle.to_be_bytes()),
            _ => self.head(heads.len32, &len.to_be_bytes()),
        }
        Ok(())
    }

    fn int(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            return self.unsigned(value);
        }
        if value >= -32 {
            // The low byte of −32 to −1 is the one-byte form.
            self.out.push(value.to_be_bytes()[7]);
        } else if let Ok(small) = i8::try_from(value) {
            self.head(0xd0, &small.to_be_bytes());
        } else if let Ok(small) = i16::try_from(value) {
            self.head(0xd1, &small.to_be_bytes());
        } else if let Ok(small) = i32::try_from(value) {
            self.head(0xd2, &small.to_be_bytes());
        } else {
            self.head(0xd3, &value.to_be_bytes());
        }
    }

    fn unsigned(&mut self, value: u64) {
        if let Ok(small) = u8::try_from(value) {
            if small < 0x80 { self.out.push(small) } else { self.head(0xcc, &[small]) }
        } else if let Ok(small) = u16::try_from(value) {
            self.head(0xcd, &small.to_be_bytes());
        } else if let Ok(small) = u32::try_from(value) {
            self.head(0xce, &small.to_be_bytes());
        } else {
            self.head(0xcf, &value.to_be_bytes());
        }
    }

    fn big_int(&mut self, digits: &BigInt) -> Result<(), WriteError> {
        let value = digits.as_str().parse().map_err(|_| WriteError::IntegerRange)?;
        self.unsigned(value);
        Ok(())
    }

    fn timestamp(&mut self, at: &DateTime) -> Result<(), WriteError> {
        let offset = at.offset.map_or(0, |offset| offset.whole_seconds());
        let seconds = at.at.assume_utc().unix_timestamp() - i64::from(offset);
        if !super::read::SECONDS.contains(&seconds) {
            return Err(WriteError::DateRange);
        }
        let nanos = at.at.microsecond() * 1000;
        match (u32::try_from(seconds), u64::try_from(seconds)) {
            (Ok(seconds), _) if nanos == 0 => {
                self.out.extend_from_slice(&[0xd6, 0xff]);
                self.out.extend_from_slice(&seconds.to_be_bytes());
            }
            (_, Ok(seconds)) if seconds >> 34 == 0 => {
                self.out.extend_from_slice(&[0xd7, 0xff]);
                let both = u64::from(nanos) << 34 | seconds;
                self.out.extend_from_slice(&both.to_be_bytes());
            }
            _ => {
                self.out.extend_from_slice(&[0xc7, 12, 0xff]);
                self.out.extend_from_slice(&nanos.to_be_bytes());
                self.out.extend_from_slice(&seconds.to_be_bytes());
            }
        }
        Ok(())
    }
}
