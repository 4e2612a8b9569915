//! Redis of our own: killed, frozen, slow, cut off, out of memory.
#![cfg(feature = "faults")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use sessile_conformance::faults::{create, fill, is_live, key, record};
use sessile_conformance::http::outage::{Still, outage};
use sessile_conformance::http::{Clock, Stage};
use sessile_conformance::outages::{frozen, killed, recovery};
use sessile_core::store::{CreateOutcome, Entry, Version, WriteOutcome};
use sessile_core::{AnyStore, SessionStore as _, StoreErrorKind};
use sessile_redis::{Options, RedisStore};
use sessile_testbed::proxy::{Faults, Proxy};
use sessile_testbed::redis::{Redis, RedisOptions};

const TIMEOUT: Duration = Duration::from_millis(500);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(2);

async fn connect(url: &str) -> RedisStore {
    let options = Options { timeout: TIMEOUT, connect_timeout: TIMEOUT, ..Options::default() };
    RedisStore::connect(url, options).await.unwrap()
}

fn durable() -> Redis {
    Redis::start(RedisOptions { appendonly: true, ..RedisOptions::default() }).unwrap()
}

fn behind_proxy() -> (Redis, Proxy, String) {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let proxy = Proxy::start(redis.address()).unwrap();
    let url = proxy.instead_of(&redis.url());
    (redis, proxy, url)
}

/// The length of a session's payload, by which the tests tell sessions and versions apart.
async fn length(store: &RedisStore, number: u32) -> Option<usize> {
    match store.load(&key(number)).await.unwrap() {
        Some(Entry::Live(record, _)) => Some(record.payload.len()),
        _ => None,
    }
}

