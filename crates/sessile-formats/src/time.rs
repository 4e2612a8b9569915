//! Moments in time. The clock itself is the caller's: `now` is always an argument.

use std::fmt;
use std::time::Duration;

use time::{PrimitiveDateTime, UtcDateTime};

/// A moment: milliseconds since 1970-01-01T00:00:00Z, negative before.
///
/// ```
/// use sessile_formats::Timestamp;
/// use std::time::Duration;
///
/// let now = Timestamp::from_secs(1_767_323_045);
/// assert_eq!((now + Duration::from_secs(60)).as_secs(), 1_767_323_105);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest moment; used where an addition would overflow.
    pub const MAX: Self = Self(i64::MAX);

    /// A moment given in whole seconds since 1970. Saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// A moment given in milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment as Python's `datetime.isoformat()` prints it in UTC, such as
    /// `2026-01-02T03:04:05+00:00`; clamped to the years 1 to 9999.
    pub fn to_iso8601(self) -> String {
        let moment = self.to_utc();
        let (date, time) = (moment.date(), moment.time());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let mut text = format!("{year:04}-{month:02}-{day:02}T{}", clock(time));
        if time.microsecond() != 0 {
            text.push_str(&format!(".{:06}", time.microsecond()));
        }
        text + "+00:00"
    }

    /// Appends the moment as HTTP writes it (IMF-fixdate, RFC 9110 section 5.6.7),
    /// such as `Fri, 02 Jan 2026 03:04:05 GMT`: rounded down to the second,
    /// clamped to the years 1 to 9999.
    pub fn push_http_date(self, out: &mut String) {
        let utc = self.to_utc();
        let date = crate::date::http_date(PrimitiveDateTime::new(utc.date(), utc.time()));
        out.push_str(std::str::from_utf8(&date).unwrap_or_default());
    }

    /// The moment that an ISO 8601 text names; without an offset it is taken as UTC.
    pub fn from_iso8601(text: &str) -> Option<Self> {
        let value = crate::value::iso::datetime(text)?;
        let offset = value.offset.unwrap_or(time::UtcOffset::UTC);
        let nanos = value.at.assume_offset(offset).unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000_000)).ok().map(Self)
    }

    /// The moment as a calendar reading in UTC, clamped to the years 1 to 9999.
    pub(crate) fn to_utc(self) -> UtcDateTime {
        // 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z, Python's datetime range.
        let millis = self.0.clamp(-62_135_596_800_000, 253_402_300_799_999);
        UtcDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .unwrap_or(UtcDateTime::UNIX_EPOCH)
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

fn clock(time: time::Time) -> String {
    format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at [`Timestamp::MAX`].
    fn add(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

/// In UTC, such as `2026-01-02T03:04:05+00:00`: see [`to_iso8601`](Timestamp::to_iso8601).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_iso8601())
    }
}

/// As [`Display`](fmt::Display) writes it.
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_iso8601())
    }
}

/// From ISO 8601: see [`from_iso8601`](Timestamp::from_iso8601).
impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_iso8601(&text)
            .ok_or_else(|| serde::de::Error::custom("not a moment in ISO 8601"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.as_secs(), self.0.rem_euclid(1000))
    }
}
