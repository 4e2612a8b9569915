//! What the store and the browser must be told.
//!
//! One pure function from the session and the moment to a [`Plan`]. The
//! profile's rules ([`policy`](crate::policy)) say whether; this says what.

mod record;

use std::time::Duration;

use bytes::Bytes;

use crate::codec::{CookieCodec, IdCodec, StoredCodec};
use crate::cookie::{Keep, SetCookie};
use crate::engine::{Engine, SessionCodec};
use crate::error::CommitError;
use crate::event::{Event, EventKind};
use crate::id::{SessionId, StoreKey};
use crate::policy::{self, CookieAction, DataAction, Facts, FoundIn, Verdict};
use crate::profile::Profile;
use crate::random::Random;
use crate::session::{Credential, Lookup, Rotation, Session, Source, State};
use crate::store::{Record, Version};
use crate::transport::CredentialUpdate;
use sessile_formats::Timestamp;

/// What must be done for one session, before the response's headers leave.
#[derive(Debug)]
pub struct Plan {
    /// What the store is told, first.
    pub store: StoreOp,
    /// A session that ends with this request, after the other write.
    pub delete: Option<StoreKey>,
    /// What goes with the response once the store has agreed.
    pub response: ResponsePlan,
    /// What to report once it is done.
    pub events: Vec<Event>,
}

/// What goes with the response.
#[derive(Debug, Default)]
pub struct ResponsePlan {
    /// The cookie to send.
    pub cookie: Option<SetCookie>,
    /// The cookies that go with it where a session needs several, and the
    /// removal of such.
    pub parts: Vec<SetCookie>,
    /// What a visitor is told in place of a cookie, by the [transport](crate::transport) in use.
    pub update: Option<CredentialUpdate>,
    /// `Vary` goes with the response, and names the credential's field.
    pub vary: bool,
    /// `Cache-Control: no-store` goes with the response.
    pub no_store: bool,
    /// `Clear-Site-Data` goes with the response.
    pub clear_site_data: bool,
}

/// One call to the store.
#[derive(Debug)]
pub enum StoreOp {
    /// Nothing to tell.
    Nothing,
    /// Store a new session.
    Create {
        /// Its key.
        key: StoreKey,
        /// What to store.
        record: Record,
    },
    /// Store changes.
    Update {
        /// The session's key.
        key: StoreKey,
        /// What to store.
        record: Record,
        /// The version they were made from.
        expected: Version,
    },
    /// Write activity down, which moves the idle deadline.
    Touch {
        /// The session's key.
        key: StoreKey,
        /// The activity.
        seen: Timestamp,
        /// How long it lives from then on, for layouts that keep no span.
        idle: Option<Duration>,
        /// How old the last one must be. Zero: every request renews.
        every: Duration,
    },
    /// Store changes under a new id.
    Replace {
        /// The key until now.
        old_key: StoreKey,
        /// The version they were made from.
        expected: Version,
        /// The key from now on.
        new_key: StoreKey,
        /// What to store.
        record: Record,
        /// Until when the old key points to the new one.
        pointer_until: Option<Timestamp>,
    },
}

impl Engine {
    /// What is to be told. `server_error` says that the response is a 5xx.
    ///
    /// Pure but for `random`: called again after a conflict it gives the plan
    /// for the changed state. The session takes changes until it is
    /// [sealed](Session::seal).
    ///
    /// # Errors
    ///
    /// What the handler put in cannot be stored, or `random` failed. Nothing
    /// has been written then.
    pub fn settle(
        &self,
        session: &Session,
        server_error: bool,
        now: Timestamp,
        random: &mut Random<'_>,
    ) -> Result<Plan, CommitError> {
        let state = session.lock();
        if let Some(error) = &state.refused {
            return Err(error.clone().into());
        }
        let (facts, verdict) = self.verdict(&state, server_error, now);
        if facts.credential == Credential::Unreadable
            && !facts.ended
            && (facts.modified || facts.rotation.is_some())
        {
            return Err(CommitError::Unreadable);
        }
        let mut plan = Plan {
            store: StoreOp::Nothing,
            delete: None,
            response: ResponsePlan {
                vary: verdict.vary,
                no_store: self.config.no_store && verdict.cookie != CookieAction::Keep,
                clear_site_data: self.config.clear_site_data && verdict.data == DataAction::Delete,
                ..ResponsePlan::default()
            },
            events: Vec::new(),
        };
        let ends = verdict.data == DataAction::Delete || state.changes.ended;
        if ends && let Source::Stored { at, .. } = &state.origin {
            plan.delete = Some(at.key.clone());
        }
        if ends && facts.found_in != FoundIn::Nowhere {
            plan.events.push(event(EventKind::Ended, &state, None));
        }
        match &self.codec {
            SessionCodec::Data(codec) => {
                self.settle_held(codec, &state, verdict, now, random, &mut plan)?;
            }
            SessionCodec::Id { ids, data } => {
                self.settle_stored((ids, data), &state, verdict, now, random, &mut plan)?;
            }
        }
        if verdict.cookie == CookieAction::Remove && !self.config.transport.is_cookie() {
            plan.response.update = Some(CredentialUpdate::Ended);
            plan.response.no_store = true;
        } else if verdict.cookie == CookieAction::Remove {
            plan.response.cookie = Some(match self.profile {
                Profile::FlaskSession => self.cookie.remove_bare(),
                _ => self.cookie.remove(),
            });
            self.expire_parts(&mut plan, state.chunks, 1);
        }
        Ok(plan)
    }

