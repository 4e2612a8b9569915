//! Dates, times, spans and UUIDs as text, spelled as Python's `isoformat()` and `str()` do.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

use super::{DateTime, Value};
use crate::time::Timestamp;

const MICROS_PER_SECOND: u64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

impl DateTime {
    /// Reads what Python's `datetime.isoformat()` prints; a space may stand for the `T`.
    ///
    /// ```
    /// let at = sessile_formats::DateTime::from_isoformat("2026-01-02T03:04:05+02:00").unwrap();
    /// assert_eq!(at.isoformat(), "2026-01-02T03:04:05+02:00");
    /// ```
    pub fn from_isoformat(text: &str) -> Option<Self> {
        datetime(text)
    }

    /// The text of Python's `datetime.isoformat()`.
    pub fn isoformat(&self) -> String {
        let mut out = String::with_capacity(32);
        push_datetime(&mut out, self);
        out
    }

    /// The moment, in whole milliseconds rounded down; `None` without an offset from UTC.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let nanos = self.at.assume_offset(self.offset?).unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000_000)).ok().map(Timestamp::from_millis)
    }
}

impl Value {
    /// The date that Python's `date.isoformat()` prints as `text`.
    pub fn date_from_isoformat(text: &str) -> Option<Self> {
        date(text).map(Self::Date)
    }

    /// The time of day that Python's `time.isoformat()` prints as `text`.
    pub fn time_from_isoformat(text: &str) -> Option<Self> {
        time(text).map(|(time, offset)| Self::Time(time, offset))
    }
}

/// `2026-01-02`.
pub(crate) fn push_date(out: &mut String, date: Date) {
    let (year, month, day) = date.to_calendar_date();
    // Python has the years 1 to 9999 only.
    push_padded(out, year.unsigned_abs(), 4);
    out.push('-');
    push_padded(out, u32::from(u8::from(month)), 2);
    out.push('-');
    push_padded(out, u32::from(day), 2);
}

/// `03:04:05`, with six digits of microseconds when there are any, and the offset.
pub(crate) fn push_time(out: &mut String, time: Time, offset: Option<UtcOffset>) {
    let (hour, minute, second, micro) = time.as_hms_micro();
    push_padded(out, u32::from(hour), 2);
    out.push(':');
    push_padded(out, u32::from(minute), 2);
    out.push(':');
    push_padded(out, u32::from(second), 2);
    if micro != 0 {
        out.push('.');
        push_padded(out, micro, 6);
    }
    let Some(offset) = offset else { return };
    let (hours, minutes, seconds) = offset.as_hms();
    out.push(if offset.is_negative() { '-' } else { '+' });
    push_padded(out, u32::from(hours.unsigned_abs()), 2);
    out.push(':');
    push_padded(out, u32::from(minutes.unsigned_abs()), 2);
    if seconds != 0 {
        out.push(':');
        push_padded(out, u32::from(seconds.unsigned_abs()), 2);
    }
}

/// Date, `T`, time, offset.
pub(crate) fn push_datetime(out: &mut String, value: &DateTime) {
    push_date(out, value.at.date());
    out.push('T');
    push_time(out, value.at.time(), value.offset);
}

/// A span of `micros` microseconds as ISO 8601 days and seconds: `P1DT90.5S`, `-PT1S`, `P0D`.
pub(crate) fn push_span(out: &mut String, micros: i64) {
    if micros < 0 {
        out.push('-');
    }
    let total = micros.unsigned_abs();
    let days = total / (SECONDS_PER_DAY * MICROS_PER_SECOND);
    let seconds = total / MICROS_PER_SECOND % SECONDS_PER_DAY;
    let fraction = total % MICROS_PER_SECOND;
    out.push('P');
    let clock = seconds != 0 || fraction != 0;
    if days != 0 || !clock {
        out.push_str(&days.to_string());
        out.push('D');
    }
    if clock {
        out.push('T');
        out.push_str(&seconds.to_string());
        if fraction != 0 {
            let digits = format!(".{fraction:06}");
            out.push_str(digits.trim_end_matches('0'));
        }
        out.push('S');
    }
}

/// `8-4-4-4-12` lower-case hex digits.
pub(crate) fn push_uuid(out: &mut String, bytes: &[u8; 16]) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
        }
    }
}

/// `value` with at least `width` (1 to 9) digits.
pub(crate) fn push_padded(out: &mut String, value: u32, width: u32) {
    let mut unit = 10_u32.pow(width - 1);
    while unit != 0 {
        out.push(char::from(b'0' + (value / unit % 10) as u8));
        unit /= 10;
    }
}

