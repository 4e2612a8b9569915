//! Spans of time as people and programs write them.

use std::time::Duration;

/// No setting needs more than a hundred years; Python's `timedelta` ends at 2.7 million.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);

/// Longer texts are no times.
const MAX_TEXT: usize = 64;

/// Reads a number of seconds (`90`, `1.5`), a number with its unit and several
/// of them (`31 days`, `1h 30m`), what Python prints for a `timedelta`
/// (`31 days, 0:00:00`), or an ISO 8601 duration of weeks, days and less (`P31D`, `PT1H30M`).
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TEXT {
        return None;
    }
    let nanos = match text.strip_prefix(['P', 'p']) {
        Some(rest) => iso(rest)?,
        None => words(text)?,
    };
    within(nanos)
}

/// A span of so many seconds.
pub(super) fn from_float(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|span| *span <= LONGEST)
}

fn within(nanos: u128) -> Option<Duration> {
    let span = Duration::from_nanos(u64::try_from(nanos).ok()?);
    (span <= LONGEST).then_some(span)
}

fn words(text: &str) -> Option<u128> {
    let mut total: u128 = 0;
    let mut rest = text;
    let mut bare = false;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let (seconds, after) = if let Some(clock) = clock(rest) {
            smallest = 0;
            (clock, "")
        } else {
            let (number, after) = number(rest)?;
            let (unit, after) = word(after.trim_start());
            let scale = match unit {
                "" => {
                    bare = true;
                    1
                }
                _ => unit_seconds(unit)?,
            };
            // Each unit once, the largest first: `1m 2h` is more likely a slip than a wish.
            if scale >= smallest {
                return None;
            }
            smallest = scale;
            (number.checked_mul(u128::from(scale))?, after)
        };
        total = total.checked_add(seconds)?;
        let after = after.trim_start();
        let next = after.strip_prefix(',').unwrap_or(after).trim_start();
        // Nothing follows a comma or a number without a unit.
        if next.is_empty() && !after.is_empty() || bare && !(next.is_empty() && rest == text) {
            return None;
        }
        rest = next;
    }
    Some(total)
}

/// `H:MM:SS` at the end of what Python prints.
fn clock(text: &str) -> Option<u128> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let below_60 = |part: &str| -> Option<u128> {
        let (nanos, "") = number(part)? else { return None };
        (part.as_bytes().get(1)?.is_ascii_digit() && nanos < 60 * SECOND).then_some(nanos)
    };
    let whole = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, "") = number(hours)? else { return None };
    if !whole(minutes) {
        return None;
    }
    (hours / SECOND * 3600)
        .checked_add(below_60(minutes)? / SECOND * 60)?
        .checked_mul(SECOND)?
        .checked_add(below_60(seconds)?)
}

fn iso(text: &str) -> Option<u128> {
    let mut total: u128 = 0;
    let mut rest = text;
    let mut in_clock = false;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        if !in_clock && let Some(after) = rest.strip_prefix(['T', 't']) {
            in_clock = true;
            rest = after;
            if rest.is_empty() {
                return None;
            }
        }
        let (number, after) = number(rest)?;
        let mut letters = after.chars();
        let scale = match (in_clock, letters.next()?.to_ascii_uppercase()) {
            (false, 'W') => 7 * 86_400,
            (false, 'D') => 86_400,
            (true, 'H') => 3600,
            (true, 'M') => 60,
            (true, 'S') => 1,
            // Years and months have no fixed length.
            _ => return None,
        };
        if scale >= smallest {
            return None;
        }
        smallest = scale;
        total = total.checked_add(number.checked_mul(u128::from(scale))?)?;
        rest = letters.as_str();
    }
    (smallest != u64::MAX).then_some(total)
}

const SECOND: u128 = 1_000_000_000;

/// A decimal number, in billionths, and what follows it.
fn number(text: &str) -> Option<(u128, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, mut rest) = text.split_at_checked(end)?;
    let mut total = digits.parse::<u64>().ok().map(u128::from)? * SECOND;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end =
            fraction.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
        let (digits, after) = fraction.split_at_checked(end)?;
        if digits.is_empty() {
            return None;
        }
        // Beyond billionths digits are dropped.
        let nine = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
        total += nine.fold(0, |sum, digit| sum * 10 + u128::from(digit.wrapping_sub(b'0')));
        rest = after;
    }
    Some((total, rest))
}

fn word(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn unit_seconds(unit: &str) -> Option<u64> {
    const UNITS: &[(u64, &[&str])] = &[
        (1, &["s", "sec", "secs", "second", "seconds"]),
        (60, &["m", "min", "mins", "minute", "minutes"]),
        (3600, &["h", "hour", "hours"]),
        (86_400, &["d", "day", "days"]),
        (7 * 86_400, &["w", "week", "weeks"]),
    ];
    let is = |name: &&str| unit.eq_ignore_ascii_case(name);
    UNITS.iter().find(|(_, names)| names.iter().any(is)).map(|(seconds, _)| *seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_time_is_read() {
        const DAY: u64 = 86_400;
        for (text, millis) in [
            ("0", 0),
            ("3600", 3_600_000),
            ("1.5", 1500),
            (" 90 ", 90_000),
            ("31 days", 31 * DAY * 1000),
            ("1 day", DAY * 1000),
            ("2 Weeks", 14 * DAY * 1000),
            ("1h30m", 5_400_000),
            ("1h 30m 5s", 5_405_000),
            ("15min", 900_000),
            ("31 days, 0:00:00", 31 * DAY * 1000),
            ("1 day, 2:03:04", (DAY + 7384) * 1000),
            ("0:30:00", 1_800_000),
            ("0:00:01.500000", 1500),
            ("P31D", 31 * DAY * 1000),
            ("P2W", 14 * DAY * 1000),
            ("PT1H30M", 5_400_000),
            ("P1DT0.5S", DAY * 1000 + 500),
            ("pt8h", 28_800_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            " ",
            "-1",
            "+1",
            "1e3",
            "abc",
            "1 fortnight",
            "days",
            "1,",
            "1 day,",
            "1 2",
            "1 2s",
            "1h 5",
            "1m 2h",
            "1s 1s",
            "P",
            "PT",
            "P1Y",
            "P1M",
            "PT1D",
            "P1H",
            "P1",
            "1:2:3",
            "1:60:00",
            "0:00:60",
            "1:00",
            "1.",
            ".5",
            "1.s",
            "0:0.5:00",
            "101 years",
            "36526 days",
            "１ day",
            "18446744073709551616",
            "18446744073709551615",
            "9999999999999999999 weeks",
            "1 day x",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_duration(&"1".repeat(65)), None);
        for number in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(from_float(number), None, "{number}");
        }
    }
}
