//! A cache in front of a durable store.

use crate::StoreChoice;
use crate::cached::{Cached, CachedOptions};
use crate::invalidated::InvalidatedCache;
use sessile_core::{AnyStore, Config, StoreError};

use super::Purpose;
use crate::ConnectError;
use crate::runtime::system_time;

/// What the keys of a cache of our own begin with.
#[cfg(any(feature = "redis", feature = "memcached"))]
const PREFIX: &str = "sessile:cache:";

pub(super) async fn open(
    front: StoreChoice,
    back: AnyStore,
    django: Option<String>,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
    if let Some(prefix) = django {
        let front = djangos(front, config, purpose).await?;
        return Ok(AnyStore::new(InvalidatedCache::new(front, back, prefix, warn)));
    }
    let mut options = CachedOptions::new(system_time, |it| Box::pin(tokio::time::sleep(it)));
    options.fill = purpose != Purpose::Look;
    let front = ours(front)?;
    Ok(AnyStore::new(Cached::new(front, back, options.report(warn))))
}

fn warn(error: &StoreError) {
    tracing::warn!(target: "sessile", %error, "the cache in front of the session store failed");
}

/// Django's cache. A server that is down now is only missed until it is up.
async fn djangos(
    front: StoreChoice,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
    match front {
        #[cfg(feature = "redis")]
        StoreChoice::Redis { url, .. } => super::redis::at(&url, config),
        #[cfg(feature = "memcached")]
        StoreChoice::Memcached { url, client, .. } => super::memcached::at(&url, client, config),
        other => Box::pin(super::open(other, config, purpose)).await,
    }
}

/// A cache of our own, down at the start or not.
fn ours(front: StoreChoice) -> Result<AnyStore, ConnectError> {
    match front {
        #[cfg(feature = "redis")]
        StoreChoice::Redis { url, .. } => {
            let prefix = Some(PREFIX.to_owned());
            let options = sessile_redis::Options { prefix, ..Default::default() };
            let front = sessile_redis::RedisStore::at(url.expose(), options);
            front.map(AnyStore::new).map_err(ConnectError::store)
        }
        #[cfg(feature = "memcached")]
        StoreChoice::Memcached { url, .. } => {
            let prefix = Some(PREFIX.to_owned());
            let options = sessile_memcached::Options { prefix, ..Default::default() };
            let front = sessile_memcached::MemcachedStore::at(url.expose(), options);
            front.map(AnyStore::new).map_err(ConnectError::store)
        }
        #[cfg(not(feature = "redis"))]
        StoreChoice::Redis { .. } => {
            Err(ConnectError::NoFeature { store: "redis", feature: "redis" })
        }
        #[cfg(not(feature = "memcached"))]
        StoreChoice::Memcached { .. } => {
            Err(ConnectError::NoFeature { store: "memcached", feature: "memcached" })
        }
        _ => Err(ConnectError::NoDriver { scheme: String::new() }),
    }
}
