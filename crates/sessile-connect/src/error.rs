//! Why there is no layer.

use std::error::Error;
use std::fmt;

use crate::SettingsError;
use sessile_core::ConfigError;

/// Why there is no layer. Secret values are never in here.
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
    /// A file of settings is no TOML.
    InFile {
        /// Which.
        path: std::path::PathBuf,
        /// Where, and what is wrong.
        source: SettingsError,
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
    /// The file store's files are their owner's alone.
    FileMode,
    /// The database is there and the session table is not, which was not to be made.
    NoTable {
        /// Which, as in [`Store`](Self::Store).
        at: String,
    },
    /// The store cannot be opened.
    Store {
        /// Which: its address or folder, without what may be secret. Empty if nobody said.
        at: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ConnectError {
    pub(crate) fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Store { at: String::new(), source: Box::new(error) }
    }

    /// The same, of the store at that place. Of a store made of others the one that failed is
    /// told, not all of them.
    pub(crate) fn at(self, place: String) -> Self {
        match self {
            Self::Store { at, source } if at.is_empty() => Self::Store { at: place, source },
            Self::NoTable { at } if at.is_empty() => Self::NoTable { at: place },
            other => other,
        }
    }
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
            Self::InFile { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NoFeature { store, feature } => write!(
                f,
                "the store {store} is not in this build: enable the feature {feature:?} of \
                 sessile"
            ),
            Self::NoDriver { scheme } => write!(
                f,
                "SESSION_URL begins with {scheme}: and this release has no store for it; open \
                 one in code and give it to SessionLayer::new"
            ),
            Self::FileMode => f.write_str(
                "SESSION_FILE_MODE: this store's files are for their owner alone; remove the \
                 setting, or set 0600",
            ),
            // It says what kind of store, and what of it.
            Self::NoTable { at } => write!(
                f,
                "{at}: it has no session table; the application makes it at its first start"
            ),
            Self::Store { at, source } if at.is_empty() => source.fmt(f),
            Self::Store { at, source } => write!(f, "{at}: {source}"),
        }
    }
}

sessile_formats::debug_reads_like_display!(ConnectError);

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::Settings(error) => std::error::Error::source(error),
            Self::Config(error) => std::error::Error::source(error),
            Self::File { source, .. } => std::error::Error::source(source),
            Self::InFile { source, .. } => std::error::Error::source(source),
            Self::Store { source, .. } => std::error::Error::source(&**source),
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
