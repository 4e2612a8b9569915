//! How to connect, and why it may be refused.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use sessile_core::StoreError;
use sessile_core::store::Layout;

/// No wait is longer: clocks, timers and servers can count so far and add to it.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 86_400);

/// How a [`RedisStore`](crate::RedisStore) uses its servers. Times over 24 days count as those.
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
    /// Whether sessions are kept in this process, too. `None` by default.
    pub near_cache: Option<NearCache>,
    /// Only to look: reading tidies nothing up on the way, such as the names of ended sessions in
    /// a user's index. False by default.
    pub read_only: bool,
    /// A certificate authority's certificate, as PEM, to trust instead of the
    /// system's. For `rediss://`.
    #[cfg(feature = "tls")]
    pub root_certificate: Option<Vec<u8>>,
    /// A certificate of ours and its key, as PEM, for a server that asks for one.
    #[cfg(feature = "tls")]
    pub client_certificate: Option<(Vec<u8>, Vec<u8>)>,
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

/// Sessions kept in this process, so that reading one again costs no round trip.
///
/// The server tells us when one that we hold was changed by anybody (`CLIENT
/// TRACKING`; RESP3 and Redis 6 or newer, single, Sentinel or Cluster), and it is
/// forgotten. Writes go to the server as always, and are refused there if what
/// they were made from is no longer what is stored: nothing is lost or revived by
/// what is held here. A write through this store is seen by its next read.
///
/// # What it costs
///
/// **A session that another process ends or changes may be read here as it was
/// for a while after that process was told that it is done**: until the server's
/// word has arrived and been read. That is about one way through the network, more
/// when this process or the server is busy, and never more than the
/// [`lease`](Self::lease), counted from before the session was read, even if the
/// word never comes. So a logout elsewhere is final here after that long, not at
/// once. Where it must be at once, do without.
///
/// When a connection is lost, a call on it times out, or a cluster's slots move,
/// everything is forgotten. Nothing is kept of what came over a connection on
/// which the server refused to keep track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearCache {
    /// How many sessions it holds at most. 10 000 by default.
    pub sessions: usize,
    /// How many bytes they may take, about. 32 MiB by default.
    pub bytes: usize,
    /// How long a session is believed after it was asked for. 5 s by default; time in
    /// which the machine is suspended does not count.
    pub lease: Duration,
}

impl Default for NearCache {
    fn default() -> Self {
        Self { sessions: 10_000, bytes: 32 << 20, lease: Duration::from_secs(5) }
    }
}

/// What a [`NearCache`] has done, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearCacheUse {
    /// Loads that were answered from it.
    pub hits: u64,
    /// Loads that went to a server.
    pub misses: u64,
    /// Sessions forgotten because a server said that they had changed.
    pub invalidated: u64,
    /// Sessions held.
    pub sessions: usize,
    /// The bytes they take, about.
    pub bytes: usize,
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
            near_cache: None,
            read_only: false,
            #[cfg(feature = "tls")]
            root_certificate: None,
            #[cfg(feature = "tls")]
            client_certificate: None,
        }
    }
}

impl Options {
    /// The same, with times that may be added to any moment.
    pub(crate) fn bounded(mut self) -> Self {
        let near = self.near_cache.iter_mut().map(|near| &mut near.lease);
        let durable = self.durable.iter_mut().map(|durable| &mut durable.timeout);
        for wait in
            [&mut self.connect_timeout, &mut self.timeout].into_iter().chain(near).chain(durable)
        {
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
    /// The URL is none of Redis. It may hold a password, so it is not repeated.
    Url(&'static str),
    /// A parameter of the URL cannot be taken. Its value is not repeated.
    Parameter {
        /// What it is called.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// The server cannot be reached, refuses us, or fails.
    Store(StoreError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "this is no Redis URL for sessions: {why}"),
            Self::Parameter { name, why } => {
                write!(f, "the Redis URL's parameter `{name}` {why}")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

sessile_core::debug_reads_like_display!(ConnectError);

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::Url(_) | Self::Parameter { .. } => None,
            Self::Store(error) => std::error::Error::source(error),
        }
    }
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
