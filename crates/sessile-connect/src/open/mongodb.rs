//! MongoDB.

use crate::StoreUrl;
use sessile_core::{AnyStore, Config};

use super::Purpose;
use crate::ConnectError;

#[cfg(feature = "mongodb")]
pub(super) async fn open(
    url: &StoreUrl,
    database: String,
    collection: String,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
    use sessile_core::store::Layout;
    use sessile_mongodb::{MongoStore, Options};

    let options = Options {
        layout: Layout::of(config.profile),
        database: Some(database),
        collection,
        create_indexes: purpose == Purpose::Serve,
        ..Options::default()
    };
    match MongoStore::connect(url.expose(), options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::store(error)),
    }
}

#[cfg(not(feature = "mongodb"))]
pub(super) async fn open(
    _: &StoreUrl,
    _: String,
    _: String,
    _: &Config,
    _: Purpose,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "mongodb", feature: "mongodb" })
}
