//! Session values: what Python, JSON, msgpack and serde agree on.
//!
//! A session written by Flask or Django must survive a trip through us
//! unchanged, so a [`Value`] keeps what those formats can tell apart: tuples
//! from lists, bytes from text, integers of any size, aware from naive
//! datetimes, lone surrogates.

mod classed;
mod de;
mod de_value;
pub(crate) mod iso;
mod kept;
mod map;
mod ser;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

pub use classed::{Classed, PythonClass};
pub use de::from_value;
pub use map::{IntoIter, Iter, Map};
pub use ser::to_value;
use time::{Date, PrimitiveDateTime, Time, UtcOffset};

/// One value inside a session.
///
/// ```
/// use sessile_formats::{Map, Value};
///
/// let mut cart = Map::new();
/// cart.insert("apples", 3);
/// assert_eq!(cart.get("apples"), Some(&Value::Int(3)));
/// ```
#[derive(Clone, Debug)]
pub enum Value {
    /// Python `None`, JSON `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits 64 bits. Always used when it fits.
    Int(i64),
    /// An integer beyond 64 bits, as canonical decimal text.
    BigInt(BigInt),
    /// A 64-bit float, NaN and infinities included.
    Float(f64),
    /// Text.
    Str(String),
    /// Text holding lone surrogates, which Python strings can and UTF-8 cannot.
    Wtf8(Wtf8),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A Python tuple; formats without tuples write it as a list.
    Tuple(Vec<Value>),
    /// A Python set; kept in the order given.
    Set(Vec<Value>),
    /// A mapping, in insertion order.
    Map(Map),
    /// HTML that is safe to print unescaped (`markupsafe.Markup`).
    Markup(String),
    /// A UUID.
    Uuid([u8; 16]),
    /// A date and time, with or without an offset from UTC.
    DateTime(DateTime),
    /// A calendar date.
    Date(Date),
    /// A time of day, with or without an offset from UTC.
    Time(Time, Option<UtcOffset>),
    /// A span in microseconds (`datetime.timedelta`).
    TimeDelta(i64),
    /// A decimal number, as Python's `str()` prints it.
    Decimal(String),
    /// A value that pickles keep in a class of its own, such as a `frozenset`.
    Classed(Box<Classed>),
}

/// A date and time; aware when it carries an offset, naive otherwise (Python's words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The reading of the wall clock.
    pub at: PrimitiveDateTime,
    /// The clock's offset from UTC; `None` when nobody said.
    pub offset: Option<UtcOffset>,
}

/// Decimal text of an integer outside `i64`: an optional `-`, then digits without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BigInt(Box<str>);

impl BigInt {
    /// The decimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text in WTF-8: UTF-8 in which surrogates may stand alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wtf8(Box<[u8]>);

impl Wtf8 {
    /// Well-formed WTF-8 holding at least one lone surrogate; anything else is `None`.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // Reading is lenient and writing exact: only what comes back the same is well-formed.
        let points = Self(bytes.into());
        match Value::text_from_code_points(points.code_points())? {
            Value::Wtf8(text) if *text.0 == *bytes => Some(text),
            _ => None,
        }
    }

    /// The WTF-8 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The code points, lone surrogates among them.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (&first, tail) = rest.split_first()?;
            let (len, start) = match first {
                0..=0x7f => (0, u32::from(first)),
                0xc0..=0xdf => (1, u32::from(first & 0x1f)),
                0xe0..=0xef => (2, u32::from(first & 0x0f)),
                _ => (3, u32::from(first & 0x07)),
            };
            let (more, after) = tail.split_at_checked(len)?;
            rest = after;
            Some(more.iter().fold(start, |point, byte| point << 6 | u32::from(byte & 0x3f)))
        })
    }
}

impl Value {
    /// The integer written as decimal digits, with an optional sign, in `text`.
    /// `None` when `text` is not an integer. Any length: cap the input first.
    pub fn int_from_decimal(text: &str) -> Option<Self> {
        if let Ok(small) = text.parse::<i64>() {
            return Some(Self::Int(small));
        }
        let (sign, digits) = match text.as_bytes().first()? {
            b'-' => ("-", &text[1..]),
            b'+' => ("", &text[1..]),
            _ => ("", text),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        let canonical = format!("{sign}{digits}");
        // Leading zeros may have hidden a number that fits.
        Some(match canonical.parse::<i64>() {
            Ok(small) => Self::Int(small),
            Err(_) if digits.is_empty() => Self::Int(0),
            Err(_) => Self::BigInt(BigInt(canonical.into())),
        })
    }

    /// For integers known to lie outside `i64`.
    fn big(outside: impl fmt::Display) -> Self {
        Self::BigInt(BigInt(outside.to_string().into()))
    }

    /// Text from code points as Python strings hold them, lone surrogates
    /// included. Surrogate pairs are joined, as `json.loads` does.
    /// `None` for a number beyond U+10FFFF.
    pub fn text_from_code_points(points: impl IntoIterator<Item = u32>) -> Option<Self> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut high: Option<u32> = None;
        let mut lone = false;
        for point in points {
            match (high.take(), point) {
                (Some(first), 0xdc00..=0xdfff) => {
                    let joined = 0x1_0000 + ((first - 0xd800) << 10) + (point - 0xdc00);
                    push_wtf8(&mut bytes, joined);
                    continue;
                }
                (Some(first), _) => {
                    lone = true;
                    push_wtf8(&mut bytes, first);
                }
                (None, _) => {}
            }
            match point {
                0xd800..=0xdbff => high = Some(point),
                0xdc00..=0xdfff => {
                    lone = true;
                    push_wtf8(&mut bytes, point);
                }
                0..=0x10_ffff => push_wtf8(&mut bytes, point),
                _ => return None,
            }
        }
        if let Some(first) = high {
            lone = true;
            push_wtf8(&mut bytes, first);
        }
        if lone {
            return Some(Self::Wtf8(Wtf8(bytes.into())));
        }
        String::from_utf8(bytes).ok().map(Self::Str)
    }

