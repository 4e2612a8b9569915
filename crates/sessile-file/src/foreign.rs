//! The operations on files that another program reads and writes, too.
//!
//! Processes of ours keep locks among themselves. The other program keeps none:
//! it replaces and removes files as it likes. So a file is never put where
//! there must be one by renaming over it, but exchanged with what is there,
//! which fails when it was removed, and shows what it was ([`disk::exchange`]).

use std::time::Duration;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sessile_core::store::{
    CreateOutcome, Cursor, Entry, Finding, Layout, Listing, Page, Record, TouchOutcome, Unreadable,
    Version, WriteOutcome,
};
use sessile_core::{StoreError, StoreErrorKind, StoreKey, Timestamp};

use crate::cachelib::{self, NOT_AN_ENTRY};
use crate::count::Count;
use crate::diagnose::Place;
use crate::disk::{self, Exchanged, Written};
use crate::django::{self, Ends};
use crate::error::{NotRead, Read, apart, failed};
use crate::folder::{lock_of, lock_of_new};
use crate::foreign_folder::ForeignFolder;
use crate::lock::{self, Lock};
use crate::options::{CachelibNames, Options};

/// A folder of another program's sessions.
pub(crate) struct Foreign {
    folder: ForeignFolder,
    options: Options,
    /// Kept for cachelib only.
    count: Option<Count>,
}

/// A file that holds a session.
struct Found {
    name: String,
    content: Bytes,
    payload: Bytes,
    end: Option<Timestamp>,
    /// It has the name and form that are written today.
    is_current: bool,
}

impl Found {
    fn passed(&self, now: Timestamp) -> bool {
        self.end.is_some_and(|end| now >= end)
    }

    fn is_version(&self, expected: &Version) -> bool {
        matches!(expected, Version::Bytes(bytes) if *bytes == self.payload)
    }

    fn record(&self) -> Record {
        Record::ending(self.payload.clone(), self.end)
    }
}

impl Foreign {
    pub(crate) fn new(folder: ForeignFolder, options: Options) -> Self {
        let count = (options.layout == Layout::FlaskSession).then(|| Count::new(&options));
        let foreign = Self { folder, options, count };
        if let Some(count) = &foreign.count
            && !foreign.options.read_only
        {
            count.begin(&foreign.folder);
        }
        foreign
    }

    /// The lock of a key: of its bytes, or the same key would have one for each name.
    pub(crate) fn lock_of(key: &StoreKey) -> usize {
        use sha2::Digest as _;
        lock_of(sha2::Sha256::digest(key.as_bytes())[0])
    }

    fn lock(&self, number: usize) -> Result<Lock, StoreError> {
        lock::take(&self.folder.lock(number), Instant::now() + self.options.lock_timeout)
    }

    /// The names a key's file may have, the one to write first. None for what is no key there.
    fn names(&self, key: &StoreKey) -> Vec<String> {
        match self.options.layout {
            Layout::Django => {
                django::file_name(&self.options.cookie_name, key).into_iter().collect()
            }
            _ => {
                let mut names = [CachelibNames::Sha256, CachelibNames::Md5];
                if self.options.names == CachelibNames::Md5 {
                    names.reverse();
                }
                names.map(|names| cachelib::file_name(key.as_bytes(), names)).into()
            }
        }
    }

    fn name_to_write(&self, key: &StoreKey) -> Result<String, StoreError> {
        let no_key =
            || failed(StoreErrorKind::Unrepresentable, "a key that Django's files cannot have");
        self.names(key).into_iter().next().ok_or_else(no_key)
    }

    fn open(&self, name: &str) -> Result<Option<Found>, NotRead> {
        let Some((content, modified)) = disk::read_dated(&self.folder.file(name))? else {
            return Ok(None);
        };
        let (payload, end, is_current) = match self.options.layout {
            Layout::Django => {
                let end = Ends::of(&content, self.options.cookie_age).end(modified);
                (content.clone(), end, true)
            }
            _ => {
                let strange = || Unreadable::new("a file that cachelib did not write");
                let decoded = cachelib::decode(&content).ok_or_else(strange)?;
                let payload = content.slice_ref(decoded.pickle);
                (payload, decoded.end, decoded.is_current)
            }
        };
        Ok(Some(Found { name: name.to_owned(), content, payload, end, is_current }))
    }

    fn find(&self, key: &StoreKey) -> Result<Read<Found>, StoreError> {
        for (at, name) in self.names(key).iter().enumerate() {
            if let Some(read) = apart(self.open(name))? {
                return Ok(Some(read.map(|found| {
                    let is_current = found.is_current && at == 0;
                    Found { is_current, ..found }
                })));
            }
        }
        self.folder.is_there()?;
        Ok(None)
    }

