//! Directories of files.

use crate::StoreChoice;
use sessile_core::{AnyStore, Config};

use crate::ConnectError;

#[cfg(feature = "file")]
pub(super) async fn open(choice: StoreChoice, config: &Config) -> Result<AnyStore, ConnectError> {
    use sessile_core::Profile;
    use sessile_core::store::Layout;
    use sessile_file::{CachelibNames, FileStore, Options};

    let StoreChoice::File { dir, mode, threshold, old_names } = choice else {
        return Err(ConnectError::NoDriver { scheme: "file".to_owned() });
    };
    if config.profile == Profile::Native && mode != 0o600 {
        return Err(ConnectError::FileMode);
    }
    let defaults = Options::default();
    let options = Options {
        layout: Layout::of(config.profile),
        mode,
        // There 0 means any number.
        threshold: threshold.unwrap_or(0),
        names: if old_names { CachelibNames::Md5 } else { CachelibNames::Sha256 },
        cookie_name: config.cookie.name.clone(),
        cookie_age: config.permanent_lifetime.absolute.unwrap_or(defaults.cookie_age),
        ..defaults
    };
    match FileStore::open(dir, options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "file"))]
pub(super) async fn open(_: StoreChoice, _: &Config) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "filesystem", feature: "file" })
}
