//! MongoDB.

use crate::StoreUrl;
use sessile_core::{AnyStore, Config};

use crate::ConnectError;

#[cfg(feature = "mongodb")]
pub(super) async fn open(
    url: &StoreUrl,
    database: String,
    collection: String,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    use sessile_core::store::Layout;
    use sessile_mongodb::{MongoStore, Options};

    let options = Options {
        layout: Layout::of(config.profile),
        database: Some(database),
        collection,
        ..Options::default()
    };
    match MongoStore::connect(url.expose(), options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "mongodb"))]
pub(super) async fn open(
    _: &StoreUrl,
    _: String,
    _: String,
    _: &Config,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "mongodb", feature: "mongodb" })
}
