//! The few classes whose values are plain data: dates, UUIDs and the like.
//!
//! A pickle names them and says what to make them of. The names are compared
//! with this list, and the values made here: nothing is looked up or called.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

use super::PickleError;
use super::arena::{Arena, Node, NodeId};
use super::numbers::MAX_DIGITS;
use crate::value::{DateTime, PythonClass, Value};

/// A name that a pickle may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    DateTime,
    Date,
    Time,
    TimeDelta,
    TimeZone,
    Decimal,
    Uuid,
    Markup,
    /// How protocols before 3 write bytes: text, encoded.
    Encode,
    Bytes,
    Set,
    /// How protocols before 2 write objects without a constructor's arguments.
    Reconstructor,
    Object,
    Str,
    FrozenSet,
    ByteArray,
    OrderedDict,
    SafeString,
}

const CLASSES: &[(&str, &str, Class)] = &[
    ("datetime", "datetime", Class::DateTime),
    ("datetime", "date", Class::Date),
    ("datetime", "time", Class::Time),
    ("datetime", "timedelta", Class::TimeDelta),
    ("datetime", "timezone", Class::TimeZone),
    ("decimal", "Decimal", Class::Decimal),
    ("uuid", "UUID", Class::Uuid),
    ("markupsafe", "Markup", Class::Markup),
    ("_codecs", "encode", Class::Encode),
    ("builtins", "bytes", Class::Bytes),
    ("builtins", "bytearray", Class::ByteArray),
    ("builtins", "set", Class::Set),
    ("builtins", "frozenset", Class::FrozenSet),
    ("collections", "OrderedDict", Class::OrderedDict),
    ("django.utils.safestring", "SafeString", Class::SafeString),
    // Django's before 2.0.
    ("django.utils.safestring", "SafeText", Class::SafeString),
    ("builtins", "object", Class::Object),
    ("builtins", "str", Class::Str),
    ("__builtin__", "unicode", Class::Str),
    ("copyreg", "_reconstructor", Class::Reconstructor),
];

/// The class of these names, if it is one of plain data.
pub(super) fn class(module: &str, name: &str) -> Option<Class> {
    // Protocols before 3 use Python 2's names.
    let module = match module {
        "__builtin__" if name != "unicode" => "builtins",
        "copy_reg" => "copyreg",
        other => other,
    };
    let found = CLASSES.iter().find(|(in_module, known, _)| (*in_module, *known) == (module, name));
    found.map(|(.., class)| *class)
}

/// The class that what it makes is of, where that is more than its plain value.
pub(super) fn kept(class: Class, arguments: &[&Node]) -> Option<PythonClass> {
    let class = match (class, arguments) {
        (Class::Reconstructor, [Node::Global(class), ..]) => *class,
        _ => class,
    };
    Some(match class {
        Class::FrozenSet => PythonClass::FrozenSet,
        Class::ByteArray => PythonClass::ByteArray,
        Class::OrderedDict => PythonClass::OrderedDict,
        Class::SafeString => PythonClass::SafeString,
        _ => return None,
    })
}

const WRONG: PickleError = PickleError::Content("an object made of something else");

