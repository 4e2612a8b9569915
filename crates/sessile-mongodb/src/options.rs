//! How to connect, and why it may be refused.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use sessile_core::StoreError;
use sessile_core::store::Layout;

/// No wait is longer: clocks, timers and servers can count so far and add to it.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 86_400);

/// How a [`MongoStore`](crate::MongoStore) uses its server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose documents it reads and writes. Django has no engine for MongoDB.
    pub layout: Layout,
    /// The database, by default the one in the URL's path, else `flask_session` in
    /// Flask-Session's layout (its `SESSION_MONGODB_DB`) and `sessile` in ours.
    pub database: Option<String>,
    /// The collection: `sessions`, as Flask-Session's `SESSION_MONGODB_COLLECT`.
    pub collection: String,
    /// Whether to make the indexes where they are missing. True by default. Making
    /// them harms nobody, not even a running Flask-Session.
    pub create_indexes: bool,
    /// How long a call may take, the choice of a server and the wait for a
    /// connection included. 5 s by default; more than 24 days count as those.
    pub timeout: Duration,
    /// Calls that may be under way; more are refused at once. 4096 by default.
    pub waiting: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            database: None,
            collection: "sessions".into(),
            create_indexes: true,
            timeout: Duration::from_secs(5),
            waiting: 4096,
        }
    }
}

/// Why a store could not be opened.
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none of MongoDB. It may hold a password, so it is not repeated.
    Url(&'static str),
    /// MongoDB takes no such name for a database or a collection.
    Name(&'static str),
    /// There is no such layout in MongoDB.
    Layout(Layout),
    /// The server failed.
    Store(StoreError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "this is no MongoDB URL for sessions: {why}"),
            Self::Name(which) => write!(
                f,
                "MongoDB takes no such {which}: up to 63 bytes, none of / \\ . \" $ * < > : | ? or \
                 space (a collection may have dots inside), and no system. at its start"
            ),
            Self::Layout(layout) => write!(
                f,
                "MongoDB holds no sessions in the layout {layout:?}: Django has no session engine \
                 for it; use Native or FlaskSession"
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
            _ => None,
        }
    }
}

/// What both kinds of names may be (MongoDB manual, "Naming Restrictions"), on every system.
pub(crate) fn checked_name<'a>(
    name: &'a str,
    which: &'static str,
) -> Result<&'a str, ConnectError> {
    let dots = which == "collection";
    let strange = |c: char| c.is_control() || "/\\\"$*<>:|? ".contains(c) || (c == '.' && !dots);
    let fits = (1..64).contains(&name.len())
        && !name.contains(strange)
        && !name.starts_with("system.")
        && !name.starts_with('.')
        && !name.ends_with('.');
    fits.then_some(name).ok_or(ConnectError::Name(which))
}
