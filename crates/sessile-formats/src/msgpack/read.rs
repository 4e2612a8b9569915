//! MessagePack to values.

use std::ops::Range;

use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::{MAX_DEPTH, MAX_LEN, MAX_VALUES, ReadError};
use crate::value::{DateTime, Map, Value};

/// The years 1 to 9999 in seconds since 1970.
pub(super) const SECONDS: Range<i64> = -62_135_596_800..253_402_300_800;

/// Reads one document as `msgspec.msgpack.decode` does.
///
/// Arrays used as keys become tuples; of equal keys the last value wins.
/// Nothing is allocated for a length that the input does not hold.
///
/// # Errors
/// See [`ReadError`].
///
/// ```
/// use sessile_formats::{Value, msgpack};
///
/// let value = msgpack::read(b"\x92\x01\xc0")?;
/// assert_eq!(value, Value::List(vec![Value::Int(1), Value::Null]));
/// assert!(msgpack::read(b"\xdd\xff\xff\xff\xff").is_err());
/// # Ok::<(), msgpack::ReadError>(())
/// ```
pub fn read(input: &[u8]) -> Result<Value, ReadError> {
    if input.len() > MAX_LEN {
        return Err(ReadError::TooLarge);
    }
    let mut reader = Reader { input, at: 0, values: MAX_VALUES, foreign: None };
    let value = reader.value(MAX_DEPTH, false)?;
    if reader.at != input.len() {
        return Err(reader.malformed("trailing characters"));
    }
    match reader.foreign {
        Some(code) => Err(ReadError::Extension(code)),
        None => Ok(value),
    }
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// How many more values may come.
    values: usize,
    /// An extension that we have no value for; told only if the rest is well-formed.
    foreign: Option<i8>,
}

impl<'a> Reader<'a> {
    fn malformed(&self, what: &'static str) -> ReadError {
        ReadError::Malformed { what, at: self.at }
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let taken = self.at.checked_add(len).and_then(|end| self.input.get(self.at..end));
        let taken = taken.ok_or_else(|| self.malformed("input data was truncated"))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let taken = self.input.get(self.at..).and_then(|rest| rest.first_chunk());
        let taken = *taken.ok_or_else(|| self.malformed("input data was truncated"))?;
        self.at += N;
        Ok(taken)
    }

    fn len8(&mut self) -> Result<usize, ReadError> {
        self.array().map(|[len]| usize::from(len))
    }

