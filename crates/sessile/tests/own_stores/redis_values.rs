//! The store of docs/guides/a-store-of-your-own.md.

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, RedisResult};
use sessile::StoreError;
use sessile::store::key_value::{KeyValue, KeyValueStore, Put, Stamp};
use sessile_conformance::{Capabilities, Open};

include!("redis_values/store.rs");

async fn connected(url: String, prefix: String) -> Result<KeyValueStore<Values>, StoreError> {
    let client = redis::Client::open(url).map_err(Values::failed)?;
    let redis = client.get_multiplexed_async_connection().await.map_err(Values::failed)?;
    Ok(KeyValueStore::new(Values { redis, prefix }))
}

/// On the server that xtask has started. It forgets by itself, so there is nothing to sweep, and the
/// sample lists nothing.
pub(crate) fn opened() -> (impl Open, Capabilities) {
    let variable = "SESSILE_TEST_REDIS_URL";
    let url = std::env::var(variable)
        .unwrap_or_else(|_| unreachable!("{variable} is not set: use `cargo xtask servers`"));
    let can = Capabilities { sweep: false, directory: false, scan: false, ..Capabilities::all() };
    (move || connected(url.clone(), "sample:".into()), can)
}
