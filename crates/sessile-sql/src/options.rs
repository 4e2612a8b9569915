//! How to connect, and why it may be refused.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use sessile_core::StoreError;

/// How an [`SqlStore`](crate::SqlStore) uses its database.
#[derive(Clone, Debug)]
pub struct Options {
    /// The table's name: ASCII letters, digits and `_`, at most 48. `sessile_sessions` by default.
    pub table: String,
    /// Whether to make the database and the table where they are missing. True by default.
    pub create: bool,
    /// How long to wait for another process's lock before
    /// [`Locked`](sessile_core::StoreErrorKind::Locked). 5 s by default.
    pub busy_timeout: Duration,
    /// Connections for reading, besides the one that writes. 2 by default.
    pub readers: usize,
    /// Requests that may wait for a connection; more are refused at once. 4096 by default.
    pub waiting: usize,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// The most bytes the database file may grow to; then new sessions are refused with
    /// [`Full`](sessile_core::StoreErrorKind::Full). None by default. SQLite only.
    pub max_bytes: Option<u64>,
}

/// What an acknowledged write survives, be it a login or a logout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process and a power failure: the disk is waited for.
    /// Writes that wait together share one wait.
    #[default]
    Power,
    /// The end of the process. After a power failure the last writes may be
    /// undone, so that a session ended just before is live again.
    Process,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            table: "sessile_sessions".into(),
            create: true,
            busy_timeout: Duration::from_secs(5),
            readers: 2,
            waiting: 4096,
            durability: Durability::default(),
            max_bytes: None,
        }
    }
}

impl Options {
    /// Names cannot be parameters of a statement, so nothing else may be in one.
    pub(crate) fn checked_table(&self) -> Result<&str, ConnectError> {
        let name = &self.table;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = (1..=48).contains(&name.len())
            && name.bytes().all(plain)
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.to_ascii_lowercase().starts_with("sqlite_");
        fits.then_some(name.as_str()).ok_or(ConnectError::Table)
    }
}

/// Why a store could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none of a database this build supports. The URL may hold a
    /// password, so it is not repeated.
    Url(&'static str),
    /// [`Options::table`] is not a plain name.
    Table,
    /// A newer release wrote the table; this one leaves it alone.
    Newer {
        /// The table's version.
        found: i64,
        /// The newest this release knows.
        known: i64,
    },
    /// The database failed.
    Store(StoreError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "this is no database URL for sessions: {why}"),
            Self::Table => f.write_str(
                "the table's name must be letters, digits and _, at most 48 and no digit first",
            ),
            Self::Newer { found, known } => write!(
                f,
                "the session table has version {found}, this release knows {known}; upgrade sessile"
            ),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
