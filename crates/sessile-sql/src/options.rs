//! How to connect, and why it may be refused.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sessile_core::StoreError;
use sessile_core::store::Layout;

use crate::server::Dialect;

/// No wait is longer: clocks and timers can add it to any moment, and PostgreSQL counts the
/// milliseconds of a wait in 31 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 86_400);
/// What a pool counts with, and more than any server takes.
const MOST_CONNECTIONS: usize = 65_535;
/// Each is a thread.
const MOST_READERS: usize = 64;

/// How an [`SqlStore`](crate::SqlStore) uses its database.
#[derive(Clone, Debug)]
pub struct Options {
    /// The table's name: ASCII letters, digits and `_`, at most 48.
    /// `sessile_sessions` by default; see [`Options::of`] for others' names.
    pub table: String,
    /// Whose table it is. Ours by default.
    pub layout: Layout,
    /// The schema the table is in (PostgreSQL), or the database (MySQL); the
    /// connection's own by default. SQLite has none.
    pub schema: Option<String>,
    /// Whether to make the database and the table where they are missing. True by default. Where
    /// they are there, nothing is written and no right to make anything is needed.
    pub create: bool,
    /// Only to look: nothing is made, whatever [`create`](Self::create) says, and nothing
    /// written, neither to the table nor to anything beside it. SQLite's file is opened for
    /// reading, its journal stays as it is, and writes are
    /// refused; for a process in which nobody else has that file open. False by default.
    pub read_only: bool,
    /// How long to wait for another process's lock before
    /// [`Locked`](sessile_core::StoreErrorKind::Locked); with a server how long
    /// for a connection, and for an answer, before
    /// [`Timeout`](sessile_core::StoreErrorKind::Timeout). 5 s by default, 24 days at most.
    pub busy_timeout: Duration,
    /// Connections to a server at most. 8 by default.
    pub connections: usize,
    /// Certificates in PEM that a server's must come from, and be for the address's host; with
    /// it TLS is asked for unless the address says otherwise. None by default: then the address
    /// says what is checked, as libpq or PyMySQL reads it.
    pub root_certificates: Option<PathBuf>,
    /// Connections for reading, besides the one that writes. 2 by default, 64 at most. SQLite
    /// only.
    pub readers: usize,
    /// Requests that may wait for a connection; more are refused at once. 4096 by
    /// default. SQLite only.
    pub waiting: usize,
    /// What an acknowledged write survives. SQLite only: servers have settings of their own.
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
            layout: Layout::Native,
            schema: None,
            create: true,
            read_only: false,
            busy_timeout: Duration::from_secs(5),
            connections: 8,
            root_certificates: None,
            readers: 2,
            waiting: 4096,
            durability: Durability::default(),
            max_bytes: None,
        }
    }
}

impl Options {
    /// What a layout's users expect: Flask-Session's `sessions`, Django's `django_session`.
    pub fn of(layout: Layout) -> Self {
        let table = match layout {
            Layout::Native => "sessile_sessions",
            Layout::FlaskSession => "sessions",
            Layout::Django => "django_session",
        };
        Self { table: table.into(), layout, ..Self::default() }
    }

    /// The same, with times and numbers that can be worked with.
    pub(crate) fn bounded(mut self) -> Self {
        self.busy_timeout = self.busy_timeout.min(LONGEST_WAIT);
        self.connections = self.connections.clamp(1, MOST_CONNECTIONS);
        self.readers = self.readers.clamp(1, MOST_READERS);
        self.create &= !self.read_only;
        self
    }

    /// Names cannot be parameters of a statement, so nothing else may be in one.
    pub(crate) fn checked_table(&self) -> Result<(), ConnectError> {
        let names = std::iter::once(&self.table).chain(&self.schema);
        names.into_iter().all(|name| is_plain(name)).then_some(()).ok_or(ConnectError::Table)
    }

    /// A name within the schema, as the database quotes it.
    pub(crate) fn quoted(&self, dialect: Dialect, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", dialect.quoted(schema), dialect.quoted(name)),
            None => dialect.quoted(name),
        }
    }

    pub(crate) fn quoted_table(&self, dialect: Dialect) -> String {
        self.quoted(dialect, &self.table)
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=48).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.to_ascii_lowercase().starts_with("sqlite_")
}

/// Why a store could not be opened.
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none of a database this build supports. The URL may hold a
    /// password, so it is not repeated.
    Url(&'static str),
    /// [`Options::table`] or [`Options::schema`] is not a plain name.
    Table,
    /// [`Options::root_certificates`] cannot be read or holds none.
    Certificates(PathBuf),
    /// A newer release wrote the table; this one leaves it alone.
    Newer {
        /// The table's version.
        found: i64,
        /// The newest this release knows.
        known: i64,
    },
    /// A parameter of the address is not known, or asks for what cannot be had.
    Parameter {
        /// Its name; the value may be secret.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The session table is not there, and was not to be made.
    NoTable {
        /// Its name.
        table: String,
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
            Self::Certificates(path) => {
                write!(f, "{} holds no certificates in PEM that could be trusted", path.display())
            }
            Self::Newer { found, known } => write!(
                f,
                "the session table has version {found}, this release knows {known}; upgrade sessile"
            ),
            Self::Parameter { name, why } => {
                write!(f, "`{name}` in the database's address {why}")
            }
            Self::NoTable { table } => {
                write!(f, "it has no session table {table}, and this is not to make it")
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
            Self::Store(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}
