//! Session data in bytes: every [`Value`], exactly.

use time::{Date, PrimitiveDateTime, Time, UtcOffset};

use super::DecodeError::{self, Malformed};
use super::EncodeError;
use super::wire::{Reader, push_bytes, push_signed, push_varint};
use sessile_formats::{DateTime, Map, Value, Wtf8};

/// Containers nest no deeper than this, the outermost mapping not counted.
pub const MAX_DEPTH: usize = 64;

const VERSION: u8 = 1;

const NULL: u8 = 0x00;
const FALSE: u8 = 0x01;
const TRUE: u8 = 0x02;
const INT: u8 = 0x03;
const BIG_INT: u8 = 0x04;
const FLOAT: u8 = 0x05;
const STR: u8 = 0x06;
const WTF8: u8 = 0x07;
const BYTES: u8 = 0x08;
const LIST: u8 = 0x09;
const TUPLE: u8 = 0x0a;
const SET: u8 = 0x0b;
const MAP: u8 = 0x0c;
const MARKUP: u8 = 0x0d;
const UUID: u8 = 0x0e;
const NAIVE_DATE_TIME: u8 = 0x0f;
const AWARE_DATE_TIME: u8 = 0x10;
const DATE: u8 = 0x11;
const NAIVE_TIME: u8 = 0x12;
const AWARE_TIME: u8 = 0x13;
const TIME_DELTA: u8 = 0x14;
const DECIMAL: u8 = 0x15;

/// Stands where a text key's doubled length would, ahead of a key of another type.
const OTHER_KEY: u64 = 1;

/// The fewest bytes of an item: a tag.
const ITEM: usize = 1;
/// The fewest bytes of a mapping's entry: a key's header and a tag.
const ENTRY: usize = 2;

/// 1970-01-01 as a Julian day.
const EPOCH_DAY: i64 = 2_440_588;
const NANOS_A_SECOND: u64 = 1_000_000_000;

/// Session data as bytes: the payload of a record in our own layout.
///
/// ```
/// use sessile_core::Map;
/// use sessile_core::native::{decode_map, encode_map};
///
/// let data: Map = [("user", "ada")].into_iter().collect();
/// let bytes = encode_map(&data)?;
/// assert_eq!(bytes, b"\x01\x01\x08user\x06\x03ada");
/// assert_eq!(decode_map(&bytes)?, data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`EncodeError::TooDeep`] when values are nested deeper than [`MAX_DEPTH`].
pub fn encode_map(map: &Map) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(32 + 32 * map.len());
    out.push(VERSION);
    push_map(&mut out, map, MAX_DEPTH)?;
    Ok(out)
}

fn push_map(out: &mut Vec<u8>, map: &Map, levels: usize) -> Result<(), EncodeError> {
    push_varint(out, map.len() as u64);
    for (key, value) in map.iter() {
        if let Value::Str(text) = key {
            push_varint(out, (text.len() as u64) << 1);
            out.extend_from_slice(text.as_bytes());
        } else {
            push_varint(out, OTHER_KEY);
            push_value(out, key, levels)?;
        }
        push_value(out, value, levels)?;
    }
    Ok(())
}

fn push_value(out: &mut Vec<u8>, value: &Value, levels: usize) -> Result<(), EncodeError> {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(number) => {
            out.push(INT);
            push_signed(out, *number);
        }
        Value::BigInt(number) => push_tagged(out, BIG_INT, number.as_str().as_bytes()),
        Value::Float(number) => {
            out.push(FLOAT);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Str(text) => push_tagged(out, STR, text.as_bytes()),
        Value::Wtf8(text) => push_tagged(out, WTF8, text.as_bytes()),
        Value::Bytes(bytes) => push_tagged(out, BYTES, bytes),
        Value::List(items) => push_items(out, LIST, items, levels)?,
        Value::Tuple(items) => push_items(out, TUPLE, items, levels)?,
        Value::Set(items) => push_items(out, SET, items, levels)?,
        Value::Map(map) => {
            out.push(MAP);
            push_map(out, map, below(levels)?)?;
        }
        Value::Markup(text) => push_tagged(out, MARKUP, text.as_bytes()),
        Value::Uuid(bytes) => {
            out.push(UUID);
            out.extend_from_slice(bytes);
        }
        Value::DateTime(DateTime { at, offset }) => {
            out.push(if offset.is_some() { AWARE_DATE_TIME } else { NAIVE_DATE_TIME });
            push_date(out, at.date());
            push_time(out, at.time());
            push_offset(out, *offset);
        }
        Value::Date(date) => {
            out.push(DATE);
            push_date(out, *date);
        }
        Value::Time(time, offset) => {
            out.push(if offset.is_some() { AWARE_TIME } else { NAIVE_TIME });
            push_time(out, *time);
            push_offset(out, *offset);
        }
        Value::TimeDelta(micros) => {
            out.push(TIME_DELTA);
            push_signed(out, *micros);
        }
        Value::Decimal(text) => push_tagged(out, DECIMAL, text.as_bytes()),
        Value::Classed(of) => push_value(out, &of.value, levels)?,
    }
    Ok(())
}

