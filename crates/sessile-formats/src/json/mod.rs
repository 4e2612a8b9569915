//! Python's JSON: what `json.dumps` writes and `json.loads` reads.
//!
//! Not RFC 8259: NaN and infinities, integers of any size and lone surrogates
//! pass in both directions, floats are spelled as Python's `repr` does, and
//! keys may be numbers, booleans or `None`, which become text.

mod float;
mod order;
mod read;
mod strings;
mod write;

pub(crate) use read::{Dialect as ReadDialect, Fault, read_bytes, read_dialect};
pub(crate) use write::{Dialect as WriteDialect, Writer, push_hex};

use super::error::PayloadError;
use crate::{Map, Value};

/// The deepest nesting that is read or written. CPython gives up at 1000 calls,
/// of which each level takes one or more.
pub const MAX_DEPTH: usize = 500;

/// The most digits of an integer, CPython's `sys.int_info.default_max_str_digits`.
pub const MAX_INT_DIGITS: usize = 4300;

/// The arguments of `json.dumps`. The default is Python's.
///
/// ```
/// use sessile_formats::json::Style;
/// use sessile_formats::{Map, Value};
///
/// let value = Value::from(Map::from_iter([("b", "é"), ("a", "x")]));
/// assert_eq!(Style::DEFAULT.write(&value)?, br#"{"b": "\u00e9", "a": "x"}"#);
/// assert_eq!(Style::COMPACT.sorted().write(&value)?, r#"{"a":"x","b":"\u00e9"}"#.as_bytes());
/// # Ok::<(), sessile_formats::error::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `", "` and `": "` rather than `","` and `":"`.
    pub spaced: bool,
    /// Everything beyond ASCII escaped.
    pub ensure_ascii: bool,
    /// Keys in Python's order: text by code point, numbers by value.
    pub sort_keys: bool,
    /// What becomes of types JSON has no form for.
    pub hook: Hook,
}

/// `json.dumps(default=…)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hook {
    /// An error, as in Django, Starlette and itsdangerous.
    #[default]
    Strict,
    /// Flask's provider: dates as HTTP dates, decimals and UUIDs as text.
    Flask,
}

impl Style {
    /// `json.dumps(value)`: Starlette, plain itsdangerous.
    pub const DEFAULT: Self =
        Self { spaced: true, ensure_ascii: true, sort_keys: false, hook: Hook::Strict };

    /// `separators=(",", ":")`: Django.
    pub const COMPACT: Self = Self { spaced: false, ..Self::DEFAULT };

    /// Compact with raw UTF-8: itsdangerous' URL-safe serializers.
    pub const COMPACT_UTF8: Self = Self { ensure_ascii: false, ..Self::COMPACT };

    /// With the keys sorted.
    #[must_use]
    pub const fn sorted(self) -> Self {
        Self { sort_keys: true, ..self }
    }

    /// The text of `value`.
    ///
    /// # Errors
    /// What Python raises: `TypeError` for types and keys without a form or an
    /// order, `ValueError` for an integer beyond [`MAX_INT_DIGITS`],
    /// `RecursionError` beyond [`MAX_DEPTH`], `UnicodeEncodeError` for a lone
    /// surrogate where UTF-8 is to be written.
    pub fn write(self, value: &Value) -> Result<Vec<u8>, PayloadError> {
        match self.hook {
            Hook::Strict => write::to_vec::<write::Strict>(value, self),
            Hook::Flask => write::to_vec::<write::Provider>(value, self),
        }
    }

    /// [`Style::write`] of a mapping, without a [`Value`] around it. The hook is not asked.
    pub(crate) fn write_map(self, map: &Map) -> Result<Vec<u8>, PayloadError> {
        let mut writer = Writer::<write::Strict>::new(self);
        writer.object(map, 0)?;
        Ok(writer.out)
    }
}

/// `json.loads` of UTF-8 text. The last of equal keys wins, in the place of the first.
///
/// # Errors
/// `JSONDecodeError` with Python's words and position, `UnicodeDecodeError`,
/// `ValueError` for an integer beyond [`MAX_INT_DIGITS`], `RecursionError`
/// beyond [`MAX_DEPTH`].
///
/// ```
/// use sessile_formats::{Value, json};
///
/// assert_eq!(json::read(b"[1, NaN]")?, Value::List(vec![1.into(), f64::NAN.into()]));
/// assert_eq!(
///     json::read(b"[1,").unwrap_err().to_string(),
///     "Expecting value: line 1 column 4 (char 3)",
/// );
/// # Ok::<(), sessile_formats::error::PayloadError>(())
/// ```
pub fn read(text: &[u8]) -> Result<Value, PayloadError> {
    read_dialect::<read::Plain>(text)
}

/// A float as Python's `repr` spells it, without the names for NaN and infinities.
pub(crate) use float::push_finite;
