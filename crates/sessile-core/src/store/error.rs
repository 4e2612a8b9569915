//! How a store fails.

use std::error::Error;
use std::fmt;

/// A failure of the backend: not a missing session, not a conflict.
pub struct StoreError {
    store: &'static str,
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong in a store, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It cannot be reached, or answered with a failure of its own. Trying later may help.
    Unavailable,
    /// It did not answer in time. Whether a write happened is unknown.
    Timeout,
    /// It was carried out, but is not as safe as the settings ask: too few replicas confirmed it,
    /// and it may be undone.
    Unconfirmed,
    /// There is no room: disk, memory or configured bound.
    Full,
    /// It takes no writes, or the permissions do not.
    ReadOnly,
    /// What it holds as a whole is not what we write.
    Corrupt,
    /// The record is beyond what it can hold.
    TooLarge,
    /// The layout has no form for what is to be written: the key is too long or of
    /// characters that it, or the character set of its table, does not have.
    Unrepresentable,
    /// It cannot do this: its layout or backend lacks what is needed.
    Unsupported,
    /// Another process holds it locked for longer than the bound.
    Locked,
}

impl StoreErrorKind {
    /// Whether a write that failed so may have happened all the same.
    pub fn is_in_doubt(self) -> bool {
        matches!(self, Self::Timeout | Self::Unavailable)
    }

    /// Whether nothing was written and nothing will be, though what is there may be deleted.
    pub fn refuses_writes(self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly | Self::TooLarge)
    }
}

impl StoreError {
    /// A failure of the store called `store`.
    pub fn new(store: &'static str, kind: StoreErrorKind) -> Self {
        Self { store, kind, source: None }
    }

    /// Adds what the driver said. It must not hold ids, keys or session data.
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What whoever wants a user's sessions is told by the store called
    /// `store`, which has no [`Directory`](super::Directory).
    pub fn no_directory(store: &'static str) -> Self {
        let what = "it does not know which user a session belongs to";
        Self::new(store, StoreErrorKind::Unsupported).because(what)
    }

    /// What a caller can act on.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            StoreErrorKind::Unavailable => {
                "cannot be reached, or it failed; check its address and that it runs"
            }
            StoreErrorKind::Timeout => "did not answer in time; check its load",
            StoreErrorKind::Unconfirmed => {
                "carried the write out, but too few replicas confirmed it, so it may be undone"
            }
            StoreErrorKind::Full => "has no room left; free some or raise its bound",
            StoreErrorKind::ReadOnly => "takes no writes; check its permissions and mount",
            StoreErrorKind::Corrupt => "holds something this version does not write",
            StoreErrorKind::TooLarge => "cannot hold a record this large; keep less in the session",
            StoreErrorKind::Unrepresentable => "has no form for this key or record",
            StoreErrorKind::Unsupported => "cannot do this",
            StoreErrorKind::Locked => "is locked by another process; find who holds it",
        };
        write!(f, "the {} session store {what}", self.store)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

sessile_formats::debug_reads_like_display!(StoreError);

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        self.source.as_deref().and_then(|source| source.source())
    }
}
