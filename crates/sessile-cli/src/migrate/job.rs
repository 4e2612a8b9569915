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
                // A site that uses both stores takes the old copy away once it has written to the
                // new one: that ends nothing.
                if let Some(Entry::Live(_, there)) = self.to.load(new_key).await?
                    && there != version
                {
                    return Ok(Outcome::Kept.into());
                }
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

#[cfg(test)]
mod tests {
    use sessile::store::TouchOutcome;
    use sessile::{Config, MemoryStore, Timestamp};

    use super::*;

    /// An old store that a site uses beside the new one: when the move looks again, the site has
    /// written there and taken the old copy away.
    struct Used {
        new: MemoryStore,
        written: bool,
    }

    impl sessile::SessionStore for Used {
        async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
            if self.written
                && let Some(Entry::Live(record, version)) = self.new.load(key).await?
            {
                self.new.update(key, &record, &version).await?;
            }
            Ok(None)
        }

        async fn create(&self, _: &StoreKey, _: &Record) -> Result<CreateOutcome, StoreError> {
            Ok(CreateOutcome::Exists)
        }

        async fn update(
            &self,
            _: &StoreKey,
            _: &Record,
            _: &Version,
        ) -> Result<WriteOutcome, StoreError> {
            Ok(WriteOutcome::Gone)
        }

        async fn touch(
            &self,
            _: &StoreKey,
            _: Timestamp,
            _: Option<Duration>,
        ) -> Result<TouchOutcome, StoreError> {
            Ok(TouchOutcome::Gone)
        }

        async fn replace(
            &self,
            _: &StoreKey,
            _: &Version,
            _: &StoreKey,
            _: &Record,
            _: Option<Timestamp>,
        ) -> Result<WriteOutcome, StoreError> {
            Ok(WriteOutcome::Gone)
        }

        async fn delete(&self, _: &StoreKey) -> Result<(), StoreError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn s08_a_copy_that_the_site_took_away_meanwhile_is_no_logout() {
        for (written, wanted) in [(true, Outcome::Kept), (false, Outcome::EndedHere)] {
            let new = MemoryStore::new();
            let job = Job {
                mover: Mover::new(Config::native(), Config::native()).unwrap(),
                from: AnyStore::new(Used { new: new.clone(), written }),
                to: AnyStore::new(new.clone()),
                dry_run: false,
            };
            let key = StoreKey::from_hash([1; 32]);
            let record = Record::new(&b"data"[..]);
            let tried = job.run(&key, &record, false).await;
            assert!(tried.done.unwrap().outcome == wanted, "{written}");
            assert_eq!(new.load(&key).await.unwrap().is_some(), written);
        }
    }
}
