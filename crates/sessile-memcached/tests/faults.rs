//! Servers of our own that are killed, frozen, filled and cut off.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, and what they found")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use sessile_conformance::faults::{create, is_live, key, record};
use sessile_conformance::outages::polled;
use sessile_core::store::{CreateOutcome, Entry, Layout, Record, Version, WriteOutcome};
use sessile_core::{SessionStore, StoreErrorKind, StoreKey};
use sessile_memcached::{MemcachedStore, Options};
use sessile_testbed::memcached::{self, Memcached, MemcachedOptions};
use sessile_testbed::proxy::{Faults, Proxy};

fn start(count: usize) -> Vec<Memcached> {
    Memcached::several(count, &MemcachedOptions::default()).unwrap()
}

async fn open(servers: &[Memcached]) -> MemcachedStore {
    MemcachedStore::connect(&memcached::url(servers), Options::default()).await.unwrap()
}

fn holding(payload: String) -> Record {
    Record { payload: payload.into(), ..record(0) }
}

/// redis-py CVE-2023-28858: a reply that nobody waits for reaches somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_hundred_thousand_cancelled_calls_leak_no_reply() {
    const VISITORS: u32 = 64;
    let servers = start(3);
    let store = open(&servers).await;
    for visitor in 0..VISITORS {
        store.create(&key(visitor), &holding(format!("visitor {visitor} "))).await.unwrap();
    }
    let before = Instant::now();
    let mut tasks = Vec::new();
    for task in 0..8_u32 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let (mut cancelled, mut step) = (0_u32, task);
            while cancelled < 12_500 {
                step = step.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (victim, other) = (step >> 8 & 63, step >> 14 & 63);
                let polls = 1 + (step >> 20 & 1) as usize;
                let ended = match step >> 22 & 3 {
                    0 => polled(store.touch(&key(victim), record(0).created.unwrap(), None), polls)
                        .await
                        .is_some(),
                    1 => {
                        // Never the expected version: nothing is changed.
                        let (late, never) = (record(9), Version::Bytes(vec![0; 16].into()));
                        polled(store.update(&key(victim), &late, &never), polls).await.is_some()
                    }
                    _ => polled(store.load(&key(victim)), polls).await.is_some(),
                };
                cancelled += u32::from(!ended);
                let found = store.load(&key(other)).await.unwrap();
                let Some(Entry::Live(found, _)) = found else { panic!("{other} is gone") };
                let whose = String::from_utf8_lossy(&found.payload).into_owned();
                assert_eq!(whose, format!("visitor {other} "), "somebody else's session");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    println!("100000 calls cancelled in {:?}; no reply reached another call", before.elapsed());
}

/// The server counts its writes from 1 again; no version of before matches.
#[tokio::test]
async fn f11_a_restart_loses_sessions_and_revives_or_mixes_none() {
    for layout in [Layout::Native, Layout::FlaskSession] {
        let mut servers = start(1);
        let options = Options { layout, ..Options::default() };
        let store = MemcachedStore::connect(&memcached::url(&servers), options).await.unwrap();
        let mut old = Vec::new();
        for number in 0..20 {
            old.push(create(&store, number).await.unwrap());
        }
        servers[0].kill();
        let error = store.load(&key(0)).await.expect_err("the server is gone");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        let down = Instant::now();
        servers[0].run().unwrap();
        while store.load(&key(0)).await.is_err() {
            assert!(down.elapsed() < Duration::from_secs(10), "no recovery");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("{layout:?}: served again {:?} after the start of the server", down.elapsed());
        for number in 0..20 {
            assert!(!is_live(&store, number).await.unwrap(), "loss is anonymous");
        }
        for (number, version) in (0..).zip(&old) {
            create(&store, number).await.unwrap();
            let late = store.update(&key(number), &record(5), version).await.unwrap();
            assert_eq!(late, WriteOutcome::Conflict, "a version of the server's life before");
        }
    }
}

/// `-m 1`: what does not fit pushes out something older, whole.
#[tokio::test]
async fn f11_a_full_server_forgets_whole_sessions() {
    const TOTAL: u32 = 30_000;
    // Half of its memory is the most it allows for one item.
    let options =
        MemcachedOptions { memory: Some(1), largest_item: Some(256 << 10), ..Default::default() };
    let servers = Memcached::several(1, &options).unwrap();
    let store = open(&servers).await;
    let (mut acknowledged, mut refused) = (0, 0);
    for number in 0..TOTAL {
        match create(&store, number).await {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
                refused += 1;
            }
        }
        let last = is_live(&store, number).await.unwrap();
        assert!(last || refused > 0, "the newest session was forgotten at once");
    }
    let mut kept = 0;
    for number in 0..TOTAL {
        kept += u32::from(is_live(&store, number).await.unwrap());
    }
    println!("{acknowledged} stored, {refused} refused, {kept} still there, all of them whole");
    assert!(kept < TOTAL && kept > 0);
}

