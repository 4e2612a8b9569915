//! HTTP dates as Werkzeug writes and Python reads them.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

use super::flask::python;
use crate::DateTime;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The moment in UTC; a naive one is taken to be there already. `None` when it
/// leaves the years 1 to 9999, where Python raises `OverflowError`.
pub(crate) fn to_utc(moment: &DateTime) -> Option<PrimitiveDateTime> {
    let Some(offset) = moment.offset else {
        return Some(moment.at);
    };
    let shift = time::Duration::seconds(i64::from(offset.whole_seconds()));
    let utc = moment.at.checked_sub(shift)?;
    (1..=9999).contains(&utc.year()).then_some(utc)
}

/// `werkzeug.http.http_date`, and the date of a cookie's `Expires`: IMF-fixdate
/// (RFC 9110 section 5.6.7), `Fri, 02 Jan 2026 03:04:05 GMT`. Years have four digits.
pub(crate) fn http_date(utc: PrimitiveDateTime) -> [u8; 29] {
    let digit = |number: u32| b'0' + (number % 10) as u8;
    let two = |number: u8| [digit(u32::from(number) / 10), digit(u32::from(number))];
    let name = |names: &[&str], at: u8| {
        let name = names.get(usize::from(at)).and_then(|name| name.as_bytes().first_chunk::<3>());
        name.copied().unwrap_or(*b"   ")
    };
    let [d, a, y] = name(&DAYS, utc.weekday().number_days_from_monday());
    let [m, o, n] = name(&MONTHS, u8::from(utc.month()) - 1);
    let [day, hour, minute, second] = [utc.day(), utc.hour(), utc.minute(), utc.second()].map(two);
    let year = utc.year().unsigned_abs();
    let [y1, y2, y3, y4] = [year / 1000, year / 100, year / 10, year].map(digit);
    [
        d, a, y, b',', b' ', day[0], day[1], b' ', m, o, n, b' ', y1, y2, y3, y4, b' ', hour[0],
        hour[1], b':', minute[0], minute[1], b':', second[0], second[1], b' ', b'G', b'M', b'T',
    ]
}

/// A number of the date that is too large even to be called out of range:
/// Python's `OverflowError`, which Werkzeug lets through.
pub(crate) struct TooLargeNumber;

/// `werkzeug.http.parse_date`: whatever `email.utils.parsedate_to_datetime`
/// makes sense of, aware; `None` where that fails.
pub(crate) fn parse_date(text: &str) -> Result<Option<DateTime>, TooLargeNumber> {
    match fields(text) {
        Some(fields) => build(fields),
        None => Ok(None),
    }
}

/// Year to second, and the offset as the four digits of a time zone.
struct Fields {
    parts: [i128; 6],
    zone: Option<i128>,
}

fn build(Fields { parts, zone }: Fields) -> Result<Option<DateTime>, TooLargeNumber> {
    let mut offset = 0;
    if let Some(zone) = zone {
        let hundreds = zone.unsigned_abs();
        let seconds = (hundreds / 100).saturating_mul(3600).saturating_add(hundreds % 100 * 60);
        // 999,999,999 days, the longest timedelta.
        if seconds >= 86_400_000_000_000 {
            return Err(TooLargeNumber);
        }
        let seconds = i64::try_from(seconds).map_err(|_| TooLargeNumber)?;
        offset = if zone < 0 { -seconds } else { seconds };
        if offset.abs() >= 86_400 {
            return Ok(None);
        }
    }
    if parts.iter().any(|part| i32::try_from(*part).is_err()) {
        return Err(TooLargeNumber);
    }
    let [year, month, day, hour, minute, second] = parts;
    let small = |part: i128| u8::try_from(part).ok();
    let made = || {
        let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        let month = Month::try_from(small(month)?).ok()?;
        let date = Date::from_calendar_date(year, month, small(day)?).ok()?;
        let time = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
        let offset = UtcOffset::from_whole_seconds(i32::try_from(offset).ok()?).ok()?;
        Some(DateTime { at: PrimitiveDateTime::new(date, time), offset: Some(offset) })
    };
    Ok(made())
}