    /// The content of a record's file, and when it is to seem written.
    fn encode(&self, payload: &[u8], end: Option<Timestamp>) -> (Vec<u8>, Option<SystemTime>) {
        match self.options.layout {
            Layout::Django => {
                let modified = Ends::of(payload, self.options.cookie_age).modified(end);
                (payload.to_vec(), modified)
            }
            _ => (cachelib::encode(end, payload), None),
        }
    }

    /// Puts a new file where none is.
    fn put_new(&self, key: &StoreKey, record: &Record) -> Result<(), StoreError> {
        let name = self.name_to_write(key)?;
        let (content, modified) = self.encode(&record.payload, record.ends());
        let written = Written { content: &content, mode: self.options.mode, modified };
        let new = self.folder.new_file(Self::lock_of(key));
        disk::place(&self.folder.file(&name), &new, &written, self.options.durability)?;
        self.sync()?;
        self.counted(1);
        Ok(())
    }

    /// Puts a file in the place of the one found.
    fn put_over(
        &self,
        key: &StoreKey,
        found: &Found,
        payload: &[u8],
        end: Option<Timestamp>,
    ) -> Result<Exchanged, StoreError> {
        let name = self.name_to_write(key)?;
        if name != found.name {
            // It gets today's name first, unless somebody has removed it.
            match disk::rename(&self.folder.file(&found.name), &self.folder.file(&name))? {
                true => {}
                false => return Ok(Exchanged::Gone),
            }
        }
        let (content, modified) = self.encode(payload, end);
        let written = Written { content: &content, mode: self.options.mode, modified };
        let (path, new) = (self.folder.file(&name), self.folder.new_file(Self::lock_of(key)));
        let durability = self.options.durability;
        let exchanged = disk::exchange(&path, &new, &written, &found.content, durability)?;
        // Removed with its folder is not removed.
        self.folder.is_there()?;
        self.sync()?;
        Ok(exchanged)
    }

    fn sync(&self) -> Result<(), StoreError> {
        disk::sync_folder(&self.folder.root, self.options.durability)
    }

    fn counted(&self, by: isize) {
        if let Some(count) = &self.count {
            count.change(&self.folder, by);
        }
    }

