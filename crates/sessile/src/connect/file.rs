//! Directories of files.

use std::path::PathBuf;

use sessile_core::{AnyStore, Config};

use super::ConnectError;

#[cfg(feature = "file")]
pub(super) async fn open(
    dir: PathBuf,
    mode: u32,
    _threshold: Option<usize>,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    super::ours_only(config, "filesystem")?;
    if mode != 0o600 {
        return Err(ConnectError::FileMode);
    }
    match sessile_file::FileStore::open(dir, sessile_file::Options::default()).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "file"))]
pub(super) async fn open(
    _dir: PathBuf,
    _mode: u32,
    _threshold: Option<usize>,
    _config: &Config,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "filesystem", feature: "file" })
}
