//! The near cache when connections and servers are lost.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use sessile_conformance::faults::{PAYLOAD, create, is_live, key, record};
use sessile_core::{SessionStore as _, StoreErrorKind};
use sessile_redis::{NearCache, Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisOptions};
use support::near;
use tokio::time::Instant;

/// A store with sessions 0, 1 and 2, of which it holds 1 and 2.
async fn holding(redis: &Redis, options: Options) -> RedisStore {
    let store = RedisStore::connect(&redis.url(), options).await.unwrap();
    for number in 0..3 {
        create(&store, number).await.unwrap();
    }
    for number in [1, 2, 1, 2] {
        assert!(is_live(&store, number).await.unwrap());
    }
    let used = store.near_cache().unwrap();
    assert_eq!((used.hits, used.sessions), (2, 2));
    assert!(used.bytes > 2 * PAYLOAD);
    store
}

/// Until it holds nothing more, which is told to it.
async fn emptied(store: &RedisStore) {
    let patience = Instant::now() + Duration::from_secs(30);
    while store.near_cache().unwrap().sessions > 0 {
        assert!(Instant::now() < patience, "it was told nothing");
        tokio::task::yield_now().await;
    }
}

/// Until a session can be loaded again, and is held again.
async fn recovered(store: &RedisStore, number: u32) -> bool {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        match is_live(store, number).await {
            Ok(live) if !live || store.near_cache().unwrap().sessions > 0 => return live,
            _ => assert!(Instant::now() < patience, "it does not recover"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv02_a_held_session_is_read_without_a_round_trip() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let store = holding(&redis, near()).await;
    let mut counter = redis.connect().unwrap();
    let before = counter.info("total_commands_processed").unwrap();
    for _ in 0..1000 {
        assert!(is_live(&store, 1).await.unwrap());
    }
    let after = counter.info("total_commands_processed").unwrap();
    assert_eq!(after - before, 1, "commands besides the question");
    assert!(is_live(&store, 0).await.unwrap());
    assert_eq!(counter.info("total_commands_processed").unwrap() - after, 2, "one not held");
    println!("near cache: 1000 reads of a held session cost the server 0 commands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_server_empties_it_and_it_fills_again() {
    let mut redis =
        Redis::start(RedisOptions { appendonly: true, ..RedisOptions::default() }).unwrap();
    let store = holding(&redis, near()).await;
    redis.kill();
    emptied(&store).await;
    assert_eq!(store.load(&key(1)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    redis.run().unwrap();
    // Somebody else is there first.
    let plain = RedisStore::connect(&redis.url(), Options::default()).await.unwrap();
    plain.delete(&key(1)).await.unwrap();
    assert!(!recovered(&store, 1).await, "what was held before counts again");
    assert!(recovered(&store, 2).await);
    let before = store.near_cache().unwrap().hits;
    assert!(is_live(&store, 2).await.unwrap());
    assert_eq!(store.near_cache().unwrap().hits, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f04_what_changes_while_its_connection_is_lost_is_not_missed() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let store = holding(&redis, near()).await;
    let plain = RedisStore::connect(&redis.url(), Options::default()).await.unwrap();
    redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
    emptied(&store).await;
    while plain.delete(&key(1)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!recovered(&store, 1).await);
    assert!(recovered(&store, 2).await);
    // The new connection is told, too.
    plain.delete(&key(2)).await.unwrap();
    emptied(&store).await;
    assert!(!is_live(&store, 2).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_server_that_stands_still_empties_it_when_that_is_noticed() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let timeout = Duration::from_secs(1);
    let store = holding(&redis, Options { timeout, ..near() }).await;
    redis.freeze();
    assert_eq!(store.load(&key(0)).await.unwrap_err().kind(), StoreErrorKind::Timeout);
    assert_eq!(store.near_cache().unwrap().sessions, 0);
    assert!(store.load(&key(1)).await.is_err(), "nobody knows what became of it");
    redis.thaw();
    assert!(recovered(&store, 1).await);
}

/// Nobody notices, for everything read is held: the lease does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_the_lease_ends_what_a_server_that_stands_still_cannot_take_back() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let (timeout, lease) = (Duration::from_secs(1), Duration::from_secs(2));
    let near_cache = Some(NearCache { lease, ..NearCache::default() });
    let options = Options { near_cache, timeout, ..Options::default() };
    let store = RedisStore::connect(&redis.url(), options).await.unwrap();
    create(&store, 1).await.unwrap();
    assert!(is_live(&store, 1).await.unwrap());
    // It was asked for before this.
    let loaded = Instant::now();
    redis.freeze();
    let mut last = loaded;
    loop {
        let before = Instant::now();
        match is_live(&store, 1).await {
            Ok(live) => assert!(live),
            Err(_) => break,
        }
        last = before;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(last < loaded + lease, "believed beyond its lease");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_forgotten_when_the_server_drops_everything() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let store = holding(&redis, near()).await;
    redis.command(&["FLUSHALL"]).unwrap();
    emptied(&store).await;
    assert!(!is_live(&store, 1).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_held_where_the_server_refuses_to_keep_track() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let rules = ["on", ">secret", "~*", "+@all", "-client|tracking"];
    redis.command(&[&["ACL", "SETUSER", "app"][..], &rules].concat()).unwrap();
    let url = redis.url().replace("redis://", "redis://app:secret@");
    let store = RedisStore::connect(&url, near()).await.unwrap();
    create(&store, 1).await.unwrap();
    for _ in 0..3 {
        assert!(is_live(&store, 1).await.unwrap());
    }
    let used = store.near_cache().unwrap();
    assert_eq!((used.hits, used.misses, used.sessions), (0, 3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stays_within_its_bounds() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let limits = NearCache { sessions: 50, bytes: 200_000, ..NearCache::default() };
    let options = Options { near_cache: Some(limits), ..Options::default() };
    let store = RedisStore::connect(&redis.url(), options).await.unwrap();
    for number in 0..300 {
        store.create(&key(number), &record(1000 * (number as usize % 20))).await.unwrap();
        store.load(&key(number)).await.unwrap();
        let used = store.near_cache().unwrap();
        assert!(used.sessions <= 50 && used.bytes <= 200_000, "{used:?}");
    }
    assert!(store.near_cache().unwrap().sessions > 5);
}
