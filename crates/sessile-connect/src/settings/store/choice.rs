//! The stores that settings can ask for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::address::StoreUrl;

/// The store that settings ask for. [`connect_store`](crate::connect_store) opens it, in the
/// [`Layout::of`](sessile_core::store::Layout::of) the profile. No password is in its `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreChoice {
    /// None: the cookie carries the session.
    Cookie,
    /// This process's memory.
    Memory,
    /// A SQL database.
    Sql {
        /// `sqlite:PATH` (or SQLAlchemy's `sqlite:///relative`, `sqlite:////absolute`),
        /// `postgres://`, `postgresql://`, `mysql://` or `mariadb://`.
        url: StoreUrl,
        /// The table's name.
        table: String,
        /// The schema the table is in; the database's default if none.
        schema: Option<String>,
        /// Whether to make the table, and SQLite's file, where they are missing.
        create: bool,
        /// Connections to a server at most.
        connections: usize,
        /// A file of the authorities that a server's certificate must come from.
        authorities: Option<PathBuf>,
    },
    /// A directory of files. Django's are named by the cookie's name and the key.
    File {
        /// The directory.
        dir: PathBuf,
        /// The files' permissions.
        mode: u32,
        /// How many files Flask-Session's layout keeps before it drops some.
        threshold: Option<usize>,
        /// Whether a cachelib before 0.16 shares them, which names them by MD5.
        old_names: bool,
    },
    /// Redis or Valkey.
    Redis {
        /// `redis://`, `rediss://`, `redis+unix://`, `redis+sentinel://h:p,h:p/master` or
        /// `redis+cluster://h:p,h:p`, the last two with `rediss` too.
        url: StoreUrl,
        /// A write is acknowledged when so many replicas have it, too.
        replicas: Option<u32>,
        /// How long a session read is kept in this process, unless the server says that it
        /// changed; `None` is not at all.
        near: Option<Duration>,
    },
    /// Memcached.
    Memcached {
        /// `memcached://h:p,h:p`.
        url: StoreUrl,
        /// Which client shares the servers.
        client: MemcachedClient,
    },
    /// MongoDB.
    MongoDb {
        /// `mongodb://` or `mongodb+srv://`.
        url: StoreUrl,
        /// The database's name.
        database: String,
        /// The collection's name.
        collection: String,
    },
    /// A fast store in front of a durable one.
    Cached {
        /// What is asked first: [`Redis`](Self::Redis) or [`Memcached`](Self::Memcached).
        front: Box<StoreChoice>,
        /// What decides.
        back: Box<StoreChoice>,
        /// What the keys of Django's cache begin with; `None` where the cache is ours.
        key_prefix: Option<String>,
    },
    /// A store beside the one it takes over from, with the same layout.
    Moving {
        /// Where new sessions go.
        new: Box<StoreChoice>,
        /// Where sessions still are.
        old: Box<StoreChoice>,
    },
}

/// The store in a few words, without what may be secret.
impl fmt::Display for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie => f.write_str("cookies"),
            Self::Memory => f.write_str("this process’s memory"),
            Self::Sql { url, table, schema: Some(schema), .. } => {
                write!(f, "{url}, table {schema}.{table}")
            }
            Self::Sql { url, table, schema: None, .. } => write!(f, "{url}, table {table}"),
            Self::File { dir, .. } => write!(f, "file:{}", dir.display()),
            Self::Redis { url, .. } | Self::Memcached { url, .. } => url.fmt(f),
            Self::MongoDb { url, database, collection } => {
                write!(f, "{url}, collection {database}.{collection}")
            }
            Self::Cached { front, back, .. } => write!(f, "{back} behind {front}"),
            Self::Moving { new, old } => write!(f, "{new} taking over from {old}"),
        }
    }
}

/// A client of Memcached, as far as it decides which of several servers has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemcachedClient {
    /// pymemcache's `HashClient`: Django's `PyMemcacheCache`.
    Pymemcache,
    /// pylibmc as it is by default: Django's `PyLibMCCache`, Flask-Session's first choice.
    Pylibmc,
    /// pylibmc with the behaviour `ketama`.
    PylibmcKetama,
    /// python-memcached.
    PythonMemcached,
}
