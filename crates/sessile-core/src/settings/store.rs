//! Where sessions are kept.

use std::fmt;
use std::path::PathBuf;

use super::SettingValue;
use super::error::SettingsError;
use super::given::{Given, text};
use crate::config::{Config, Profile, Storage};

/// The store that settings ask for. Opening it is the adapter's.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreChoice {
    /// None: the cookie carries the session.
    Cookie,
    /// This process's memory.
    Memory,
    /// A SQLite file.
    Sqlite {
        /// `sqlite:PATH`, or SQLAlchemy's `sqlite:///relative`, `sqlite:////absolute`.
        url: String,
        /// The table's name.
        table: String,
    },
    /// A directory of files.
    File {
        /// The directory.
        dir: PathBuf,
        /// The files' permissions.
        mode: u32,
    },
    /// A server, by its address: `postgres`, `mysql`, `redis`, `memcached`, `mongodb`.
    Url {
        /// Its address, perhaps with a password.
        url: String,
        /// The table's name, for SQL.
        table: Option<String>,
    },
}

/// Without the address, which may hold a password.
impl fmt::Debug for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie => f.write_str("Cookie"),
            Self::Memory => f.write_str("Memory"),
            Self::Sqlite { table, .. } => write!(f, "Sqlite {{ table: {table:?}, .. }}"),
            Self::File { dir, mode } => write!(f, "File {{ dir: {dir:?}, mode: {mode:o} }}"),
            Self::Url { url, table } => {
                let scheme = url.split(':').next().unwrap_or_default();
                write!(f, "Url {{ scheme: {scheme:?}, table: {table:?}, .. }}")
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cookie,
    Memory,
    Sqlite,
    /// SQLite or a server.
    Sql,
    File,
    Redis,
    Memcached,
    MongoDb,
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
    ("redis", Kind::Redis),
    ("memcached", Kind::Memcached),
    ("mongodb", Kind::MongoDb),
];

const ENGINES: &[(&str, Kind)] =
    &[("db", Kind::Sql), ("file", Kind::File), ("signed_cookies", Kind::Cookie)];

/// What begins the addresses of each kind.
const SCHEMES: &[(&str, Kind)] = &[
    ("sqlite", Kind::Sqlite),
    ("postgres", Kind::Sql),
    ("postgresql", Kind::Sql),
    ("mysql", Kind::Sql),
    ("mariadb", Kind::Sql),
    ("redis", Kind::Redis),
    ("rediss", Kind::Redis),
    ("memcached", Kind::Memcached),
    ("mongodb", Kind::MongoDb),
    ("mongodb+srv", Kind::MongoDb),
];

const TYPE: &str = "SESSION_TYPE";
const URL: &str = "SESSION_URL";

/// Reads which store is wanted, and sets where the data live.
pub(super) fn choose(given: &mut Given, config: &mut Config) -> Result<StoreChoice, SettingsError> {
    let kind = kind(given, config)?;
    if config.storage != Storage::Store {
        refuse_others(given)?;
        return Ok(StoreChoice::Cookie);
    }
    let choice = match kind {
        Some(Kind::Memory) => StoreChoice::Memory,
        Some(Kind::File) => file(given, config)?,
        Some(kind) => by_url(given, config, Some(kind))?,
        None if given.has(URL) => by_url(given, config, None)?,
        None if given.has("SESSION_FILE_DIR") || given.has("SESSION_FILE_PATH") => {
            file(given, config)?
        }
        None if config.development => StoreChoice::Memory,
        None => {
            return Err(SettingsError::Missing {
                setting: TYPE,
                because: "say where sessions are kept: sqlite (with SESSION_URL), filesystem, \
                          redis, memcached, mongodb, sql, cookie, or memory for one process \
                          that may forget them",
            });
        }
    };
    refuse_others(given)?;
    Ok(choice)
}

/// What `SESSION_TYPE`, `SESSION_ENGINE` and `SESSION_STORAGE` say together.
fn kind(given: &mut Given, config: &mut Config) -> Result<Option<Kind>, SettingsError> {
    let named = given.choice(TYPE, TYPES)?;
    let engine = given.take("SESSION_ENGINE", |value| {
        let name = text(value)?.trim();
        let name = name.strip_prefix("django.contrib.sessions.backends.").unwrap_or(name);
        ENGINES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    })?;
    if named.is_some() && engine.is_some() {
        let because = "both say where sessions are kept; give one";
        return Err(SettingsError::Contradiction {
            setting: "SESSION_ENGINE",
            with: TYPE,
            because,
        });
    }
    let kind = named.or(engine);
    let storages = &[
        ("store", Storage::Store),
        ("signed_cookie", Storage::SignedCookie),
        ("encrypted_cookie", Storage::EncryptedCookie),
    ];
    let storage = given.choice("SESSION_STORAGE", storages)?;
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
    crate::engine::check_storage(config)?;
    Ok(kind)
}

