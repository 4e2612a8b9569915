//! How to connect, and why it may be refused.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use sessile_core::StoreError;
use sessile_core::store::Layout;

/// How a [`RedisStore`](crate::RedisStore) uses its servers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose keys and values it uses. [`Layout::Native`] by default.
    pub layout: Layout,
    /// What every key begins with; `None` is the layout's own: `sessile:`,
    /// Flask-Session's `session:` (its `SESSION_KEY_PREFIX`), Django's
    /// `:1:django.contrib.sessions.cache` (`KEY_PREFIX:VERSION:` and the engine's).
    ///
    /// In foreign layouts keys arrive complete, so it serves for
    /// [`Scan`](sessile_core::store::Scan) only.
    pub prefix: Option<String>,
    /// How long making a connection may take. 1 s by default.
    pub connect_timeout: Duration,
    /// How long a call may take, waiting for a connection included. 2 s by default.
    pub timeout: Duration,
    /// Calls that may be under way at once; more are refused without being sent. 4096 by default.
    pub waiting: usize,
    /// Whether a write is acknowledged only when replicas have it, too. `None` by default.
    pub durable: Option<Durable>,
    /// A certificate authority's certificate, as PEM, to trust instead of the
    /// system's. For `rediss://`.
    #[cfg(feature = "tls")]
    pub root_certificate: Option<Vec<u8>>,
}

/// What a write waits for.
///
/// Redis replicates after it has answered. When its server is lost in that
/// moment and a replica takes over, what was acknowledged is undone: **a
/// session that was logged out is live again**. With this, every write that
/// begins, changes or ends a session is followed by `WAIT`, and fails with
/// [`Unavailable`](sessile_core::StoreErrorKind::Unavailable) ("not confirmed by
/// replicas") when too few have it. The write itself is not undone then.
///
/// `WAIT` narrows the window and does not close it: a replica that confirmed
/// has the write in memory, and Sentinel or Cluster may still promote another
/// one. With as many `replicas` as there are, any of them may be promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// How many replicas must have confirmed.
    pub replicas: u32,
    /// How long to wait for them, beyond [`Options::timeout`]; at least 1 ms.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            prefix: None,
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            waiting: 4096,
            durable: None,
            #[cfg(feature = "tls")]
            root_certificate: None,
        }
    }
}

impl Options {
    pub(crate) fn prefix(&self) -> &str {
        match (&self.prefix, self.layout) {
            (Some(prefix), _) => prefix,
            (None, Layout::Native) => "sessile:",
            (None, Layout::FlaskSession) => "session:",
            (None, Layout::Django) => ":1:django.contrib.sessions.cache",
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none of Redis. It may hold a password, so it is not repeated.
    Url(&'static str),
    /// The server cannot be reached, refuses us, or fails.
    Store(StoreError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "this is no Redis URL for sessions: {why}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Url(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
