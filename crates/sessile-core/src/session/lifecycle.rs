//! The session as a thing with a life: whose it is, how long it lasts, its id, its end.

use std::time::Duration;

use super::{Changes, Choice, Data, Rotation, Session, SessionError, Source, State};
use crate::dialect::{self, Dialect};
use crate::id::{Handle, StoreKey, Subject};
use crate::{Lifetime, Timestamp};
use sessile_formats::Value;

/// How long a session lives, in Django's meanings (`set_expiry`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// As configured (Django's `None`).
    Default,
    /// Until the browser closes, and no longer than configured (Django's `0`).
    BrowserClose,
    /// After this long without activity.
    After(Duration),
    /// At a moment, active or not.
    At(Timestamp),
}

const LIFETIME_NOT_IN_PROFILE: SessionError = SessionError::NotInProfile {
    what: "a lifetime of its own",
    instead: "configure PERMANENT_SESSION_LIFETIME for all of them",
};

impl Session {
    /// The user this session belongs to, if somebody is logged in.
    pub fn subject(&self) -> Option<Subject> {
        self.access().subject()
    }

    /// Logs `subject` in: the session gets a new id, the old one dies at once
    /// (OWASP ASVS 5.0, 7.2.4), and what it holds stays. The session can then
    /// be listed and ended by its user.
    ///
    /// Also the call for "prove it again": it renews
    /// [`authenticated_at`](Self::authenticated_at).
    ///
    /// A subject that is empty or over 200 bytes long fails the request.
    pub fn log_in(&self, subject: impl Into<String>) {
        if let Err(error) = self.try_log_in(subject) {
            self.remember(error);
        }
    }

    /// As [`log_in`](Self::log_in), saying at once when it cannot.
    ///
    /// # Errors
    ///
    /// [`SessionError::BadSubject`], [`SessionError::Settled`].
    pub fn try_log_in(&self, subject: impl Into<String>) -> Result<(), SessionError> {
        let subject = Subject::new(subject.into()).ok_or(SessionError::BadSubject)?;
        let mut state = self.change()?;
        if state.dialect == Dialect::Starlette {
            return Err(SessionError::NotInProfile {
                what: "whose session it is",
                instead: "keep the user under a key of your own and call cycle_id()",
            });
        }
        let other_user = state.subject().is_some_and(|before| before != subject);
        if other_user {
            // Nothing of one user's session may reach another's.
            state.clear();
            // Nor does the one's wish to be remembered hold for the other.
            state.changes.lifetime.get_or_insert(Choice::Default);
        }
        if let Some(key) = state.dialect.subject_key() {
            state.set(key.into(), subject.as_str().into());
        }
        state.changes.subject = Some(Some(subject));
        state.changes.rotation = Some(Rotation::LogIn);
        Ok(())
    }

