//! A cache in memory before SQLite under the suite.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, UNIX_EPOCH};

use sessile_conformance::http::defects::{DEFECTS, Found, Stored};
use sessile_conformance::{Capabilities, Open, block_on, http_tests, store_tests};
use sessile_connect::{Cached, CachedOptions};
use sessile_core::store::Entry;
use sessile_core::{MemoryStore, SessionStore as _, StoreKey, Timestamp};
use sessile_sql::{Options, SqlStore};
use tempfile::TempDir;

fn options() -> CachedOptions {
    let clock = || Timestamp::from_secs(0) + UNIX_EPOCH.elapsed().unwrap_or_default();
    CachedOptions::new(clock, |time: Duration| Box::pin(tokio::time::sleep(time)))
}

/// Every handle is what another process would have: the cache and the database
/// are shared, and nothing else.
fn cached() -> impl Open {
    let (folder, front) = (TempDir::new().unwrap(), MemoryStore::new());
    move || {
        let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
        let front = front.clone();
        async move {
            let back = SqlStore::connect(&url, Options::default()).await.unwrap();
            Ok(Cached::new(front, back, options()))
        }
    }
}

store_tests!(cached(), Capabilities::all());

mod over_http {
    use super::*;

    http_tests!(cached(), Capabilities::all());

    #[test]
    fn peers_defects_are_absent() {
        for (name, script) in DEFECTS {
            let found = block_on(script(&Stored(cached()))).unwrap().unwrap();
            assert_eq!(found, Found::Absent, "{name}");
        }
    }
}

/// Else the suite would be that of SQLite.
#[tokio::test]
async fn a_second_load_is_the_caches() {
    let (folder, front) = (TempDir::new().unwrap(), MemoryStore::new());
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let back = SqlStore::connect(&url, Options::default()).await.unwrap();
    let store = Cached::new(front.clone(), back, options());
    let (key, record) = (StoreKey::from_hash([1; 32]), sessile_conformance::faults::record(10));
    store.create(&key, &record).await.unwrap();
    assert!(front.is_empty(), "what is not read need not be cached");
    let first = store.load(&key).await.unwrap();
    assert_eq!(front.len(), 1);
    store.back().delete(&key).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), first, "within the lease");
    let Some(Entry::Live(_, version)) = first else { panic!() };
    // A stale one meets the truth when it is written, and from then on when it is read.
    store.update(&key, &record, &version).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), None);
}
