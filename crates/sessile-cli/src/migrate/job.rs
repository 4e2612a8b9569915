//! One session's move.

use std::time::Duration;

use sessile::store::{CreateOutcome, Entry, Record, Version, WriteOutcome};
use sessile::{AnyStore, SessionStore as _, StoreError, StoreErrorKind, StoreKey};
use sessile_core::moving::{Moved, Mover};

use super::counts::Outcome;
use crate::human;

/// Both sides, and how the one becomes the other.
pub(super) struct Job {
    pub(super) mover: Mover,
    pub(super) from: AnyStore,
    pub(super) to: AnyStore,
    pub(super) dry_run: bool,
}

/// What became of a session.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// Whether it was read back and was the same.
    pub(super) verified: bool,
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, verified: false }
    }
}

/// What came of a session, and its handle where the new store got it from us, whatever
/// failed afterwards.
pub(super) struct Tried {
    pub(super) done: Result<Done, StoreError>,
    pub(super) written: Option<String>,
}

/// A store that fails for a moment is asked again so many times.
const TRIES: u32 = 4;

impl Job {
    /// Moves one session. `moved_before`: an earlier run did.
    pub(super) async fn run(&self, key: &StoreKey, record: &Record, moved_before: bool) -> Tried {
        let mut written = None;
        let done = self.tried(key, record, moved_before, &mut written).await;
        Tried { done, written }
    }

    async fn tried(
        &self,
        key: &StoreKey,
        record: &Record,
        moved_before: bool,
        written: &mut Option<String>,
    ) -> Result<Done, StoreError> {
        let mut tries = 1;
        loop {
            match self.once(key, record, moved_before, written).await {
                Ok(done) => return Ok(done),
                Err(error) => match error.kind() {
                    StoreErrorKind::TooLarge
                    | StoreErrorKind::Unrepresentable
                    | StoreErrorKind::Unsupported => return Ok(Outcome::Refused.into()),
                    StoreErrorKind::Unavailable
                    | StoreErrorKind::Timeout
                    | StoreErrorKind::Locked
                        if tries < TRIES =>
                    {
                        tokio::time::sleep(Duration::from_millis(100) * 4u32.pow(tries)).await;
                        tries += 1;
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    async fn once(
        &self,
        key: &StoreKey,
        record: &Record,
        moved_before: bool,
        written: &mut Option<String>,
    ) -> Result<Done, StoreError> {
        let (new_key, new) = match self.mover.convert(key, record, human::now()) {
            Moved::To(key, record) => (key, record),
            Moved::Expired => return Ok(Outcome::Expired.into()),
            Moved::Unreadable => return Ok(Outcome::Unreadable.into()),
            Moved::OtherKey => return Ok(Outcome::OtherKey.into()),
            Moved::Unwritable(_) => return Ok(Outcome::Unwritable.into()),
        };
        let was_there = moved_before || written.is_some();
        let there = if was_there || self.dry_run {
            match self.to.load(&new_key).await? {
                Some(there) => Some(there),
                // It was there once: its visitor has logged out since.
                None if was_there => return Ok(Outcome::EndedThere.into()),
                None => return Ok(Outcome::Moved.into()),
            }
        } else {
            match self.to.create(&new_key, &new).await? {
                CreateOutcome::Created(version) => {
                    *written = Some(new_key.handle().to_string());
                    return self.created(key, record, &new_key, new, version).await;
                }
                CreateOutcome::Exists => self.to.load(&new_key).await?,
            }
        };
        let Some(Entry::Live(theirs, version)) = there else { return Ok(Outcome::Kept.into()) };
        let same = theirs.payload == new.payload;
        if same && written.is_some() {
            // Written by the try before, which failed afterwards.
            return self.created(key, record, &new_key, new, version).await;
        }
        if !self.mover.is_newer(record, &theirs) || same && theirs.deadlines() == new.deadlines() {
            return Ok(Outcome::Kept.into());
        }
        if self.dry_run {
            return Ok(Outcome::Updated.into());
        }
        match self.to.update(&new_key, &new, &version).await? {
            WriteOutcome::Written(version) => {
                *written = Some(new_key.handle().to_string());
                let done = self.created(key, record, &new_key, new, version).await?;
                let updated = done.outcome == Outcome::Moved;
                Ok(Done { outcome: if updated { Outcome::Updated } else { done.outcome }, ..done })
            }
            WriteOutcome::Conflict => Ok(Outcome::Kept.into()),
            WriteOutcome::Gone => Ok(Outcome::EndedThere.into()),
        }
    }

    /// It is written. Was it ended or changed in the old store meanwhile? Is
    /// it in the new one as it should be?
    async fn created(
        &self,
        key: &StoreKey,
        record: &Record,
        new_key: &StoreKey,
        mut new: Record,
        version: Version,
    ) -> Result<Done, StoreError> {
        let now = human::now();
        match self.from.load(key).await? {
            Some(Entry::Live(current, _)) if !current.has_ended(now) => {
                if current.payload != record.payload
                    && let Moved::To(_, changed) = self.mover.convert(key, &current, now)
                {
                    // Whoever wrote to the new store already is right.
                    self.to.update(new_key, &changed, &version).await?;
                    new = changed;
                }
            }
            _ => {
                self.to.delete(new_key).await?;
                return Ok(Outcome::EndedHere.into());
            }
        }
        let verified = match self.to.load(new_key).await? {
            Some(Entry::Live(found, _)) => found.payload == new.payload,
            _ => false,
        };
        Ok(Done { outcome: Outcome::Moved, verified })
    }
}
