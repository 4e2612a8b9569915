//! What each kind of store takes besides its address.

use std::path::PathBuf;

use crate::settings::error::SettingsError;
use crate::settings::table::Table;
use crate::settings::value::SettingValue;
use sessile_core::{Config, DJANGO_CACHE_PREFIX, DJANGO_CACHED_DB_PREFIX, Profile};
use sessile_formats::django_redis::Form;

use super::address::{self, CACHE_URL, ENGINE, FROM, Found, Kind, StoreUrl, TYPE, URL, fits};
use super::choice::{MemcachedClient, StoreChoice};

/// `at` is an address that names the directory.
pub(super) fn file(
    given: &mut Table,
    config: &mut Config,
    at: Option<StoreUrl>,
) -> Result<StoreChoice, SettingsError> {
    let (setting, because) = match config.profile {
        Profile::Django => ("SESSION_FILE_PATH", "name the directory Django keeps sessions in"),
        _ => ("SESSION_FILE_DIR", "name the directory to keep sessions in"),
    };
    let mut dir = at.as_ref().and_then(address::directory).map(|dir| (URL, dir));
    let of_url = |value: &SettingValue| address::directory(&address::parse(value, None)?.1);
    let url = given.url.take().map(|value| Table::checked(URL, &value, of_url)).transpose()?;
    for (other, read) in [
        (URL, url),
        ("SESSION_FILE_DIR", given.file_dir.take()),
        ("SESSION_FILE_PATH", given.file_path.take()),
        ("SESSION_CACHELIB", given.cachelib.take()),
    ] {
        dir = once(dir, read.map(|dir| (other, dir)))?;
    }
    let flask_session = config.profile == Profile::FlaskSession;
    // Flask-Session's default, below the working directory.
    let default = || flask_session.then(|| "flask_session".to_owned());
    let dir = dir.map(|(_, dir)| dir).or_else(default);
    let dir = dir.ok_or(SettingsError::Missing { setting, because })?;
    let mode = given.file_mode.take().unwrap_or(0o600);
    let mut threshold = None;
    if flask_session {
        // What Flask-Session keeps in files is pickled by cachelib.
        config.stored_pickled = true;
        let most = given.file_threshold.take().unwrap_or(500);
        threshold = (most > 0).then_some(most);
    }
    let old_names = given.cachelib_md5.take().unwrap_or(false);
    Ok(StoreChoice::File { dir: dir.into(), mode, threshold, old_names })
}

/// A store on a server, or SQLite: by its address.
pub(super) fn by_url(
    given: &mut Table,
    config: &mut Config,
    wanted: Option<Kind>,
) -> Result<StoreChoice, SettingsError> {
    let (kind, url) = find(given, config, wanted)?;
    Ok(match kind {
        Kind::Redis | Kind::Memcached => {
            if config.profile == Profile::Django {
                // The keys and values of `django.contrib.sessions.backends.cache`.
                config.key_prefix = cache_prefix(given, DJANGO_CACHE_PREFIX);
                config.stored_pickled = true;
                config.cache_form = Form {
                    serializer: given.cache_serializer.take().unwrap_or_default(),
                    compressor: given.cache_compressor.take().flatten(),
                };
            }
            if kind == Kind::Redis { redis(given, url) } else { memcached(given, config, url) }
        }
        Kind::MongoDb => mongodb(given, config, url)?,
        Kind::File => file(given, config, Some(url))?,
        _ => sql(given, config, url),
    })
}

fn redis(given: &mut Table, url: StoreUrl) -> StoreChoice {
    let replicas = given.redis_replicas.take().flatten();
    let near = given.redis_near_cache.take().flatten();
    StoreChoice::Redis { url, replicas, near }
}

fn memcached(given: &mut Table, config: &Config, url: StoreUrl) -> StoreChoice {
    let usual = match config.profile {
        Profile::FlaskSession => MemcachedClient::Pylibmc,
        _ => MemcachedClient::Pymemcache,
    };
    let client = given.memcached_client.take().unwrap_or(usual);
    StoreChoice::Memcached { url, client }
}

