//! Moving sessions from one deployment to another: other keys, another format, another store.
//!
//! Pure: reading the one store and writing the other is the caller's, `sessile migrate`'s.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::id::{SessionId, StoreKey};
use crate::profile::Profile;
use crate::store::Record;
use sessile_formats::Timestamp;
use sessile_formats::django::expiry::EXPIRY_KEY as DJANGO_EXPIRY;
use sessile_formats::{Map, Value};

/// Turns one deployment's stored sessions into another's.
///
/// Between two of our own nothing changes. Between two with one format the
/// bytes stay, and the keys get the other's prefix. All else is decoded and encoded anew.
pub struct Mover {
    from: Engine,
    to: Engine,
    keep_payload: bool,
}

/// What becomes of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // One lives briefly on the stack per entry.
pub enum Moved {
    /// This entry, under this key.
    To(StoreKey, Record),
    /// It had ended; nothing.
    Expired,
    /// Its bytes are not of the format they should be in.
    Unreadable,
    /// Its key does not begin as the other side's keys do.
    OtherKey,
    /// The new format has no form for something in it; what, in words, never the data.
    Unwritable(String),
}

/// Why sessions cannot be moved from here to there.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoveError {
    /// A configuration is refused.
    Config(ConfigError),
    /// Cookies hold these sessions; there is nothing to read or write here.
    InCookies,
    /// Our own stores hold hashes of the ids, and a foreign layout needs the ids.
    Hashed,
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::InCookies => {
                f.write_str("sessions that cookies hold are in no store: there is nothing to move")
            }
            Self::Hashed => f.write_str(
                "the native layout keeps hashes of session ids, so that a stolen copy opens no \
                 session; Flask-Session's and Django's keys are the ids themselves, which nobody \
                 can get back from a hash. Moving that way is impossible: those visitors log in \
                 again",
            ),
        }
    }
}

sessile_formats::debug_reads_like_display!(MoveError);

impl std::error::Error for MoveError {}

impl From<ConfigError> for MoveError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl Mover {
    /// From a deployment with the one configuration to one with the other.
    ///
    /// # Errors
    ///
    /// [`MoveError`], where that cannot be.
    pub fn new(from: Config, to: Config) -> Result<Self, MoveError> {
        let keep_payload = same_format(&from, &to);
        let (from, to) = (Engine::new(from)?, Engine::new(to)?);
        if !from.needs_store() || !to.needs_store() {
            return Err(MoveError::InCookies);
        }
        if from.profile == Profile::Native && to.profile != Profile::Native {
            return Err(MoveError::Hashed);
        }
        Ok(Self { from, to, keep_payload })
    }

