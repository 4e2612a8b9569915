//! Listing and ending sessions: "your devices", "log out everywhere".

use std::time::Duration;

use super::app::App;
use super::bounded::no_directory;
use crate::Map;
use crate::Timestamp;
use crate::event::{Event, EventKind};
use crate::expiry::Deadlines;
use crate::id::{Handle, StoreKey, Subject};
use crate::runtime::Runtime;
use crate::session::Session;
use crate::store::{AnyStore, Directory, Record, SessionStore as _, StoreError};

/// How long sessions are over when they are swept: a server whose clock is ahead, or stepped, by
/// no more ends nobody's session for the others. Stores that forget by themselves wait as long.
const SWEPT_AFTER: Duration = Duration::from_secs(600);

/// Sessions that are swept at a time.
const BATCH: usize = 500;

/// The sessions of an application's store. Shows handles, never ids.
#[derive(Clone, Debug)]
pub struct Sessions {
    app: App,
}

/// One session in a list. As JSON it says everything but what the session holds, and moments as
/// [`Timestamp`] prints them.
#[derive(Clone, Debug, serde::Serialize)]
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
    /// What it holds. Not serialized: secrets may be among it.
    #[serde(skip)]
    pub data: Map,
}

impl App {
    /// Lists and ends sessions from outside of requests, such as an operator's page.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.clone())
    }
}

impl Sessions {
    pub(super) fn new(app: App) -> Self {
        Self { app }
    }

    /// The live sessions of a user, newest first. One that cannot be read is left out, and
    /// reported as [`Unreadable`](EventKind::Unreadable).
    ///
    /// # Errors
    ///
    /// [`StoreError`]; also for stores and layouts that do not know whose a session is.
    pub async fn of(&self, subject: &Subject) -> Result<Vec<SessionInfo>, StoreError> {
        let listed = self.directory()?.by_subject(subject).await?;
        for _ in 0..listed.unreadable {
            let (kind, subject) = (EventKind::Unreadable, Some(subject.clone()));
            self.app.report(&Event { kind, session: None, subject });
        }
        let now = self.app.now();
        let live = listed.sessions.into_iter().filter(|(_, record)| !record.has_ended(now));
        Ok(live.map(|(key, record)| self.describe(&key, record)).collect())
    }

    /// Ends one session of a user. Whether there was one.
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    pub async fn end(&self, subject: &Subject, handle: Handle) -> Result<bool, StoreError> {
        let listed = self.directory()?.by_subject(subject).await?;
        let Some((key, _)) = listed.sessions.iter().find(|(key, _)| key.handle() == handle) else {
            return Ok(false);
        };
        self.app.bounded().end(key).await?;
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
        let kept = current.store_key();
        let ended = self.directory()?.delete_by_subject(&subject, kept.as_ref()).await?;
        self.report(None, &subject);
        Ok(ended)
    }

    /// Removes expired sessions from the store every `period`, as [`sweep`] does, until it is
    /// dropped. Returns at once where the store forgets by itself.
    pub async fn sweep_every(&self, period: Duration) {
        while self.needs_sweeping() {
            self.app.runtime().sleep(period).await;
            sweep(self.app.store(), self.app.runtime()).await;
        }
    }

    /// Whether the store keeps expired sessions until they are swept.
    pub fn needs_sweeping(&self) -> bool {
        self.app.store().capabilities().sweep.is_some()
    }

    fn directory(&self) -> Result<&dyn Directory, StoreError> {
        self.app.bounded().capabilities().directory.ok_or_else(no_directory)
    }

    fn describe(&self, key: &StoreKey, record: Record) -> SessionInfo {
        SessionInfo {
            deadlines: record.deadlines(),
            handle: key.handle(),
            data: self.app.engine().decode(&record.payload).unwrap_or_default(),
            subject: record.subject,
            created: record.created,
            seen: record.seen,
            authenticated: record.authenticated,
            permanent: record.permanent,
        }
    }

    fn report(&self, session: Option<Handle>, subject: &Subject) {
        let subject = Some(subject.clone());
        self.app.report(&Event { kind: EventKind::Ended, session, subject });
    }
}

/// Removes expired sessions from `store`, in batches. Those that ended less than ten minutes ago
/// stay, for the clocks of other servers. A failure is logged; the next call goes on.
pub async fn sweep(store: &AnyStore, runtime: &dyn Runtime) {
    let Some(sweeper) = store.capabilities().sweep else { return };
    loop {
        match sweeper.sweep(swept_at(runtime.now()), BATCH).await {
            // Requests take their turn between two batches.
            Ok(BATCH..) => runtime.sleep(Duration::ZERO).await,
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(target: "sessile", %error, "sweeping failed; trying again later");
                return;
            }
        }
    }
}

/// What has ended by then is swept at `now`.
pub fn swept_at(now: Timestamp) -> Timestamp {
    let wait = i64::try_from(SWEPT_AFTER.as_millis()).unwrap_or_default();
    Timestamp::from_millis(now.as_millis().saturating_sub(wait))
}