fn push_tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    push_bytes(out, bytes);
}

fn push_items(
    out: &mut Vec<u8>,
    tag: u8,
    items: &[Value],
    levels: usize,
) -> Result<(), EncodeError> {
    let levels = below(levels)?;
    out.push(tag);
    push_varint(out, items.len() as u64);
    items.iter().try_for_each(|item| push_value(out, item, levels))
}

fn below(levels: usize) -> Result<usize, EncodeError> {
    levels.checked_sub(1).ok_or(EncodeError::TooDeep)
}

fn push_date(out: &mut Vec<u8>, date: Date) {
    push_signed(out, i64::from(date.to_julian_day()) - EPOCH_DAY);
}

fn push_time(out: &mut Vec<u8>, time: Time) {
    let (hour, minute, second, nanos) = time.as_hms_nano();
    let seconds = (u64::from(hour) * 60 + u64::from(minute)) * 60 + u64::from(second);
    push_varint(out, seconds * NANOS_A_SECOND + u64::from(nanos));
}

fn push_offset(out: &mut Vec<u8>, offset: Option<UtcOffset>) {
    if let Some(offset) = offset {
        push_signed(out, offset.whole_seconds().into());
    }
}

/// Reads what [`encode_map`] writes, and nothing else: one value has one encoding.
///
/// # Errors
///
/// [`DecodeError::Newer`] when a newer release wrote it, else [`DecodeError::Malformed`].
pub fn decode_map(bytes: &[u8]) -> Result<Map, DecodeError> {
    let mut reader = Reader::new(bytes);
    let count = open(&mut reader)?;
    let map = read_entries(&mut reader, count, MAX_DEPTH)?;
    reader.finish()?;
    Ok(map)
}

/// Passes over what precedes the outermost entries; says how many there are.
#[inline]
pub(super) fn open(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    reader.version(VERSION)?;
    reader.open(ENTRY)
}

fn read_map(reader: &mut Reader<'_>, levels: usize) -> Result<Map, DecodeError> {
    let count = reader.open(ENTRY)?;
    read_entries(reader, count, levels)
}

fn read_entries(reader: &mut Reader<'_>, count: usize, levels: usize) -> Result<Map, DecodeError> {
    let mut map = Map::with_capacity(count);
    for _ in 0..count {
        let key = match read_field(reader)? {
            Field::Text(text) => Value::Str(as_text(text)?.to_owned()),
            Field::Other => read_other_key(reader, levels)?,
        };
        let value = read_value(reader, levels)?;
        if map.insert(key, value).is_some() {
            return Err(Malformed);
        }
    }
    Ok(map)
}

/// What an entry begins with.
pub(super) enum Field<'a> {
    /// A text key's bytes: UTF-8 if somebody has checked it.
    Text(&'a [u8]),
    /// Another key, as a value, is next.
    Other,
}

#[inline]
pub(super) fn read_field<'a>(reader: &mut Reader<'a>) -> Result<Field<'a>, DecodeError> {
    reader.next_item(ENTRY);
    match reader.varint()? {
        header if header & 1 == 0 => Ok(Field::Text(reader.take(header >> 1)?)),
        OTHER_KEY => Ok(Field::Other),
        _ => Err(Malformed),
    }
}

fn read_other_key(reader: &mut Reader<'_>, levels: usize) -> Result<Value, DecodeError> {
    match read_value(reader, levels)? {
        Value::Str(_) => Err(Malformed),
        key => Ok(key),
    }
}