    /// Seals the session, and says whether the response depends on it, if that
    /// is all there is to say: nothing to store, no cookie to send.
    pub(crate) fn seal_unchanged(
        &self,
        session: &Session,
        server_error: bool,
        now: Timestamp,
    ) -> Option<bool> {
        let mut state = session.lock();
        state.settled = true;
        if state.refused.is_some() || state.changes.any() {
            return None;
        }
        let (_, verdict) = self.verdict(&state, server_error, now);
        let quiet = verdict.data == DataAction::Keep && verdict.cookie == CookieAction::Keep;
        quiet.then_some(verdict.vary)
    }

    pub(crate) fn verdict(
        &self,
        state: &State,
        server_error: bool,
        now: Timestamp,
    ) -> (Facts, Verdict) {
        let facts = self.facts(state, server_error, now);
        let mut verdict = policy::decide(self.profile, facts, self.switches);
        if verdict.data == DataAction::Renew && has_expired(state, now) {
            // While the handler ran: others have found it expired, so it stays so.
            (verdict.data, verdict.cookie) = (DataAction::Keep, CookieAction::Keep);
        }
        (facts, verdict)
    }

    fn facts(&self, state: &State, server_error: bool, now: Timestamp) -> Facts {
        let changes = &state.changes;
        let (found_in, credential) = match &state.origin {
            Source::Fresh { credential } => (FoundIn::Nowhere, *credential),
            Source::Stored { .. } => (FoundIn::Store, Credential::Live),
            Source::Held { .. } => (FoundIn::Cookie, Credential::Live),
        };
        Facts {
            found_in,
            credential,
            accessed: state.accessed,
            modified: changes.any(),
            empty: state.is_empty(),
            ended: changes.ended,
            rotation: self.rotation(state, now),
            lifetime_chosen: changes.lifetime.is_some(),
            permanent: state.permanent(),
            renewal_due: self.renewal_due(state, now),
            server_error,
        }
    }

    /// The change of id that was asked for, or that is due by age.
    fn rotation(&self, state: &State, now: Timestamp) -> Option<Rotation> {
        if state.changes.rotation.is_some() {
            return state.changes.rotation;
        }
        let Source::Stored { record, at: Lookup { id: Some(_), .. }, .. } = &state.origin else {
            return None;
        };
        let since = record.rotated.or(record.created)?;
        let due = now.saturating_since(since) >= self.config.rotate_after?;
        due.then_some(Rotation::Routine)
    }

    fn renewal_due(&self, state: &State, now: Timestamp) -> bool {
        let Some(record) = state.origin.record() else { return false };
        let (Some(seen), Some(every)) = (record.seen, self.renewed_every(record)) else {
            return false;
        };
        now.saturating_since(seen) >= every
    }

    /// How old the last activity that was written down must be, for it to be written again.
    fn renewed_every(&self, record: &Record) -> Option<Duration> {
        let idle = record.idle?;
        Some(self.config.renew_after.unwrap_or(idle / 10))
    }

    fn settle_held(
        &self,
        codec: &CookieCodec,
        state: &State,
        verdict: Verdict,
        now: Timestamp,
        random: &mut Random<'_>,
        plan: &mut Plan,
    ) -> Result<(), CommitError> {
        if verdict.cookie != CookieAction::Send {
            return Ok(());
        }
        if has_expired(state, now) && !state.changes.ended {
            return Err(CommitError::Ended);
        }
        let record = self.record(state, Bytes::new(), now);
        let keep = self.keep(state, &record, now);
        if state.changes.rotation == Some(Rotation::LogIn) {
            plan.events.push(event(EventKind::LoggedIn, state, None));
        } else if matches!(state.origin, Source::Fresh { .. }) {
            plan.events.push(event(EventKind::Created, state, None));
        }
        let value = codec.seal(record, &state.data.map(), now, random)?;
        self.send(plan, &value, state.chunks, keep, now)
    }

