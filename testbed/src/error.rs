//! What went wrong with a server, and what to do about it.

use std::fmt;
use std::io;

/// A server, proxy or folder that does not do what a test needs.
///
/// The text says what happened, to what, and what to do; a server's last words are part of it.
#[derive(Debug)]
pub struct Error {
    what: String,
}

impl Error {
    /// An error that says `what`.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// `what` could not be done because of `error`.
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self { what: format!("{what}: {error}") }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}
