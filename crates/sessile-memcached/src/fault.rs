//! How calls fail.

use std::io;

use sessile_core::{StoreError, StoreErrorKind};

pub(crate) const STORE: &str = "Memcached";

/// A call that failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server cannot be connected to.
    Unreachable(io::ErrorKind),
    /// The connection broke while a reply was awaited.
    Broken(io::ErrorKind),
    /// What could not be reached a moment ago is not asked again yet.
    Resting,
    /// No reply in time.
    Late,
    /// Too many calls wait for this server.
    Crowded,
    /// The value is beyond the server's bound for an item (`-I`).
    TooLarge,
    /// The server has no memory for it, and may evict nothing (`-M`).
    Full,
    /// The server wants a name and a password, or others.
    Unauthenticated,
    /// The server asks nobody for the password that the address has.
    NoLogin,
    /// The server hangs up on a text, as one with SASL does.
    Sasl,
    /// The server does not know the meta commands, or answers with less than they do.
    TooOld,
    /// A reply that is none.
    Strange,
    /// The server's own failure.
    Failed,
    /// The server makes no list of its keys: why, and what to do.
    NoList(&'static str),
    /// The server is at another list of its keys, or at a round of its own.
    Listing,
}

impl Fault {
    /// Whether another connection may do better.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let (kind, why) = fault.told();
        let error = StoreError::new(STORE, kind);
        if why.is_empty() { error } else { error.because(why) }
    }
}

impl Fault {
    /// As an operator is told, who wants to know of which server.
    pub(crate) fn at(self, server: &str) -> StoreError {
        let (kind, why) = self.told();
        let why = if why.is_empty() { "no reply in time".to_owned() } else { why };
        StoreError::new(STORE, kind).because(format!("{server}: {why}"))
    }

    fn told(self) -> (StoreErrorKind, String) {
        match self {
            Self::Unreachable(kind) => {
                // A name that is not found has no kind of its own.
                let kind = match kind.to_string() {
                    it if it.starts_with("uncategorized") => "is its name right?".to_owned(),
                    it => it,
                };
                (StoreErrorKind::Unavailable, format!("a server cannot be reached: {kind}"))
            }
            Self::Broken(kind) => {
                (StoreErrorKind::Unavailable, format!("a connection broke: {kind}"))
            }
            Self::Resting => (
                StoreErrorKind::Unavailable,
                "a server could not be reached a moment ago".to_owned(),
            ),
            Self::Late => (StoreErrorKind::Timeout, String::new()),
            Self::Crowded => {
                (StoreErrorKind::Unavailable, "too many calls wait for a server".to_owned())
            }
            Self::TooLarge => (
                StoreErrorKind::TooLarge,
                "the server's bound for one item is its option -I".to_owned(),
            ),
            Self::Full => (
                StoreErrorKind::Full,
                "the server's memory (-m) is full, and it evicts nothing".to_owned(),
            ),
            Self::Unauthenticated => (
                StoreErrorKind::Unavailable,
                "a server wants a name and a password, or other ones".to_owned(),
            ),
            Self::NoLogin => (
                StoreErrorKind::Unsupported,
                "the address has a name and a password, and a server asks nobody for them: leave \
                 them out, or start it with -Y"
                    .to_owned(),
            ),
            Self::Sasl => (
                StoreErrorKind::Unsupported,
                "a server hung up at the first word: with SASL (-S) it speaks no text; start it \
                 with -Y"
                    .to_owned(),
            ),
            Self::TooOld => (
                StoreErrorKind::Unsupported,
                "a server does not know the meta commands: 1.6 or later is needed, without a \
                 proxy before it"
                    .to_owned(),
            ),
            Self::Strange => {
                (StoreErrorKind::Unavailable, "a reply could not be understood".to_owned())
            }
            Self::Failed => {
                (StoreErrorKind::Unavailable, "a server reported an error of its own".to_owned())
            }
            Self::NoList(why) => {
                (StoreErrorKind::Unsupported, format!("a server lists no keys: {why}"))
            }
            Self::Listing => (
                StoreErrorKind::Unavailable,
                "a server lists its keys for one client at a time, and was at it for another all \
                 the while: try again"
                    .to_owned(),
            ),
        }
    }
}