/// What the class makes of its arguments.
pub(super) fn make(arena: &Arena, class: Class, arguments: &[NodeId]) -> Result<Node, PickleError> {
    let nodes: Option<Vec<&Node>> = arguments.iter().map(|id| arena.get(*id)).collect();
    let nodes = nodes.ok_or(WRONG)?;
    let value = match (class, nodes.as_slice()) {
        (Class::DateTime, [state]) => datetime(bytes(state)?, None),
        (Class::DateTime, [state, Node::Zone(zone)]) => datetime(bytes(state)?, Some(*zone)),
        (Class::Date, [state]) => date(bytes(state)?).map(Value::Date),
        (Class::Time, [state]) => clock(bytes(state)?).map(|time| Value::Time(time, None)),
        (Class::Time, [state, Node::Zone(zone)]) => {
            clock(bytes(state)?).map(|time| Value::Time(time, Some(*zone)))
        }
        (Class::TimeDelta, parts) if parts.len() <= 3 => timedelta(parts),
        (Class::TimeZone, [Node::Leaf(Value::TimeDelta(micros))]) => {
            return zone(*micros).map(Node::Zone).ok_or(WRONG);
        }
        (Class::Decimal, [Node::Leaf(Value::Str(text))]) if is_decimal(text) => {
            Some(Value::Decimal(text.clone()))
        }
        (Class::Markup, [Node::Leaf(Value::Str(text))]) => Some(Value::Markup(text.clone())),
        (Class::Encode, [Node::Leaf(Value::Str(text)), Node::Leaf(Value::Str(encoding))]) => {
            let known = matches!(encoding.as_str(), "latin1" | "latin-1");
            let bytes = text.chars().map(|letter| u8::try_from(u32::from(letter)).ok());
            bytes.collect::<Option<_>>().filter(|_| known).map(Value::Bytes)
        }
        (Class::Bytes | Class::ByteArray, []) => Some(Value::Bytes(Vec::new())),
        (Class::Bytes | Class::ByteArray, [Node::Leaf(Value::Bytes(bytes))]) => {
            Some(Value::Bytes(bytes.clone()))
        }
        (
            Class::Bytes | Class::ByteArray,
            [Node::Leaf(Value::Str(_)), Node::Leaf(Value::Str(_))],
        ) => {
            return make(arena, Class::Encode, arguments);
        }
        (Class::OrderedDict, []) => return Ok(Node::Map(Vec::new())),
        (Class::SafeString, [Node::Leaf(Value::Str(text))]) => Some(Value::Str(text.clone())),
        (Class::Set | Class::FrozenSet, []) => return Ok(Node::Set(Vec::new())),
        (Class::Set | Class::FrozenSet, [Node::List(items) | Node::Tuple(items)]) => {
            return Ok(Node::Set(items.clone()));
        }
        (Class::Uuid, []) => return Ok(Node::Blank),
        (Class::Reconstructor, [Node::Global(Class::Uuid), Node::Global(Class::Object), _]) => {
            return Ok(Node::Blank);
        }
        (
            Class::Reconstructor,
            [Node::Global(Class::Markup), Node::Global(Class::Str), Node::Leaf(Value::Str(text))],
        ) => Some(Value::Markup(text.clone())),
        (
            Class::Reconstructor,
            [
                Node::Global(Class::SafeString),
                Node::Global(Class::Str),
                Node::Leaf(Value::Str(text)),
            ],
        ) => Some(Value::Str(text.clone())),
        _ => None,
    };
    value.map(Node::Leaf).ok_or(WRONG)
}

/// The UUID whose state is this mapping: its number, and how it was made, which is let go.
pub(super) fn uuid(arena: &Arena, state: NodeId) -> Result<Node, PickleError> {
    let Some(Node::Map(entries)) = arena.get(state) else { return Err(WRONG) };
    for pair in entries.chunks_exact(2) {
        let [key, value] = *pair else { continue };
        match (arena.get(key), arena.get(value)) {
            (Some(Node::Leaf(Value::Str(key))), Some(Node::Leaf(number))) if key == "int" => {
                let number = match number {
                    Value::Int(number) => u128::try_from(*number).ok(),
                    Value::BigInt(digits) => digits.as_str().parse().ok(),
                    _ => None,
                };
                let bytes = number.ok_or(WRONG)?.to_be_bytes();
                return Ok(Node::Leaf(Value::Uuid(bytes)));
            }
            _ => {}
        }
    }
    Err(WRONG)
}

fn bytes(node: &Node) -> Result<&[u8], PickleError> {
    match node {
        Node::Leaf(Value::Bytes(bytes)) => Ok(bytes),
        _ => Err(WRONG),
    }
}

/// `datetime.__reduce_ex__`: the high bit of the month says which of two equal
/// readings of the clock is meant, which our values do not keep.
fn datetime(state: &[u8], offset: Option<UtcOffset>) -> Option<Value> {
    let (day, time) = state.split_first_chunk::<4>()?;
    let at = PrimitiveDateTime::new(date(day)?, clock(time)?);
    Some(Value::DateTime(DateTime { at, offset }))
}

fn date(state: &[u8]) -> Option<Date> {
    let [high, low, month, day] = *state else { return None };
    let year = i32::from(u16::from_be_bytes([high, low]));
    let month = Month::try_from(month & 0x7f).ok()?;
    Date::from_calendar_date(year, month, day).ok().filter(|_| (1..=9999).contains(&year))
}

fn clock(state: &[u8]) -> Option<Time> {
    let [hour, minute, second, high, middle, low] = *state else { return None };
    let micros = u32::from_be_bytes([0, high, middle, low]);
    Time::from_hms_micro(hour & 0x7f, minute, second, micros).ok()
}

fn timedelta(parts: &[&Node]) -> Option<Value> {
    let mut micros: i64 = 0;
    for (part, size) in parts.iter().zip([86_400_000_000, 1_000_000, 1]) {
        let Node::Leaf(Value::Int(count)) = part else { return None };
        micros = micros.checked_add(count.checked_mul(size)?)?;
    }
    Some(Value::TimeDelta(micros))
}

fn zone(micros: i64) -> Option<UtcOffset> {
    let seconds = i32::try_from(micros / 1_000_000).ok().filter(|_| micros % 1_000_000 == 0)?;
    UtcOffset::from_whole_seconds(seconds).ok()
}

fn is_decimal(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(plain)
}
