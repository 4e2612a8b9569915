//! Dates as browsers read them in cookies (RFC 6265bis, draft 22, section 5.1.1): by their parts,
//! in any order, whatever is between them.

use sessile_core::Timestamp;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

pub(super) fn read(text: &str) -> Option<Timestamp> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    // Digits, colons, letters, and bytes that are no text are parts; the rest is between them.
    let between =
        |c: char| c == '\t' || c.is_ascii() && c >= ' ' && !c.is_ascii_alphanumeric() && c != ':';
    for part in text.split(between).filter(|part| !part.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of(part)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(part, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = part
                .get(..3)
                .and_then(|name| MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name)))
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(part, 2, 4)
        {
            year = Some(match found {
                70..=99 => found + 1900,
                0..=69 => found + 2000,
                _ => found,
            });
        }
    }
    let ((hour, minute, second), day, month, year) = (time?, day?, month?, year?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 => 28 + i64::from(leap),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    let fits = (1..=last).contains(&day) && year >= 1601 && hour < 24 && minute < 60 && second < 60;
    if !fits {
        return None;
    }
    // Years that begin in March, so that the leap day is the last.
    let (month, year) = match i64::try_from(month).ok()? {
        month @ 0..=1 => (month + 10, year - 1),
        month => (month - 2, year),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    // The first of January 1970 by this count.
    Some(Timestamp::from_secs((days - 719_469) * 86_400 + hour * 3600 + minute * 60 + second))
}

/// `hh:mm:ss`, with one digit or two each, and what no digit begins behind it.
fn time_of(part: &str) -> Option<(i64, i64, i64)> {
    let (hour, rest) = part.split_once(':')?;
    let (minute, rest) = rest.split_once(':')?;
    let whole = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| number(text, 1, 2)).flatten()
    };
    Some((whole(hour)?, whole(minute)?, number(rest, 1, 2)?))
}

/// The digits that a part begins with, if there are so many.
fn number(part: &str, least: usize, most: usize) -> Option<i64> {
    let digits = part.bytes().take_while(u8::is_ascii_digit).count();
    let digits = (least..=most).contains(&digits).then(|| part.get(..digits)).flatten()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_browsers_do() {
        let moment = Some(Timestamp::from_secs(1_792_567_680));
        for text in [
            "Wed, 21 Oct 2026 07:28:00 GMT",
            "Wed, 21-Oct-2026 07:28:00 GMT",
            "Wednesday, 21-Oct-26 07:28:00 GMT",
            "Wed Oct 21 07:28:00 2026",
            "2026 october 21, 7:28:0x",
            "\t07:28:00/21/OCTOPUS/26;",
        ] {
            assert_eq!(read(text), moment, "{text}");
        }
        for (text, secs) in [
            ("1 Jan 1970 0:0:0", 0),
            ("29 Feb 2000 00:00:00", 951_782_400),
            ("31 Dec 99 23:59:59", 946_684_799),
            ("1 Mar 1900 00:00:00", -2_203_891_200),
            ("1 Jan 1601 00:00:00", -11_644_473_600),
            ("31 Dec 9999 23:59:59", 253_402_300_799),
        ] {
            assert_eq!(read(text), Some(Timestamp::from_secs(secs)), "{text}");
        }
        for text in [
            "",
            "Wed, 21 Oct 2026",
            "21 Oct 07:28:00",
            "32 Oct 2026 07:28:00",
            "29 Feb 1900 00:00:00",
            "1 Jan 1600 00:00:00",
            "21 Oct 20260 07:28:00",
            "21 Oct 2026 24:00:00",
            "21 Oct 2026 07:60:00",
            "21 Oct 2026 007:28:00",
            "é1 Öct 2026 07:28:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