/// Reads what [`push_date`] writes.
pub(crate) fn date(text: &str) -> Option<Date> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    if !rest.is_empty() || year == 0 {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

/// Reads what [`push_time`] writes; also one to nine fraction digits and `Z`.
pub(crate) fn time(text: &str) -> Option<(Time, Option<UtcOffset>)> {
    let small = |value: u32| u8::try_from(value).ok();
    let (hour, rest) = number(text, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, mut rest) = number(rest.strip_prefix(':')?, 2)?;
    let mut micro = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        let (value, after) = number(fraction, digits.min(6))?;
        micro = value * 10_u32.pow(6 - digits.min(6) as u32);
        rest = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    let time = Time::from_hms_micro(small(hour)?, small(minute)?, small(second)?, micro).ok()?;
    Some((time, offset(rest)?))
}

fn offset(text: &str) -> Option<Option<UtcOffset>> {
    let negative = match text.as_bytes().first() {
        None => return Some(None),
        Some(b'Z' | b'z') if text.len() == 1 => return Some(Some(UtcOffset::UTC)),
        Some(b'+') => false,
        Some(b'-') => true,
        Some(_) => return None,
    };
    let (hours, rest) = number(text.get(1..)?, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (seconds, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest, 2)?,
        None => (0, rest),
    };
    if !rest.is_empty() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let total = i32::try_from(hours * 3600 + minutes * 60 + seconds).ok()?;
    let signed = if negative { -total } else { total };
    UtcOffset::from_whole_seconds(signed).ok().map(Some)
}

/// Reads what [`push_datetime`] writes; a space may stand for the `T`.
pub(crate) fn datetime(text: &str) -> Option<DateTime> {
    let (day, rest) = text.split_at_checked(10)?;
    let (clock, offset) = time(rest.strip_prefix(['T', 't', ' '])?)?;
    Some(DateTime { at: PrimitiveDateTime::new(date(day)?, clock), offset })
}

/// Reads what [`push_span`] writes, in microseconds.
pub(crate) fn span(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut rest = text.strip_prefix('P')?;
    let mut total: i64 = 0;
    if let Some((days, after)) = rest.split_once('D') {
        total = whole(days)?.checked_mul(86_400_000_000)?;
        rest = after;
    }
    if let Some(clock) = rest.strip_prefix('T') {
        let clock = clock.strip_suffix('S')?;
        let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        if fraction.len() > 6 {
            return None;
        }
        let scale = 10_i64.pow(6 - fraction.len() as u32);
        let micros = whole(fraction)? * scale;
        let seconds = whole(seconds)?.checked_mul(1_000_000)?;
        total = total.checked_add(seconds)?.checked_add(micros)?;
    } else if !rest.is_empty() {
        return None;
    }
    Some(if negative { -total } else { total })
}

/// Reads what [`push_uuid`] writes, in either case.
pub(crate) fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut rest = text;
    for (at, byte) in bytes.iter_mut().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            rest = rest.strip_prefix('-')?;
        }
        let (pair, after) = rest.split_at_checked(2)?;
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
        rest = after;
    }
    rest.is_empty().then_some(bytes)
}

fn whole(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Exactly `width` (at most 9) digits and what follows them.
fn number(text: &str, width: usize) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(width)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetimes_read_back_as_written() {
        for text in [
            "2026-01-02T03:04:05",
            "0001-01-01T00:00:00.000001",
            "9999-12-31T23:59:59.999999-23:59",
            "2026-01-02T03:04:05+05:30:15",
        ] {
            let mut out = String::new();
            push_datetime(&mut out, &datetime(text).unwrap());
            assert_eq!(out, text);
        }
        for bad in ["", "2026-01-02", "2026-13-02T03:04:05", "2026-01-02T03:04:05+24:00", "é"] {
            assert_eq!(datetime(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_read_back_as_written() {
        for (micros, text) in [
            (0, "P0D"),
            (90_500_000, "PT90.5S"),
            (-1, "-PT0.000001S"),
            (86_400_000_000, "P1D"),
            (-90_061_000_000, "-P1DT3661S"),
        ] {
            let mut out = String::new();
            push_span(&mut out, micros);
            assert_eq!((out.as_str(), span(text)), (text, Some(micros)));
        }
        assert_eq!(span("P99999999999999D"), None);
    }

    #[test]
    fn uuids_read_back_as_written() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let mut out = String::new();
        push_uuid(&mut out, &uuid(text).unwrap());
        assert_eq!(out, text);
        assert_eq!(uuid("00112233-4455-6677-8899-aabbccddeef+"), None);
    }
}
