//! MessagePack as msgspec 0.22 reads and writes it, which is how Flask-Session 0.8 stores sessions.
//!
//! Writing picks the smallest form, keeps floats at 64 bits, turns tuples and
//! sets into arrays and aware datetimes into timestamps (extension −1).
//! Reading takes every form, is bounded in depth, count and allocation, and
//! refuses what msgspec refuses.

mod read;
mod spell;
mod write;

use std::fmt;

pub use read::read;
pub(crate) use spell::{push_datetime, push_time};
pub use write::write;
pub(crate) use write::write_map;

/// How deep containers may nest, when reading and when writing.
pub const MAX_DEPTH: usize = 128;
/// How many values one document may hold.
pub const MAX_VALUES: usize = 1 << 20;
/// How long a document may be, in bytes.
pub const MAX_LEN: usize = 16 << 20;

/// A value that msgspec cannot write either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// No form for values of this (Python) type.
    Type(&'static str),
    /// JSON has text keys only, and this key is neither text nor a number.
    Key,
    /// MessagePack integers lie between −2⁶³ and 2⁶⁴−1.
    IntegerRange,
    /// Python refuses to print integers of more than 4300 digits.
    DigitCount,
    /// Text with lone surrogates has no UTF-8.
    Surrogate,
    /// The moment lies outside the years 1 to 9999 in UTC.
    DateRange,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More than 2³²−1 bytes or items.
    TooLong,
}

impl WriteError {
    /// The exception Flask-Session raises here, for code that must raise the same.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::Type(_) | Self::Key => "TypeError",
            Self::IntegerRange | Self::DateRange => "OverflowError",
            Self::DigitCount => "ValueError",
            Self::Surrogate => "UnicodeEncodeError",
            Self::TooDeep => "RecursionError",
            Self::TooLong => "EncodeError",
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(name) => write!(f, "Encoding objects of type {name} is unsupported"),
            Self::Key => f.write_str("Only dicts with str-like or number-like keys are supported"),
            Self::IntegerRange => f.write_str("can't serialize ints < -2**63 or > 2**64 - 1"),
            Self::DigitCount => f.write_str("an integer of more than 4300 digits"),
            Self::Surrogate => f.write_str("text with lone surrogates cannot be written as UTF-8"),
            Self::DateRange => f.write_str("date value out of range"),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
            Self::TooLong => f.write_str("can't encode anything longer than 2**32 - 1"),
        }
    }
}

crate::debug_reads_like_display!(WriteError, ReadError);

impl std::error::Error for WriteError {}

/// Bytes that are not a document, or one beyond our bounds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// Not well-formed.
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// At which byte.
        at: usize,
    },
    /// Text that is not UTF-8.
    Utf8 {
        /// Where the text starts.
        at: usize,
    },
    /// A timestamp at the very end of the year 9999 that rounds beyond it.
    DateRange,
    /// An extension other than the timestamp; msgspec would hand out an `Ext` object.
    Extension(i8),
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More than [`MAX_LEN`] bytes or [`MAX_VALUES`] values.
    TooLarge,
}

impl ReadError {
    /// The exception msgspec raises here (for our own bounds, the nearest).
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::Malformed { .. } | Self::Extension(_) | Self::TooLarge => "DecodeError",
            Self::Utf8 { .. } => "UnicodeDecodeError",
            Self::DateRange => "ValueError",
            Self::TooDeep => "RecursionError",
        }
    }

    /// Whether Flask-Session goes on to the next format after this.
    pub(crate) fn is_malformed(&self) -> bool {
        matches!(self, Self::Malformed { .. })
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { what, at } => write!(f, "malformed: {what} (byte {at})"),
            Self::Utf8 { at } => write!(f, "text that is not UTF-8 (byte {at})"),
            Self::DateRange => f.write_str("a timestamp beyond the year 9999"),
            Self::Extension(code) => write!(f, "unknown extension type {code}"),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
            Self::TooLarge => {
                write!(f, "larger than {MAX_LEN} bytes or {MAX_VALUES} values")
            }
        }
    }
}

impl std::error::Error for ReadError {}
