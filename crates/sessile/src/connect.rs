//! From settings to a layer: reads the environment or a file, opens the store.

use std::error::Error;
use std::fmt;

use sessile_core::store::NoStore;
use sessile_core::{
    AnyStore, ConfigError, Engine, MemoryStore, Profile, Settings, SettingsError, StoreChoice,
};

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
/// [`ConnectError::File`] when it cannot be read, [`ConnectError::Settings`] when it is not TOML.
#[cfg(feature = "toml")]
pub fn from_toml(path: impl AsRef<std::path::Path>) -> Result<Settings, ConnectError> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConnectError::File { path: path.to_owned(), source })?;
    Ok(Settings::from_toml(&text)?)
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
        let profile = config.profile;
        // The configuration first: a store that is not used should not be made.
        let engine = Engine::new(config)?;
        let store = connect_store(choice, profile).await?;
        Ok(Self::with_engine(engine, store)?)
    }
}

/// Opens the store that settings chose.
///
/// # Errors
///
/// As for [`SessionLayer::connect`].
pub async fn connect_store(
    choice: StoreChoice,
    profile: Profile,
) -> Result<AnyStore, ConnectError> {
    match choice {
        StoreChoice::Cookie => Ok(AnyStore::new(NoStore)),
        StoreChoice::Memory => Ok(AnyStore::new(MemoryStore::default())),
        StoreChoice::Sqlite { url, table } => {
            ours_only(profile, "sqlite")?;
            sqlite(&url, table).await
        }
        StoreChoice::File { dir, mode } => {
            ours_only(profile, "filesystem")?;
            file(dir, mode).await
        }
        StoreChoice::Url { url, .. } => {
            // Never the whole address: it may hold a password.
            let scheme = url.split(':').next().unwrap_or_default().to_owned();
            Err(ConnectError::NoDriver { scheme })
        }
        _ => Err(ConnectError::NoDriver { scheme: String::new() }),
    }
}

/// These stores have sessile's layout. A foreign profile promises that the
/// original finds its sessions, which would not hold.
fn ours_only(profile: Profile, store: &'static str) -> Result<(), ConnectError> {
    match profile {
        Profile::Native => Ok(()),
        _ => Err(ConnectError::Layout { profile, store }),
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str, table: String) -> Result<AnyStore, ConnectError> {
    let options = sessile_sql::Options { table, ..Default::default() };
    match sessile_sql::SqlStore::connect(url, options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_url: &str, _table: String) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "sqlite", feature: "sqlite" })
}

#[cfg(feature = "file")]
async fn file(dir: std::path::PathBuf, mode: u32) -> Result<AnyStore, ConnectError> {
    if mode != 0o600 {
        return Err(ConnectError::FileMode);
    }
    match sessile_file::FileStore::open(dir, sessile_file::Options::default()).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "file"))]
async fn file(_dir: std::path::PathBuf, _mode: u32) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "filesystem", feature: "file" })
}

/// Why there is no layer. Secret values are never in here.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting is wrong.
    Settings(SettingsError),
    /// Settings do not go together.
    Config(ConfigError),
    /// A variable of the environment is no text.
    NotUnicode {
        /// Its name.
        variable: String,
    },
    /// A file of settings cannot be read.
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store is left out of this build.
    NoFeature {
        /// The `SESSION_TYPE`.
        store: &'static str,
        /// The feature of `sessile` that brings it.
        feature: &'static str,
    },
    /// This release opens no store with such an address.
    NoDriver {
        /// How the address begins.
        scheme: String,
    },
    /// The store has sessile's own layout, which the profile's original cannot read.
    Layout {
        /// The profile.
        profile: Profile,
        /// The `SESSION_TYPE`.
        store: &'static str,
    },
    /// The file store's files are their owner's alone.
    FileMode,
    /// The store cannot be opened.
    Store(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::NotUnicode { variable } => {
                write!(f, "the environment's {variable} is not text; write it in UTF-8")
            }
            Self::File { path, source } => {
                write!(f, "settings cannot be read from {}: {source}", path.display())
            }
            Self::NoFeature { store, feature } => write!(
                f,
                "SESSION_TYPE={store} is not in this build: enable the feature {feature:?} of \
                 sessile"
            ),
            Self::NoDriver { scheme } => write!(
                f,
                "SESSION_URL begins with {scheme}: and this release has no store for it; open \
                 one in code and give it to SessionLayer::new, or use sqlite or filesystem"
            ),
            Self::Layout { profile, store } => write!(
                f,
                "SESSION_TYPE={store} keeps sessions in sessile's own layout, which the original \
                 of profile {profile:?} cannot read; use SESSION_PROFILE=native, or give \
                 SessionLayer::new a store with that layout"
            ),
            Self::FileMode => f.write_str(
                "SESSION_FILE_MODE: this store's files are for their owner alone; remove the \
                 setting, or set 0600",
            ),
            Self::Store(error) => write!(f, "the session store cannot be opened: {error}"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::File { source, .. } => Some(source),
            Self::Store(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<SettingsError> for ConnectError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<ConfigError> for ConnectError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
