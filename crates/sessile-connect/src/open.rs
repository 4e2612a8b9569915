//! The store that settings ask for, opened.

mod cached;
mod file;
mod memcached;
mod mongodb;
mod moving;
mod redis;
mod sql;
mod sweeping;

use sessile_core::exchange::App;
use sessile_core::store::NoStore;
use sessile_core::{AnyStore, Config, ConfigError, Engine, MemoryStore, SessionStore};

use self::sweeping::swept;
use crate::{ConnectError, Settings, StoreChoice, TokioRuntime};

/// Sessions kept in `store` and swept as `config` says, for the door of a framework.
///
/// # Errors
///
/// [`ConfigError`]: the settings do not go together.
pub fn app(config: Config, store: impl SessionStore) -> Result<App, ConfigError> {
    let store = swept(AnyStore::new(store), &config);
    App::new(Engine::new(config)?, store, TokioRuntime)
}

/// The engine and the store that settings ask for.
///
/// # Errors
///
/// [`ConnectError`]: a setting is wrong, the store is not in this build, or it cannot be opened.
pub async fn connect(settings: Settings) -> Result<(Engine, AnyStore), ConnectError> {
    let (config, choice) = settings.into_config()?;
    // The configuration first: a store that is not used should not be made.
    let engine = Engine::new(config.clone())?;
    let store = connect_store(choice, &config).await?;
    Ok((engine, store))
}

/// Opens the store that settings chose, in the layout of their profile.
///
/// Expired sessions are removed in the background where the settings say so.
///
/// # Errors
///
/// As for [`connect`].
pub async fn connect_store(choice: StoreChoice, config: &Config) -> Result<AnyStore, ConnectError> {
    let store = open_store(choice, config, Purpose::Serve).await?;
    Ok(swept(store, config))
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To keep an application's sessions there. What it needs is made: a file, a table, indexes.
    Serve,
    /// To look after what is there. Nothing is made: a store that is not there is an error.
    Tend,
    /// To look. Nothing is made and nothing written, neither to the sessions nor beside them:
    /// SQLite's file is opened for reading and its journal left alone, no lock files are made.
    /// Writes are refused by SQLite and files; elsewhere they are for the caller not to make.
    Look,
}

/// Opens the store that settings chose, for a purpose, and without sweeping.
///
/// # Errors
///
/// As for [`connect`].
pub async fn open_store(
    choice: StoreChoice,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
    let name = choice.to_string();
    open(choice, config, purpose).await.map_err(|error| error.at(name))
}

async fn open(
    choice: StoreChoice,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
    match choice {
        StoreChoice::Cookie => Ok(AnyStore::new(NoStore)),
        StoreChoice::Memory => Ok(AnyStore::new(MemoryStore::default())),
        StoreChoice::Sql { .. } => sql::open(choice, config, purpose).await,
        StoreChoice::File { .. } => file::open(choice, config, purpose).await,
        StoreChoice::Redis { url, replicas, near } => {
            redis::open(&url, replicas, near, config, purpose).await
        }
        StoreChoice::MongoDb { url, database, collection } => {
            mongodb::open(&url, database, collection, config, purpose).await
        }
        StoreChoice::Memcached { url, client } => memcached::open(&url, client, config).await,
        StoreChoice::Cached { front, back, key_prefix } => {
            let back = Box::pin(open_store(*back, config, purpose)).await?;
            cached::open(*front, back, key_prefix, config, purpose).await
        }
        StoreChoice::Moving { new, old } => {
            let new = Box::pin(open_store(*new, config, purpose)).await?;
            let old = Box::pin(open_store(*old, config, purpose)).await?;
            moving::open(new, old, config)
        }
    }
}
