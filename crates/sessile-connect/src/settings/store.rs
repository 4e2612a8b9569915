//! Where sessions are kept.

mod address;
mod parts;

use std::path::PathBuf;
use std::time::Duration;

use self::address::Kind;
pub use self::address::StoreUrl;
use super::error::SettingsError;
use super::reader::{Reader, text};
use sessile_core::{Config, Profile, Storage};

/// The store that settings ask for. Opening it is the adapter's, in the
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

const TYPES: &[(&str, Kind)] = &[
    ("null", Kind::Cookie),
    ("cookie", Kind::Cookie),
    ("memory", Kind::Memory),
    ("sqlite", Kind::Sqlite),
    ("sql", Kind::Sql),
    ("sqlalchemy", Kind::Sql),
    ("file", Kind::File),
    ("filesystem", Kind::File),
    ("cachelib", Kind::File),
    ("redis", Kind::Redis),
    ("memcached", Kind::Memcached),
    ("mongodb", Kind::MongoDb),
    ("cached", Kind::Cached),
];

const ENGINES: &[(&str, Kind)] = &[
    ("db", Kind::Sql),
    ("cache", Kind::Cache),
    ("cached_db", Kind::Cached),
    ("file", Kind::File),
    ("signed_cookies", Kind::Cookie),
];

const TYPE: &str = "SESSION_TYPE";
const ENGINE: &str = "SESSION_ENGINE";
const URL: &str = "SESSION_URL";
const CACHE_URL: &str = "SESSION_CACHE_URL";
const FROM: &str = "SESSION_MIGRATE_FROM";
const CACHELIB: &str = "SESSION_CACHELIB";

/// Reads which store is wanted, and sets where the data live.
pub(super) fn choose(
    reader: &mut Reader,
    config: &mut Config,
) -> Result<StoreChoice, SettingsError> {
    let kind = kind(reader, config)?;
    if config.storage != Storage::Store {
        refuse_others(reader)?;
        if reader.has(FROM) {
            return Err(SettingsError::Contradiction {
                setting: FROM,
                with: TYPE,
                because: "sessions in cookies take over from no store",
            });
        }
        return Ok(StoreChoice::Cookie);
    }
    let kind = kind.or_else(|| implied(reader, config));
    let addressed = reader.has(URL) || parts::NAMED.iter().any(|(name, _)| reader.has(name));
    let choice = match kind {
        Some(Kind::Memory) => StoreChoice::Memory,
        Some(Kind::File) => parts::file(reader, config, None)?,
        Some(Kind::Cached) => parts::cached(reader, config)?,
        Some(kind) => parts::by_url(reader, config, Some(kind))?,
        None if addressed => parts::by_url(reader, config, None)?,
        None if config.development => StoreChoice::Memory,
        None => {
            return Err(SettingsError::Missing {
                setting: if config.profile == Profile::Django { ENGINE } else { TYPE },
                because: match config.profile {
                    Profile::Django => {
                        "say where Django keeps its sessions: db (with SESSION_URL), cache \
                         (with SESSION_CACHE_URL), cached_db (with both), file (with \
                         SESSION_FILE_PATH) or signed_cookies"
                    }
                    _ => {
                        "say where sessions are kept: sqlite (with SESSION_URL), filesystem, \
                         redis, memcached, mongodb, sql, cookie, or memory for one process \
                         that may forget them"
                    }
                },
            });
        }
    };
    refuse_others(reader)?;
    match parts::old(reader, config)? {
        Some(old) => Ok(StoreChoice::Moving { new: Box::new(choice), old: Box::new(old) }),
        None => Ok(choice),
    }
}

/// The kind that other settings speak for where none is named.
fn implied(reader: &Reader, config: &Config) -> Option<Kind> {
    if reader.has(CACHE_URL) {
        let alone = config.profile == Profile::Django && !reader.has(URL);
        return Some(if alone { Kind::Cache } else { Kind::Cached });
    }
    let files = ["SESSION_FILE_DIR", "SESSION_FILE_PATH", CACHELIB];
    (!reader.has(URL) && files.iter().any(|name| reader.has(name))).then_some(Kind::File)
}

/// What `SESSION_TYPE`, `SESSION_ENGINE` and `SESSION_STORAGE` say together.
fn kind(reader: &mut Reader, config: &mut Config) -> Result<Option<Kind>, SettingsError> {
    let named = reader.choice(TYPE, TYPES)?;
    let engine = reader.take(ENGINE, |value| {
        let name = text(value)?.trim();
        let name = name.strip_prefix("django.contrib.sessions.backends.").unwrap_or(name);
        ENGINES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    })?;
    if named.is_some() && engine.is_some() {
        let because = "both say where sessions are kept; give one";
        return Err(SettingsError::Contradiction { setting: ENGINE, with: TYPE, because });
    }
    let kind = named.or(engine);
    let storages = &[
        ("store", Storage::Store),
        ("signed_cookie", Storage::SignedCookie),
        ("encrypted_cookie", Storage::EncryptedCookie),
    ];
    let storage = reader.choice("SESSION_STORAGE", storages)?;
    config.storage = match (storage, kind) {
        (Some(storage), Some(kind)) if (storage == Storage::Store) == (kind == Kind::Cookie) => {
            return Err(SettingsError::Contradiction {
                setting: "SESSION_STORAGE",
                with: TYPE,
                because: "one of them keeps sessions in cookies, the other does not",
            });
        }
        (Some(storage), _) => storage,
        (None, Some(Kind::Cookie)) => Storage::SignedCookie,
        (None, Some(_)) => Storage::Store,
        (None, None) => config.storage,
    };
    // The profile's own limits, before an address is asked for that it could not use.
    config.check_storage()?;
    if config.profile == Profile::FlaskSession && kind == Some(Kind::Cached) {
        return Err(SettingsError::Contradiction {
            setting: TYPE,
            with: "SESSION_PROFILE",
            because: "Flask-Session would write past the cache; use the native profile or Django's",
        });
    }
    Ok(kind)
}

/// Refuses what belongs to another kind of store.
fn refuse_others(reader: &Reader) -> Result<(), SettingsError> {
    const OTHERS: &[&str] = &[
        URL,
        CACHE_URL,
        "SESSION_CACHE_KEY_PREFIX",
        "SESSION_CACHE_VERSION",
        "SESSION_TABLE",
        "SESSION_SCHEMA",
        "SESSION_SQLALCHEMY_TABLE",
        "SESSION_SQLALCHEMY_SCHEMA",
        "SESSION_MONGODB_DB",
        "SESSION_MONGODB_COLLECT",
        "SESSION_FILE_DIR",
        "SESSION_FILE_PATH",
        "SESSION_FILE_MODE",
        "SESSION_FILE_THRESHOLD",
        "SESSION_CACHELIB_NAMES",
        "SESSION_REDIS_REPLICAS",
        "SESSION_REDIS_NEAR_CACHE",
        "SESSION_MEMCACHED_CLIENT",
        CACHELIB,
    ];
    let named = parts::NAMED.iter().map(|(name, _)| name);
    match OTHERS.iter().chain(named).find(|name| reader.has(name)) {
        Some(setting) => Err(SettingsError::Contradiction {
            setting,
            with: TYPE,
            because: "it has no meaning for where sessions are kept; remove it",
        }),
        None => Ok(()),
    }
}
