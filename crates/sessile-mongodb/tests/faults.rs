//! A server of our own, killed, frozen and cut off.
#![cfg(feature = "faults")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use sessile_conformance::Capabilities;
use sessile_conformance::Suite;
use sessile_conformance::http::outage::{Still, outage};
use sessile_conformance::http::{Clock, Stage};
use sessile_conformance::outages::{cancelled, frozen, killed, recovery};
use sessile_core::store::{CreateOutcome, Entry, Layout, Record, Version, WriteOutcome};
use sessile_core::{AnyStore, SessionStore as _, StoreErrorKind, StoreKey};
use sessile_mongodb::{MongoStore, Options};
use sessile_testbed::mongodb::{MongoDb, start_ours};
use sessile_testbed::proxy::{Faults, Proxy};

const TIMEOUT: Duration = Duration::from_millis(500);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(2);
/// The heartbeat notices an end or a beginning as soon as the driver allows.
const OFTEN: &str = "heartbeatFrequencyMS=500";

fn options(layout: Layout) -> Options {
    Options { layout, timeout: TIMEOUT, ..Options::default() }
}

async fn connect(url: &str, options: Options) -> MongoStore {
    MongoStore::connect(&format!("{url}/?{OFTEN}"), options).await.unwrap()
}

fn server() -> MongoDb {
    start_ours().unwrap()
}

fn behind_proxy(server: &mut MongoDb) -> (Proxy, String) {
    let proxy = Proxy::start(server.server().unwrap().address()).unwrap();
    let url = proxy.instead_of(server.url());
    (proxy, url)
}

/// Records of the suite's.
fn record(payload: impl Into<bytes::Bytes>) -> Record {
    let open = || async { Ok(sessile_core::MemoryStore::new()) };
    Suite::new(open, Capabilities::all()).record(payload)
}

