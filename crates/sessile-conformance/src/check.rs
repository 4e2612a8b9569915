//! How a case says what it found.

use std::fmt;

use sessile_core::store::{Entry, Record, Version};
use sessile_core::{CommitError, OpenError, StoreError};

/// What a case that did not fail did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The store keeps this part of the contract.
    Passed,
    /// The store said that it cannot do this.
    Skipped(&'static str),
}

/// A part of the contract that the store does not keep.
#[derive(Clone, Debug)]
pub struct Failure(pub(crate) String);

/// What a case answers.
pub type CaseResult = Result<Verdict, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(format!("the store failed: {error} ({:?})", error.kind()))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self(format!("a session was not opened: {error}"))
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self(format!("a session was not saved: {error}"))
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(format!("a task of the case ended early: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the case could not run: {error}"))
    }
}

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::Failure(format!($($message)+)));
        }
    };
}

/// `ensure_eq!(found, wanted, "what it is about")`
macro_rules! ensure_eq {
    ($found:expr, $wanted:expr, $($message:tt)+) => {
        match (&$found, &$wanted) {
            (found, wanted) => ensure!(
                found == wanted,
                "{}: found {found:?}, wanted {wanted:?}",
                format_args!($($message)+)
            ),
        }
    };
}

macro_rules! needs {
    ($suite:expr, $capability:ident) => {
        if !$suite.can().$capability {
            return Ok($crate::Verdict::Skipped(concat!(
                "the store says: no ",
                stringify!($capability)
            )));
        }
    };
}

pub(crate) use {ensure, ensure_eq, needs};

/// The live record, or a failure saying what is there instead.
pub(crate) fn live(entry: Option<Entry>, what: &str) -> Result<(Record, Version), Failure> {
    match entry {
        Some(Entry::Live(record, version)) => Ok((record, version)),
        Some(Entry::Moved { .. }) => Err(Failure(format!("{what}: found a pointer, wanted live"))),
        Some(Entry::Unreadable(why)) => {
            Err(Failure(format!("{what}: found what cannot be read ({why}), wanted a live entry")))
        }
        None => Err(Failure(format!("{what}: found nothing, wanted a live entry"))),
    }
}
