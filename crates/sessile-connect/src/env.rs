//! Settings from the environment and from files.

use crate::{ConnectError, Settings};

/// The settings in the environment: `SESSION_TYPE`, `SECRET_KEY` and the others of
/// `docs/configuration.md`, bare or behind `SESSILE_`.
///
/// ```no_run
/// use sessile_connect::{connect, from_env};
///
/// # async fn example() -> Result<(), sessile_connect::ConnectError> {
/// let (engine, store) = connect(from_env()?).await?;
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
/// # fn main() -> Result<(), sessile_connect::ConnectError> {
/// // The environment wins over the file.
/// let settings = sessile_connect::from_toml("sessile.toml")?.overridden_by(sessile_connect::from_env()?);
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
