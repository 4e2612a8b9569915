//! The operations, as one thread does them. They wait for locks and the disk.

use std::hash::RandomState;
use std::time::Instant;

use sessile_core::store::{
    CreateOutcome, Cursor, Entry, Listing, Page, Record, TouchOutcome, Unreadable, Version,
    WriteOutcome, first_version,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};

use crate::disk;
use crate::envelope::{self, Content, HEAD};
use crate::error::{NotRead, Read, apart, failed};
use crate::folder::{Folder, Name, lock_of_new};
use crate::lock::{self, Lock};
use crate::options::Options;
use crate::subjects;

/// Keys are hashes or short text; longer ones are no keys.
const MAX_KEY: usize = 4096;

/// How often the sessions of a user are looked for when all of them are to end.
const MAX_PASSES: usize = 100;

pub(crate) struct Files {
    pub(crate) folder: Folder,
    pub(crate) options: Options,
}

impl Files {
    fn lock(&self, number: usize) -> Result<Lock, StoreError> {
        lock::take(&self.folder.lock(number), Instant::now() + self.options.lock_timeout)
    }

    fn read(&self, name: &Name) -> Result<Option<(StoreKey, Content)>, NotRead> {
        let Some(file) = disk::read(&self.folder.session(name))? else {
            self.folder.is_there()?;
            return Ok(None);
        };
        let (key, content) = envelope::open(file)?;
        if Name::of(&key) != *name {
            return Err(Unreadable::new("a session's file lies under another's name").into());
        }
        Ok(Some((key, content)))
    }

    fn content(&self, name: &Name) -> Result<Read<Content>, StoreError> {
        apart(self.read(name).map(|read| read.map(|(_, content)| content)))
    }

    /// Puts the file in place, and makes that last.
    fn put(&self, name: &Name, file: &[u8]) -> Result<(), StoreError> {
        let (path, new) = (self.folder.session(name), self.folder.new_file(name.lock));
        disk::replace(&path, &new, file, self.options.durability)?;
        self.sync()
    }

    fn sync(&self) -> Result<(), StoreError> {
        disk::sync_folder(&self.folder.sessions, self.options.durability)
    }

    /// Puts a record in place and keeps the users' lists right.
    fn put_live(
        &self,
        key: &StoreKey,
        name: &Name,
        record: &Record,
        version: u64,
        before: Option<&Subject>,
    ) -> Result<(), StoreError> {
        let after = record.subject.as_ref();
        if let Some(subject) = after {
            subjects::add(&self.folder, subject, name, self.options.durability)?;
        }
        self.put(name, &envelope::live(key, record, version))?;
        if let Some(subject) = before.filter(|before| Some(*before) != after) {
            self.unlist(subject, name);
        }
        Ok(())
    }

    /// The write has happened; a name too many is found when the user is listed.
    fn unlist(&self, subject: &Subject, name: &Name) {
        let _ = subjects::drop_listing(&self.folder, subject, name);
    }

