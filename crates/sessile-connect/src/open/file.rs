//! Directories of files.

use crate::StoreChoice;
use sessile_core::{AnyStore, Config};

use super::Purpose;
use crate::ConnectError;

#[cfg(feature = "file")]
pub(super) async fn open(
    choice: StoreChoice,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
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
        create: purpose == Purpose::Serve,
        read_only: purpose == Purpose::Look,
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
        Err(error) => Err(ConnectError::store(error)),
    }
}

#[cfg(not(feature = "file"))]
pub(super) async fn open(_: StoreChoice, _: &Config, _: Purpose) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "filesystem", feature: "file" })
}