fn as_text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// Passes over a value that [`read_value`] would read, making none. Those within which a value
/// may not stand twice, and rare ones, are refused. Texts are looked at only to `CHECK` them.
pub(super) fn skip_value<const CHECK: bool>(
    reader: &mut Reader<'_>,
    levels: usize,
) -> Result<(), DecodeError> {
    match reader.byte()? {
        NULL | FALSE | TRUE => {}
        INT => {
            reader.varint()?;
        }
        FLOAT => {
            reader.array::<8>()?;
        }
        STR | MARKUP => {
            let bytes = reader.bytes()?;
            if CHECK {
                as_text(bytes)?;
            }
        }
        BYTES => {
            reader.bytes()?;
        }
        LIST | TUPLE => {
            let levels = levels.checked_sub(1).ok_or(Malformed)?;
            for _ in 0..reader.open(ITEM)? {
                reader.next_item(ITEM);
                skip_value::<CHECK>(reader, levels)?;
            }
        }
        _ => return Err(Malformed),
    }
    Ok(())
}

pub(super) fn read_value(reader: &mut Reader<'_>, levels: usize) -> Result<Value, DecodeError> {
    Ok(match reader.byte()? {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(reader.signed()?),
        BIG_INT => read_big_int(reader)?,
        FLOAT => Value::Float(f64::from_bits(u64::from_le_bytes(reader.array()?))),
        STR => Value::Str(read_text(reader)?),
        WTF8 => Value::Wtf8(Wtf8::from_bytes(reader.bytes()?).ok_or(Malformed)?),
        BYTES => Value::Bytes(reader.bytes()?.to_vec()),
        LIST => Value::List(read_items(reader, levels)?),
        TUPLE => Value::Tuple(read_items(reader, levels)?),
        SET => Value::Set(read_items(reader, levels)?),
        MAP => Value::Map(read_map(reader, levels.checked_sub(1).ok_or(Malformed)?)?),
        MARKUP => Value::Markup(read_text(reader)?),
        UUID => Value::Uuid(reader.array()?),
        NAIVE_DATE_TIME => Value::DateTime(read_date_time(reader, false)?),
        AWARE_DATE_TIME => Value::DateTime(read_date_time(reader, true)?),
        DATE => Value::Date(read_date(reader)?),
        NAIVE_TIME => Value::Time(read_time(reader)?, None),
        AWARE_TIME => Value::Time(read_time(reader)?, Some(read_offset(reader)?)),
        TIME_DELTA => Value::TimeDelta(reader.signed()?),
        DECIMAL => Value::Decimal(read_text(reader)?),
        _ => return Err(Malformed),
    })
}

fn read_text(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let len = reader.varint()?;
    Ok(reader.text(len)?.to_owned())
}

fn read_items(reader: &mut Reader<'_>, levels: usize) -> Result<Vec<Value>, DecodeError> {
    let levels = levels.checked_sub(1).ok_or(Malformed)?;
    let count = reader.open(ITEM)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        reader.next_item(ITEM);
        items.push(read_value(reader, levels)?);
    }
    Ok(items)
}

fn read_big_int(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let len = reader.varint()?;
    let text = reader.text(len)?;
    match Value::int_from_decimal(text) {
        // Numbers that fit 64 bits, signs and zeros too many: not what we write.
        Some(Value::BigInt(number)) if number.as_str() == text => Ok(Value::BigInt(number)),
        _ => Err(Malformed),
    }
}

fn read_date_time(reader: &mut Reader<'_>, aware: bool) -> Result<DateTime, DecodeError> {
    let at = PrimitiveDateTime::new(read_date(reader)?, read_time(reader)?);
    let offset = if aware { Some(read_offset(reader)?) } else { None };
    Ok(DateTime { at, offset })
}

fn read_date(reader: &mut Reader<'_>) -> Result<Date, DecodeError> {
    let day = reader.signed()?.checked_add(EPOCH_DAY).ok_or(Malformed)?;
    let day = i32::try_from(day).map_err(|_| Malformed)?;
    Date::from_julian_day(day).map_err(|_| Malformed)
}

fn read_time(reader: &mut Reader<'_>) -> Result<Time, DecodeError> {
    let number = reader.varint()?;
    let part = |part: u64| u8::try_from(part).map_err(|_| Malformed);
    let (seconds, nanos) = (number / NANOS_A_SECOND, number % NANOS_A_SECOND);
    let nanos = u32::try_from(nanos).map_err(|_| Malformed)?;
    Time::from_hms_nano(part(seconds / 3600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, nanos)
        .map_err(|_| Malformed)
}

fn read_offset(reader: &mut Reader<'_>) -> Result<UtcOffset, DecodeError> {
    let seconds = i32::try_from(reader.signed()?).map_err(|_| Malformed)?;
    UtcOffset::from_whole_seconds(seconds).map_err(|_| Malformed)
}
