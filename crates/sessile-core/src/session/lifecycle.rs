//! The session as a thing with a life: whose it is, how long it lasts, its id, its end.

use super::expiry::Expiry;
use super::{Changes, Choice, Data, Rotation, Session, SessionError, Source, State, django};
use crate::id::{Handle, StoreKey, Subject};
use crate::profile::Profile;
use crate::{Lifetime, Timestamp};
use sessile_formats::Value;
use sessile_formats::django::expiry::EXPIRY_KEY;

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
        if state.profile == Profile::Starlette {
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
        if let Some(key) = state.profile.subject_key() {
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
            Ok(mut state) => match (state.profile.permanent_key(), state.profile) {
                (Some(key), _) => state.set(key.into(), permanent.into()),
                (None, Profile::Native) => {
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
        if state.profile == Profile::Django {
            match django::stored(expiry) {
                Some(value) => state.set(EXPIRY_KEY.into(), value),
                None => {
                    state.unset(EXPIRY_KEY);
                }
            }
            return;
        }
        if state.profile != Profile::Native {
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
            Ok(mut state) if state.profile == Profile::Native => {
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
            Some(subject) if self.profile.subject_key().is_none() => subject.clone(),
            _ if self.changes.ended && self.profile.subject_key().is_none() => None,
            _ => self.subject_of(&self.data),
        }
    }

    /// Whose session it is as stored: `data` say so in foreign profiles, the record in ours.
    pub(crate) fn subject_of(&self, data: &Data) -> Option<Subject> {
        match self.profile.subject_key() {
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
        match self.profile {
            Profile::Native => self.data.is_empty() && self.subject().is_none(),
            _ => self.profile.is_empty(&self.data.map()),
        }
    }

    pub(crate) fn permanent(&self) -> bool {
        if let Some(key) = self.profile.permanent_key() {
            return self.data.get(key).as_deref() == Some(&Value::Bool(true));
        }
        match self.changes.lifetime {
            Some(choice) => choice != Choice::Default,
            None if self.changes.ended => false,
            None => self.origin.record().is_some_and(|record| record.permanent),
        }
    }
}