    /// When its user last logged in; `None` if nobody did or the profile does not say.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.access().origin.record().and_then(|record| record.authenticated)
    }

    /// Gives the session a new id and keeps what it holds (Django's `cycle_key`).
    /// Requests in flight under the old id reach it for the grace period.
    pub fn cycle_id(&self) {
        match self.change() {
            Ok(mut state) => {
                state.changes.rotation.get_or_insert(Rotation::Routine);
            }
            Err(error) => self.remember(error),
        }
    }

    /// Whether this request logged in, asked for a new id or ended the session:
    /// what was bound to the session before no longer is.
    pub fn privilege_changed(&self) -> bool {
        let state = self.lock();
        state.changes.ended || state.changes.rotation.is_some()
    }

    /// Ends the session: everything is dropped, the record deleted, the cookie
    /// removed. No save in flight brings it back. What is set afterwards begins
    /// a new session.
    pub fn flush(&self) {
        match self.change() {
            Ok(mut state) => {
                state.data = Data::default();
                state.changes = Changes { ended: true, cleared: true, ..Changes::default() };
            }
            Err(error) => self.remember(error),
        }
    }

    /// Whether the visitor is remembered beyond the browser's session.
    pub fn is_permanent(&self) -> bool {
        self.access().permanent()
    }

    /// Remembers the visitor beyond the browser's session, for
    /// `PERMANENT_SESSION_LIFETIME` from now, or no longer (Flask's `session.permanent`).
    pub fn set_permanent(&self, permanent: bool) {
        match self.change() {
            Ok(mut state) => match (state.dialect.permanent_key(), state.dialect) {
                (Some(key), _) => state.set(key.into(), permanent.into()),
                (None, Dialect::Native) => {
                    let choice = if permanent { Choice::Permanent } else { Choice::Default };
                    state.changes.lifetime = Some(choice);
                }
                (None, _) => {
                    drop(state);
                    self.remember(SessionError::NotInProfile {
                        what: "whether the visitor is remembered",
                        instead: "choose with set_expiry() in Django's, by configuration in \
                                  Starlette's",
                    });
                }
            },
            Err(error) => self.remember(error),
        }
    }

    /// Chooses how long this session lives.
    pub fn set_expiry(&self, expiry: Expiry) {
        let mut state = match self.change() {
            Ok(state) => state,
            Err(error) => return self.remember(error),
        };
        if state.dialect == Dialect::Django {
            match dialect::django_expiry(expiry) {
                Some(value) => state.set(dialect::DJANGO_EXPIRY.into(), value),
                None => {
                    state.unset(dialect::DJANGO_EXPIRY);
                }
            }
            return;
        }
        if state.dialect != Dialect::Native {
            drop(state);
            return self.remember(LIFETIME_NOT_IN_PROFILE);
        }
        state.changes.lifetime = Some(match expiry {
            Expiry::Default | Expiry::BrowserClose => Choice::Default,
            Expiry::After(idle) => Choice::after(idle),
            Expiry::At(moment) => Choice::Until(moment),
        });
    }

    /// Chooses both limits for this session, counted from now; it outlives the browser's.
    pub fn set_lifetime(&self, lifetime: Lifetime) {
        match self.change() {
            Ok(mut state) if state.dialect == Dialect::Native => {
                state.changes.lifetime = Some(Choice::Custom(lifetime));
            }
            Ok(state) => {
                drop(state);
                self.remember(LIFETIME_NOT_IN_PROFILE);
            }
            Err(error) => self.remember(error),
        }
    }

    /// When the session began; `None` for a new one, or if the profile does not say.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.access().origin.record().and_then(|record| record.created)
    }

    /// The session's public name, as in a list of one's sessions. `None` for a
    /// new session and for one that the cookie carries.
    pub fn handle(&self) -> Option<Handle> {
        match &self.access().origin {
            Source::Stored { at, .. } => Some(at.key.handle()),
            _ => None,
        }
    }

    /// What the store knows this session by; `None` as for
    /// [`handle`](Self::handle). In foreign layouts it contains the id: a secret.
    pub fn store_key(&self) -> Option<StoreKey> {
        match &self.access().origin {
            Source::Stored { at, .. } => Some(at.key.clone()),
            _ => None,
        }
    }

    /// Whether this request began the session: nothing was stored before.
    pub fn is_new(&self) -> bool {
        matches!(self.access().origin, Source::Fresh { .. })
    }
}

impl State {
    pub(crate) fn subject(&self) -> Option<Subject> {
        match &self.changes.subject {
            Some(subject) if self.dialect.subject_key().is_none() => subject.clone(),
            _ if self.changes.ended && self.dialect.subject_key().is_none() => None,
            _ => self.subject_of(&self.data),
        }
    }

    /// Whose session it is as stored: `data` say so in foreign profiles, the record in ours.
    pub(crate) fn subject_of(&self, data: &Data) -> Option<Subject> {
        match self.dialect.subject_key() {
            None => self.origin.record().and_then(|record| record.subject.clone()),
            Some(key) => match &*data.get(key)? {
                Value::Str(name) => Subject::new(name.as_str()),
                Value::Int(number) => Subject::new(number.to_string()),
                _ => None,
            },
        }
    }

    /// Whether there is nothing worth keeping.
    pub(crate) fn is_empty(&self) -> bool {
        match self.dialect {
            Dialect::Native => self.data.is_empty() && self.subject().is_none(),
            _ => self.dialect.is_empty(&self.data.map()),
        }
    }

    pub(crate) fn permanent(&self) -> bool {
        if let Some(key) = self.dialect.permanent_key() {
            return self.data.get(key).as_deref() == Some(&Value::Bool(true));
        }
        match self.changes.lifetime {
            Some(choice) => choice != Choice::Default,
            None if self.changes.ended => false,
            None => self.origin.record().is_some_and(|record| record.permanent),
        }
    }
}
