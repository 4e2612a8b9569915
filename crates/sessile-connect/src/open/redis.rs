//! Redis and Valkey.

use std::time::Duration;

use crate::StoreUrl;
use sessile_core::{AnyStore, Config};

use super::Purpose;
use crate::ConnectError;

#[cfg(feature = "redis")]
fn options(
    replicas: Option<u32>,
    near: Option<Duration>,
    config: &Config,
) -> sessile_redis::Options {
    use sessile_core::store::Layout;
    use sessile_redis::{Durable, NearCache, Options};

    /// Waiting for replicas must leave the store's own bound its due.
    const REPLICAS: Duration = Duration::from_secs(1);
    let layout = Layout::of(config.profile);
    Options {
        layout,
        prefix: layout.is_foreign().then(|| config.key_prefix.clone()),
        durable: replicas.map(|replicas| Durable { replicas, timeout: REPLICAS }),
        near_cache: near.map(|lease| NearCache { lease, ..NearCache::default() }),
        ..Options::default()
    }
}

#[cfg(feature = "redis")]
pub(super) async fn open(
    url: &StoreUrl,
    replicas: Option<u32>,
    near: Option<Duration>,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
    let mut options = options(replicas, near, config);
    options.read_only = purpose == Purpose::Look;
    let store = sessile_redis::RedisStore::connect(url.expose(), options).await;
    store.map(AnyStore::new).map_err(ConnectError::store)
}

/// Reached when it is first needed.
#[cfg(feature = "redis")]
pub(super) fn at(url: &StoreUrl, config: &Config) -> Result<AnyStore, ConnectError> {
    let store = sessile_redis::RedisStore::at(url.expose(), options(None, None, config));
    store.map(AnyStore::new).map_err(ConnectError::store)
}

#[cfg(not(feature = "redis"))]
pub(super) async fn open(
    _: &StoreUrl,
    _: Option<u32>,
    _: Option<Duration>,
    _: &Config,
    _: Purpose,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "redis", feature: "redis" })
}