/// The address, under whichever name it was given.
fn find(given: &mut Table, config: &Config, wanted: Option<Kind>) -> Result<Found, SettingsError> {
    let url = given.url.take();
    let url = url.map(|value| Table::checked(URL, &value, |it| address::parse(it, wanted)));
    let mut found = url.transpose()?.map(|it| (URL, it));
    let one_cache = matches!(wanted, Some(Kind::Cache | Kind::Redis | Kind::Memcached));
    if config.profile == Profile::Django && one_cache {
        found = once(found, given.cache_url.take().map(|it| (CACHE_URL, it)))?;
    }
    // Where Flask-Session puts its client, and we the address.
    for (name, kind, address) in [
        ("SESSION_REDIS", Kind::Redis, &mut given.redis),
        ("SESSION_MEMCACHED", Kind::Memcached, &mut given.memcached),
        ("SESSION_MONGODB", Kind::MongoDb, &mut given.mongodb),
        ("SESSION_SQLALCHEMY", Kind::Sql, &mut given.sqlalchemy),
    ] {
        if fits(kind, wanted) {
            found = once(found, address.take().map(|it| (name, it)))?;
        }
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

/// What was given, and by which setting: only one may say it.
type By<T> = Option<(&'static str, T)>;

fn once<T>(one: By<T>, other: By<T>) -> Result<By<T>, SettingsError> {
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

fn sql(given: &mut Table, config: &Config, url: StoreUrl) -> StoreChoice {
    let (table, schema, default) = match config.profile {
        Profile::FlaskSession => {
            (given.sqlalchemy_table.take(), given.sqlalchemy_schema.take(), "sessions")
        }
        Profile::Django => (None, None, "django_session"),
        _ => (given.table.take(), given.schema.take(), "sessile_sessions"),
    };
    StoreChoice::Sql {
        url,
        table: table.unwrap_or_else(|| default.to_owned()),
        schema,
        create: given.create_tables.take().unwrap_or(true),
        connections: given.sql_connections.take().unwrap_or(8),
        authorities: given.sql_ca.take().map(PathBuf::from),
    }
}

fn mongodb(
    given: &mut Table,
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
    // Flask-Session takes no notice of a database in the address.
    let default = match config.profile {
        Profile::FlaskSession => "flask_session",
        _ => url.path().unwrap_or("sessile"),
    };
    let database = given.mongodb_db.take().unwrap_or_else(|| default.to_owned());
    let collection = given.mongodb_collect.take().unwrap_or_else(|| "sessions".to_owned());
    Ok(StoreChoice::MongoDb { url, database, collection })
}

/// As Django's `make_key` puts a key together; `default` is for its own defaults.
fn cache_prefix(given: &mut Table, default: &'static str) -> String {
    let prefix = given.cache_key_prefix.take().unwrap_or_default();
    let version = given.cache_version.take().unwrap_or(1);
    let engine = default.strip_prefix(":1:").unwrap_or(default);
    format!("{prefix}:{version}:{engine}")
}

/// Redis or Memcached in front of a durable store.
pub(super) fn cached(given: &mut Table, config: &mut Config) -> Result<StoreChoice, SettingsError> {
    let (kind, url) = given.cache_url.take().ok_or(SettingsError::Missing {
        setting: CACHE_URL,
        because: "give the cache's address, such as redis://localhost:6379; SESSION_URL is the \
                  store's behind it",
    })?;
    let front = match kind {
        // What a cache loses is behind it.
        Kind::Redis => StoreChoice::Redis { url, replicas: None, near: None },
        _ => memcached(given, config, url),
    };
    let mut key_prefix = None;
    let back = if config.profile == Profile::Django {
        key_prefix = Some(cache_prefix(given, DJANGO_CACHED_DB_PREFIX));
        by_url(given, config, Some(Kind::Sql))?
    } else if given.file_dir.is_some() {
        file(given, config, None)?
    } else {
        by_url(given, config, None)?
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
    given: &mut Table,
    config: &Config,
) -> Result<Option<StoreChoice>, SettingsError> {
    let Some(url) = given.migrate_from.take() else { return Ok(None) };
    // With all that its kind has as defaults in this profile.
    let url = Some(SettingValue::Text(url.expose().to_owned()));
    let mut alone = Table { url, ..Table::default() };
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
