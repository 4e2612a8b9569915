//! What the record holds beside the data, and how long the browser keeps the cookie.

use std::time::Duration;

use bytes::Bytes;

use crate::Lifetime;
use crate::cookie::Keep;
use crate::dialect::{self, Dialect};
use crate::engine::Engine;
use crate::expiry::Deadlines;
use crate::session::{Choice, Rotation, State};
use crate::store::Record;
use crate::time::Timestamp;

impl Engine {
    /// The record to store: what stays, what changed, deadlines moved on.
    pub(super) fn record(&self, state: &State, payload: Bytes, now: Timestamp) -> Record {
        let base = state.origin.record().filter(|_| !state.changes.ended);
        let logs_in = state.changes.rotation == Some(Rotation::LogIn);
        Record {
            payload,
            created: Some(base.and_then(|record| record.created).unwrap_or(now)),
            seen: Some(now),
            rotated: match self.rotation(state, now) {
                Some(_) => Some(now),
                None => base.and_then(|record| record.rotated),
            },
            authenticated: match logs_in {
                true => Some(now),
                false => base.and_then(|record| record.authenticated),
            },
            deadlines: self.deadlines(state, base, now),
            permanent: state.permanent(),
            subject: state.subject(),
        }
    }

    fn deadlines(&self, state: &State, base: Option<&Record>, now: Timestamp) -> Deadlines {
        if self.dialect != Dialect::Native {
            let expiry = dialect::django_age(self.dialect, &state.data, now);
            return Deadlines {
                idle: Some(expiry.unwrap_or(now + self.foreign_age())),
                absolute: None,
            };
        }
        let logs_in = state.changes.rotation == Some(Rotation::LogIn);
        let configured =
            if state.permanent() { self.config.permanent_lifetime } else { self.config.lifetime };
        match (state.changes.lifetime, base) {
            (Some(Choice::Custom(lifetime)), _) => {
                // Without a limit of its own it ends with a remembered visitor's, or later if asked to.
                let cap = self.config.permanent_lifetime.absolute;
                let absolute = lifetime.absolute.or(cap.map(|cap| cap.max(idle_of(lifetime))));
                Lifetime { absolute, ..lifetime }.deadlines(now, now)
            }
            (Some(Choice::Until(moment)), _) => Deadlines { idle: None, absolute: Some(moment) },
            (Some(Choice::Default | Choice::Permanent), _) => configured.deadlines(now, now),
            // A login proves anew who is there, so both limits count from it.
            (None, Some(_)) if logs_in => configured.deadlines(now, now),
            (None, Some(record)) => self.renewed(record, now),
            (None, None) => configured.deadlines(now, now),
        }
    }

    pub(super) fn renewed(&self, record: &Record, now: Timestamp) -> Deadlines {
        Deadlines { idle: self.renewed_idle(record, now), absolute: record.deadlines.absolute }
    }

    /// The idle deadline after activity: as far ahead as it was when it was last set.
    pub(super) fn renewed_idle(&self, record: &Record, now: Timestamp) -> Option<Timestamp> {
        if self.dialect != Dialect::Native {
            return Some(now + self.foreign_age());
        }
        let idle = record.deadlines.idle?;
        Some(match record.seen {
            Some(seen) => idle.max(now + idle.saturating_since(seen)),
            None => idle,
        })
    }

    pub(super) fn grace(&self, rotation: Rotation, now: Timestamp) -> Option<Timestamp> {
        let routine = rotation == Rotation::Routine && !self.config.grace.is_zero();
        routine.then(|| now + self.config.grace)
    }

    /// How long the browser keeps the cookie.
    pub(super) fn keep(&self, state: &State, record: &Record, now: Timestamp) -> Keep {
        let secs =
            |span: Duration| Keep::Seconds(i64::try_from(span.as_secs()).unwrap_or(i64::MAX));
        match self.dialect {
            Dialect::Native => match record.deadlines.earliest() {
                Some(end) if record.permanent => secs(end.saturating_since(now)),
                _ => Keep::Session,
            },
            Dialect::Flask | Dialect::FlaskSession if state.permanent() => secs(self.foreign_age()),
            Dialect::Flask | Dialect::FlaskSession => Keep::Session,
            Dialect::Django => dialect::django_keep(
                &state.data,
                self.foreign_age(),
                self.config.expire_at_browser_close,
                now,
            ),
            Dialect::Starlette if self.config.expire_at_browser_close => Keep::Session,
            Dialect::Starlette => secs(self.foreign_age()),
        }
    }
}

fn idle_of(lifetime: Lifetime) -> Duration {
    lifetime.idle.unwrap_or_default()
}
