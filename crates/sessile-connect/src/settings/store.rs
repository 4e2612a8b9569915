//! Where sessions are kept.

pub(super) mod address;
pub(super) mod choice;
mod parts;

use self::address::{ENGINE, FROM, Kind, TYPE};
use self::choice::StoreChoice;
use super::error::SettingsError;
use super::table::Table;
use sessile_core::{Config, Profile, Storage};

/// Reads which store is wanted, and sets where the data live.
pub(super) fn choose(given: &mut Table, config: &mut Config) -> Result<StoreChoice, SettingsError> {
    let kind = kind(given, config)?;
    if config.storage != Storage::Store {
        if given.migrate_from.is_some() {
            return Err(SettingsError::Contradiction {
                setting: FROM,
                with: TYPE,
                because: "sessions in cookies take over from no store",
            });
        }
        return Ok(StoreChoice::Cookie);
    }
    let kind = kind.or_else(|| implied(given, config));
    let named = [&given.redis, &given.memcached, &given.mongodb, &given.sqlalchemy];
    let addressed = given.url.is_some() || named.iter().any(|it| it.is_some());
    let choice = match kind {
        Some(Kind::Memory) => StoreChoice::Memory,
        Some(Kind::File) => parts::file(given, config, None)?,
        Some(Kind::Cached) => parts::cached(given, config)?,
        Some(kind) => parts::by_url(given, config, Some(kind))?,
        None if addressed => parts::by_url(given, config, None)?,
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
    match parts::old(given, config)? {
        Some(old) => Ok(StoreChoice::Moving { new: Box::new(choice), old: Box::new(old) }),
        None => Ok(choice),
    }
}

/// The kind that other settings speak for where none is named.
fn implied(given: &Table, config: &Config) -> Option<Kind> {
    if given.cache_url.is_some() {
        let alone = config.profile == Profile::Django && given.url.is_none();
        return Some(if alone { Kind::Cache } else { Kind::Cached });
    }
    let mut files = [&given.file_dir, &given.file_path, &given.cachelib].into_iter();
    (given.url.is_none() && files.any(Option::is_some)).then_some(Kind::File)
}

/// What `SESSION_TYPE`, `SESSION_ENGINE` and `SESSION_STORAGE` say together.
fn kind(given: &mut Table, config: &mut Config) -> Result<Option<Kind>, SettingsError> {
    let (named, engine) = (given.kind.take(), given.engine.take());
    if named.is_some() && engine.is_some() {
        let because = "both say where sessions are kept; give one";
        return Err(SettingsError::Contradiction { setting: ENGINE, with: TYPE, because });
    }
    let kind = named.or(engine);
    let storage = given.storage.take();
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
