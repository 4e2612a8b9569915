//! From settings to a layer: reads the environment or a file, opens the store.

mod cached;
mod error;
mod file;
mod memcached;
mod mongodb;
mod moving;
mod redis;
mod sql;
mod sweeping;

use sessile_connect::{Settings, StoreChoice};
use sessile_core::store::NoStore;
use sessile_core::{AnyStore, Config, Engine, MemoryStore};

pub use self::error::ConnectError;
use crate::SessionLayer;

/// The settings in the environment: `SESSION_TYPE`, `SECRET_KEY` and the others of
/// `docs/configuration.md`, bare or behind `SESSILE_`.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use sessile::{Session, SessionLayer};
///
/// async fn index(session: Session) -> String {
///     match session.get::<String>("username") {
///         Some(name) => format!("Logged in as {name}"),
///         None => "You are not logged in".into(),
///     }
/// }
///
/// # async fn example() -> Result<(), sessile::ConnectError> {
/// let sessions = SessionLayer::connect(sessile::from_env()?).await?;
/// let app: Router = Router::new().route("/", get(index)).layer(sessions);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ConnectError::NotUnicode`] for a setting that is no text.
pub fn from_env() -> Result<Settings, ConnectError> {
    let mut pairs = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        if !Settings::is_variable(&name) {
            continue;
        }
        match value.into_string() {
            Ok(value) => pairs.push((name, value)),
            Err(_) => return Err(ConnectError::NotUnicode { variable: name }),
        }
    }
    Ok(Settings::from_pairs(pairs))
}

/// The settings in a TOML file, in its table `[sessile]` where it has one.
///
/// ```no_run
/// # fn main() -> Result<(), sessile::ConnectError> {
/// // The environment wins over the file.
/// let settings = sessile::from_toml("sessile.toml")?.overridden_by(sessile::from_env()?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ConnectError::File`] when it cannot be read, [`ConnectError::InFile`] when it is not TOML.
#[cfg(feature = "toml")]
pub fn from_toml(path: impl AsRef<std::path::Path>) -> Result<Settings, ConnectError> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConnectError::File { path: path.to_owned(), source })?;
    Settings::from_toml(&text)
        .map_err(|source| ConnectError::InFile { path: path.to_owned(), source })
}

impl SessionLayer {
    /// Sessions as the settings say, in the store they name.
    ///
    /// Settings come from [`from_env`](crate::from_env), `from_toml` or code:
    ///
    /// ```
    /// use sessile::{SessionLayer, Settings};
    ///
    /// # async fn example() -> Result<(), sessile::ConnectError> {
    /// let settings = Settings::new()
    ///     .with("SESSION_TYPE", "memory")
    ///     .with("SESSION_IDLE_TIMEOUT", "30 minutes");
    /// let sessions = SessionLayer::connect(settings).await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError`]: a setting is wrong, the store is not in this build, or it cannot be opened.
    pub async fn connect(settings: Settings) -> Result<Self, ConnectError> {
        let (config, choice) = settings.into_config()?;
        // The configuration first: a store that is not used should not be made.
        let engine = Engine::new(config.clone())?;
        let store = connect_store(choice, &config).await?;
        Ok(Self::with_engine(engine, store)?)
    }
}

/// Opens the store that settings chose, in the layout of their profile.
///
/// Expired sessions are removed in the background where the settings say so.
///
/// # Errors
///
/// As for [`SessionLayer::connect`].
pub async fn connect_store(choice: StoreChoice, config: &Config) -> Result<AnyStore, ConnectError> {
    let store = open(choice, config).await?;
    Ok(sweeping::in_background(store, config))
}

async fn open(choice: StoreChoice, config: &Config) -> Result<AnyStore, ConnectError> {
    match choice {
        StoreChoice::Cookie => Ok(AnyStore::new(NoStore)),
        StoreChoice::Memory => Ok(AnyStore::new(MemoryStore::default())),
        StoreChoice::Sql { url, table, schema } => sql::open(&url, table, schema, config).await,
        StoreChoice::File { .. } => file::open(choice, config).await,
        StoreChoice::Redis { url, replicas, near } => {
            redis::open(&url, replicas, near, config).await
        }
        StoreChoice::MongoDb { url, database, collection } => {
            mongodb::open(&url, database, collection, config).await
        }
        StoreChoice::Memcached { url, client } => memcached::open(&url, client, config).await,
        StoreChoice::Cached { front, back, key_prefix } => {
            let back = Box::pin(open(*back, config)).await?;
            cached::open(*front, back, key_prefix, config).await
        }
        StoreChoice::Moving { new, old } => {
            let new = Box::pin(open(*new, config)).await?;
            moving::open(new, Box::pin(open(*old, config)).await?, config)
        }
        _ => Err(ConnectError::NoDriver { scheme: String::new() }),
    }
}
