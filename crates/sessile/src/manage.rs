//! Listing and ending sessions: "your devices", "log out everywhere".

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use sessile_core::store::{Directory, Record};
use sessile_core::{
    AnyStore, Deadlines, Engine, Event, EventKind, Handle, Map, Session, SessionStore, StoreError,
    StoreErrorKind, StoreKey, Subject, Timestamp, drive,
};

use crate::bounded::no_directory;
use crate::failure::Failure;
use crate::slot::{Shared, Slot};
use crate::world::{Live, Surroundings, swept_at};

/// The sessions of a layer's store, as an extractor or from
/// [`SessionLayer::sessions`](crate::SessionLayer::sessions). Shows handles, never ids.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

/// Ends the session under `key` for good, though it got another id since `key` was read:
/// for tools that have a store and no layer. Ending what is not there is fine.
///
/// # Errors
///
/// [`StoreError`]; the session may still be there.
pub async fn end_session(
    engine: &Engine,
    store: &AnyStore,
    key: &StoreKey,
) -> Result<(), StoreError> {
    match drive::end(engine, store, key, &mut Live(&Surroundings::default())).await {
        // What cannot be read is nobody's session, and can be removed.
        Err(error) if error.kind() == StoreErrorKind::BadEntry => store.delete(key).await,
        ended => ended,
    }
}

/// One session in a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its public name; give it to [`Sessions::end`].
    pub handle: Handle,
    /// Whose it is.
    pub subject: Option<Subject>,
    /// When it began.
    pub created: Option<Timestamp>,
    /// Its last activity that was written down; up to a tenth of the idle limit old.
    pub seen: Option<Timestamp>,
    /// When its user last logged in.
    pub authenticated: Option<Timestamp>,
    /// When it ends.
    pub deadlines: Deadlines,
    /// Whether its visitor asked to be remembered.
    pub permanent: bool,
    /// What it holds.
    pub data: Map,
}

impl Sessions {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// From a request that came through a [`SessionLayer`](crate::SessionLayer),
    /// for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure::NoLayer`].
    pub fn of_layer(extensions: &Extensions) -> Result<Self, Failure> {
        let slot = extensions.get::<Slot>().ok_or(Failure::NoLayer)?;
        Ok(Self::new(slot.shared().clone()))
    }

    /// The live sessions of a user, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; also for stores and layouts that do not know whose a session is.
    pub async fn of(&self, subject: &Subject) -> Result<Vec<SessionInfo>, StoreError> {
        let entries = self.directory()?.by_subject(subject).await?;
        let now = self.shared.surroundings.now();
        let live = entries.into_iter().filter(|(_, record)| !record.deadlines.passed(now));
        Ok(live.map(|(key, record)| self.describe(&key, record)).collect())
    }

    /// Ends one session of a user. Whether there was one.
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    pub async fn end(&self, subject: &Subject, handle: Handle) -> Result<bool, StoreError> {
        let entries = self.directory()?.by_subject(subject).await?;
        let Some((key, _)) = entries.iter().find(|(key, _)| key.handle() == handle) else {
            return Ok(false);
        };
        let mut world = Live(&self.shared.surroundings);
        drive::end(&self.shared.engine, &self.shared.store, key, &mut world).await?;
        self.report(Some(handle), subject);
        Ok(true)
    }

    /// Ends every session of a user. How many there were.
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    pub async fn end_all(&self, subject: &Subject) -> Result<usize, StoreError> {
        let ended = self.directory()?.delete_by_subject(subject, None).await?;
        self.report(None, subject);
        Ok(ended)
    }

    /// Ends every session of the user who is logged in with `current`, but not that one. How many.
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    pub async fn end_others(&self, current: &Session) -> Result<usize, StoreError> {
        let Some(subject) = current.subject() else { return Ok(0) };
        let ended =
            self.directory()?.delete_by_subject(&subject, current.store_key().as_ref()).await?;
        self.report(None, &subject);
        Ok(ended)
    }

    /// Removes expired sessions from the store every `period`, in batches, for
    /// as long as this process runs. Those that ended less than ten minutes ago stay, for
    /// the clocks of other servers. Does nothing where the store forgets by itself.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn sweep_every(&self, period: Duration) {
        const BATCH: usize = 500;
        let shared = self.shared.clone();
        if shared.store.as_sweep().is_none() {
            return;
        }
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                let Some(sweeper) = shared.store.as_sweep() else { return };
                loop {
                    let ended_by = swept_at(shared.surroundings.now());
                    match sweeper.sweep(ended_by, BATCH).await {
                        Ok(BATCH..) => tokio::task::yield_now().await,
                        Ok(_) => break,
                        Err(error) => {
                            tracing::warn!(target: "sessile", %error, "sweeping failed; trying later");
                            break;
                        }
                    }
                }
            }
        });
    }

    fn directory(&self) -> Result<&dyn Directory, StoreError> {
        self.shared.store.as_directory().ok_or_else(no_directory)
    }

    fn describe(&self, key: &StoreKey, record: Record) -> SessionInfo {
        SessionInfo {
            handle: key.handle(),
            data: self.shared.engine.decode(&record.payload).unwrap_or_default(),
            subject: record.subject,
            created: record.created,
            seen: record.seen,
            authenticated: record.authenticated,
            deadlines: record.deadlines,
            permanent: record.permanent,
        }
    }

    fn report(&self, session: Option<Handle>, subject: &Subject) {
        let subject = Some(subject.clone());
        self.shared.surroundings.report(&Event { kind: EventKind::Ended, session, subject });
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}
