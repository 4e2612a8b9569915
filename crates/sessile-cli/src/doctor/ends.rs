//! Whether Django means the same moments as we do by what it writes down.

use std::time::Duration;

use sessile::store::{Finding, Record};
use sessile::{Config, Engine, Profile, Timestamp};

/// Seconds that are no difference.
const SLACK: i64 = 120;

/// Sessions' ends beside when they were saved, which the signed text says: so long after as
/// `SESSION_COOKIE_AGE` says, unless the session has an end of its own.
pub(super) struct Ends {
    engine: Engine,
    age: Duration,
    /// How many seconds later they end than they should.
    off: Vec<i64>,
}

impl Ends {
    /// `None` where nothing says when sessions were saved.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let signed = config.profile == Profile::Django && !config.stored_pickled;
        let age = config.permanent_lifetime.absolute.filter(|_| signed)?;
        Some(Self { engine: Engine::new(config.clone()).ok()?, age, off: Vec::new() })
    }

    pub(super) fn look_at(&mut self, record: &Record) {
        let data = self.engine.decode(&record.payload);
        let own = data.is_none_or(|data| data.contains_key("_session_expiry"));
        let (Some(end), Some(saved), false) = (record.ends(), saved(&record.payload), own) else {
            return;
        };
        let wanted = (saved + self.age).as_millis();
        self.off.push(end.as_millis().saturating_sub(wanted).div_euclid(1000));
    }

    /// Something is wrong when nearly all are off by the same.
    pub(super) fn finding(mut self) -> Option<Finding> {
        self.off.sort_unstable();
        let usual = *self.off.get(self.off.len() / 2)?;
        let alike = self.off.iter().filter(|off| off.abs_diff(usual) <= SLACK.unsigned_abs());
        if usual.abs() <= SLACK || alike.count() * 4 < self.off.len() * 3 {
            return None;
        }
        let way = if usual < 0 { "earlier" } else { "later" };
        let hours = usual.unsigned_abs() as f64 / 3600.0;
        let text = format!("Django's sessions end {hours:.1} h {way} than SESSION_COOKIE_AGE says");
        Some(Finding::bad("ends", text).advise(
            "give SESSION_COOKIE_AGE as Django has it; if it is so, Django runs with USE_TZ = False \
             and writes local times, by which sessions end too early or too late here, and live \
             ones are swept: set USE_TZ = True in Django",
        ))
    }
}

/// When Django signed it: seconds since 1970 in base 62, before the signature.
fn saved(payload: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(payload).ok()?;
    let number = text.rsplit(':').nth(1).filter(|digits| (1..=8).contains(&digits.len()))?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(i64::from(byte - b'0')),
        b'A'..=b'Z' => Some(i64::from(byte - b'A') + 10),
        b'a'..=b'z' => Some(i64::from(byte - b'a') + 36),
        _ => None,
    };
    number.bytes().try_fold(0, |sum, byte| Some(sum * 62 + digit(byte)?)).map(Timestamp::from_secs)
}
