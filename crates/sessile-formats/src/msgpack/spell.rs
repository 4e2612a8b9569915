//! Datetimes and times as msgspec spells them: RFC 3339, offsets in whole minutes.

use time::{Time, UtcOffset};

use crate::value::{DateTime, iso};

/// A date, `T` and a time as [`push_time`] writes it.
pub(crate) fn push_datetime(out: &mut String, value: &DateTime) {
    iso::push_date(out, value.at.date());
    out.push('T');
    push_time(out, value.at.time(), value.offset);
}

/// `03:04:05.678901`, then nothing, `Z` or `+02:00`.
pub(crate) fn push_time(out: &mut String, time: Time, offset: Option<UtcOffset>) {
    iso::push_time(out, time, None);
    let Some(offset) = offset else { return };
    let seconds = offset.whole_seconds();
    // RFC 3339 has no seconds in an offset: rounded, half a minute downwards.
    let minutes = (seconds.unsigned_abs() + 29) / 60 % (24 * 60);
    if minutes == 0 {
        out.push('Z');
        return;
    }
    out.push(if seconds < 0 { '-' } else { '+' });
    iso::push_padded(out, minutes / 60, 2);
    out.push(':');
    iso::push_padded(out, minutes % 60, 2);
}
