//! Memcached.

use crate::{MemcachedClient, StoreUrl};
use sessile_core::{AnyStore, Config};

use crate::ConnectError;

#[cfg(feature = "memcached")]
fn options(client: MemcachedClient, config: &Config) -> sessile_memcached::Options {
    use sessile_core::store::Layout;
    use sessile_memcached::{Options, ServerChoice};

    let choice = match client {
        MemcachedClient::Pylibmc => ServerChoice::Pylibmc,
        MemcachedClient::PylibmcKetama => ServerChoice::PylibmcKetama,
        MemcachedClient::PythonMemcached => ServerChoice::PythonMemcached,
        _ => ServerChoice::Pymemcache,
    };
    let layout = Layout::of(config.profile);
    let prefix = layout.is_foreign().then(|| config.key_prefix.clone());
    Options { layout, prefix, choice: Some(choice), ..Options::default() }
}

#[cfg(feature = "memcached")]
pub(super) async fn open(
    url: &StoreUrl,
    client: MemcachedClient,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    let options = options(client, config);
    let store = sessile_memcached::MemcachedStore::connect(url.expose(), options).await;
    store.map(AnyStore::new).map_err(ConnectError::store)
}

/// Reached when it is first needed.
#[cfg(feature = "memcached")]
pub(super) fn at(
    url: &StoreUrl,
    client: MemcachedClient,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    let store = sessile_memcached::MemcachedStore::at(url.expose(), options(client, config));
    store.map(AnyStore::new).map_err(ConnectError::store)
}

#[cfg(not(feature = "memcached"))]
pub(super) async fn open(
    _: &StoreUrl,
    _: MemcachedClient,
    _: &Config,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "memcached", feature: "memcached" })
}
