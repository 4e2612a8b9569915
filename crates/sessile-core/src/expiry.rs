//! When a session ends, and when its renewal is due.

use std::time::Duration;

use sessile_formats::Timestamp;

/// The moments a session ends, whichever comes first. `None` means it does not end that way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Deadlines {
    /// Ends here unless there is activity before.
    pub idle: Option<Timestamp>,
    /// Ends here whatever happens.
    pub absolute: Option<Timestamp>,
}

impl Deadlines {
    /// Whether either deadline has come. At the very moment it has.
    pub fn passed(&self, now: Timestamp) -> bool {
        self.earliest().is_some_and(|deadline| now >= deadline)
    }

    /// The first of the two.
    pub fn earliest(&self) -> Option<Timestamp> {
        match (self.idle, self.absolute) {
            (Some(idle), Some(absolute)) => Some(idle.min(absolute)),
            (one, other) => one.or(other),
        }
    }
}

/// How long sessions live.
///
/// The presets are NIST SP 800-63B-4's reauthentication limits (second draft, §2.1.3 to §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Without activity for this long, a session ends.
    pub idle: Option<Duration>,
    /// After this long, a session ends, active or not.
    pub absolute: Option<Duration>,
}

impl Lifetime {
    /// 30 days, no idle limit: what "remember me" gives.
    pub const AAL1: Self = Self { idle: None, absolute: Some(Duration::from_secs(30 * 86_400)) };
    /// 24 hours, 1 hour idle: the default of the native profile.
    pub const AAL2: Self =
        Self { idle: Some(Duration::from_secs(3600)), absolute: Some(Duration::from_secs(86_400)) };
    /// 12 hours, 15 minutes idle: for what must be guarded closely.
    pub const AAL3: Self = Self {
        idle: Some(Duration::from_secs(15 * 60)),
        absolute: Some(Duration::from_secs(12 * 3600)),
    };

    /// The deadlines of a session that began at `created` and was last active at `seen`.
    pub fn deadlines(&self, created: Timestamp, seen: Timestamp) -> Deadlines {
        Deadlines {
            idle: self.idle.map(|idle| seen + idle),
            absolute: self.absolute.map(|absolute| created + absolute),
        }
    }
}
