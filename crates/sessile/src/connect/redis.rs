//! Redis and Valkey.

use sessile_core::{AnyStore, Config, StoreUrl};

use super::ConnectError;

#[cfg(feature = "redis")]
fn options(replicas: Option<u32>, config: &Config) -> sessile_redis::Options {
    use std::time::Duration;

    use sessile_core::store::Layout;
    use sessile_redis::{Durable, Options};

    /// Waiting for replicas must leave the store's own bound its due.
    const REPLICAS: Duration = Duration::from_secs(1);
    let layout = Layout::of(config.profile);
    Options {
        layout,
        prefix: layout.is_foreign().then(|| config.key_prefix.clone()),
        durable: replicas.map(|replicas| Durable { replicas, timeout: REPLICAS }),
        ..Options::default()
    }
}

#[cfg(feature = "redis")]
pub(super) async fn open(
    url: &StoreUrl,
    replicas: Option<u32>,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    let store = sessile_redis::RedisStore::connect(url.expose(), options(replicas, config)).await;
    store.map(AnyStore::new).map_err(|error| ConnectError::Store(Box::new(error)))
}

/// Reached when it is first needed.
#[cfg(feature = "redis")]
pub(super) fn at(url: &StoreUrl, config: &Config) -> Result<AnyStore, ConnectError> {
    let store = sessile_redis::RedisStore::at(url.expose(), options(None, config));
    store.map(AnyStore::new).map_err(|error| ConnectError::Store(Box::new(error)))
}

#[cfg(not(feature = "redis"))]
pub(super) async fn open(
    _: &StoreUrl,
    _: Option<u32>,
    _: &Config,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "redis", feature: "redis" })
}
