//! What an operator should know of a store: `sessile doctor`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::{BoxFuture, StoreError};
use sessile_formats::Timestamp;

/// Looking for what is wrong with a store, or will be.
pub trait Diagnose: Send + Sync {
    /// What the backend says of itself and of how it keeps sessions. `clock` is
    /// the caller's, to compare the backend's with.
    ///
    /// Only looks: it changes nothing. What may not be asked (a command the
    /// server forbids) is a finding, not an error.
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>>;
}

/// One thing that was looked at.
///
/// ```
/// use sessile_core::store::{Finding, Level};
///
/// let finding = Finding::bad("eviction policy", "allkeys-lru")
///     .advise("set maxmemory-policy to volatile-ttl: sessions may vanish when memory is full");
/// assert_eq!(finding.level, Level::Bad);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at, in two or three words.
    pub check: &'static str,
    /// How it is. Holds no ids, keys or session data.
    pub found: String,
    /// What to do; always there from [`Level::Warning`] on.
    pub advice: Option<Cow<'static, str>>,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Sessions can be lost, or the store will fail some day.
    Warning,
    /// Sessions are being lost, or what was ended can come back.
    Bad,
}

impl Level {
    /// `good`, `note`, `warning` or `bad`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Finding {
    /// A finding of that level.
    pub fn new(level: Level, check: &'static str, found: impl Into<String>) -> Self {
        Self { level, check, found: found.into(), advice: None }
    }

    /// It is as it should be.
    pub fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(Level::Good, check, found)
    }

    /// Worth knowing.
    pub fn note(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(Level::Note, check, found)
    }

    /// To be mended some day. Say how with [`advise`](Self::advise).
    pub fn warning(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(Level::Warning, check, found)
    }

    /// To be mended now. Say how with [`advise`](Self::advise).
    pub fn bad(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(Level::Bad, check, found)
    }

    /// Adds what to do.
    pub fn advise(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// How far the backend's clock is from ours, when it said `theirs` between
    /// `before` and `after`. The way there and back is no difference.
    pub fn clock(before: Timestamp, theirs: Timestamp, after: Timestamp) -> Self {
        const CHECK: &str = "clock";
        let (off, way) = if theirs > after {
            (theirs.saturating_since(after), "ahead of")
        } else {
            (before.saturating_since(theirs), "behind")
        };
        let text = format!("{:.1} s {way} ours", off.as_secs_f64());
        if off < Duration::from_millis(1500) {
            return Self::good(CHECK, "agrees with ours");
        }
        let level = match off.as_secs() {
            ..60 => Level::Warning,
            _ => Level::Bad,
        };
        Self::new(level, CHECK, text).advise(
            "let both machines follow the same time server (NTP): sessions end by the one's clock \
             and are forgotten by the other's",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_without_the_way_there_and_back() {
        let at = Timestamp::from_millis;
        for (theirs, level) in [
            (100_000, Level::Good),
            (105_000, Level::Good),
            (98_600, Level::Good),
            (106_500, Level::Warning),
            (90_000, Level::Warning),
            (30_000, Level::Bad),
            (170_000, Level::Bad),
        ] {
            let finding = Finding::clock(at(100_000), at(theirs), at(105_000));
            assert_eq!(finding.level, level, "{theirs} {finding:?}");
            assert_eq!(finding.advice.is_some(), level >= Level::Warning);
        }
        assert_eq!(Finding::clock(at(0), at(9000), at(5000)).found, "4.0 s ahead of ours");
    }
}
