//! Where random bytes come from, and what happens when they do not.

use std::error::Error;
use std::fmt;

/// Fills a buffer with random bytes fit for secrets.
pub type Random<'r> = dyn FnMut(&mut [u8]) -> Result<(), RandomError> + Send + 'r;

/// The source of random bytes failed. There is no fallback: a guessable id is worse than none.
#[derive(Clone, PartialEq, Eq)]
pub struct RandomError(String);

impl RandomError {
    /// A failure, with what the source said.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no random bytes for a session id: {}", self.0)
    }
}

sessile_formats::debug_reads_like_display!(RandomError);

impl Error for RandomError {}