async fn made(store: &RedisStore, number: u32, bytes: usize) -> Version {
    match store.create(&key(number), &record(bytes)).await.unwrap() {
        CreateOutcome::Created(version) => version,
        CreateOutcome::Exists => panic!("session {number} is there already"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_server_loses_nothing_acknowledged() {
    let redis = RefCell::new(durable());
    let url = redis.borrow().url();
    let store = connect(&url).await;
    let run = || redis.borrow_mut().run().unwrap();
    let found = killed(&store, || redis.borrow_mut().kill(), run).await.unwrap();
    println!("F01 {found}");
    assert_eq!(found.lost, 0);
    assert!(found.refused > 0, "nobody noticed");
    assert!(found.longest < TIMEOUT + SLACK, "{found}");
    assert!(found.recovered < Duration::from_secs(1) + SLACK, "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_visitors_of_a_killed_server_get_503_and_keep_their_sessions() {
    let redis = RefCell::new(durable());
    let url = redis.borrow().url();
    let store = connect(&url).await;
    let kill = || redis.borrow_mut().kill();
    let seen = store.clone();
    let run = || {
        redis.borrow_mut().run().unwrap();
        // It tries again after a pause; visitors in it are told 503 still.
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| runtime.block_on(recovery(&seen)).unwrap());
    };
    outage(store, Still::Nothing, kill, run).await.unwrap();
    println!("F01 through HTTP: every visitor 503, no cookie changed, all as before afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_frozen_server_holds_nobody_and_its_late_replies_reach_nobody() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let store = connect(&redis.url()).await;
    let lasting = Duration::from_secs(30);
    let found = frozen(&store, lasting, || redis.freeze(), || redis.thaw()).await.unwrap();
    println!("F02 {found}");
    assert!(found.longest < TIMEOUT + SLACK, "{found}");
    assert!(found.recovered < Duration::from_secs(1) + SLACK, "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f03_a_slow_network_costs_one_load_and_one_save() {
    let (_redis, proxy, url) = behind_proxy();
    let options = Options { timeout: Duration::from_secs(5), ..Options::default() };
    let store = RedisStore::connect(&url, options).await.unwrap();
    let stage =
        Stage::over(AnyStore::new(store), sessile::Config::native(), Clock::default()).unwrap();
    let mut visitor = stage.browser();
    visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    visitor.post("/set?k=a&v=2").await.unwrap().expect(200).unwrap();
    let (latency, jitter) = (Duration::from_millis(200), Duration::from_millis(100));
    proxy.set(Faults { latency, jitter, ..Faults::default() });
    let mut trips = Vec::new();
    for path in ["/untouched", "/get?k=a", "/set?k=a&v=3"] {
        let before = proxy.counts().round_trips;
        let reply = match path.starts_with("/set") {
            true => visitor.post(path).await.unwrap(),
            false => visitor.get(path).await.unwrap(),
        };
        reply.expect(200).unwrap();
        trips.push(proxy.counts().round_trips - before);
    }
    println!("F03 200 ± 100 ms: round trips untouched, read, changed: {trips:?}");
    assert_eq!(trips, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f04_broken_replies_cost_the_connection_and_nothing_else() {
    let (_redis, proxy, url) = behind_proxy();
    let store = connect(&url).await;
    made(&store, 0, 10).await;
    made(&store, 1, 20).await;
    proxy.set(Faults { slice: 1, ..Faults::default() });
    assert_eq!(length(&store, 0).await, Some(10), "byte by byte");
    for bytes in [0, 1, 2, 5, 9, 20, 40] {
        proxy.set(Faults { truncate_replies: Some(bytes), ..Faults::default() });
        let started = Instant::now();
        let cut = store.load(&key(0)).await;
        assert!(started.elapsed() < TIMEOUT + SLACK, "cut at {bytes}: {:?}", started.elapsed());
        let struck = proxy.counts().faults;
        proxy.heal();
        let recovered = recovery(&store).await.unwrap();
        assert_eq!(length(&store, 1).await, Some(20), "cut at {bytes}");
        assert!(cut.is_err() || struck == 0, "cut at {bytes}, and it answered {cut:?}");
        println!("F04 replies cut at {bytes} bytes: answered {recovered:?} after it healed");
    }
    assert!(proxy.counts().faults >= 5, "{:?}", proxy.counts());
    proxy.reset_connections();
    recovery(&store).await.unwrap();
    assert_eq!(length(&store, 0).await, Some(10), "after a reset");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv05_f05_a_change_of_id_that_loses_its_reply_loses_no_session() {
    let (_redis, proxy, url) = behind_proxy();
    let store = connect(&url).await;
    // The server knows the script from here on.
    let version = made(&store, 8, 1).await;
    store.replace(&key(8), &version, &key(9), &record(1), None).await.unwrap();
    for (number, lose_replies) in [(0, true), (2, false)] {
        let version = made(&store, number, 1).await;
        let only = Some(b"EVALSHA".to_vec());
        let lose_requests = !lose_replies;
        proxy.set(Faults { lose_replies, lose_requests, only, ..Faults::default() });
        // As at a login: the old id is to be dead at once.
        let (old, new) = (key(number), key(number + 1));
        let outcome = store.replace(&old, &version, &new, &record(2), None).await;
        proxy.heal();
        recovery(&store).await.unwrap();
        let found = (length(&store, number).await, length(&store, number + 1).await);
        if lose_replies {
            let Ok(WriteOutcome::Written(version)) = outcome else { panic!("{outcome:?}") };
            assert_eq!(found, (None, Some(2)));
            let next = store.update(&new, &record(3), &version).await.unwrap();
            assert!(matches!(next, WriteOutcome::Written(_)));
        } else {
            // Who is told that it failed goes on with the old id.
            assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Unavailable);
            assert_eq!(found, (Some(1), None));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_a_reply_lost_after_the_write_makes_no_second_session() {
    let (_redis, proxy, url) = behind_proxy();
    let store = connect(&url).await;
    // The server knows the scripts then: a call that has to send one first is not applied yet.
    let other = made(&store, 1, 1).await;
    store.update(&key(1), &record(2), &other).await.unwrap();
    proxy.set(Faults { lose_replies: true, ..Faults::default() });
    store.create(&key(0), &record(1)).await.unwrap_err();
    proxy.heal();
    recovery(&store).await.unwrap();
    // The visitor, told to try again, finds that it is taken, and all of it.
    let again = store.create(&key(0), &record(2)).await.unwrap();
    assert_eq!(again, CreateOutcome::Exists);
    let Some(Entry::Live(found, version)) = store.load(&key(0)).await.unwrap() else {
        panic!("the session is not there")
    };
    assert_eq!(found.payload.len(), 1);
    proxy.set(Faults { lose_replies: true, ..Faults::default() });
    store.update(&key(0), &record(3), &version).await.unwrap_err();
    proxy.heal();
    recovery(&store).await.unwrap();
    // The same change from the same version loses against itself.
    let again = store.update(&key(0), &record(3), &version).await.unwrap();
    assert_eq!(again, WriteOutcome::Conflict);
    assert_eq!(length(&store, 0).await, Some(3));
    let listed = store.capabilities().scan.unwrap().scan(None, 10).await.unwrap();
    assert_eq!(listed.entries.len(), 2);
    println!("F05 lost replies to a creation and a change: each happened once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_without_memory_old_sessions_stay_and_an_eviction_is_an_expiry() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let store = connect(&redis.url()).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "2mb"]).unwrap();
    let (number, kind) = fill(&store).await.unwrap();
    assert_eq!(kind, StoreErrorKind::Full);
    println!("F10 noeviction: session {number} was refused as {kind:?}, all before it are there");
    for freed in 0..100 {
        store.delete(&key(freed)).await.unwrap();
    }
    create(&store, number).await.unwrap();
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).unwrap();
    let mut gone = 0;
    for more in number + 1..2 * number {
        create(&store, more).await.unwrap();
    }
    for old in 100..2 * number {
        // Whole or not at all.
        gone += u32::from(!is_live(&store, old).await.unwrap());
    }
    println!("F10 allkeys-lru: {gone} sessions were evicted: as if they had expired");
    assert!(gone > 0);
    assert!(is_live(&store, 2 * number - 1).await.unwrap());
}

/// Used by what is there already, the server takes no more writes; it deletes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s02_everybody_can_log_out_of_a_full_server() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let store = connect(&redis.url()).await;
    let limit = |to: &str| drop(redis.command(&["CONFIG", "SET", "maxmemory", to]).unwrap());
    outage(store, Still::ReadsAndDeletes, || limit("1"), || limit("0")).await.unwrap();
    println!("S02 noeviction: writers 503, readers served, logouts carried out");
}
