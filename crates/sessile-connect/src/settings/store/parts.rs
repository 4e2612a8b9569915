//! What each kind of store takes besides its address.

use crate::settings::SettingValue;
use crate::settings::error::SettingsError;
use crate::settings::reader::{Reader, count, is_none, text};
use sessile_core::{Config, DJANGO_CACHE_PREFIX, Profile};

use super::address::{self, Kind, StoreUrl};
use super::{CACHE_URL, CACHELIB, ENGINE, FROM, MemcachedClient, StoreChoice, TYPE, URL};

/// Where Flask-Session puts its client, and we the address.
pub(super) const NAMED: &[(&str, Kind)] = &[
    ("SESSION_REDIS", Kind::Redis),
    ("SESSION_MEMCACHED", Kind::Memcached),
    ("SESSION_MONGODB", Kind::MongoDb),
    ("SESSION_SQLALCHEMY", Kind::Sql),
];

/// `at` is an address that names the directory.
pub(super) fn file(
    reader: &mut Reader,
    config: &mut Config,
    at: Option<StoreUrl>,
) -> Result<StoreChoice, SettingsError> {
    let (setting, because) = match config.profile {
        Profile::Django => ("SESSION_FILE_PATH", "name the directory Django keeps sessions in"),
        _ => ("SESSION_FILE_DIR", "name the directory to keep sessions in"),
    };
    let of_url = |url: &StoreUrl| url.expose().strip_prefix("file:").and_then(directory);
    let read_url = |value: &SettingValue| of_url(&address::parse(value, None)?.1);
    let cachelib = |value: &SettingValue| {
        // Not the address of a server that cachelib could use.
        let path = || text(value).filter(|path| !path.contains("://")).and_then(directory);
        read_url(value).or_else(path)
    };
    let mut dir = at.as_ref().and_then(of_url).map(|dir| (URL, dir));
    for (other, read) in [
        (URL, reader.take(URL, read_url)?),
        (setting, reader.take(setting, |value| directory(text(value)?))?),
        (CACHELIB, reader.take(CACHELIB, cachelib)?),
    ] {
        dir = once(dir, read.map(|dir| (other, dir)))?;
    }
    let flask_session = config.profile == Profile::FlaskSession;
    // Flask-Session's default, below the working directory.
    let default = || flask_session.then(|| "flask_session".to_owned());
    let dir = dir.map(|(_, dir)| dir).or_else(default);
    let dir = dir.ok_or(SettingsError::Missing { setting, because })?;
    let mode = reader.take("SESSION_FILE_MODE", mode)?.unwrap_or(0o600);
    let mut threshold = None;
    if flask_session {
        // What Flask-Session keeps in files is pickled by cachelib.
        config.stored_pickled = true;
        let most = reader.count("SESSION_FILE_THRESHOLD")?.unwrap_or(500);
        threshold = (most > 0).then_some(most);
    }
    let names = &[("sha256", false), ("md5", true)];
    let old_names = reader.choice("SESSION_CACHELIB_NAMES", names)?.unwrap_or(false);
    Ok(StoreChoice::File { dir: dir.into(), mode, threshold, old_names })
}

