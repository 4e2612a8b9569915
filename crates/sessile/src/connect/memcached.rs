//! Memcached.

use sessile_core::{AnyStore, Config, MemcachedClient, StoreUrl};

use super::ConnectError;

#[cfg(feature = "memcached")]
pub(super) async fn open(
    url: &StoreUrl,
    client: MemcachedClient,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    use sessile_core::store::Layout;
    use sessile_memcached::{MemcachedStore, Options, ServerChoice};

    let choice = match client {
        MemcachedClient::Pylibmc => ServerChoice::Pylibmc,
        MemcachedClient::PylibmcKetama => ServerChoice::PylibmcKetama,
        MemcachedClient::PythonMemcached => ServerChoice::PythonMemcached,
        _ => ServerChoice::Pymemcache,
    };
    let layout = Layout::of(config.profile);
    let options = Options { layout, choice: Some(choice), ..Options::default() };
    match MemcachedStore::connect(url.expose(), options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(feature = "memcached"))]
pub(super) async fn open(
    _: &StoreUrl,
    _: MemcachedClient,
    _: &Config,
) -> Result<AnyStore, ConnectError> {
    Err(ConnectError::NoFeature { store: "memcached", feature: "memcached" })
}
