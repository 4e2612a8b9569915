//! Redis and Valkey.

use sessile_core::{AnyStore, Config, StoreUrl};

use super::ConnectError;

#[cfg(feature = "redis")]
pub(super) async fn open(
    url: &StoreUrl,
    replicas: Option<u32>,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    use std::time::Duration;

    use sessile_core::store::Layout;
    use sessile_redis::{Durable, Options, RedisStore};

    /// Waiting for replicas must leave the store's own bound its due.
    const REPLICAS: Duration = Duration::from_secs(1);
    let layout = Layout::of(config.profile);
    let options = Options {
        layout,
        prefix: layout.is_foreign().then(|| config.key_prefix.clone()),
        durable: replicas.map(|replicas| Durable { replicas, timeout: REPLICAS }),
        ..Options::default()
    };
    match RedisStore::connect(url.expose(), options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "redis"))]
pub(super) async fn open(
    _: &StoreUrl,
    _: Option<u32>,
    _: &Config,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "redis", feature: "redis" })
}
