//! The number of entries, as cachelib keeps it, and what is dropped beyond a threshold.
//!
//! cachelib counts without a lock, so the number drifts when two processes
//! write at once; it counts anew when it is opened, and so do we. A count that
//! cannot be written fails no session.

use std::time::{Duration, Instant};

use sessile_core::{StoreError, Timestamp};

use crate::cachelib::{self, COUNT_KEY, HEAD};
use crate::disk::{self, Written};
use crate::foreign_folder::ForeignFolder;
use crate::lock;
use crate::options::{Durability, Options};

/// Counting is quick, and less urgent than the request that waits.
const PATIENCE: Duration = Duration::from_millis(500);

pub(crate) struct Count {
    /// The name of the file that holds it.
    name: String,
    threshold: usize,
    mode: u32,
}

impl Count {
    pub(crate) fn new(options: &Options) -> Self {
        let name = cachelib::file_name(COUNT_KEY.as_bytes(), options.names);
        Self { name, threshold: options.threshold, mode: options.mode }
    }

    /// Counts anew, if anybody wants to know.
    pub(crate) fn begin(&self, folder: &ForeignFolder) {
        self.locked(folder, || {
            if self.threshold > 0 || self.read(folder).is_some() {
                self.write(folder, self.entries(folder)?.len())?;
            }
            Ok(())
        });
    }

    /// Entries have come or gone.
    pub(crate) fn change(&self, folder: &ForeignFolder, by: isize) {
        self.locked(folder, || match self.read(folder) {
            Some(count) => self.write(folder, count.saturating_add_signed(by)),
            None if self.threshold > 0 => self.write(folder, self.entries(folder)?.len()),
            // Neither we nor the other program has a threshold.
            None => Ok(()),
        });
    }

    /// When there are more entries than the threshold: drops what has expired,
    /// then what expires soonest, until there are no more.
    pub(crate) fn prune(&self, folder: &ForeignFolder, now: Timestamp) {
        let over = |count: usize| self.threshold > 0 && count > self.threshold;
        if !self.read(folder).is_some_and(over) {
            return;
        }
        self.locked(folder, || {
            let mut entries = Vec::new();
            for name in self.entries(folder)? {
                let head = disk::read_head::<HEAD>(&folder.file(&name)).ok().flatten();
                let Some(entry) = head.as_deref().and_then(cachelib::decode) else { continue };
                entries.push((entry.end.unwrap_or(Timestamp::MAX), name));
            }
            entries.sort_unstable();
            let mut left = entries.len();
            for (end, name) in entries {
                if end >= now && !over(left) {
                    break;
                }
                left -= usize::from(disk::remove(&folder.file(&name))?);
            }
            self.write(folder, left)
        });
    }

    fn entries(&self, folder: &ForeignFolder) -> Result<Vec<String>, StoreError> {
        let mut names = disk::names(&folder.root)?;
        names.retain(|name| cachelib::is_entry(name) && *name != self.name);
        Ok(names)
    }

    fn read(&self, folder: &ForeignFolder) -> Option<usize> {
        let content = disk::read(&folder.file(&self.name)).ok()??;
        cachelib::decode_count(&content)
    }

    fn write(&self, folder: &ForeignFolder, count: usize) -> Result<(), StoreError> {
        let content = cachelib::encode_count(count);
        let written = Written { content: &content, mode: self.mode, modified: None };
        let new = folder.new_file(crate::folder::LOCKS);
        disk::place(&folder.file(&self.name), &new, &written, Durability::Process)
    }

    fn locked(&self, folder: &ForeignFolder, work: impl FnOnce() -> Result<(), StoreError>) {
        let lock = lock::take(&folder.lock_of_count(), Instant::now() + PATIENCE);
        if let Err(error) = lock.and_then(|_lock| work()) {
            tracing::warn!(%error, "the number of session files is not kept");
        }
    }
}
