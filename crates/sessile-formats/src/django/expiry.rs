//! How long a session lives, as Django keeps it: under `_session_expiry` in the data.
//!
//! `SessionBase.set_expiry`, `get_expiry_age`, `get_expiry_date` and
//! `get_expire_at_browser_close` of Django 5.2 and 6.1, with `USE_TZ` on.

use std::fmt;

use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::isoformat;
use crate::Timestamp;
use crate::value::{DateTime, Value};

/// The key in the data. Under it: seconds, `0` for "until the browser closes",
/// or a moment in ISO 8601. Without it, or with `None`, settings decide.
pub const EXPIRY_KEY: &str = "_session_expiry";

/// Why Django raises an exception instead of saying when a session ends.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpiryError {
    /// The text is no moment in ISO 8601.
    NotIso(String),
    /// The moment has no offset from UTC, so there is no span between now and it.
    Naive,
    /// The moment lies outside of the years 1 to 9999.
    OutOfRange,
    /// Not a number.
    NotANumber,
    /// Neither a number nor a moment; Python's name for the type.
    Type(&'static str),
}

impl ExpiryError {
    /// The exception Python raises here.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::NotIso(_) | Self::NotANumber => "ValueError",
            Self::Naive | Self::Type(_) => "TypeError",
            Self::OutOfRange => "OverflowError",
        }
    }
}

impl fmt::Display for ExpiryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIso(text) => write!(f, "Invalid isoformat string: '{text}'"),
            Self::Naive => f.write_str("can't subtract offset-naive and offset-aware datetimes"),
            Self::OutOfRange => f.write_str("date value out of range"),
            Self::NotANumber => f.write_str("cannot convert float NaN to integer"),
            Self::Type(name) => {
                write!(f, "unsupported type for timedelta seconds component: {name}")
            }
        }
    }
}

crate::debug_reads_like_display!(ExpiryError);

impl std::error::Error for ExpiryError {}

/// What `set_expiry(value)` stores; `None` when it removes what is stored.
///
/// # Errors
/// [`ExpiryError::OutOfRange`].
pub fn stored(value: Value, now: Timestamp) -> Result<Option<Value>, ExpiryError> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::TimeDelta(micros) => {
            let end = after(now, Duration::microseconds(micros))?;
            Value::Str(end.isoformat())
        }
        Value::DateTime(at) => Value::Str(at.isoformat()),
        other => other,
    }))
}

/// `get_expiry_age()`: the seconds left. What is stored as a number comes back as it is.
///
/// # Errors
/// [`ExpiryError::NotIso`], [`ExpiryError::Naive`].
pub fn age(expiry: Option<&Value>, cookie_age: i64, now: Timestamp) -> Result<Value, ExpiryError> {
    let at = match expiry {
        Some(Value::Str(text)) if !text.is_empty() => moment(text)?,
        Some(Value::DateTime(at)) => *at,
        Some(other) if is_true(other) => return Ok(other.clone()),
        _ => return Ok(Value::Int(cookie_age)),
    };
    let offset = at.offset.ok_or(ExpiryError::Naive)?;
    let left = at.at.assume_offset(offset) - utc(now)?.at.assume_utc();
    // Whole seconds, rounded down, as Python's `days * 86400 + seconds` is.
    let secs = left.whole_nanoseconds().div_euclid(1_000_000_000);
    Ok(Value::Int(i64::try_from(secs).map_err(|_| ExpiryError::OutOfRange)?))
}

/// `get_expiry_date()`: the moment it ends, active or not for a stored moment,
/// else counted from now.
///
/// # Errors
/// [`ExpiryError`].
pub fn date(
    expiry: Option<&Value>,
    cookie_age: i64,
    now: Timestamp,
) -> Result<DateTime, ExpiryError> {
    let span = match expiry {
        Some(Value::DateTime(at)) => return Ok(*at),
        // An empty text is none, but text all the same.
        Some(Value::Str(text)) => return moment(text),
        Some(other) if is_true(other) => span(other)?,
        _ => Duration::seconds(cookie_age),
    };
    after(now, span)
}

/// `get_expire_at_browser_close()`; `configured` is `SESSION_EXPIRE_AT_BROWSER_CLOSE`.
pub fn at_browser_close(expiry: Option<&Value>, configured: bool) -> bool {
    match expiry {
        None | Some(Value::Null) => configured,
        Some(Value::Int(0) | Value::Bool(false)) => true,
        Some(Value::Float(secs)) => *secs == 0.0,
        Some(_) => false,
    }
}

/// Whether Python takes the value for true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) => false,
        Value::Float(number) => *number != 0.0,
        Value::Str(text) => !text.is_empty(),
        Value::Bytes(bytes) => !bytes.is_empty(),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
        _ => true,
    }
}

fn moment(text: &str) -> Result<DateTime, ExpiryError> {
    isoformat::parse(text).ok_or_else(|| ExpiryError::NotIso(text.to_owned()))
}

/// The moment that a stored text names, if it says how far from UTC it is.
pub fn moment_in(text: &str) -> Option<Timestamp> {
    moment(text).ok()?.timestamp()
}

/// `timedelta(seconds=value)`.
fn span(value: &Value) -> Result<Duration, ExpiryError> {
    /// Python's longest `timedelta`.
    const MAX_DAYS: f64 = 999_999_999.0;
    match value {
        Value::Bool(_) => Ok(Duration::SECOND),
        Value::Int(secs) => Ok(Duration::seconds(*secs)),
        Value::BigInt(_) => Err(ExpiryError::OutOfRange),
        Value::Float(secs) if secs.is_nan() => Err(ExpiryError::NotANumber),
        Value::Float(secs) if secs.abs() > MAX_DAYS * 86_400.0 => Err(ExpiryError::OutOfRange),
        Value::Float(secs) => {
            let whole = secs.trunc();
            let micros = ((secs - whole) * 1e6).round_ties_even();
            Ok(Duration::seconds(whole as i64) + Duration::microseconds(micros as i64))
        }
        other => Err(ExpiryError::Type(other.type_name())),
    }
}

fn after(now: Timestamp, span: Duration) -> Result<DateTime, ExpiryError> {
    let now = utc(now)?;
    let at = now.at.checked_add(span).ok_or(ExpiryError::OutOfRange)?;
    if !(1..=9999).contains(&at.year()) {
        return Err(ExpiryError::OutOfRange);
    }
    Ok(DateTime { at, ..now })
}

fn utc(now: Timestamp) -> Result<DateTime, ExpiryError> {
    let nanos = i128::from(now.as_millis()) * 1_000_000;
    let at =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| ExpiryError::OutOfRange)?;
    let at = PrimitiveDateTime::new(at.date(), at.time());
    Ok(DateTime { at, offset: Some(UtcOffset::UTC) })
}