    /// The text, if this is text without lone surrogates.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Markup(text) => Some(text),
            Self::Classed(of) => of.value.as_str(),
            _ => None,
        }
    }

    /// The mapping, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Classed(of) => of.value.as_map(),
            _ => None,
        }
    }

    /// Python's name for the type of this value, for error texts.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) | Self::Wtf8(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Map(_) => "dict",
            Self::Markup(_) => "Markup",
            Self::Uuid(_) => "UUID",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(..) => "time",
            Self::TimeDelta(_) => "timedelta",
            Self::Decimal(_) => "Decimal",
            Self::Classed(of) => of.class.name(),
        }
    }
}

fn push_wtf8(bytes: &mut Vec<u8>, point: u32) {
    // Truncations keep the low bits that the masks select.
    let tail = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
    match point {
        0..=0x7f => bytes.push(point as u8),
        0x80..=0x7ff => bytes.extend([0xc0 | (point >> 6) as u8, tail(0)]),
        0x800..=0xffff => bytes.extend([0xe0 | (point >> 12) as u8, tail(6), tail(0)]),
        _ => bytes.extend([0xf0 | (point >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}

// Floats compare by their bits, so that a NaN equals itself and values can be keys.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) | (Self::TimeDelta(a), Self::TimeDelta(b)) => a == b,
            (Self::BigInt(a), Self::BigInt(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Str(a), Self::Str(b))
            | (Self::Markup(a), Self::Markup(b))
            | (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::Wtf8(a), Self::Wtf8(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b))
            | (Self::Tuple(a), Self::Tuple(b))
            | (Self::Set(a), Self::Set(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Time(a, x), Self::Time(b, y)) => a == b && x == y,
            (Self::Classed(a), Self::Classed(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // Exactly as `str` hashes, so that maps can be asked with a `&str`.
            Self::Str(text) => text.as_str().hash(state),
            Self::Null => state.write_u8(0),
            Self::Bool(value) => value.hash(state),
            Self::Int(value) | Self::TimeDelta(value) => value.hash(state),
            Self::BigInt(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Wtf8(value) => value.hash(state),
            Self::Bytes(value) => value.hash(state),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => items.hash(state),
            Self::Map(map) => hash_map(map, state),
            Self::Markup(text) | Self::Decimal(text) => text.hash(state),
            Self::Uuid(value) => value.hash(state),
            Self::DateTime(value) => value.hash(state),
            Self::Date(value) => value.hash(state),
            Self::Time(value, offset) => (value, offset).hash(state),
            Self::Classed(of) => of.hash(state),
        }
    }
}

/// Mappings are equal in any order, so the hashes of their entries are added
/// up. Left out, mappings as keys would all collide, and reading a crafted
/// record would take time quadratic in its size.
fn hash_map<H: Hasher>(map: &Map, state: &mut H) {
    let entry_hash = |entry: (&Value, &Value)| {
        let mut hasher = DefaultHasher::new();
        entry.hash(&mut hasher);
        hasher.finish()
    };
    map.len().hash(state);
    state.write_u64(map.iter().map(entry_hash).fold(0, u64::wrapping_add));
}

macro_rules! from {
    ($($source:ty => $make:expr;)*) => {$(
        impl From<$source> for Value {
            fn from(value: $source) -> Self {
                let make: fn($source) -> Self = $make;
                make(value)
            }
        }
    )*};
}

from! {
    bool => Self::Bool;
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    i64 => Self::Int;
    f64 => Self::Float;
    &str => |value| Self::Str(value.into());
    String => Self::Str;
    Vec<u8> => Self::Bytes;
    Vec<Value> => Self::List;
    Map => Self::Map;
    DateTime => Self::DateTime;
    u64 => |value| i64::try_from(value).map_or_else(|_| Self::big(value), Self::Int);
    i128 => |value| i64::try_from(value).map_or_else(|_| Self::big(value), Self::Int);
    u128 => |value| i64::try_from(value).map_or_else(|_| Self::big(value), Self::Int);
}

/// Why a value could not be turned into, or made from, a Rust type.
#[derive(Clone, PartialEq, Eq)]
pub struct ValueError(String);

impl ValueError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

crate::debug_reads_like_display!(ValueError);

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ValueError {}

// Lists of a million nulls are bounded by this size times a million.
const _: () = assert!(size_of::<Value>() == 32);