/// The server would delete what is there before it refuses.
#[tokio::test]
async fn f11_an_item_too_large_is_a_typed_error_and_the_old_one_stays() {
    let options = MemcachedOptions { largest_item: Some(64 << 10), ..Default::default() };
    let servers = Memcached::several(1, &options).unwrap();
    let store = open(&servers).await;
    let version = create(&store, 1).await.unwrap();
    for size in [(64 << 10) - 500, 64 << 10, 1 << 20, 3 << 20] {
        let error = store.update(&key(1), &record(size), &version).await.expect_err("too large");
        assert_eq!(error.kind(), StoreErrorKind::TooLarge, "{size}: {error}");
        let error = store.create(&key(2), &record(size)).await.expect_err("too large");
        assert_eq!(error.kind(), StoreErrorKind::TooLarge, "{size}: {error}");
        assert!(is_live(&store, 1).await.unwrap(), "{size}");
    }
    let just = (64 << 10) - 1024;
    let CreateOutcome::Created(_) = store.create(&key(3), &record(just)).await.unwrap() else {
        panic!("taken")
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_frozen_server_costs_the_time_allowed_and_no_more() {
    let servers = start(1);
    let options = Options { timeout: Duration::from_millis(200), ..Options::default() };
    let store = MemcachedStore::connect(&memcached::url(&servers), options).await.unwrap();
    for number in 0..50 {
        create(&store, number).await.unwrap();
    }
    servers[0].freeze();
    let frozen = Instant::now();
    let store = Arc::new(store);
    let mut calls = Vec::new();
    for number in 0..50 {
        let store = Arc::clone(&store);
        calls.push(tokio::spawn(async move { store.load(&key(number)).await.map(|_| ()) }));
    }
    for call in calls {
        let error = call.await.unwrap().expect_err("the server stands still");
        let kinds = [StoreErrorKind::Timeout, StoreErrorKind::Unavailable];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
    println!("50 calls to a frozen server were refused within {:?}", frozen.elapsed());
    assert!(frozen.elapsed() < Duration::from_secs(2));
    servers[0].thaw();
    let thawed = Instant::now();
    while store.load(&key(0)).await.is_err() {
        assert!(thawed.elapsed() < Duration::from_secs(10), "no recovery");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("served again {:?} after the thaw", thawed.elapsed());
    for number in 0..50 {
        assert!(is_live(&*store, number).await.unwrap(), "session {number}");
    }
}

#[tokio::test]
async fn f04_replies_in_pieces_are_read_and_broken_ones_cost_their_connection() {
    let servers = start(1);
    let proxy = Proxy::start(servers[0].address()).unwrap();
    let url = proxy.instead_of(&memcached::url(&servers));
    let store = MemcachedStore::connect(&url, Options::default()).await.unwrap();
    create(&store, 1).await.unwrap();
    proxy.set(Faults { slice: 1, ..Faults::default() });
    assert!(is_live(&store, 1).await.unwrap());
    for length in [1, 7, 20, 500, 3000] {
        proxy.set(Faults { truncate_replies: Some(length), ..Faults::default() });
        let error = store.load(&key(1)).await.expect_err("the reply is cut off");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{length}: {error}");
        proxy.set(Faults::default());
        assert!(is_live(&store, 1).await.unwrap(), "after a reply of {length} bytes");
    }
}

/// A write whose reply is lost is an error, and what it did is whole.
#[tokio::test]
async fn f05_a_lost_reply_makes_no_second_session_and_loses_none() {
    let servers = start(1);
    let proxy = Proxy::start(servers[0].address()).unwrap();
    let url = proxy.instead_of(&memcached::url(&servers));
    let store = MemcachedStore::connect(&url, Options::default()).await.unwrap();
    let lost = || Faults { lose_replies: true, ..Faults::default() };
    let only = |text: &str| Faults { only: Some(text.as_bytes().to_vec()), ..lost() };

    // A created one is there once; nobody was told of it.
    proxy.set(only("ms "));
    assert!(create(&store, 1).await.is_err());
    proxy.set(Faults::default());
    assert!(is_live(&store, 1).await.unwrap());
    assert_eq!(store.create(&key(1), &record(1)).await.unwrap(), CreateOutcome::Exists);

    // A rotation whose pointer was acknowledged to nobody has happened all the same.
    let Some(Entry::Live(_, version)) = store.load(&key(1)).await.unwrap() else { panic!() };
    let (old, new) = (key(1).to_name(), key(2));
    proxy.set(only(&format!("ms sessile:{old}")));
    let moved = store.replace(&key(1), &version, &new, &record(3000), None).await;
    proxy.set(Faults::default());
    assert!(matches!(moved, Ok(WriteOutcome::Written(_))), "{moved:?}");
    assert!(is_live(&store, 2).await.unwrap());
    assert_eq!(store.load(&key(1)).await.unwrap(), None);

    // A logout is done again, as it may be.
    proxy.set(only("md "));
    assert!(store.delete(&key(2)).await.is_err());
    proxy.set(Faults::default());
    store.delete(&key(2)).await.unwrap();
    assert!(!is_live(&store, 2).await.unwrap());
}

/// Another server never stands in for one that is down.
#[tokio::test]
async fn a_dead_server_fails_its_own_sessions_fast_and_no_others() {
    let mut servers = start(3);
    let options = Options { retry_after: Duration::from_secs(60), ..Options::default() };
    let store = MemcachedStore::connect(&memcached::url(&servers), options).await.unwrap();
    for number in 0..90 {
        create(&store, number).await.unwrap();
    }
    servers[1].kill();
    let killed = Instant::now();
    let mut failed = Vec::new();
    for number in 0..90 {
        match store.load(&key(number)).await {
            Ok(found) => assert!(found.is_some(), "{number} is taken for missing"),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                failed.push(number);
            }
        }
    }
    println!("{} of 90 sessions were on it; all asked in {:?}", failed.len(), killed.elapsed());
    assert!((10..60).contains(&failed.len()), "{failed:?}");
    assert!(killed.elapsed() < Duration::from_secs(1));
    // A server that comes back is asked again when it has rested, and never before.
    let rested: &StoreKey = &key(failed[0]);
    servers[1].run().unwrap();
    assert!(store.load(rested).await.is_err());
    let eager = open(&servers).await;
    assert_eq!(eager.load(rested).await.unwrap(), None);
}