fn key(number: usize) -> StoreKey {
    let mut hash = [9; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    StoreKey::from_hash(hash)
}

async fn create(store: &MongoStore, key: &StoreKey, record: &Record) -> Version {
    match store.create(key, record).await.unwrap() {
        CreateOutcome::Created(version) => version,
        CreateOutcome::Exists => panic!("a fresh key is taken"),
    }
}

async fn payload(store: &MongoStore, key: &StoreKey) -> Option<String> {
    match store.load(key).await.unwrap() {
        Some(Entry::Live(record, _)) => Some(String::from_utf8(record.payload.to_vec()).unwrap()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_server_loses_nothing_acknowledged() {
    let server = server();
    let store = connect(server.url(), options(Layout::Native)).await;
    let server = RefCell::new(server);
    let kill = || server.borrow_mut().server().unwrap().kill();
    let run = || server.borrow_mut().server().unwrap().run().unwrap();
    let found = killed(&store, kill, run).await.unwrap();
    println!("F01 {found}");
    assert_eq!(found.lost, 0);
    assert!(found.refused > 0, "nobody noticed");
    assert!(found.longest < TIMEOUT + SLACK, "{found}");
    assert!(found.recovered < Duration::from_secs(1) + SLACK, "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_visitors_of_a_killed_server_get_503_and_keep_their_sessions() {
    let mut server = server();
    let store = connect(server.url(), options(Layout::Native)).await;
    let server = RefCell::new(&mut server);
    let kill = || server.borrow_mut().server().unwrap().kill();
    let run = || {
        server.borrow_mut().server().unwrap().run().unwrap();
        // The driver's monitor has to see it.
        std::thread::sleep(Duration::from_millis(1100));
    };
    outage(store, Still::Nothing, kill, run).await.unwrap();
    println!("F01 through HTTP: every visitor 503, no cookie changed, all as before afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_frozen_server_holds_nobody_and_its_late_replies_reach_nobody() {
    let server = server();
    let store = connect(server.url(), options(Layout::Native)).await;
    let server = RefCell::new(server);
    let freeze = || server.borrow_mut().server().unwrap().freeze();
    let thaw = || server.borrow_mut().server().unwrap().thaw();
    // Over the moment in which the driver finds out, and beyond.
    let found = frozen(&store, Duration::from_secs(5), freeze, thaw).await.unwrap();
    println!("F02 {found}");
    assert!(found.longest < TIMEOUT + SLACK, "{found}");
    assert!(found.recovered < Duration::from_secs(1) + SLACK, "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f03_a_slow_network_costs_one_load_and_one_save() {
    let mut server = server();
    let (proxy, url) = behind_proxy(&mut server);
    let url = format!("{url}/?heartbeatFrequencyMS=3600000");
    let options = Options { timeout: Duration::from_secs(5), ..Options::default() };
    let store = MongoStore::connect(&url, options).await.unwrap();
    let config = sessile::Config::native();
    let stage = Stage::over(AnyStore::new(store), config, Clock::default()).unwrap();
    let mut visitor = stage.browser();
    visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    let (latency, jitter) = (Duration::from_millis(200), Duration::from_millis(100));
    proxy.set(Faults { latency, jitter, ..Faults::default() });
    let before = proxy.counts().round_trips;
    visitor.post("/set?k=a&v=2").await.unwrap().expect(200).unwrap();
    let trips = proxy.counts().round_trips - before;
    println!("F03 200 ± 100 ms: a change took {trips} round trips");
    assert_eq!(trips, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f04_broken_replies_cost_the_connection_and_nothing_else() {
    let mut server = server();
    let (proxy, url) = behind_proxy(&mut server);
    let store = connect(&url, options(Layout::Native)).await;
    create(&store, &key(0), &record("zero")).await;
    create(&store, &key(1), &record("one")).await;
    proxy.set(Faults { slice: 1, ..Faults::default() });
    assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("zero"), "byte by byte");
    for bytes in [0, 1, 15, 16, 17, 60, 200] {
        proxy.set(Faults { truncate_replies: Some(bytes), ..Faults::default() });
        let started = Instant::now();
        store.load(&key(0)).await.unwrap_err();
        assert!(started.elapsed() < TIMEOUT + SLACK, "cut at {bytes}: {:?}", started.elapsed());
        proxy.heal();
        let recovered = recovery(&store).await.unwrap();
        assert_eq!(payload(&store, &key(1)).await.as_deref(), Some("one"), "cut at {bytes}");
        println!("F04 replies cut at {bytes} bytes: answered {recovered:?} after it healed");
    }
    proxy.reset_connections();
    recovery(&store).await.unwrap();
    assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("zero"), "after a reset");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_a_reply_lost_after_the_write_makes_no_second_session() {
    for layout in [Layout::Native, Layout::FlaskSession] {
        let mut server = server();
        let (proxy, url) = behind_proxy(&mut server);
        let store = connect(&url, options(layout)).await;
        let (key, verb) = (key(0), if layout == Layout::Native { "insert" } else { "upsert" });
        let lost = |verb: &str| Faults {
            lose_replies: true,
            only: Some(verb.as_bytes().to_vec()),
            ..Faults::default()
        };
        proxy.set(lost(verb));
        store.create(&key, &record("1")).await.unwrap_err();
        proxy.heal();
        recovery(&store).await.unwrap();
        // The visitor, told to try again, finds that it is taken, and all of it.
        let again = store.create(&key, &record("2")).await.unwrap();
        assert_eq!(again, CreateOutcome::Exists, "{layout:?}");
        let Some(Entry::Live(found, version)) = store.load(&key).await.unwrap() else {
            panic!("{layout:?}: the session is not there")
        };
        assert_eq!(found.payload, "1");
        proxy.set(lost("update"));
        store.update(&key, &record("1,2"), &version).await.unwrap_err();
        proxy.heal();
        recovery(&store).await.unwrap();
        // The same change from the same version loses against itself.
        let again = store.update(&key, &record("1,2"), &version).await.unwrap();
        assert_eq!(again, WriteOutcome::Conflict, "{layout:?}");
        assert_eq!(payload(&store, &key).await.as_deref(), Some("1,2"), "{layout:?}");
        let listed = store.capabilities().scan.unwrap().scan(None, 10).await.unwrap();
        assert_eq!(listed.entries.len(), 1, "{layout:?}");
        println!("F05 {layout:?}: lost replies to a creation and a change, each happened once");
    }
}

/// Between the pointer and its last step a change of id has happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv05_f05_a_change_of_id_that_loses_a_reply_loses_no_session() {
    let mut server = server();
    let (proxy, url) = behind_proxy(&mut server);
    let patient = Options { timeout: Duration::from_secs(10), ..Options::default() };
    let store = connect(&url, patient).await;
    let pointer = b"\x02to\0".to_vec();
    let last_step = b"$unset\0\x10\0\0\0\x02from\0".to_vec();
    let faults = [
        Faults { lose_replies: true, only: Some(pointer.clone()), ..Faults::default() },
        Faults { lose_replies: true, only: Some(last_step.clone()), ..Faults::default() },
        Faults { lose_requests: true, only: Some(last_step), ..Faults::default() },
        Faults { lose_requests: true, only: Some(pointer), ..Faults::default() },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let (old, new) = (key(2 * number), key(2 * number + 1));
        let version = create(&store, &old, &record("1")).await;
        proxy.set(fault.clone());
        // As at a login: the old id is to be dead at once.
        let outcome = store.replace(&old, &version, &new, &record("2"), None).await;
        proxy.heal();
        recovery(&store).await.unwrap();
        let found = (payload(&store, &old).await, payload(&store, &new).await);
        match outcome {
            Ok(outcome) => {
                assert!(matches!(outcome, WriteOutcome::Written(_)), "{fault:?}");
                assert_eq!(found, (None, Some("2".to_owned())), "{fault:?}");
            }
            // Who is told that it failed goes on with the old id.
            Err(_) => assert_eq!(found, (Some("1".to_owned()), None), "{fault:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_hundred_thousand_calls_are_cut_off_and_no_reply_reaches_another() {
    let server = server();
    let patient = Options { timeout: Duration::from_secs(30), ..Options::default() };
    let store = MongoStore::connect(server.url(), patient).await.unwrap();
    let started = Instant::now();
    let checks = cancelled(&store, 100_000).await.unwrap();
    println!(
        "F06 100000 calls cut off in {:?}: {checks} loads among them, each its own visitor's",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_pool_that_is_used_up_is_a_bounded_wait() {
    let mut server = server();
    let (proxy, url) = behind_proxy(&mut server);
    let few = Options { waiting: 20, ..options(Layout::Native) };
    let store = MongoStore::connect(&format!("{url}/?maxPoolSize=2&{OFTEN}"), few).await.unwrap();
    create(&store, &key(0), &record("zero")).await;
    proxy.set(Faults { blackhole: true, ..Faults::default() });
    let mut calls = Vec::new();
    for _ in 0..50 {
        let store = store.clone();
        calls.push(tokio::spawn(async move {
            let started = Instant::now();
            let kind = store.load(&key(0)).await.unwrap_err().kind();
            (kind, started.elapsed())
        }));
    }
    let (mut at_once, mut waited) = (0, 0);
    for call in calls {
        let (kind, time) = call.await.unwrap();
        assert!(time < TIMEOUT + SLACK, "{time:?}");
        if kind == StoreErrorKind::Timeout { waited += 1 } else { at_once += 1 }
    }
    proxy.heal();
    let recovered = recovery(&store).await.unwrap();
    println!(
        "F25 50 calls on 2 connections that are cut off: {at_once} refused, {waited} after the \
         timeout; answered {recovered:?} after it healed"
    );
    assert!(at_once >= 30, "more waited than may");
    assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("zero"));
}