/// `email._parseaddr._parsedate_tz`, step by step.
fn fields(text: &str) -> Option<Fields> {
    let mut words: Vec<&str> =
        text.split(python::is_space).filter(|word| !word.is_empty()).collect();
    let first = *words.first()?;
    if first.ends_with(',') || DAYS.iter().any(|day| day.eq_ignore_ascii_case(first)) {
        words.remove(0);
    } else if let (Some(comma), Some(slot)) = (first.rfind(','), words.first_mut()) {
        *slot = first.get(comma + 1..)?;
    }
    if let [date, time, zone] = *words {
        let stuff: Vec<&str> = date.split('-').collect();
        if stuff.len() == 3 {
            words = stuff.into_iter().chain([time, zone]).collect();
        }
    }
    if let [day, month, year, time] = *words {
        let sign = time.find('+').or_else(|| time.find('-'));
        let (time, zone) = match sign {
            Some(at) if at > 0 => time.split_at_checked(at)?,
            _ => (time, ""),
        };
        words = vec![day, month, year, time, zone];
    }
    let [mut day, mut month, mut year, mut clock, mut zone, ..] = *words else {
        return None;
    };
    if day.is_empty() || month.is_empty() || year.is_empty() {
        return None;
    }
    let month_number = match month_index(month) {
        Some(number) => number,
        None => {
            std::mem::swap(&mut day, &mut month);
            month_index(month)?
        }
    };
    day = day.strip_suffix(',').unwrap_or(day);
    if year.find(':').is_some_and(|at| at > 0) {
        std::mem::swap(&mut year, &mut clock);
    }
    year = year.strip_suffix(',').unwrap_or(year);
    if !year.chars().next()?.is_numeric() {
        std::mem::swap(&mut year, &mut zone);
    }
    clock = clock.strip_suffix(',').unwrap_or(clock);
    let mut time: Vec<&str> = clock.split(':').collect();
    if time.len() == 1 && clock.contains('.') {
        time = clock.split('.').collect();
    }
    let (hour, minute, second) = match *time {
        [hour, minute] => (hour, minute, "0"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let mut year = number(year)?;
    let (day, hour, minute, second) =
        (number(day)?, number(hour)?, number(minute)?, number(second)?);
    if year < 100 {
        year += if year > 68 { 1900 } else { 2000 };
    }
    let zone = named_zone(zone).or_else(|| match number(zone) {
        Some(0) if zone.starts_with('-') => None,
        other => other,
    });
    Some(Fields { parts: [year, month_number, day, hour, minute, second], zone })
}

/// 1 to 12.
fn month_index(word: &str) -> Option<i128> {
    const LONG: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = |names: &[&str; 12]| names.iter().position(|name| name.eq_ignore_ascii_case(word));
    let index = at(&MONTHS).or_else(|| at(&LONG))?;
    i128::try_from(index + 1).ok()
}

fn named_zone(word: &str) -> Option<i128> {
    const ZONES: [(&str, i128); 14] = [
        ("UT", 0),
        ("UTC", 0),
        ("GMT", 0),
        ("Z", 0),
        ("AST", -400),
        ("ADT", -300),
        ("EST", -500),
        ("EDT", -400),
        ("CST", -600),
        ("CDT", -500),
        ("MST", -700),
        ("MDT", -600),
        ("PST", -800),
        ("PDT", -700),
    ];
    ZONES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, zone)| *zone)
}

fn number(word: &str) -> Option<i128> {
    let (negative, magnitude) = python::int(word, 10)?;
    let magnitude = i128::try_from(magnitude).unwrap_or(i128::MAX);
    Some(if negative { -magnitude } else { magnitude })
}