    fn settle_stored(
        &self,
        (ids, data): (&IdCodec, &StoredCodec),
        state: &State,
        verdict: Verdict,
        now: Timestamp,
        random: &mut Random<'_>,
        plan: &mut Plan,
    ) -> Result<(), CommitError> {
        if verdict.data == DataAction::Renew
            && let Source::Stored { at, record, .. } = &state.origin
        {
            let idle = self.terms().renewal(self.profile, record);
            let every = match self.profile {
                Profile::Native => self.renewed_every(record).unwrap_or_default(),
                _ => Duration::ZERO,
            };
            plan.store = StoreOp::Touch { key: at.key.clone(), seen: now, idle, every };
        }
        let mut new_id = None;
        let mut keep = Keep::Session;
        if verdict.data == DataAction::Write {
            let record = self.record(state, self.payload(data, state, now)?, now);
            keep = self.keep(state, &record, now);
            let rotation = self.rotation(state, now);
            plan.store = match &state.origin {
                Source::Stored { at, version, .. } if !state.changes.ended => {
                    if has_expired(state, now) {
                        return Err(CommitError::Ended);
                    }
                    let (key, expected) = (at.key.clone(), version.clone());
                    match rotation {
                        None => StoreOp::Update { key, record, expected },
                        Some(rotation) => {
                            let id = next_id(state, ids, random)?;
                            let new_key = ids.store_key(&id);
                            let kind = event_of(rotation);
                            plan.events.push(event(kind, state, Some(&new_key)));
                            new_id = Some(id);
                            let pointer_until = self.pointer_after(rotation, now);
                            StoreOp::Replace {
                                old_key: key,
                                expected,
                                new_key,
                                record,
                                pointer_until,
                            }
                        }
                    }
                }
                _ => {
                    let id = next_id(state, ids, random)?;
                    let key = ids.store_key(&id);
                    let kind = rotation.map_or(EventKind::Created, event_of);
                    plan.events.push(event(kind, state, Some(&key)));
                    new_id = Some(id);
                    StoreOp::Create { key, record }
                }
            };
        } else if let Some(record) = state.origin.record() {
            let mut renewed = record.clone();
            renewed.see(Some(now));
            keep = self.keep(state, &renewed, now);
        }
        if verdict.cookie == CookieAction::Send {
            let id = new_id.as_ref().or(match &state.origin {
                Source::Stored { at, .. } => at.id.as_ref(),
                _ => None,
            });
            match id {
                Some(id) if self.config.transport.is_cookie() => {
                    plan.response.cookie = Some(self.cookie.set(&ids.encode(id), keep, now)?);
                }
                Some(id) => {
                    plan.response.update =
                        Some(CredentialUpdate::Issued(SessionId::foreign(ids.encode(id))));
                    plan.response.no_store = true;
                }
                // It was reached by an old id, and the new one is not known here.
                None => plan.response.no_store = false,
            }
        }
        Ok(())
    }

    fn payload(
        &self,
        codec: &StoredCodec,
        state: &State,
        now: Timestamp,
    ) -> Result<Bytes, CommitError> {
        let found = state.origin.record().map(|record| &*record.payload);
        let payload = codec.encode_like(found, &state.data.map(), now)?;
        let (bytes, limit) = (payload.len(), self.config.max_bytes);
        if bytes > limit {
            return Err(CommitError::TooLarge { bytes, limit });
        }
        Ok(payload.into())
    }
}

/// The id that links of this response name already, or a fresh one.
fn next_id(
    state: &State,
    ids: &IdCodec,
    random: &mut Random<'_>,
) -> Result<SessionId, CommitError> {
    match &state.reserved {
        Some(id) => Ok((**id).clone()),
        None => ids.issue(random),
    }
}

/// Whether what was loaded has expired since.
fn has_expired(state: &State, now: Timestamp) -> bool {
    state.origin.record().is_some_and(|record| record.has_ended(now))
}

fn event_of(rotation: Rotation) -> EventKind {
    match rotation {
        Rotation::Routine => EventKind::Rotated,
        Rotation::LogIn => EventKind::LoggedIn,
    }
}

fn event(kind: EventKind, state: &State, new_key: Option<&StoreKey>) -> Event {
    let session = match (&state.origin, new_key) {
        (_, Some(key)) => Some(key.handle()),
        (Source::Stored { at, .. }, None) => Some(at.key.handle()),
        _ => None,
    };
    Event { kind, session, subject: state.subject() }
}