    pub(crate) fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        let read = self.content(&Name::of(key))?;
        Ok(read.map(|read| read.map_or_else(Entry::Unreadable, Content::into_entry)))
    }

    pub(crate) fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        bounded(key)?;
        let name = Name::of(key);
        let _lock = self.lock(name.lock)?;
        if self.is_taken(&name) {
            return Ok(CreateOutcome::Exists);
        }
        let version = first_version(&RandomState::new());
        self.put_live(key, &name, record, version, None)?;
        Ok(CreateOutcome::Created(Version::Number(version)))
    }

    /// By anything, readable or not.
    fn is_taken(&self, name: &Name) -> bool {
        self.folder.session(name).symlink_metadata().is_ok()
    }

    pub(crate) fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let name = Name::of(key);
        let _lock = self.lock(name.lock)?;
        let (before, version) = match self.content(&name)? {
            Some(Ok(Content::Live(before, version))) => (before, version),
            Some(Ok(Content::Moved { .. }) | Err(_)) | None => return Ok(WriteOutcome::Gone),
        };
        if *expected != Version::Number(version) {
            return Ok(WriteOutcome::Conflict);
        }
        let version = version.wrapping_add(1);
        let mut record = record.clone();
        record.see(before.seen);
        self.put_live(key, &name, &record, version, before.subject.as_ref())?;
        Ok(WriteOutcome::Written(Version::Number(version)))
    }

    pub(crate) fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
    ) -> Result<TouchOutcome, StoreError> {
        let name = Name::of(key);
        let _lock = self.lock(name.lock)?;
        let Some(Ok(Content::Live(mut record, version))) = self.content(&name)? else {
            return Ok(TouchOutcome::Gone);
        };
        if record.has_ended(seen) {
            return Ok(TouchOutcome::Gone);
        }
        let before = record.seen;
        record.see(Some(seen));
        if before != record.seen {
            if let Some(subject) = &record.subject {
                subjects::add(&self.folder, subject, &name, self.options.durability)?;
            }
            self.put(&name, &envelope::live(key, &record, version))?;
        }
        Ok(TouchOutcome::Touched)
    }

    pub(crate) fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        bounded(new_key)?;
        let (old, new) = (Name::of(old_key), Name::of(new_key));
        // Always in the same order, or two rotations could wait for each other.
        let _first = self.lock(old.lock.min(new.lock))?;
        let _second =
            if old.lock == new.lock { None } else { Some(self.lock(old.lock.max(new.lock))?) };
        let (before, version) = match self.content(&old)? {
            Some(Ok(Content::Live(before, version))) => (before, version),
            Some(Ok(Content::Moved { .. }) | Err(_)) | None => return Ok(WriteOutcome::Gone),
        };
        if *expected != Version::Number(version) || self.is_taken(&new) {
            return Ok(WriteOutcome::Conflict);
        }
        let version = first_version(&RandomState::new());
        let mut record = record.clone();
        record.see(before.seen);
        self.put_live(new_key, &new, &record, version, None)?;
        // The new one is safe; only now the old one ends.
        let ended = match pointer_until {
            Some(until) => self.put(&old, &envelope::moved(old_key, new_key, until)),
            None => disk::remove(&self.folder.session(&old)).and_then(|_| self.sync()),
        };
        if let Err(error) = ended {
            // The old one still works and nobody knows the new id.
            let _ = self.remove(&new, record.subject.as_ref());
            return Err(error);
        }
        if let Some(subject) = &before.subject {
            self.unlist(subject, &old);
        }
        Ok(WriteOutcome::Written(Version::Number(version)))
    }

    pub(crate) fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let name = Name::of(key);
        let _lock = self.lock(name.lock)?;
        // What cannot be read can still be removed.
        let subject = match self.content(&name)? {
            Some(Ok(Content::Live(record, _))) => record.subject,
            _ => None,
        };
        self.remove(&name, subject.as_ref())?;
        Ok(())
    }

    /// Removes what is under `key` unless it is a pointer; where that leads.
    pub(crate) fn end(&self, key: &StoreKey) -> Result<Option<StoreKey>, StoreError> {
        let name = Name::of(key);
        let _lock = self.lock(name.lock)?;
        let subject = match self.content(&name)? {
            Some(Ok(Content::Moved { to, .. })) => return Ok(Some(to)),
            Some(Ok(Content::Live(record, _))) => record.subject,
            Some(Err(_)) | None => None,
        };
        self.remove(&name, subject.as_ref())?;
        Ok(None)
    }

    fn remove(&self, name: &Name, subject: Option<&Subject>) -> Result<bool, StoreError> {
        let removed = disk::remove(&self.folder.session(name))?;
        if removed {
            self.sync()?;
        }
        if let Some(subject) = subject {
            self.unlist(subject, name);
        }
        Ok(removed)
    }

    /// Removes what has passed, and files that a process was killed over.
    pub(crate) fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.folder.is_there()?;
        self.folder.freshen();
        let mut removed = 0;
        for found in disk::names(&self.folder.sessions)? {
            if removed == limit {
                break;
            }
            if let Some(lock) = lock_of_new(&found) {
                // Whoever writes it holds the lock; if we get it, nobody does.
                if let Some(_lock) = lock::try_take(&self.folder.lock(lock))? {
                    disk::remove(&self.folder.sessions.join(found))?;
                }
                continue;
            }
            let Some(name) = Name::found(found) else { continue };
            // One bad file must not keep the others from being swept.
            let head = disk::read_head::<HEAD>(&self.folder.session(&name)).ok().flatten();
            if head.as_deref().and_then(envelope::end_of).is_none_or(|end| end > now) {
                continue;
            }
            let _lock = self.lock(name.lock)?;
            let Ok(Some(Ok(content))) = self.content(&name) else { continue };
            if content.passed(now) {
                let subject = match content {
                    Content::Live(record, _) => record.subject,
                    Content::Moved { .. } => None,
                };
                removed += usize::from(self.remove(&name, subject.as_ref())?);
            }
        }
        Ok(removed)
    }

    /// The user's live sessions; names that lead to none are dropped, unless this only looks.
    pub(crate) fn by_subject(&self, subject: &Subject) -> Result<Listing, StoreError> {
        self.folder.is_there()?;
        let mut found = Listing::default();
        for name in self.names_of(subject)? {
            match self.live(&name)? {
                Some(Ok((_, record))) if record.subject.as_ref() != Some(subject) => {}
                Some(theirs) => {
                    found.push(theirs);
                    continue;
                }
                None => {}
            }
            // A writer that is just making it holds the lock.
            if !self.options.read_only
                && let Some(_lock) = lock::try_take(&self.folder.lock(name.lock))?
                && !self.may_belong(&name, subject)?
            {
                self.unlist(subject, &name);
            }
        }
        Ok(found.newest_first())
    }

    fn names_of(&self, subject: &Subject) -> Result<impl Iterator<Item = Name>, StoreError> {
        let names = disk::names(&self.folder.subject(subject))?;
        Ok(names.into_iter().filter_map(Name::found))
    }

    /// Whether it is the user's, or cannot be read but is listed as theirs.
    fn may_belong(&self, name: &Name, subject: &Subject) -> Result<bool, StoreError> {
        Ok(match self.content(name)? {
            Some(Ok(Content::Live(record, _))) => record.subject.as_ref() == Some(subject),
            Some(Err(_)) => true,
            Some(Ok(Content::Moved { .. })) | None => false,
        })
    }

    pub(crate) fn delete_by_subject(
        &self,
        subject: &Subject,
        keep: Option<&StoreKey>,
    ) -> Result<usize, StoreError> {
        self.folder.is_there()?;
        let keep = keep.map(Name::of);
        let mut removed = 0;
        // Looks again until nothing is left: a session that changed its id
        // meanwhile is listed under another name. Bounded, since new ones may keep coming.
        for _ in 0..MAX_PASSES {
            let mut names = self.names_of(subject)?.filter(|name| Some(name) != keep.as_ref());
            let Some(first) = names.next() else { break };
            for name in std::iter::once(first).chain(names) {
                // Waits, so that a session that is just being made is reached too.
                let _lock = self.lock(name.lock)?;
                if self.may_belong(&name, subject)? {
                    removed += usize::from(self.remove(&name, Some(subject))?);
                } else {
                    self.unlist(subject, &name);
                }
            }
        }
        Ok(removed)
    }

    pub(crate) fn iterate(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let (mut hashes, texts): (Vec<_>, Vec<_>) =
            self.folder.session_names()?.into_iter().partition(Name::is_hash);
        let (mut listing, mut looked) = (Listing::default(), 0);
        // Names of hashes are in key order; what follows text keys is only text.
        let after_hash = after.filter(|key| key.hash().is_some()).map(Name::of);
        if after.is_none_or(|key| key.hash().is_some()) {
            hashes.retain(|name| after_hash.as_ref().is_none_or(|after| name > after));
            hashes.sort_unstable();
            for name in hashes {
                self.live(&name)?.into_iter().for_each(|read| listing.push(read));
                looked += 1;
                if looked >= limit.max(1)
                    && let Some(key) = name.hash()
                {
                    return Ok(Page::of(listing, Some(Cursor::after_key(&key))));
                }
            }
        }
        let (mut rest, mut unreadable) = (Vec::new(), 0);
        for name in texts {
            match self.live(&name)? {
                Some(Ok(session)) => rest.push(session),
                Some(Err(_)) => unreadable += 1,
                None => {}
            }
        }
        rest.retain(|(key, _)| after.is_none_or(|after| key > after));
        rest.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = rest.len() > limit.max(1) - looked;
        rest.truncate(limit.max(1) - looked);
        let next = rest.last().filter(|_| more).map(|(key, _)| Cursor::after_key(key));
        listing.sessions.extend(rest);
        if !more {
            // Their keys are in what cannot be read, so their place is at the end.
            listing.unreadable += unreadable;
        }
        Ok(Page::of(listing, next))
    }

    /// The session in a file; a pointer is none.
    fn live(&self, name: &Name) -> Result<Read<(StoreKey, Record)>, StoreError> {
        Ok(apart(self.read(name))?.and_then(|read| match read {
            Ok((key, Content::Live(record, _))) => Some(Ok((key, record))),
            Ok((_, Content::Moved { .. })) => None,
            Err(why) => Some(Err(why)),
        }))
    }
}

fn bounded(key: &StoreKey) -> Result<(), StoreError> {
    if key.as_bytes().len() > MAX_KEY {
        return Err(failed(StoreErrorKind::Unrepresentable, "a key of over 4096 bytes"));
    }
    Ok(())
}
