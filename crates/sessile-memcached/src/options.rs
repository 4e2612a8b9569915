//! How to connect, and why it may be refused.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use sessile_core::StoreError;
use sessile_core::store::Layout;

use crate::choice::ServerChoice;

/// No wait is longer: clocks, timers and servers can count so far and add to it.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 86_400);

/// How a [`MemcachedStore`](crate::MemcachedStore) uses its servers. Times over 24 days count as
/// those.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose keys and values it reads and writes.
    pub layout: Layout,
    /// What every key begins with; `None` is the layout's own: `sessile:`,
    /// Flask-Session's `session:` (its `SESSION_KEY_PREFIX`), Django's
    /// `:1:django.contrib.sessions.cache` (`KEY_PREFIX:VERSION:` and the engine's).
    ///
    /// In foreign layouts keys arrive complete, so it serves for
    /// [`Scan`](sessile_core::store::Scan) only.
    pub prefix: Option<String>,
    /// Which of several servers has a key. It must be what the other side does:
    /// by default pymemcache's choice, in Flask-Session's layout pylibmc's,
    /// which Flask-Session prefers.
    pub choice: Option<ServerChoice>,
    /// How long a call may take, the wait for a connection included. 2 s by default.
    pub timeout: Duration,
    /// How long a server may take to list its keys, for
    /// [`Scan`](sessile_core::store::Scan). 60 s by default.
    pub listing: Duration,
    /// Connections to one server. 32 by default.
    pub connections: usize,
    /// Calls to one server that may be under way; more are refused at once. 4096 by default.
    pub waiting: usize,
    /// A server that could not be reached is not asked again for this long: its
    /// calls fail at once. 250 ms by default.
    pub retry_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            prefix: None,
            choice: None,
            timeout: Duration::from_secs(2),
            listing: Duration::from_secs(60),
            connections: 32,
            waiting: 4096,
            retry_after: Duration::from_millis(250),
        }
    }
}

impl Options {
    /// The same, with times that may be added to any moment.
    pub(crate) fn bounded(mut self) -> Self {
        for wait in [&mut self.timeout, &mut self.listing, &mut self.retry_after] {
            *wait = (*wait).min(LONGEST_WAIT);
        }
        self
    }

    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(self.layout.key_prefix())
    }
}

/// Why a store could not be opened.
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none of Memcached. It may hold a password, so it is not repeated.
    Url(&'static str),
    /// Memcached takes no such prefix for keys.
    Prefix,
    /// A server failed, or random bytes could not be had.
    Store(StoreError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(
                f,
                "this is no address of Memcached servers: {why}; one looks like \
                 memcached://host:11211,other:11211"
            ),
            Self::Prefix => f.write_str(
                "Memcached takes no such prefix: at most 100 bytes, without spaces and control \
                 characters",
            ),
            Self::Store(error) => error.fmt(f),
        }
    }
}

sessile_core::debug_reads_like_display!(ConnectError);

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::Store(error) => std::error::Error::source(error),
            Self::Url(_) | Self::Prefix => None,
        }
    }
}
