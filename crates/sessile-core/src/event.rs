//! What happened to a session, for logs, metrics and audits. No secrets inside.

use std::fmt;

use crate::id::{Handle, Subject};

/// One thing that happened to one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Which session, by its public name; `None` where it has none.
    pub session: Option<Handle>,
    /// Whose session, if known.
    pub subject: Option<Subject>,
}

/// The things that happen to sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A session was stored for the first time.
    Created,
    /// It got a new id.
    Rotated,
    /// Its user logged in; it got a new id.
    LoggedIn,
    /// It was ended: logged out, flushed or emptied.
    Ended,
    /// It was ended because its user has too many.
    Evicted,
    /// A credential was refused: forged, damaged, or of a key that is gone.
    Rejected,
    /// A credential named a session that is not there.
    Unknown,
    /// A session was found past its deadline.
    Expired,
    /// A stored record could not be read; the visitor was treated as new.
    Unreadable,
    /// Another request wrote in between; the changes were put on top and written again.
    Conflicted,
    /// Changes could not be saved because the session had been ended meanwhile.
    Late,
    /// The store failed.
    StoreFailed,
    /// A request was refused because another site may have sent it in the
    /// visitor's name. Of whose session is said where it was looked at.
    CsrfRefused {
        /// In a word, the same for all rules: `no_token`, `origin`…
        reason: &'static str,
    },
}

impl EventKind {
    /// The name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Rotated => "rotated",
            Self::LoggedIn => "logged_in",
            Self::Ended => "ended",
            Self::Evicted => "evicted",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Unreadable => "unreadable",
            Self::Conflicted => "conflicted",
            Self::Late => "late",
            Self::StoreFailed => "store_failed",
            Self::CsrfRefused { .. } => "csrf_refused",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
