//! Memcached before SQLite under the suite, as it runs and when it cannot be reached.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::{Duration, UNIX_EPOCH};

use sessile_conformance::{Capabilities, Open, http_tests, store_tests};
use sessile_connect::{Cached, CachedOptions};
use sessile_core::Timestamp;
use sessile_memcached::{MemcachedStore, Options};
use sessile_sql::SqlStore;
use support::{Servers, url};
use tempfile::TempDir;

fn before_sqlite(front: String, lease: Duration) -> impl Open {
    let folder = TempDir::new().unwrap();
    move || {
        let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
        let front = MemcachedStore::at(&front, Options::default()).unwrap();
        let clock = || Timestamp::from_secs(0) + UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut options = CachedOptions::new(clock, |it| Box::pin(tokio::time::sleep(it)));
        (options.lease, options.skew) = (lease, lease / 5);
        async move {
            let back = SqlStore::connect(&url, sessile_sql::Options::default()).await.unwrap();
            Ok(Cached::new(front, back, options))
        }
    }
}

fn cached() -> impl Open {
    before_sqlite(url(Servers::All), Duration::from_secs(5))
}

store_tests!(cached(), Capabilities::all());

mod over_http {
    use super::*;

    http_tests!(cached(), Capabilities::all());
}

/// Nothing listens there: everything works, and a logout takes a lease longer.
mod unreachable {
    use super::*;

    store_tests!(
        before_sqlite("memcached://127.0.0.1:1".to_owned(), Duration::from_millis(5)),
        Capabilities::all()
    );
}