fn directory(path: &str) -> Option<String> {
    (!path.is_empty() && !path.contains('\0')).then(|| path.to_owned())
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

/// A store on a server, or SQLite: by its address.
pub(super) fn by_url(
    reader: &mut Reader,
    config: &mut Config,
    wanted: Option<Kind>,
) -> Result<StoreChoice, SettingsError> {
    let (kind, url) = find(reader, config, wanted)?;
    Ok(match kind {
        Kind::Redis | Kind::Memcached => {
            if config.profile == Profile::Django {
                django_cache(reader, config)?;
            }
            if kind == Kind::Redis { redis(reader, url)? } else { memcached(reader, config, url)? }
        }
        Kind::MongoDb => mongodb(reader, config, url)?,
        Kind::File => file(reader, config, Some(url))?,
        _ => sql(reader, config, url)?,
    })
}

fn redis(reader: &mut Reader, url: StoreUrl) -> Result<StoreChoice, SettingsError> {
    let replicas = reader.take("SESSION_REDIS_REPLICAS", |value| match is_none(value) {
        true => Some(None),
        false => u32::try_from(count(value)?).ok().filter(|count| *count > 0).map(Some),
    })?;
    let near = reader.limit("SESSION_REDIS_NEAR_CACHE")?.flatten();
    Ok(StoreChoice::Redis { url, replicas: replicas.flatten(), near })
}

fn memcached(
    reader: &mut Reader,
    config: &Config,
    url: StoreUrl,
) -> Result<StoreChoice, SettingsError> {
    let clients = &[
        ("pymemcache", MemcachedClient::Pymemcache),
        ("pylibmc", MemcachedClient::Pylibmc),
        ("pylibmc_ketama", MemcachedClient::PylibmcKetama),
        ("python_memcached", MemcachedClient::PythonMemcached),
    ];
    let usual = match config.profile {
        Profile::FlaskSession => MemcachedClient::Pylibmc,
        _ => MemcachedClient::Pymemcache,
    };
    let client = reader.choice("SESSION_MEMCACHED_CLIENT", clients)?.unwrap_or(usual);
    Ok(StoreChoice::Memcached { url, client })
}

/// The address, under whichever name it was given.
fn find(
    reader: &mut Reader,
    config: &Config,
    wanted: Option<Kind>,
) -> Result<(Kind, StoreUrl), SettingsError> {
    let mut found = reader.take(URL, |value| address::parse(value, wanted))?.map(|it| (URL, it));
    let one_cache = matches!(wanted, Some(Kind::Cache | Kind::Redis | Kind::Memcached));
    if config.profile == Profile::Django && one_cache {
        let cache = reader.take(CACHE_URL, |value| address::parse(value, wanted))?;
        found = once(found, cache.map(|it| (CACHE_URL, it)))?;
    }
    for (name, kind) in NAMED.iter().filter(|(_, kind)| fits(*kind, wanted)) {
        let read = reader.take(name, |value| match kind {
            Kind::Memcached => address::memcached(value),
            _ => address::parse(value, wanted).filter(|(other, _)| fits(*other, Some(*kind))),
        })?;
        found = once(found, read.map(|it| (*name, it)))?;
    }
    let Some((setting, (kind, url))) = found else {
        return Err(missing(config, wanted));
    };
    if fits(kind, wanted) {
        return Ok((kind, url));
    }
    Err(SettingsError::Contradiction {
        setting,
        with: if config.profile == Profile::Django { ENGINE } else { TYPE },
        because: "the address is another kind of store's",
    })
}

/// Whether a store of this kind is what is wanted.
fn fits(kind: Kind, wanted: Option<Kind>) -> bool {
    match wanted {
        None => true,
        Some(Kind::Sql) => matches!(kind, Kind::Sql | Kind::Sqlite),
        Some(Kind::Cache) => matches!(kind, Kind::Redis | Kind::Memcached),
        Some(wanted) => wanted == kind,
    }
}

/// What was given, and by which setting: only one may say it.
type Found<T> = Option<(&'static str, T)>;

fn once<T>(one: Found<T>, other: Found<T>) -> Result<Found<T>, SettingsError> {
    match (one, other) {
        (Some((with, _)), Some((setting, _))) => {
            let because = "both say where the store is; give one";
            Err(SettingsError::Contradiction { setting, with, because })
        }
        (one, other) => Ok(one.or(other)),
    }
}

fn missing(config: &Config, wanted: Option<Kind>) -> SettingsError {
    let setting = match wanted {
        Some(Kind::Cache) => CACHE_URL,
        _ => URL,
    };
    let because = match (wanted, config.profile) {
        (Some(Kind::Redis), Profile::FlaskSession) => {
            "give the server's address, such as redis://localhost:6379, here or in SESSION_REDIS"
        }
        (Some(Kind::Redis | Kind::Cache), _) => {
            "give the server's address, such as redis://localhost:6379"
        }
        (Some(Kind::Memcached), _) => {
            "give the servers' address, such as memcached://localhost:11211,other:11211"
        }
        (Some(Kind::MongoDb), _) => {
            "give the server's address, such as mongodb://localhost:27017/database"
        }
        (Some(Kind::Sqlite), _) => "give the database's file, such as sqlite:sessions.db",
        _ => {
            "give the store's address, such as sqlite:sessions.db or \
              postgres://user:password@localhost/database"
        }
    };
    SettingsError::Missing { setting, because }
}

fn sql(reader: &mut Reader, config: &Config, url: StoreUrl) -> Result<StoreChoice, SettingsError> {
    let (table, schema, default) = match config.profile {
        Profile::FlaskSession => {
            ("SESSION_SQLALCHEMY_TABLE", "SESSION_SQLALCHEMY_SCHEMA", "sessions")
        }
        Profile::Django => {
            return Ok(StoreChoice::Sql { url, table: "django_session".to_owned(), schema: None });
        }
        _ => ("SESSION_TABLE", "SESSION_SCHEMA", "sessile_sessions"),
    };
    let table = reader.take(table, name)?.unwrap_or_else(|| default.to_owned());
    Ok(StoreChoice::Sql { url, table, schema: reader.take(schema, name)? })
}

/// A name that needs no quoting.
fn name(value: &SettingValue) -> Option<String> {
    let name = text(value)?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let fits = plain && (1..=48).contains(&name.len());
    (fits && !name.starts_with(|first: char| first.is_ascii_digit())).then(|| name.to_owned())
}

fn mongodb(
    reader: &mut Reader,
    config: &Config,
    url: StoreUrl,
) -> Result<StoreChoice, SettingsError> {
    if config.profile == Profile::Django {
        return Err(SettingsError::Contradiction {
            setting: URL,
            with: "SESSION_PROFILE",
            because: "Django keeps no sessions in MongoDB; use the native profile",
        });
    }
    let named = reader.take("SESSION_MONGODB_DB", |value| mongodb_name(value, "/\\. \"$*<>:|?"))?;
    // Flask-Session takes no notice of a database in the address.
    let default = match config.profile {
        Profile::FlaskSession => "flask_session",
        _ => url.path().unwrap_or("sessile"),
    };
    let database = named.unwrap_or_else(|| default.to_owned());
    let collection = reader.take("SESSION_MONGODB_COLLECT", |value| mongodb_name(value, "$"))?;
    let collection = collection.unwrap_or_else(|| "sessions".to_owned());
    Ok(StoreChoice::MongoDb { url, database, collection })
}

/// What MongoDB takes as a name.
fn mongodb_name(value: &SettingValue, without: &str) -> Option<String> {
    let name = text(value)?;
    let plain = !name.contains(|letter: char| letter.is_control() || without.contains(letter));
    let fits = (1..=63).contains(&name.len()) && !name.starts_with("system.");
    (plain && fits).then(|| name.to_owned())
}

/// The keys and values of `django.contrib.sessions.backends.cache`.
fn django_cache(reader: &mut Reader, config: &mut Config) -> Result<(), SettingsError> {
    config.key_prefix = cache_prefix(reader, DJANGO_CACHE_PREFIX)?;
    config.stored_pickled = true;
    Ok(())
}

/// As Django's `make_key` puts a key together; `default` is for its own defaults.
pub(super) fn cache_prefix(
    reader: &mut Reader,
    default: &'static str,
) -> Result<String, SettingsError> {
    let prefix = reader.take("SESSION_CACHE_KEY_PREFIX", |value| {
        let fits = |text: &&str| text.len() <= 128 && !text.chars().any(char::is_control);
        text(value).filter(fits).map(str::to_owned)
    })?;
    let version = reader.take("SESSION_CACHE_VERSION", count)?.unwrap_or(1);
    let engine = default.strip_prefix(":1:").unwrap_or(default);
    Ok(format!("{}:{version}:{engine}", prefix.unwrap_or_default()))
}

/// Redis or Memcached in front of a durable store.
pub(super) fn cached(
    reader: &mut Reader,
    config: &mut Config,
) -> Result<StoreChoice, SettingsError> {
    let front = reader.take(CACHE_URL, |value| {
        address::parse(value, None).filter(|(kind, _)| fits(*kind, Some(Kind::Cache)))
    })?;
    let (kind, url) = front.ok_or(SettingsError::Missing {
        setting: CACHE_URL,
        because: "give the cache's address, such as redis://localhost:6379; SESSION_URL is the \
                  store's behind it",
    })?;
    let front = match kind {
        // What a cache loses is behind it.
        Kind::Redis => StoreChoice::Redis { url, replicas: None, near: None },
        _ => memcached(reader, config, url)?,
    };
    let mut key_prefix = None;
    let back = if config.profile == Profile::Django {
        key_prefix = Some(cache_prefix(reader, sessile_core::DJANGO_CACHED_DB_PREFIX)?);
        by_url(reader, config, Some(Kind::Sql))?
    } else if reader.has("SESSION_FILE_DIR") {
        file(reader, config, None)?
    } else {
        by_url(reader, config, None)?
    };
    if matches!(back, StoreChoice::Redis { .. } | StoreChoice::Memcached { .. }) {
        return Err(SettingsError::Contradiction {
            setting: URL,
            with: TYPE,
            because: "behind the cache a durable store is needed: SQL, MongoDB or files",
        });
    }
    Ok(StoreChoice::Cached { front: Box::new(front), back: Box::new(back), key_prefix })
}

/// The store that sessions are moving away from.
pub(super) fn old(
    reader: &mut Reader,
    config: &Config,
) -> Result<Option<StoreChoice>, SettingsError> {
    let Some(url) = reader
        .take(FROM, |value| address::parse(value, None).map(|(_, url)| url.expose().to_owned()))?
    else {
        return Ok(None);
    };
    // With all that its kind has as defaults in this profile.
    let mut alone = Reader::new(vec![(URL.to_owned(), SettingValue::Text(url))])?;
    let mut theirs = config.clone();
    theirs.stored_pickled = false;
    if config.profile == Profile::Django {
        theirs.key_prefix.clear();
    }
    let old = by_url(&mut alone, &mut theirs, None)?;
    let same = theirs.key_prefix == config.key_prefix;
    if same && theirs.stored_pickled == config.stored_pickled {
        return Ok(Some(old));
    }
    Err(SettingsError::Contradiction {
        setting: FROM,
        with: TYPE,
        because: "keys or values differ between the two; move them with `sessile migrate` instead",
    })
}