fn file(given: &mut Given, config: &Config) -> Result<StoreChoice, SettingsError> {
    let (setting, because) = match config.profile {
        Profile::Django => ("SESSION_FILE_PATH", "name the directory Django keeps sessions in"),
        _ => ("SESSION_FILE_DIR", "name the directory to keep sessions in"),
    };
    // Flask-Session's default, below the working directory.
    let default = (config.profile == Profile::FlaskSession).then(|| "flask_session".to_owned());
    let dir = given.take(setting, |value| {
        text(value).filter(|dir| !dir.is_empty() && !dir.contains('\0')).map(str::to_owned)
    })?;
    let dir = dir.or(default).ok_or(SettingsError::Missing { setting, because })?;
    let mode = given.take("SESSION_FILE_MODE", mode)?.unwrap_or(0o600);
    Ok(StoreChoice::File { dir: dir.into(), mode })
}

/// Sessions must not be readable by everyone, and `400` is too easily meant octal.
fn mode(value: &SettingValue) -> Option<u32> {
    let mode = match value {
        SettingValue::Int(mode) => u32::try_from(*mode).ok()?,
        SettingValue::Text(text) => {
            let octal = text.strip_prefix("0o").or_else(|| text.strip_prefix('0'));
            match octal {
                Some(digits) => u32::from_str_radix(digits, 8).ok()?,
                None => text.parse().ok()?,
            }
        }
        _ => return None,
    };
    matches!(mode, 0o600 | 0o640 | 0o660).then_some(mode)
}

fn by_url(
    given: &mut Given,
    config: &Config,
    wanted: Option<Kind>,
) -> Result<StoreChoice, SettingsError> {
    let parsed = given.take(URL, |value| parse(text(value)?.trim(), wanted))?;
    let (kind, url) = parsed.ok_or(SettingsError::Missing {
        setting: URL,
        because: "this SESSION_TYPE needs the store's address, such as sqlite:sessions.db, \
                  redis://localhost:6379 or postgres://user:password@localhost/database",
    })?;
    let fits = match wanted {
        None | Some(Kind::Sql) => matches!(kind, Kind::Sql | Kind::Sqlite) || wanted.is_none(),
        Some(wanted) => wanted == kind,
    };
    if !fits {
        return Err(SettingsError::Contradiction {
            setting: URL,
            with: if config.profile == Profile::Django { "SESSION_ENGINE" } else { TYPE },
            because: "the address is another kind of store's",
        });
    }
    let sql = matches!(kind, Kind::Sql | Kind::Sqlite);
    let table = if sql { Some(table(given, config)?) } else { None };
    Ok(match (kind, table) {
        (Kind::Sqlite, Some(table)) => StoreChoice::Sqlite { url, table },
        (_, table) => StoreChoice::Url { url, table },
    })
}

fn table(given: &mut Given, config: &Config) -> Result<String, SettingsError> {
    let (setting, default) = match config.profile {
        Profile::FlaskSession => ("SESSION_SQLALCHEMY_TABLE", "sessions"),
        Profile::Django => return Ok("django_session".to_owned()),
        _ => ("SESSION_TABLE", "sessile_sessions"),
    };
    let name = given.take(setting, |value| {
        let name = text(value)?;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let fits = plain && (1..=48).contains(&name.len());
        (fits && !name.starts_with(|first: char| first.is_ascii_digit())).then(|| name.to_owned())
    })?;
    Ok(name.unwrap_or_else(|| default.to_owned()))
}

/// The kind of store an address is of, and the address in the spelling the stores take.
fn parse(url: &str, wanted: Option<Kind>) -> Option<(Kind, String)> {
    if url.is_empty() || url.chars().any(char::is_control) {
        return None;
    }
    let known = url.split_once(':').and_then(|(scheme, rest)| {
        let scheme = scheme.to_ascii_lowercase();
        // SQLAlchemy names the driver too: `postgresql+psycopg2`.
        let bare = match scheme.as_str() {
            "mongodb+srv" => "mongodb+srv",
            other => other.split('+').next().unwrap_or(other),
        };
        let (bare, kind) = SCHEMES.iter().find(|(known, _)| *known == bare)?;
        Some((*bare, *kind, rest))
    });
    match known {
        Some((_, Kind::Sqlite, "")) => None,
        Some((_, Kind::Sqlite, rest)) => Some((Kind::Sqlite, format!("sqlite:{rest}"))),
        Some((scheme, kind, rest)) => {
            let host = rest.strip_prefix("//").filter(|host| !host.is_empty())?;
            Some((kind, format!("{scheme}://{host}")))
        }
        // Just a file's path.
        None if wanted == Some(Kind::Sqlite) && !url.contains("://") => {
            Some((Kind::Sqlite, format!("sqlite:{url}")))
        }
        None => None,
    }
}

/// Refuses what belongs to another kind of store.
fn refuse_others(given: &Given) -> Result<(), SettingsError> {
    const OTHERS: &[&str] = &[
        URL,
        "SESSION_TABLE",
        "SESSION_SQLALCHEMY_TABLE",
        "SESSION_FILE_DIR",
        "SESSION_FILE_PATH",
        "SESSION_FILE_MODE",
    ];
    match OTHERS.iter().find(|name| given.has(name)) {
        Some(setting) => Err(SettingsError::Contradiction {
            setting,
            with: TYPE,
            because: "it has no meaning for where sessions are kept; remove it",
        }),
        None => Ok(()),
    }
}
