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
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| digits)
    };
    let mut date = date.split('-').map(number);
    let mut time = time.split(':').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if date.next().is_some() || time.next().is_some() {
        return None;
    }
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    from_parts(year, month, day, ((hour * 60 + minute) * 60 + second) * 1000 + number(&fraction)?)
}

/// A calendar date and the milliseconds since its midnight.
pub(crate) fn from_parts(year: i64, month: i64, day: i64, millis: i64) -> Option<Timestamp> {
    let fits = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fits || !(0..=86_401_000).contains(&millis) {
        return None;
    }
    Some(Timestamp::from_millis(days(year, month, day) * 86_400_000 + millis))
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
