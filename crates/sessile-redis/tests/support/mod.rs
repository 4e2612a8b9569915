//! Stores on the test servers, and what they can do.
#![allow(dead_code, clippy::panic, reason = "each test file uses some; helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use sessile_conformance::{Capabilities, Keys, Open};
use sessile_core::StoreError;
use sessile_core::store::Layout;
use sessile_redis::{ConnectError, NearCache, Options, RedisStore};
use tokio::sync::OnceCell;

pub(crate) const REDIS: &str = "SESSILE_TEST_REDIS_URL";
pub(crate) const SENTINEL: &str = "SESSILE_TEST_REDIS_SENTINEL_URL";
pub(crate) const CLUSTER: &str = "SESSILE_TEST_REDIS_CLUSTER_URL";

/// What xtask told us about the servers it started.
pub(crate) fn url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask servers -- cargo test …`, or set it")
    })
}

pub(crate) async fn open(url: String, options: Options) -> Result<RedisStore, StoreError> {
    RedisStore::connect(&url, options).await.map_err(|error| match error {
        ConnectError::Store(error) => error,
        other => unreachable!("{other}"),
    })
}

fn opened(variable: &str, options: Options) -> impl Open<Store = RedisStore> + use<> {
    let url = url(variable);
    move || open(url.clone(), options.clone())
}

/// Redis forgets by itself, so there is nothing to sweep.
pub(crate) fn native(variable: &str) -> (impl Open<Store = RedisStore> + use<>, Capabilities) {
    let can = Capabilities { sweep: false, ..Capabilities::all() };
    (opened(variable, Options::default()), can)
}

/// What the original keeps: bytes and one end, in whole seconds. A moment comes
/// back as the time left, counted from when the answer arrived.
fn foreign(prefix: &'static str) -> Capabilities {
    Capabilities {
        sweep: false,
        directory: false,
        grace: false,
        metadata: false,
        two_deadlines: false,
        fresh_versions: false,
        precision: Duration::from_secs(2),
        keys: Keys::Text(prefix),
        ..Capabilities::all()
    }
}

pub(crate) fn flask_session(variable: &str) -> (impl Open + use<>, Capabilities) {
    let options = Options { layout: Layout::FlaskSession, ..Options::default() };
    (opened(variable, options), foreign("session:"))
}

pub(crate) fn django(variable: &str) -> (impl Open + use<>, Capabilities) {
    let options = Options { layout: Layout::Django, ..Options::default() };
    (opened(variable, options), foreign(":1:django.contrib.sessions.cache"))
}

/// A near cache that only what the server says makes forget.
pub(crate) fn near() -> Options {
    let near = NearCache { lease: Duration::from_secs(3600), ..NearCache::default() };
    Options { near_cache: Some(near), ..Options::default() }
}

/// Handles with one near cache, as clones of a store have.
pub(crate) fn near_shared(
    variable: &str,
    layout: Layout,
    can: Capabilities,
) -> (impl Open + use<>, Capabilities) {
    let (url, options) = (url(variable), Options { layout, ..near() });
    let cell = Arc::new(OnceCell::<RedisStore>::new());
    let opened = move || {
        let (url, options, cell) = (url.clone(), options.clone(), Arc::clone(&cell));
        async move { cell.get_or_try_init(|| open(url, options)).await.cloned() }
    };
    (opened, can)
}

/// Handles with a near cache each, as several processes have.
pub(crate) fn near_apart(
    variable: &str,
    layout: Layout,
    can: Capabilities,
) -> (impl Open + use<>, Capabilities) {
    let options = Options { layout, ..near() };
    (opened(variable, options), Capabilities { immediate: false, ..can })
}
