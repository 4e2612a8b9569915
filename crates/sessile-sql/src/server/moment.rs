//! Moments as text, for databases that take them so: UTC, `2026-01-02 03:04:05.000000`.

use sessile_core::Timestamp;

/// As Python's drivers write a naive datetime, microseconds included.
pub(crate) fn to_text(moment: Timestamp) -> String {
    // Years 1 to 9999: what a column of theirs can be asked to hold.
    let millis = moment.as_millis().clamp(-62_135_596_800_000, 253_402_300_799_000);
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = date(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, fraction) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:03}000")
}

/// Reads what `to_text` writes, and what Python's drivers write: with or without a fraction.
#[cfg(feature = "sqlite")]
pub(crate) fn from_text(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut date = date.split('-').map(number);
    let mut time = time.split(':').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if date.next().is_some() || time.next().is_some() {
        return None;
    }
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    from_parts([year, month, day], [hour, minute, second], number(&fraction)?)
}

/// A number of four digits at most: a row may hold any text, and all that is done with such a
/// number stays far within an `i64`.
#[cfg(feature = "sqlite")]
fn number(text: &str) -> Option<i64> {
    let fits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

/// A calendar date, the time of day, and the milliseconds beyond its second. `None` where one
/// of them is not what a calendar or a clock shows; a clock may show a leap second.
pub(crate) fn from_parts(date: [i64; 3], time: [i64; 3], millis: i64) -> Option<Timestamp> {
    let ([year, month, day], [hour, minute, second]) = (date, time);
    let fits = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let shown = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !fits || !shown || !(0..1000).contains(&millis) {
        return None;
    }
    let of_day = ((hour * 60 + minute) * 60 + second) * 1000 + millis;
    Some(Timestamp::from_millis(days(year, month, day) * 86_400_000 + of_day))
}

/// Days since 1970 of a date of the Gregorian calendar, counted in eras of 400
/// years that begin in March, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    const LARGEST: &str = "9223372036854775807";

    #[test]
    fn s14_a_text_with_any_number_in_any_place_is_a_moment_or_none() {
        let parts = ["2026", "01", "02", "03", "04", "05", "678000"];
        let written = |[year, month, day, hour, minute, second, fraction]: [&str; 7]| {
            format!("{year}-{month}-{day} {hour}:{minute}:{second}.{fraction}")
        };
        assert_eq!(from_text(&written(parts)), Some(Timestamp::from_millis(1_767_323_045_678)));
        // The last of the first four overflows in minutes, not in hours.
        let numbers = [LARGEST, "10000", "99999", "153722867280912931"];
        for (hostile, starts_with_digits) in numbers
            .map(|it| (it, true))
            .into_iter()
            .chain(["-1", "+1", "x", "\u{661}"].map(|it| (it, false)))
        {
            for place in 0..7 {
                let mut parts = parts;
                parts[place] = hostile;
                // Of a fraction the first three digits count.
                let is_moment = place == 6 && starts_with_digits;
                assert_eq!(from_text(&written(parts)).is_some(), is_moment, "{parts:?}");
            }
        }
        for all in [LARGEST, "9999", "0", "00", ""] {
            assert_eq!(from_text(&written([all; 7])), None, "{all}");
        }
    }

    #[test]
    fn every_moment_that_is_written_comes_back() {
        for millis in [-62_135_596_800_000, -1, 0, 999, 951_782_400_000, 253_402_300_799_000] {
            let moment = Timestamp::from_millis(millis);
            assert_eq!(from_text(&to_text(moment)), Some(moment));
        }
        for beyond in [Timestamp::MAX, Timestamp::from_millis(i64::MIN)] {
            assert!(from_text(&to_text(beyond)).is_some());
        }
    }
}
