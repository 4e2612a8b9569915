//! How long a session still lives: what will be stored of it, and what Django's methods say.

use std::time::Duration;

use super::{Choice, Rotation, Session, State, django};
use crate::cookie::Keep;
use crate::expiry::{Deadlines, Lifetime};
use crate::profile::Profile;
use crate::store::Record;
use sessile_formats::Timestamp;
use sessile_formats::Value;
use sessile_formats::django::expiry;

/// What a deployment has configured of lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LifetimePolicy {
    pub(crate) usual: Lifetime,
    /// Where the visitor asked to be remembered; the foreign profiles' only one.
    pub(crate) remembered: Lifetime,
    /// `SESSION_EXPIRE_AT_BROWSER_CLOSE`.
    pub(crate) at_browser_close: bool,
}

impl LifetimePolicy {
    /// Those of `Config::native()`.
    pub(crate) const NATIVE: Self =
        Self { usual: Lifetime::AAL2, remembered: Lifetime::AAL1, at_browser_close: false };

    /// How long the foreign profiles let a session live.
    pub(crate) fn foreign_age(&self) -> Duration {
        // `Engine::new` checks that foreign profiles have an absolute limit.
        self.remembered.absolute.unwrap_or(Duration::MAX)
    }

    /// How long a session that is saved now lives; `base` is its record until now.
    pub(crate) fn limits(&self, state: &State, base: Option<&Record>, now: Timestamp) -> Limits {
        if state.profile != Profile::Native {
            return match django::age(state.profile, &state.data.map(), now) {
                None => Limits { idle: Some(self.foreign_age()), absolute: None },
                moment => Limits { idle: None, absolute: moment },
            };
        }
        let logs_in = state.changes.rotation == Some(Rotation::LogIn);
        let configured = if state.permanent() { self.remembered } else { self.usual };
        match (state.changes.lifetime, base) {
            (Some(Choice::Custom(lifetime)), _) => {
                // Without a limit of its own it ends with a remembered visitor's, or later if asked to.
                let cap = self.remembered.absolute;
                let idle = lifetime.idle.unwrap_or_default();
                let absolute = lifetime.absolute.or(cap.map(|cap| cap.max(idle)));
                Limits::chosen(Lifetime { absolute, ..lifetime }, base.filter(|_| !logs_in), now)
            }
            (Some(Choice::Until(moment)), _) => Limits { idle: None, absolute: Some(moment) },
            (Some(Choice::Default | Choice::Permanent), _) => {
                Limits::chosen(configured, base.filter(|_| !logs_in), now)
            }
            // A login proves anew who is there, so both limits count from it.
            (None, Some(_)) if logs_in => Limits::from_now(configured, now),
            (None, Some(record)) => Limits { idle: record.idle, absolute: record.absolute },
            (None, None) => Limits::from_now(configured, now),
        }
    }

    /// How long activity now lets the session live, where the layout keeps no span.
    pub(crate) fn renewal(&self, profile: Profile, record: &Record) -> Option<Duration> {
        if profile == Profile::Native { record.idle } else { Some(self.foreign_age()) }
    }

    /// How long the browser keeps the cookie of a session.
    pub(crate) fn keep(&self, state: &State, record: &Record, now: Timestamp) -> Keep {
        let secs =
            |span: Duration| Keep::Seconds(i64::try_from(span.as_secs()).unwrap_or(i64::MAX));
        match state.profile {
            Profile::Native => match record.ends() {
                Some(end) if record.permanent => secs(end.saturating_since(now)),
                _ => Keep::Session,
            },
            Profile::Flask | Profile::FlaskSession if state.permanent() => secs(self.foreign_age()),
            Profile::Flask | Profile::FlaskSession => Keep::Session,
            Profile::Django => {
                django::keep(&state.data.map(), self.foreign_age(), self.at_browser_close, now)
            }
            Profile::Starlette if self.at_browser_close => Keep::Session,
            Profile::Starlette => secs(self.foreign_age()),
        }
    }
}

/// How long a session that is saved lives: what its record says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) idle: Option<Duration>,
    pub(crate) absolute: Option<Timestamp>,
}

impl Limits {
    fn from_now(lifetime: Lifetime, now: Timestamp) -> Self {
        Self { idle: lifetime.idle, absolute: lifetime.absolute.map(|span| now + span) }
    }

    /// As `lifetime` says from now on, but in all no longer than it says from where the session
    /// began, or its user logged in, unless the session had longer already. So to choose the
    /// same again and again prolongs nothing.
    fn chosen(lifetime: Lifetime, base: Option<&Record>, now: Timestamp) -> Self {
        let mut limits = Self::from_now(lifetime, now);
        if let (Some(absolute), Some(span), Some(base)) = (limits.absolute, lifetime.absolute, base)
            && let Some(began) = base.authenticated.max(base.created)
            && let Some(most) = base.absolute.map(|had| had.max(began + span))
        {
            limits.absolute = Some(absolute.min(most));
        }
        limits
    }

    fn end(self, seen: Timestamp) -> Option<Timestamp> {
        Deadlines { idle: self.idle.map(|span| seen + span), absolute: self.absolute }.earliest()
    }
}

