//! `datetime.fromisoformat` of Python 3.11 and later, which takes most of ISO 8601.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset, Weekday};

use crate::value::DateTime;

/// A date alone is its midnight; between date and time stands any one character.
pub(super) fn parse(text: &str) -> Option<DateTime> {
    let (date, rest) = date(text)?;
    let mut characters = rest.chars();
    if characters.next().is_none() {
        return Some(DateTime { at: PrimitiveDateTime::new(date, Time::MIDNIGHT), offset: None });
    }
    let rest = characters.as_str();
    let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(end)?;
    let ([hour, minute, second], micros) = clock(time)?;
    let fits = |part: u32| u8::try_from(part).ok();
    let time = Time::from_hms_micro(fits(hour)?, fits(minute)?, fits(second)?, micros).ok()?;
    Some(DateTime { at: PrimitiveDateTime::new(date, time), offset: offset(zone)? })
}

fn date(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = digits(text, 4)?;
    let year = i32::try_from(year).ok().filter(|year| *year > 0)?;
    let dash = rest.strip_prefix('-');
    let rest = dash.unwrap_or(rest);
    if let Some(rest) = rest.strip_prefix('W') {
        let (week, rest) = digits(rest, 2)?;
        let day = match dash {
            Some(_) => rest.strip_prefix('-'),
            None => Some(rest).filter(|rest| rest.starts_with(|it: char| it.is_ascii_digit())),
        };
        let (day, rest) = day.map_or(Some((1, rest)), |day| digits(day, 1))?;
        let day = u8::try_from(day).ok().filter(|day| (1..=7).contains(day))?;
        let day = Weekday::Monday.nth_next(day - 1);
        let date = Date::from_iso_week_date(year, u8::try_from(week).ok()?, day).ok()?;
        return Some((date, rest));
    }
    let (month, rest) = digits(rest, 2)?;
    let rest = if dash.is_some() { rest.strip_prefix('-')? } else { rest };
    let (day, rest) = digits(rest, 2)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Some((Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?, rest))
}

/// Hours, and perhaps minutes, seconds and a fraction, with colons or without.
fn clock(text: &str) -> Option<([u32; 3], u32)> {
    let mut parts = [0; 3];
    let (hour, mut rest) = digits(text, 2)?;
    parts[0] = hour;
    let colons = rest.starts_with(':');
    for part in parts.iter_mut().skip(1) {
        let next = match colons {
            true => rest.strip_prefix(':'),
            false => Some(rest).filter(|rest| rest.starts_with(|it: char| it.is_ascii_digit())),
        };
        let Some(next) = next else { break };
        (*part, rest) = digits(next, 2)?;
    }
    if rest.is_empty() {
        return Some((parts, 0));
    }
    let fraction = rest.strip_prefix(['.', ','])?;
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What is finer than microseconds is cut off.
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    Some((parts, padded.fold(0, |sum, digit| sum * 10 + u32::from(digit & 15))))
}

fn offset(zone: &str) -> Option<Option<UtcOffset>> {
    let (sign, rest) = match zone.chars().next() {
        None => return Some(None),
        Some('Z') => return (zone.len() == 1).then_some(Some(UtcOffset::UTC)),
        Some('-') => (-1, zone.get(1..)?),
        _ => (1, zone.get(1..)?),
    };
    let ([hours, minutes, seconds], micros) = clock(rest)?;
    let fits = hours < 24 && minutes < 60 && seconds < 60 && micros == 0;
    let total = i32::try_from(hours * 3600 + minutes * 60 + seconds).ok().filter(|_| fits)?;
    UtcOffset::from_whole_seconds(sign * total).ok().map(Some)
}

fn digits(text: &str, width: usize) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(width)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| plain)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_takes_is_taken_and_nothing_else() {
        // Checked against CPython 3.11.
        for (text, wanted) in [
            ("2026-01-02", "2026-01-02T00:00:00"),
            ("20260102", "2026-01-02T00:00:00"),
            ("2026-W01-5", "2026-01-02T00:00:00"),
            ("2026W015T030405", "2026-01-02T03:04:05"),
            ("2026-01-02 03", "2026-01-02T03:00:00"),
            ("2026-01-02☃03:04", "2026-01-02T03:04:00"),
            ("20260105T000000Z", "2026-01-05T00:00:00+00:00"),
            ("2026-01-02T03:04:05,1234567-0530", "2026-01-02T03:04:05.123456-05:30"),
            ("2026-01-02T030405.5+02", "2026-01-02T03:04:05.500000+02:00"),
        ] {
            assert_eq!(parse(text).map(|at| at.isoformat()).as_deref(), Some(wanted), "{text}");
        }
        for text in [
            "",
            "soon",
            "2026",
            "2026-1-2",
            "2026-01-02T",
            "2026-01-02T3",
            "2026-01-02T24:00",
            "2026-01-02T03:0405",
            "2026-01-02T03:04:05.",
            "2026-02-30",
            "2026-01-02T03:04z",
            "2026-01-02T03:04+24:00",
            "2026-W54",
            "0000-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
