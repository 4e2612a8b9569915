//! What a list of sessions holds, and what of it could not be read.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;

use super::Record;
use crate::id::StoreKey;

/// Why an entry cannot be read. Holds no ids, keys or session data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(Cow<'static, str>);

impl Unreadable {
    /// `why` is for operators: "a newer release wrote it".
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sessions that were listed.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Those that can be read.
    pub sessions: Vec<(StoreKey, Record)>,
    /// How many others are there that [cannot be read](super::Entry::Unreadable).
    pub unreadable: usize,
}

impl Listing {
    /// Adds a session, or counts one that cannot be read.
    pub fn push(&mut self, read: Result<(StoreKey, Record), Unreadable>) {
        match read {
            Ok(session) => self.sessions.push(session),
            Err(_) => self.unreadable += 1,
        }
    }

    /// Puts the sessions that began last first.
    pub fn newest_first(mut self) -> Self {
        self.sessions.sort_by_key(|(_, record)| Reverse(record.created));
        self
    }
}

impl FromIterator<Result<(StoreKey, Record), Unreadable>> for Listing {
    fn from_iter<I>(read: I) -> Self
    where
        I: IntoIterator<Item = Result<(StoreKey, Record), Unreadable>>,
    {
        let mut listing = Self::default();
        read.into_iter().for_each(|read| listing.push(read));
        listing
    }
}
