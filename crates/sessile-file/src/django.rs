//! The files of Django's `file` engine: `{SESSION_COOKIE_NAME}{key}`, holding the signed text.
//!
//! When a session ends is in its data, or follows from when the file was
//! written. The data say so under `_session_expiry`: a moment, or a number of
//! seconds, which counts from the last write. (Django itself forgets to end
//! sessions with a number of seconds on the server.)

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::{StoreKey, Timestamp, Value};
use sessile_formats::django::{expiry, expiry_unverified};

/// Written as when a file was last written, it means that the session never
/// ends: the year 2400, beyond any session and within what file systems keep.
const NEVER: Timestamp = Timestamp::from_secs(13_569_465_600);

/// How a session's end follows from its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    At(Timestamp),
    /// So long after it was last written.
    After(Duration),
}

impl Ends {
    /// What the data say. Not verified: whoever can write the file can change
    /// when it was written, too, and the engine verifies what it uses.
    pub(crate) fn of(content: &[u8], cookie_age: Duration) -> Self {
        let text = std::str::from_utf8(content).unwrap_or_default();
        let seconds = |secs: f64| {
            let span = Duration::try_from_secs_f64(secs).unwrap_or_default();
            if span.is_zero() { Self::After(cookie_age) } else { Self::After(span) }
        };
        match expiry_unverified(text) {
            Some(Value::Str(moment)) => match expiry::moment_in(&moment) {
                Some(moment) => Self::At(moment),
                None => Self::After(cookie_age),
            },
            Some(Value::Int(secs)) if secs < 0 => Self::After(Duration::ZERO),
            Some(Value::Int(secs)) => seconds(secs as f64),
            Some(Value::Float(secs)) => seconds(secs),
            _ => Self::After(cookie_age),
        }
    }

    /// When a file written at `modified` ends.
    pub(crate) fn end(self, modified: SystemTime) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(moment),
            Self::After(span) => {
                let modified = moment(modified);
                (modified < NEVER).then(|| modified + span)
            }
        }
    }

    /// When a file that is to end at `end` must have been written; `None` if that says nothing.
    pub(crate) fn modified(self, end: Option<Timestamp>) -> Option<SystemTime> {
        match (self, end) {
            (Self::At(_), _) => None,
            (Self::After(_), None) => Some(system_time(NEVER.as_millis())),
            (Self::After(span), Some(end)) => {
                let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                let latest = NEVER.as_millis().saturating_sub(1);
                Some(system_time(end.as_millis().saturating_sub(span).min(latest)))
            }
        }
    }
}

fn moment(time: SystemTime) -> Timestamp {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::from_secs(0) + since,
        Err(before) => {
            let millis = i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(millis.saturating_neg())
        }
    }
}

fn system_time(millis: i64) -> SystemTime {
    let span = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
    time.unwrap_or(UNIX_EPOCH)
}

/// Longer names no file system of today takes.
const LONGEST_NAME: usize = 255;

/// The name of a key's file; `None` for what Django's engine takes for no key
/// (anything but `a-z0-9` might lead elsewhere), and where no file can have such a name.
pub(crate) fn file_name(cookie_name: &str, key: &StoreKey) -> Option<String> {
    let key = std::str::from_utf8(key.as_bytes()).ok().filter(|_| key.hash().is_none())?;
    let fits = is_key(key) && cookie_name.len() + key.len() <= LONGEST_NAME;
    fits.then(|| format!("{cookie_name}{key}"))
}

/// The key of a file of this name.
pub(crate) fn key_of(cookie_name: &str, name: &str) -> Option<StoreKey> {
    let key = name.strip_prefix(cookie_name)?;
    is_key(key).then(|| StoreKey::from_text(key))
}

fn is_key(key: &str) -> bool {
    let plain = key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
    plain && (1..=128).contains(&key.len())
}