    /// What `key` and `record` of the one become in the other.
    pub fn convert(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Moved {
        if record.has_ended(now) {
            return Moved::Expired;
        }
        let Some(key) = self.key(key) else { return Moved::OtherKey };
        if self.keep_payload && self.from.profile == self.to.profile {
            return Moved::To(key, record.clone());
        }
        let Some(mut data) = self.from.decode_strictly(&record.payload) else {
            return Moved::Unreadable;
        };
        let record = self.record(record, &mut data, now);
        match self.to.encode(&data, now) {
            Ok(payload) => Moved::To(key, Record { payload: Bytes::from(payload), ..record }),
            Err(error) => Moved::Unwritable(error.to_string()),
        }
    }

    /// Whether `old` was last written after `new`, as far as they say. A foreign
    /// layout says so by its deadline, to a second.
    pub fn is_newer(&self, old: &Record, new: &Record) -> bool {
        let exact = self.from.profile == Profile::Native && self.to.profile == Profile::Native;
        let slack = if exact { Duration::ZERO } else { Duration::from_secs(1) };
        match (self.from.last_written(old), self.to.last_written(new)) {
            (Some(old), Some(new)) => old > new + slack,
            _ => false,
        }
    }

    /// Whether the new side has written `new` after `moment`, as far as it says:
    /// where nothing tells, it may have.
    pub fn written_since(&self, new: &Record, moment: Timestamp) -> bool {
        let slack = if self.to.profile == Profile::Native {
            Duration::ZERO
        } else {
            Duration::from_secs(1)
        };
        self.to.last_written(new).is_none_or(|written| written > moment + slack)
    }

    /// The key on the new side; `None` when it is not one of the old side's.
    pub fn key(&self, key: &StoreKey) -> Option<StoreKey> {
        if self.from.profile == Profile::Native {
            return key.hash().is_some().then(|| key.clone());
        }
        let text = std::str::from_utf8(key.as_bytes()).ok().filter(|_| key.hash().is_none())?;
        let id = text.strip_prefix(self.from.config.key_prefix.as_str())?;
        Some(match self.to.profile {
            Profile::Native => SessionId::foreign(id).store_key(),
            _ => StoreKey::from_text(format!("{}{id}", self.to.config.key_prefix)),
        })
    }

    /// All but the payload; takes out of the data what has its own place now.
    fn record(&self, record: &Record, data: &mut Map, now: Timestamp) -> Record {
        let mut moved = record.clone();
        moved.payload = Bytes::new();
        if self.from.profile == self.to.profile {
            return moved;
        }
        if let Some(key) = self.from.profile.permanent_key() {
            moved.permanent = data.remove(key).is_some_and(|value| value == Value::Bool(true));
        }
        if let Some(key) = self.to.profile.permanent_key() {
            data.insert(key, true);
        }
        // How long it lives is the new side's to say, not longer than the old one promised.
        let end = record.ends();
        if self.to.profile != Profile::Native {
            let most = now + self.to.foreign_age();
            let end = end.map_or(most, |end| end.min(most));
            return Record {
                permanent: moved.permanent,
                ..Record::ending(Bytes::new(), Some(end))
            };
        }
        moved.subject = self.from.subject_in(data);
        moved.authenticated = None;
        moved.created = moved.created.or(Some(now));
        let config = &self.to.config;
        let lifetime = if moved.permanent { config.permanent_lifetime } else { config.lifetime };
        moved.idle = lifetime.idle;
        moved.absolute = lifetime.absolute.map(|span| now + span);
        match (lifetime.idle, end) {
            // Activity prolongs it by the new side's span. Without any it ends as the old one
            // promised, or after that span: it was seen now, or as long before the old end.
            (Some(idle), Some(end)) => {
                let span = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
                let before = Timestamp::from_millis(end.as_millis().saturating_sub(span));
                // When it was written last tells a second move which side is newer. That counts
                // as its last activity only where it leaves the visitor half of the span.
                let written = self.from.last_written(record);
                let recent = written.filter(|at| *at <= now && now < *at + idle / 2);
                moved.seen = Some(before.min(recent.unwrap_or(now)));
            }
            (Some(_), None) => moved.seen = Some(now),
            (None, Some(end)) => {
                moved.seen = Some(self.from.last_written(record).map_or(now, |at| at.min(now)));
                moved.absolute = Some(moved.absolute.map_or(end, |absolute| absolute.min(end)));
            }
            (None, None) => moved.seen = Some(now),
        }
        moved
    }
}

impl Engine {
    /// When a record was last written, or its visitor last seen; `None` where it does not say.
    fn last_written(&self, record: &Record) -> Option<Timestamp> {
        if self.profile == Profile::Native {
            return record.seen;
        }
        if self.profile == Profile::Django
            && self.decode(&record.payload)?.contains_key(DJANGO_EXPIRY)
        {
            // Its own lifetime, of which only the end is known.
            return None;
        }
        let age = i64::try_from(self.foreign_age().as_millis()).ok()?;
        let end = record.ends()?.as_millis();
        Some(Timestamp::from_millis(end.checked_sub(age)?))
    }
}

/// Whether the other side reads the bytes as they are and would write the same.
fn same_format(from: &Config, to: &Config) -> bool {
    let signed = |config: &Config| {
        let newest = config.keys.as_ref().map(|keys| keys.newest().expose().to_vec());
        newest.filter(|_| config.profile == Profile::Django && !config.stored_pickled)
    };
    from.profile == to.profile
        && from.stored_pickled == to.stored_pickled
        && (from.stored_pickled || from.serialization_format == to.serialization_format)
        && signed(from) == signed(to)
}

impl fmt::Debug for Mover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mover({:?} to {:?})", self.from.profile, self.to.profile)
    }
}
