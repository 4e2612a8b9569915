//! A database with a cache before it that another program reads.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sessile_conformance::block_on;
use sessile_conformance::faults::record;
use sessile_connect::InvalidatedCache;
use sessile_core::store::{Entry, NoStore, WriteOutcome};
use sessile_core::{DJANGO_CACHED_DB_PREFIX, MemoryStore, SessionStore, StoreKey};

/// What Django finds in its cache after each of our writes: nothing, so that it asks the database.
#[test]
fn what_we_write_is_read_anew_by_django() {
    let (cache, database) = (MemoryStore::new(), MemoryStore::new());
    let prefix = DJANGO_CACHED_DB_PREFIX;
    let store = InvalidatedCache::new(cache.clone(), database, prefix, |error| panic!("{error}"));
    let key = StoreKey::from_text("abcdefghijklmnopqrstuvwxyz012345");
    let (new, cached) = (
        StoreKey::from_text("x".repeat(32)),
        StoreKey::from_text(format!("{prefix}{}", key.to_text())),
    );
    block_on(async {
        store.create(&key, &record(10)).await.unwrap();
        let fill = async || {
            cache.create(&cached, &record(99)).await.unwrap();
            assert_eq!(cache.len(), 1);
        };
        fill().await;
        let Some(Entry::Live(found, version)) = store.load(&key).await.unwrap() else { panic!() };
        assert_eq!(found.payload.len(), 10, "the cache is not believed");
        let outcome = store.update(&key, &record(20), &version).await.unwrap();
        let WriteOutcome::Written(version) = outcome else { panic!() };
        assert!(cache.is_empty(), "after an update");
        fill().await;
        store.replace(&key, &version, &new, &record(20), None).await.unwrap();
        assert!(cache.is_empty(), "after a change of id");
        store.create(&key, &record(10)).await.unwrap();
        fill().await;
        store.delete(&key).await.unwrap();
        assert!(cache.is_empty(), "after a logout");
    })
    .unwrap();
}

#[test]
fn a_cache_that_cannot_be_reached_fails_no_call_and_is_reported() {
    let reported = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&reported);
    let store =
        InvalidatedCache::new(NoStore, MemoryStore::new(), DJANGO_CACHED_DB_PREFIX, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    let key = StoreKey::from_text("abcdefghijklmnopqrstuvwxyz012345");
    block_on(async {
        store.create(&key, &record(10)).await.unwrap();
        store.delete(&key).await.unwrap();
        assert_eq!(store.load(&key).await.unwrap(), None);
    })
    .unwrap();
    assert_eq!((store.front_failures(), reported.load(Ordering::Relaxed)), (1, 1));
}
