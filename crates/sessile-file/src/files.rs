//! The operations of either kind of folder.

use std::time::Duration;

use sessile_core::store::{
    CreateOutcome, Entry, Finding, Page, Record, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{StoreError, StoreKey, Timestamp};

use crate::diagnose::Place;
use crate::folder::Name;
use crate::foreign::Foreign;
use crate::operations::Files;

/// A folder of ours, or another program's.
pub(crate) enum AnyFiles {
    Native(Files),
    Foreign(Foreign),
}

impl AnyFiles {
    pub(crate) fn lock_of(&self, key: &StoreKey) -> usize {
        match self {
            Self::Native(_) => Name::of(key).lock,
            Self::Foreign(_) => Foreign::lock_of(key),
        }
    }

    pub(crate) fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        match self {
            Self::Native(files) => files.load(key),
            Self::Foreign(files) => files.load(key),
        }
    }

    pub(crate) fn create(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> Result<CreateOutcome, StoreError> {
        match self {
            Self::Native(files) => files.create(key, record),
            Self::Foreign(files) => files.create(key, record),
        }
    }

    pub(crate) fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        match self {
            Self::Native(files) => files.update(key, record, expected),
            Self::Foreign(files) => files.update(key, record, expected),
        }
    }

    pub(crate) fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        match self {
            Self::Native(files) => files.touch(key, seen),
            Self::Foreign(files) => files.touch(key, seen, idle),
        }
    }

    pub(crate) fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        match self {
            Self::Native(files) => files.replace(old_key, expected, new_key, record, pointer_until),
            Self::Foreign(files) => files.replace(old_key, expected, new_key, record),
        }
    }

    pub(crate) fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        match self {
            Self::Native(files) => files.delete(key),
            Self::Foreign(files) => files.delete(key),
        }
    }

    /// Removes what is under `key` unless it is a pointer; where that leads.
    pub(crate) fn end(&self, key: &StoreKey) -> Result<Option<StoreKey>, StoreError> {
        match self {
            Self::Native(files) => files.end(key),
            // There are no pointers in these layouts.
            Self::Foreign(files) => files.delete(key).map(|()| None),
        }
    }

    pub(crate) fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        match self {
            Self::Native(files) => files.sweep(now, limit),
            Self::Foreign(files) => files.sweep(now, limit),
        }
    }

    pub(crate) fn iterate(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        match self {
            Self::Native(files) => files.iterate(after, limit),
            Self::Foreign(files) => files.iterate(after, limit),
        }
    }

    /// The folder as ours, which alone knows users.
    /// The folder as an operator looks at it.
    pub(crate) fn findings(&self, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
        match self {
            Self::Native(Files { folder, options }) => {
                let (root, sessions) = (folder.root(), folder.sessions.as_path());
                let place = Place { root, sessions, options };
                place.findings(now, |name| Name::found(name.to_owned()).is_some())
            }
            Self::Foreign(files) => files.findings(now),
        }
    }

    pub(crate) fn native(&self) -> Result<&Files, StoreError> {
        match self {
            Self::Native(files) => Ok(files),
            Self::Foreign(_) => Err(crate::error::failed(
                sessile_core::StoreErrorKind::Unsupported,
                "this layout knows no users",
            )),
        }
    }
}
