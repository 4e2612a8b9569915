//! SQL databases.

use sessile_core::{AnyStore, Config, StoreUrl};

use super::ConnectError;

#[cfg(feature = "sqlite")]
pub(super) async fn open(
    url: &StoreUrl,
    table: String,
    _schema: Option<String>,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    if url.scheme() != "sqlite" {
        return Err(super::no_driver(url));
    }
    super::ours_only(config, "sqlite")?;
    let options = sessile_sql::Options { table, ..Default::default() };
    match sessile_sql::SqlStore::connect(url.expose(), options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "sqlite"))]
pub(super) async fn open(
    _url: &StoreUrl,
    _table: String,
    _schema: Option<String>,
    _config: &Config,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "sqlite", feature: "sqlite" })
}
