//! What a store keeps of one session.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::expiry::{Deadlines, Lifetime};
use crate::id::Subject;
use sessile_formats::Timestamp;

/// What a store keeps of one session.
///
/// Made by [`new`](Self::new), [`begun`](Self::begun) or [`ending`](Self::ending); what else
/// is known of the session is filled in with `Record { permanent, ..Record::new(payload) }`.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The session's data, in the profile's format. Opaque to the store.
    pub payload: Bytes,
    /// When the session began; `None` in foreign layouts, which do not say.
    pub created: Option<Timestamp>,
    /// The last activity that was written down (renewals are throttled). No write moves it
    /// backward.
    pub seen: Option<Timestamp>,
    /// When its id was last changed.
    pub rotated: Option<Timestamp>,
    /// When its user last proved who they are.
    pub authenticated: Option<Timestamp>,
    /// How long it lives without activity, counted from [`seen`](Self::seen). Layouts keep
    /// whole milliseconds. `None` is no such limit, and in foreign layouts, which keep one
    /// moment only, always.
    pub idle: Option<Duration>,
    /// When it ends, whatever happens. In foreign layouts the one moment they keep.
    pub absolute: Option<Timestamp>,
    /// Whether the visitor asked to be remembered beyond the browser's session.
    pub permanent: bool,
    /// The user it belongs to, if any.
    pub subject: Option<Subject>,
}

impl Record {
    /// A session of which nothing but the data is known.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            created: None,
            seen: None,
            rotated: None,
            authenticated: None,
            idle: None,
            absolute: None,
            permanent: false,
            subject: None,
        }
    }

    /// A session that began at `moment` and lives as long as `lifetime` says.
    pub fn begun(payload: impl Into<Bytes>, moment: Timestamp, lifetime: Lifetime) -> Self {
        Self {
            created: Some(moment),
            seen: Some(moment),
            idle: lifetime.idle,
            absolute: lifetime.absolute.map(|span| moment + span),
            ..Self::new(payload)
        }
    }

    /// A session as foreign layouts keep it: the data, and when they end.
    pub fn ending(payload: impl Into<Bytes>, end: Option<Timestamp>) -> Self {
        Self { absolute: end, ..Self::new(payload) }
    }

    /// When it ends without activity: the idle span after the last activity.
    pub fn idle_deadline(&self) -> Option<Timestamp> {
        Some(self.seen? + self.idle?)
    }

    /// Both moments it may end at.
    pub fn deadlines(&self) -> Deadlines {
        Deadlines { idle: self.idle_deadline(), absolute: self.absolute }
    }

    /// The first moment it ends at, if there is no activity before. What a layout sweeps or
    /// forgets by is made from this.
    pub fn ends(&self) -> Option<Timestamp> {
        self.deadlines().earliest()
    }

    /// Whether either deadline has come. At the very moment it has.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.deadlines().passed(now)
    }

    /// The idle span in milliseconds, as layouts keep it.
    pub fn idle_millis(&self) -> Option<i64> {
        self.idle.map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
    }

    /// An idle span as a layout keeps it. A negative number is none that was written.
    pub fn idle_from_millis(millis: i64) -> Option<Duration> {
        u64::try_from(millis).ok().map(Duration::from_millis)
    }

    /// Activity at `moment`: [`seen`](Self::seen) moves forward, never backward.
    pub fn see(&mut self, moment: Option<Timestamp>) {
        self.seen = self.seen.max(moment);
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("payload_bytes", &self.payload.len())
            .field("deadlines", &self.deadlines())
            .finish_non_exhaustive()
    }
}
