//! What keys are called in Memcached, and how long they live there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::{StoreError, StoreErrorKind, StoreKey, Timestamp};

use crate::fault::STORE;

/// How much longer than its deadlines an entry of our own layout is kept: the
/// clocks of the servers may be apart by this much. Expiry is decided by whoever reads.
pub(crate) const SLACK: Duration = Duration::from_secs(600);

/// Memcached's bound for a key, in bytes.
const MAX_KEY: usize = 250;

/// Above this many seconds (30 days) Memcached takes a time for a date since 1970.
const MAX_RELATIVE: i64 = 2_592_000;

/// A key that may go onto the wire.
#[derive(Clone)]
pub(crate) struct WireKey(Box<str>);

impl WireKey {
    /// The name of a key: as it is in foreign layouts, in ours with the prefix.
    ///
    /// None above 250 bytes, and with a space or a control character, which would be a
    /// second command (Django CVE-2020-13254): nothing lies under such a key.
    pub(crate) fn new(key: &StoreKey, prefix: Option<&str>) -> Option<Self> {
        let name = match prefix {
            Some(prefix) => {
                let mut name = prefix.to_owned();
                key.push_name(&mut name);
                name
            }
            None => key.to_text(),
        };
        (!name.is_empty() && name.len() <= MAX_KEY && takes(&name)).then(|| Self(name.into()))
    }

    /// As [`new`](Self::new), to write there.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unrepresentable`].
    pub(crate) fn to_write(key: &StoreKey, prefix: Option<&str>) -> Result<Self, StoreError> {
        Self::new(key, prefix).ok_or_else(|| {
            StoreError::new(STORE, StoreErrorKind::Unrepresentable)
                .because("it takes keys of 1 to 250 bytes without spaces and control characters")
        })
    }

    /// A name that a server told of; `None` if we would not have written it.
    pub(crate) fn told(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?;
        let ours = !name.is_empty() && name.len() <= MAX_KEY && takes(name);
        ours.then(|| Self(name.into()))
    }

    /// Whose name it is: [`new`](Self::new) backwards.
    pub(crate) fn key(&self, prefix: Option<&str>) -> Option<StoreKey> {
        let Some(prefix) = prefix else { return Some(StoreKey::from_text(&*self.0)) };
        StoreKey::from_name(self.0.strip_prefix(prefix)?.as_bytes())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether these may stand in a key. Bytes above 0x7f may, in Memcached as in the Python clients.
pub(crate) fn takes(text: &str) -> bool {
    text.bytes().all(|byte| byte > b' ' && byte != 0x7f)
}

/// The machine's clock: what is kept for how long is counted from now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(0) + since
}

/// An end as Memcached takes it: seconds from now up to 30 days, else a date;
/// 0 is for ever, and so is what lies beyond 2038; -1 is past already. Seconds
/// are rounded up, so that the time between counting and sending them costs none.
pub(crate) fn expiry(end: Option<Timestamp>, now: Timestamp) -> i64 {
    let Some(end) = end else { return 0 };
    let left = end.as_millis().saturating_sub(now.as_millis()).saturating_add(999).div_euclid(1000);
    match left {
        ..=0 => -1,
        1..=MAX_RELATIVE => left,
        _ => {
            // As Flask-Session and Django do: `timeout + int(time.time())`.
            let date = left.saturating_add(now.as_secs());
            if date > i64::from(i32::MAX) { 0 } else { date }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_thirty_days_an_expiry_is_a_date() {
        let now = Timestamp::from_secs(1_800_000_000);
        let days = |days: u64| Some(now + Duration::from_secs(days * 86_400));
        assert_eq!(expiry(days(30), now), 2_592_000);
        assert_eq!(expiry(days(30).map(|it| it + Duration::from_millis(1)), now), 1_802_592_001);
        assert_eq!(expiry(days(31), now), 1_802_678_400);
        assert_eq!(expiry(Some(now + Duration::from_millis(3_599_999)), now), 3600);
        assert_eq!(expiry(Some(now), now), -1);
        assert_eq!(expiry(Some(Timestamp::from_secs(0)), now), -1);
        // Neither zero nor a date may come of what is far away.
        assert_eq!(expiry(days(36_500), now), 0);
        assert_eq!(expiry(Some(Timestamp::MAX), now), 0);
        assert_eq!(expiry(None, now), 0);
    }

    /// Flask-Session's memcached type sent them; Django CVE-2020-13254.
    #[test]
    fn r31_keys_that_are_commands_are_refused_before_the_wire() {
        let takes = |text: &str| WireKey::new(&StoreKey::from_text(text), None).is_some();
        assert!(takes("session:abc") && takes("session:ü") && takes(&"k".repeat(250)));
        assert!(!takes(&"k".repeat(251)));
        for text in ["", "a b", "a\r\nflush_all\r\n", "a\n", "a\r", "a\0", "a\t", "a\x7f"] {
            assert!(!takes(text), "{text:?}");
        }
        let ours = WireKey::to_write(&StoreKey::from_text("x".repeat(248)), Some("p:"));
        assert!(ours.is_err_and(|it| it.kind() == StoreErrorKind::Unrepresentable));
    }

    #[test]
    fn a_name_leads_back_to_its_key() {
        let (hash, text) = (StoreKey::from_hash([0xa7; 32]), StoreKey::from_text("session:ü%20"));
        for (key, prefix) in
            [(&hash, Some("p:")), (&text, Some("p:")), (&text, None), (&text, Some(""))]
        {
            let name = WireKey::new(key, prefix).unwrap();
            let told = WireKey::told(name.as_str().as_bytes()).unwrap();
            assert!(told.key(prefix).unwrap() == *key);
        }
        let hex = format!("p:h:{}", "a7".repeat(32));
        for other in ["q:t:x", "p:x", "p:u:x", "p:h:a7", "p:h:", &*hex] {
            assert!(WireKey::told(other.as_bytes()).unwrap().key(Some("p:")).is_none(), "{other}");
        }
        for never in [&b""[..], b"a b", b"a\xff", &[b'k'; 251]] {
            assert!(WireKey::told(never).is_none());
        }
    }
}