    pub(crate) fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.find(key)?.map(|read| match read {
            Ok(found) => Entry::Live(found.record(), Version::Bytes(found.payload)),
            Err(why) => Entry::Unreadable(why),
        }))
    }

    pub(crate) fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        if let Some(count) = &self.count {
            count.prune(&self.folder, now());
        }
        let _lock = self.lock(Self::lock_of(key))?;
        if self.is_taken(key) {
            return Ok(CreateOutcome::Exists);
        }
        self.put_new(key, record)?;
        Ok(CreateOutcome::Created(Version::Bytes(record.payload.clone())))
    }

    fn is_taken(&self, key: &StoreKey) -> bool {
        self.names(key).iter().any(|name| self.folder.file(name).symlink_metadata().is_ok())
    }

    pub(crate) fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        let _lock = self.lock(Self::lock_of(key))?;
        let Some(Ok(found)) = self.find(key)? else { return Ok(WriteOutcome::Gone) };
        if !found.is_version(expected) {
            return Ok(WriteOutcome::Conflict);
        }
        let end = record.ends();
        Ok(match self.put_over(key, &found, &record.payload, end)? {
            Exchanged::Done => WriteOutcome::Written(Version::Bytes(record.payload.clone())),
            Exchanged::Gone => WriteOutcome::Gone,
            Exchanged::Changed => WriteOutcome::Conflict,
        })
    }

    pub(crate) fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        let _lock = self.lock(Self::lock_of(key))?;
        let Some(Ok(found)) = self.find(key)? else { return Ok(TouchOutcome::Gone) };
        if found.passed(seen) {
            return Ok(TouchOutcome::Gone);
        }
        let later = idle.map(|span| seen + span);
        let (Some(end), Some(later)) = (found.end, later) else { return Ok(TouchOutcome::Touched) };
        if later <= end {
            return Ok(TouchOutcome::Touched);
        }
        let (path, durability) = (self.folder.file(&found.name), self.options.durability);
        let there = match self.options.layout {
            Layout::Django => {
                match Ends::of(&found.content, self.options.cookie_age).modified(Some(later)) {
                    Some(modified) => disk::set_modified(&path, modified, durability)?,
                    // The data name a moment, which activity does not move.
                    None => true,
                }
            }
            _ if found.is_current => {
                let head = cachelib::seconds(Some(later)).to_ne_bytes();
                disk::overwrite_head(&path, head, durability)?
            }
            _ => self.put_over(key, &found, &found.payload, Some(later))? != Exchanged::Gone,
        };
        Ok(if there { TouchOutcome::Touched } else { TouchOutcome::Gone })
    }

    /// The old key is deleted at once: these layouts have no pointers.
    pub(crate) fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
    ) -> Result<WriteOutcome, StoreError> {
        let (old, new) = (Self::lock_of(old_key), Self::lock_of(new_key));
        // Always in the same order, or two rotations could wait for each other.
        let _first = self.lock(old.min(new))?;
        let _second = if old == new { None } else { Some(self.lock(old.max(new))?) };
        let Some(Ok(found)) = self.find(old_key)? else { return Ok(WriteOutcome::Gone) };
        if !found.is_version(expected) || self.is_taken(new_key) {
            return Ok(WriteOutcome::Conflict);
        }
        self.put_new(new_key, record)?;
        // The new one is safe; only now the old one ends.
        let aside = self.folder.new_file(old);
        let outcome = match disk::take(&self.folder.file(&found.name), &aside, &found.content) {
            Ok(Exchanged::Done) => {
                self.counted(-1);
                self.sync()?;
                return Ok(WriteOutcome::Written(Version::Bytes(record.payload.clone())));
            }
            Ok(Exchanged::Gone) => Ok(WriteOutcome::Gone),
            Ok(Exchanged::Changed) => Ok(WriteOutcome::Conflict),
            Err(error) => Err(error),
        };
        // Nobody knows the new id.
        self.remove(new_key)?;
        outcome
    }

    pub(crate) fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let _lock = self.lock(Self::lock_of(key))?;
        self.remove(key)
    }

    fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        for name in self.names(key) {
            if disk::remove(&self.folder.file(&name))? {
                self.sync()?;
                self.counted(-1);
            }
        }
        Ok(())
    }

    /// The folder as an operator looks at it.
    pub(crate) fn findings(&self, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let root = &self.folder.root;
        let place = Place { root, sessions: root, options: &self.options };
        place.findings(now, |name| self.is_session(name))
    }

    fn is_session(&self, name: &str) -> bool {
        match self.options.layout {
            Layout::Django => django::key_of(&self.options.cookie_name, name).is_some(),
            _ => {
                let counts =
                    cachelib::file_name(cachelib::COUNT_KEY.as_bytes(), self.options.names);
                cachelib::is_entry(name) && name != counts
            }
        }
    }

    /// Removes what has passed, and files that a process of ours was killed
    /// over. What has ended is used by nobody, so it goes without its lock.
    pub(crate) fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.folder.is_there()?;
        self.folder.freshen();
        let mut removed = 0;
        for name in disk::names(&self.folder.root)? {
            if removed == limit {
                break;
            }
            if let Some(lock) = name.strip_suffix(NOT_AN_ENTRY).and_then(lock_of_new) {
                // Whoever writes it holds the lock; if we get it, nobody does.
                if let Some(_lock) = lock::try_take(&self.folder.lock(lock))? {
                    disk::remove(&self.folder.file(&name))?;
                }
                continue;
            }
            // One bad file must not keep the others from being swept.
            let passed = self.is_session(&name)
                && self.open(&name).ok().flatten().is_some_and(|found| found.passed(now));
            if passed && disk::remove(&self.folder.file(&name))? {
                self.counted(-1);
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The sessions after a key, in key order. Hashes of keys tell no key, so
    /// only Django's files can be listed.
    pub(crate) fn iterate(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.folder.is_there()?;
        let cookie_name = &self.options.cookie_name;
        let names = disk::names(&self.folder.root)?;
        let mut keys: Vec<_> =
            names.iter().filter_map(|name| django::key_of(cookie_name, name)).collect();
        keys.retain(|key| after.is_none_or(|after| key > after));
        keys.sort_unstable();
        let more = keys.len() > limit.max(1);
        keys.truncate(limit.max(1));
        let next = keys.last().filter(|_| more).map(Cursor::after_key);
        let mut listing = Listing::default();
        for key in keys {
            if let Some(read) = self.find(&key)? {
                listing.push(read.map(|found| (key, found.record())));
            }
        }
        Ok(Page::of(listing, next))
    }
}

/// The clock that cachelib and the file system go by.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(0) + since
}
