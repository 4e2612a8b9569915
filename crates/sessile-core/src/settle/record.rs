//! What the record holds beside the data, and how long the browser keeps the cookie.

use bytes::Bytes;

use crate::cookie::{Keep, SetCookie};
use crate::engine::Engine;
use crate::session::{Rotation, Session, State};
use crate::store::Record;
use sessile_formats::Timestamp;

impl Engine {
    /// The record to store: what stays, what changed, activity written down.
    ///
    /// `seen` does not go backward, even where this machine's clock is behind the one that
    /// wrote it last; the stores see to the same where two write at once.
    pub(super) fn record(&self, state: &State, payload: Bytes, now: Timestamp) -> Record {
        let base = state.origin.record().filter(|_| !state.changes.ended);
        let logs_in = state.changes.rotation == Some(Rotation::LogIn);
        let limits = self.terms().limits(state, base, now);
        let mut record = Record {
            created: Some(base.and_then(|record| record.created).unwrap_or(now)),
            seen: base.and_then(|record| record.seen),
            rotated: match self.rotation(state, now) {
                Some(_) => Some(now),
                None => base.and_then(|record| record.rotated),
            },
            authenticated: match logs_in {
                true => Some(now),
                false => base.and_then(|record| record.authenticated),
            },
            idle: limits.idle,
            absolute: limits.absolute,
            permanent: state.permanent(),
            subject: state.subject(),
            payload,
        };
        record.see(Some(now));
        record
    }

    pub(super) fn pointer_after(&self, rotation: Rotation, now: Timestamp) -> Option<Timestamp> {
        // Who logs in is somebody new: nothing leads from the id before to theirs.
        if rotation == Rotation::LogIn { None } else { self.pointer_until(now) }
    }

    /// The cookie that a live session came with, with the attributes of today.
    pub(crate) fn cookie_again(
        &self,
        session: &Session,
        value: &[u8],
        now: Timestamp,
    ) -> Option<SetCookie> {
        let state = session.lock();
        let mut record = state.origin.record()?.clone();
        record.see(Some(now));
        let keep = self.keep(&state, &record, now);
        self.cookie.set(std::str::from_utf8(value).ok()?, keep, now).ok()
    }

    /// How long the browser keeps the cookie.
    pub(super) fn keep(&self, state: &State, record: &Record, now: Timestamp) -> Keep {
        self.terms().keep(state, record, now)
    }
}