impl Session {
    /// How many seconds the session still lives, counted from when this request
    /// opened it (Django's `get_expiry_age()`). `None` if it does not end.
    ///
    /// In the `django` profile it is what Django 5.2 says: the seconds given to
    /// [`set_expiry`](Self::set_expiry), or those until its moment, negative once
    /// that has passed; else `SESSION_COOKIE_AGE`, however old the session is.
    /// Fractions of a second are cut off, as Django does for the cookie. What
    /// Django would raise an exception for is traced as a warning and `None`.
    ///
    /// In the other profiles it is the time until the first of its limits, as
    /// stored or as this request's changes set it; requests to come may move the
    /// limit. The cookie-held sessions of Flask and Starlette do not say when
    /// they were signed: it is the whole `PERMANENT_SESSION_LIFETIME`, or
    /// Starlette's `max_age`, that each signature gives them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sessile_core::{Expiry, Session};
    ///
    /// let session = Session::anonymous();
    /// assert_eq!(session.get_expiry_age(), Some(3600));
    /// session.set_permanent(true);
    /// assert_eq!(session.get_expiry_age(), Some(30 * 86_400));
    /// session.set_expiry(Expiry::After(Duration::from_secs(300)));
    /// assert_eq!(session.get_expiry_age(), Some(300));
    /// ```
    pub fn get_expiry_age(&self) -> Option<i64> {
        let state = self.access();
        if state.profile == Profile::Django {
            return state.django_age();
        }
        let millis = state.end()?.as_millis().saturating_sub(state.opened.as_millis());
        Some(millis.div_euclid(1000))
    }

    /// When the session ends (Django's `get_expiry_date()`), as
    /// [`get_expiry_age`](Self::get_expiry_age) has it. `None` if it does not
    /// end; in the `django` profile also for a moment without an offset from
    /// UTC, which Django gives back as it is.
    ///
    /// ```
    /// use sessile_core::{Expiry, Session, Timestamp};
    ///
    /// let session = Session::anonymous();
    /// let midnight = Timestamp::from_secs(1_767_312_000);
    /// session.set_expiry(Expiry::At(midnight));
    /// assert_eq!(session.get_expiry_date(), Some(midnight));
    /// ```
    pub fn get_expiry_date(&self) -> Option<Timestamp> {
        let state = self.access();
        if state.profile == Profile::Django { state.django_date() } else { state.end() }
    }

    /// Whether the browser is to forget the session when it closes (Django's
    /// `get_expire_at_browser_close()`): its cookie has no end of its own.
    ///
    /// In the `django` profile as `set_expiry` chose, else
    /// `SESSION_EXPIRE_AT_BROWSER_CLOSE`. In Flask's and the native profile
    /// unless the session [is permanent](Self::is_permanent), in Starlette's
    /// with `max_age=None`.
    ///
    /// ```
    /// # let session = sessile_core::Session::anonymous();
    /// assert!(session.get_expire_at_browser_close());
    /// session.set_permanent(true);
    /// assert!(!session.get_expire_at_browser_close());
    /// ```
    pub fn get_expire_at_browser_close(&self) -> bool {
        let state = self.access();
        match state.profile {
            Profile::Django => {
                let stored = state.data.get(expiry::EXPIRY_KEY);
                expiry::at_browser_close(stored.as_deref(), state.terms.at_browser_close)
            }
            Profile::Starlette => state.terms.at_browser_close,
            Profile::Native | Profile::Flask | Profile::FlaskSession => !state.permanent(),
        }
    }
}

impl State {
    /// When it ends: as stored, or as it will be by what this request did.
    fn end(&self) -> Option<Timestamp> {
        if self.profile == Profile::Starlette && self.terms.at_browser_close {
            return None;
        }
        let record = self.origin.record().filter(|_| !self.changes.ended);
        let stored = record.filter(|_| !self.changes.any()).map(Record::ends);
        // The foreign formats that live in cookies have no room for an end.
        let said = stored.filter(|end| self.profile == Profile::Native || end.is_some());
        said.unwrap_or_else(|| self.terms.limits(self, record, self.opened).end(self.opened))
    }

    fn django_age(&self) -> Option<i64> {
        let stored = self.data.get(expiry::EXPIRY_KEY);
        match expiry::age(stored.as_deref(), self.cookie_age(), self.opened) {
            Ok(Value::Int(secs)) => Some(secs),
            Ok(Value::Bool(yes)) => Some(yes.into()),
            Ok(Value::Float(secs)) if secs.is_finite() => Some(secs as i64),
            Ok(other) => no_number(other.type_name()),
            Err(error) => no_number(error.python_class()),
        }
    }

    fn django_date(&self) -> Option<Timestamp> {
        let stored = self.data.get(expiry::EXPIRY_KEY);
        match expiry::date(stored.as_deref(), self.cookie_age(), self.opened) {
            Ok(date) => date.timestamp().or_else(|| no_number("a moment without an offset")),
            Err(error) => no_number(error.python_class()),
        }
    }

    fn cookie_age(&self) -> i64 {
        i64::try_from(self.terms.foreign_age().as_secs()).unwrap_or(i64::MAX)
    }
}

/// Says the type found, or Python's exception; never the text that is stored.
fn no_number<T>(found: &str) -> Option<T> {
    tracing::warn!(found, "the session's expiry is none; it lives as configured");
    None
}
