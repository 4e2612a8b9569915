//! The date of `Expires`: IMF-fixdate, `Fri, 02 Jan 2026 03:04:05 GMT` (RFC 9110 section 5.6.7).

use time::{Month, OffsetDateTime, Weekday};

use crate::Timestamp;

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: four digits hold no other year.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// Appends `at`, rounded down to the second. Moments outside the years 1 to 9999 become the
/// nearest one within.
pub(super) fn push_date(out: &mut String, at: Timestamp) {
    let secs = at.as_secs().clamp(FIRST, LAST);
    let Ok(date) = OffsetDateTime::from_unix_timestamp(secs) else { return };
    out.push_str(match date.weekday() {
        Weekday::Monday => "Mon, ",
        Weekday::Tuesday => "Tue, ",
        Weekday::Wednesday => "Wed, ",
        Weekday::Thursday => "Thu, ",
        Weekday::Friday => "Fri, ",
        Weekday::Saturday => "Sat, ",
        Weekday::Sunday => "Sun, ",
    });
    push_two(out, date.day());
    out.push_str(match date.month() {
        Month::January => " Jan ",
        Month::February => " Feb ",
        Month::March => " Mar ",
        Month::April => " Apr ",
        Month::May => " May ",
        Month::June => " Jun ",
        Month::July => " Jul ",
        Month::August => " Aug ",
        Month::September => " Sep ",
        Month::October => " Oct ",
        Month::November => " Nov ",
        Month::December => " Dec ",
    });
    let year = date.year().unsigned_abs();
    push_two(out, u8::try_from(year / 100).unwrap_or(0));
    push_two(out, u8::try_from(year % 100).unwrap_or(0));
    out.push(' ');
    push_two(out, date.hour());
    out.push(':');
    push_two(out, date.minute());
    out.push(':');
    push_two(out, date.second());
    out.push_str(" GMT");
}

fn push_two(out: &mut String, number: u8) {
    out.push(char::from(b'0' + number / 10 % 10));
    out.push(char::from(b'0' + number % 10));
}
