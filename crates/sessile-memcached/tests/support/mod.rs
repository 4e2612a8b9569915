//! Stores on the test servers, and what they can do.
#![allow(dead_code, clippy::panic, reason = "each test file uses some; helpers of tests")]

use std::time::Duration;

use sessile_conformance::{Capabilities, Keys, Open};
use sessile_core::store::Layout;
use sessile_memcached::{MemcachedStore, Options};

/// How many of the servers that were started.
#[derive(Clone, Copy)]
pub(crate) enum Servers {
    One,
    All,
}

/// What xtask told us about the servers it started.
pub(crate) fn url(servers: Servers) -> String {
    let url = std::env::var("SESSILE_TEST_MEMCACHED_URL").unwrap_or_else(|_| {
        panic!("SESSILE_TEST_MEMCACHED_URL is not set: run `cargo xtask servers -- cargo test …`")
    });
    match (servers, url.split_once(',')) {
        (Servers::One, Some((first, _))) => first.to_owned(),
        (Servers::All, None) => panic!("the URL names one server, three are needed"),
        (Servers::One, None) | (Servers::All, Some(_)) => url,
    }
}

pub(crate) fn opened(url: String, options: Options) -> impl Open {
    move || {
        let store = MemcachedStore::at(&url, options.clone());
        async move { Ok(store.unwrap_or_else(|error| panic!("{error}"))) }
    }
}

/// Memcached forgets by itself, so there is nothing to sweep. It has no index, so
/// there is no directory.
pub(crate) fn like_ours() -> Capabilities {
    Capabilities {
        sweep: false,
        directory: false,
        // Its bound for an item, 1 MiB unless told otherwise by -I, holds the key too.
        max_payload: 1_000_000,
        ..Capabilities::all()
    }
}

/// What the original keeps: bytes and one end, in whole seconds of a clock that
/// the server reads once a second. Versions are the server's own, so unlike the
/// original's bytes they can tell an entry that was created anew.
fn foreign(prefix: &'static str) -> Capabilities {
    Capabilities {
        grace: false,
        metadata: false,
        two_deadlines: false,
        precision: Duration::from_secs(3),
        keys: Keys::Text(prefix),
        ..like_ours()
    }
}

pub(crate) fn native(servers: Servers) -> (impl Open, Capabilities) {
    (opened(url(servers), Options::default()), like_ours())
}

pub(crate) fn flask_session(servers: Servers) -> (impl Open, Capabilities) {
    let options = Options { layout: Layout::FlaskSession, ..Options::default() };
    (opened(url(servers), options), foreign("session:"))
}

pub(crate) fn django(servers: Servers) -> (impl Open, Capabilities) {
    let options = Options { layout: Layout::Django, ..Options::default() };
    (opened(url(servers), options), foreign(":1:django.contrib.sessions.cache"))
}