    fn len16(&mut self) -> Result<usize, ReadError> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    fn len32(&mut self) -> Result<usize, ReadError> {
        // On a narrower machine no input could hold it.
        self.array().map(|bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX))
    }

    fn value(&mut self, depth: usize, key: bool) -> Result<Value, ReadError> {
        self.values = self.values.checked_sub(1).ok_or(ReadError::TooLarge)?;
        let [first] = self.array()?;
        let len = match first {
            0x80..=0x9f => usize::from(first & 15),
            0xdc | 0xde => self.len16()?,
            0xdd | 0xdf => self.len32()?,
            _ => return self.leaf(first),
        };
        match first {
            0x90..=0x9f | 0xdc | 0xdd => self.list(len, depth, key),
            _ => self.map(len, depth),
        }
    }

    /// Whatever holds no other values. Apart from [`Self::value`] to keep that one's frames small.
    fn leaf(&mut self, first: u8) -> Result<Value, ReadError> {
        Ok(match first {
            0x00..=0x7f => Value::Int(first.into()),
            0xe0..=0xff => Value::Int(i8::from_be_bytes([first]).into()),
            0xa0..=0xbf => self.text(usize::from(first & 31))?,
            0xc0 => Value::Null,
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xc4 => self.len8().and_then(|len| self.binary(len))?,
            0xc5 => self.len16().and_then(|len| self.binary(len))?,
            0xc6 => self.len32().and_then(|len| self.binary(len))?,
            0xc7 => self.len8().and_then(|len| self.extension(len))?,
            0xc8 => self.len16().and_then(|len| self.extension(len))?,
            0xc9 => self.len32().and_then(|len| self.extension(len))?,
            0xca => Value::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Value::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Value::Int(u8::from_be_bytes(self.array()?).into()),
            0xcd => Value::Int(u16::from_be_bytes(self.array()?).into()),
            0xce => Value::Int(u32::from_be_bytes(self.array()?).into()),
            0xcf => u64::from_be_bytes(self.array()?).into(),
            0xd0 => Value::Int(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Value::Int(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Value::Int(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Value::Int(i64::from_be_bytes(self.array()?)),
            0xd4 => self.extension(1)?,
            0xd5 => self.extension(2)?,
            0xd6 => self.extension(4)?,
            0xd7 => self.extension(8)?,
            0xd8 => self.extension(16)?,
            0xd9 => self.len8().and_then(|len| self.text(len))?,
            0xda => self.len16().and_then(|len| self.text(len))?,
            0xdb => self.len32().and_then(|len| self.text(len))?,
            // 0xc1 is never used; the heads of containers do not come here.
            _ => return Err(self.malformed("invalid opcode")),
        })
    }

    fn text(&mut self, len: usize) -> Result<Value, ReadError> {
        let at = self.at;
        let bytes = self.bytes(len)?;
        let text = std::str::from_utf8(bytes).map_err(|_| ReadError::Utf8 { at })?;
        Ok(Value::Str(text.into()))
    }

    fn binary(&mut self, len: usize) -> Result<Value, ReadError> {
        self.bytes(len).map(|bytes| Value::Bytes(bytes.into()))
    }

    /// Room for `len` values, but never more than the input could hold.
    fn room(&self, len: usize) -> usize {
        len.min(self.input.len() - self.at).min(1024)
    }

    fn list(&mut self, len: usize, depth: usize, key: bool) -> Result<Value, ReadError> {
        let depth = depth.checked_sub(1).ok_or(ReadError::TooDeep)?;
        let mut items = Vec::with_capacity(self.room(len));
        for _ in 0..len {
            items.push(self.value(depth, key)?);
        }
        Ok(if key { Value::Tuple(items) } else { Value::List(items) })
    }

    fn map(&mut self, len: usize, depth: usize) -> Result<Value, ReadError> {
        let depth = depth.checked_sub(1).ok_or(ReadError::TooDeep)?;
        let mut map = Map::with_capacity(self.room(len));
        for _ in 0..len {
            let key = self.value(depth, true)?;
            let value = self.value(depth, false)?;
            if !is_hashable(&key) {
                return Err(self.malformed("map keys must be hashable"));
            }
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }

    fn extension(&mut self, len: usize) -> Result<Value, ReadError> {
        let code = i8::from_be_bytes(self.array()?);
        let at = self.at;
        let data = self.bytes(len)?;
        if code != -1 {
            self.foreign = Some(code);
            return Ok(Value::Null);
        }
        let what = "Invalid MessagePack timestamp";
        let (seconds, nanos) = timestamp_parts(data).ok_or(ReadError::Malformed { what, at })?;
        if nanos > 999_999_999 {
            let what = "Invalid MessagePack timestamp: nanoseconds out of range";
            return Err(ReadError::Malformed { what, at });
        }
        // msgspec lets the first second after 9999 through to datetime, which refuses it.
        if !(SECONDS.start..=SECONDS.end).contains(&seconds) {
            return Err(ReadError::Malformed { what: "Timestamp is out of range", at });
        }
        let rounded = (nanos + 500) / 1000;
        let (seconds, micros) =
            if rounded == 1_000_000 { (seconds + 1, 0) } else { (seconds, rounded) };
        let utc = OffsetDateTime::from_unix_timestamp(seconds)
            .and_then(|at| at.replace_microsecond(micros))
            .map_err(|_| ReadError::DateRange)?;
        let at = PrimitiveDateTime::new(utc.date(), utc.time());
        Ok(Value::DateTime(DateTime { at, offset: Some(UtcOffset::UTC) }))
    }
}

fn timestamp_parts(data: &[u8]) -> Option<(i64, u32)> {
    match data.len() {
        4 => Some((u32::from_be_bytes(data.try_into().ok()?).into(), 0)),
        8 => {
            let both = u64::from_be_bytes(data.try_into().ok()?);
            let seconds = i64::try_from(both & 0x3_ffff_ffff).ok()?;
            Some((seconds, u32::try_from(both >> 34).ok()?))
        }
        12 => {
            let (nanos, seconds) = data.split_first_chunk::<4>()?;
            let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
            Some((seconds, u32::from_be_bytes(*nanos)))
        }
        _ => None,
    }
}

/// Lists have become tuples on the way, so only mappings remain.
fn is_hashable(key: &Value) -> bool {
    match key {
        Value::Map(_) => false,
        Value::Tuple(items) => items.iter().all(is_hashable),
        _ => true,
    }
}
