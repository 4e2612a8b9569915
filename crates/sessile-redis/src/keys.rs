//! What keys are called in Redis, and how long they live there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::{StoreKey, Subject, Timestamp};

/// How much longer than its deadlines an entry of our own layout is kept: the
/// clocks of the servers may be apart by this much, and a step of one by this
/// much ends no session. Expiry is decided by whoever reads.
pub(crate) const SLACK: Duration = Duration::from_secs(600);

/// Beyond this many milliseconds from now (a thousand years) there is no end.
const ENDLESS: i64 = 1000 * 366 * 86_400_000;

/// Foreign keys in our own layout are no longer: scripts look for names at the start of a
/// value, and those of every other store are shorter.
const LONGEST: usize = 512;

/// The names of our own layout: `PREFIX` and `h:` and a hash in base64url, or `t:`
/// and a foreign key; `PREFIX` and `u:` and a user.
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a session can have this key.
    pub(crate) fn takes(key: &StoreKey) -> bool {
        key.as_bytes().len() <= LONGEST
    }

    pub(crate) fn session(&self, key: &StoreKey) -> String {
        let length = self.prefix.len() + 2 + key.as_bytes().len().div_ceil(3) * 4;
        let mut name = String::with_capacity(length);
        name.push_str(&self.prefix);
        key.push_name(&mut name);
        name
    }

    pub(crate) fn subject(&self, subject: &Subject) -> String {
        format!("{}u:{subject}", self.prefix)
    }

    pub(crate) fn key_of(&self, name: &[u8]) -> Option<StoreKey> {
        StoreKey::from_name(name.strip_prefix(self.prefix.as_bytes())?)
    }
}

/// A session's name without the prefix.
pub(crate) fn member(key: &StoreKey) -> String {
    key.to_name()
}

/// The machine's clock: what Redis keeps for how long is counted from now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(0) + since
}

/// How many milliseconds an entry of our own layout is kept; `None` is for ever.
pub(crate) fn kept_for(end: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    let left = end?.as_millis().saturating_sub(now.as_millis()).max(0);
    let slack = i64::try_from(SLACK.as_millis()).unwrap_or_default();
    (left < ENDLESS).then_some(left + slack)
}

/// The seconds of a foreign `EX`, rounded up as the moment between counting
/// them and sending them would otherwise cost one; `None` is for ever.
pub(crate) fn foreign_seconds(end: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    let left = end?.as_millis().saturating_sub(now.as_millis());
    (left < ENDLESS).then_some(left.saturating_add(999).div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_keys() {
        let names = Names::new("app:");
        for key in [StoreKey::from_hash([0xa7; 32]), StoreKey::from_text("session:ü")] {
            assert!(names.key_of(names.session(&key).as_bytes()) == Some(key));
        }
        let hex = format!("app:h:{}", "a7".repeat(32));
        for other in ["h:", "app:h:a7", "app:u:someone", "app:x", hex.as_str()] {
            assert!(names.key_of(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn an_entry_is_kept_beyond_its_deadlines() {
        let now = Timestamp::from_secs(1_000_000);
        let slack = SLACK.as_secs().cast_signed() * 1000;
        assert_eq!(kept_for(Some(Timestamp::from_secs(1_000_060)), now), Some(60_000 + slack));
        assert_eq!(kept_for(Some(Timestamp::from_secs(0)), now), Some(slack));
        assert_eq!(kept_for(None, now), None);
        assert_eq!(kept_for(Some(Timestamp::MAX), now), None);
        let nearly = Timestamp::from_millis(now.as_millis() + 59_996);
        assert_eq!(foreign_seconds(Some(nearly), now), Some(60));
        assert_eq!(foreign_seconds(Some(now), now), Some(0));
        assert_eq!(foreign_seconds(Some(Timestamp::MAX), now), None);
    }
}
