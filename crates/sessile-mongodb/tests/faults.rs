//! A server of our own, killed, frozen and cut off.
#![cfg(feature = "faults")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use sessile_conformance::Capabilities;
use sessile_conformance::Suite;
use sessile_conformance::http::outage::{Readers, outage};
use sessile_conformance::http::{Clock, Stage};
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

/// Until a load succeeds again; how long that took.
async fn recovery(store: &MongoStore) -> Duration {
    let started = Instant::now();
    while store.load(&key(0)).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_server_loses_nothing_acknowledged() {
    let mut server = server();
    let store = connect(server.url(), options(Layout::Native)).await;
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = Vec::new();
    for writer in 0..8 {
        let (store, stop, written) = (store.clone(), Arc::clone(&stop), Arc::clone(&written));
        writers.push(tokio::spawn(async move {
            let (key, mut acknowledged, mut longest) = (key(writer), 0_usize, Duration::ZERO);
            let mut version = create(&store, &key, &record("0")).await;
            let mut refused = 0_usize;
            while !stop.load(Ordering::SeqCst) {
                let started = Instant::now();
                let next = record((acknowledged + 1).to_string());
                match store.update(&key, &next, &version).await {
                    Ok(WriteOutcome::Written(new)) => {
                        (version, acknowledged) = (new, acknowledged + 1);
                        written.fetch_add(1, Ordering::SeqCst);
                    }
                    // The one that was under way at the kill had been written after all.
                    Ok(WriteOutcome::Conflict) => break,
                    Ok(WriteOutcome::Gone) => panic!("session {writer} is lost"),
                    Err(_) => refused += 1,
                }
                longest = longest.max(started.elapsed());
            }
            (key, acknowledged, refused, longest)
        }));
    }
    while written.load(Ordering::SeqCst) < 400 {
        tokio::task::yield_now().await;
    }
    server.server().unwrap().kill();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.server().unwrap().run().unwrap();
    let recovered = recovery(&store).await;
    stop.store(true, Ordering::SeqCst);
    let (mut lost, mut all, mut refused, mut longest) = (0, 0, 0, Duration::ZERO);
    for writer in writers {
        let (key, acknowledged, no, time) = writer.await.unwrap();
        let found: usize = payload(&store, &key).await.unwrap().parse().unwrap();
        lost += acknowledged.saturating_sub(found);
        all += acknowledged;
        refused += no;
        longest = longest.max(time);
    }
    println!(
        "F01 kill -9 among 8 writers: of {all} acknowledged writes {lost} lost, {refused} calls \
         refused, the longest after {longest:?}; answered {recovered:?} after its restart"
    );
    assert_eq!(lost, 0);
    assert!(refused > 0, "nobody noticed");
    assert!(longest < TIMEOUT + SLACK, "{longest:?}");
    assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_visitors_of_a_killed_server_get_503_and_keep_their_sessions() {
    let mut server = server();
    let store = connect(server.url(), options(Layout::Native)).await;
    let server = std::cell::RefCell::new(&mut server);
    let kill = || server.borrow_mut().server().unwrap().kill();
    let run = || {
        server.borrow_mut().server().unwrap().run().unwrap();
        // The driver's monitor has to see it.
        std::thread::sleep(Duration::from_millis(1100));
    };
    outage(store, Readers::Refused, kill, run).await.unwrap();
    println!("F01 through HTTP: every visitor 503, no cookie changed, all as before afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_frozen_server_holds_nobody_and_its_late_replies_reach_nobody() {
    let mut server = server();
    let store = connect(server.url(), options(Layout::Native)).await;
    for number in 0..20 {
        create(&store, &key(number), &record(format!("session {number}"))).await;
    }
    server.server().unwrap().freeze();
    let started = Instant::now();
    let (mut kinds, mut longest) = (BTreeMap::<String, usize>::new(), Duration::ZERO);
    // Over the moment in which the driver finds out, and beyond.
    while started.elapsed() < Duration::from_secs(5) {
        let mut calls = Vec::new();
        for number in 0..200 {
            let store = store.clone();
            calls.push(tokio::spawn(async move {
                let started = Instant::now();
                let error = store.load(&key(number % 20)).await.unwrap_err();
                (error.kind(), started.elapsed())
            }));
        }
        for call in calls {
            let (kind, time) = call.await.unwrap();
            let expected = [StoreErrorKind::Timeout, StoreErrorKind::Unavailable];
            assert!(expected.contains(&kind), "{kind:?}");
            *kinds.entry(format!("{kind:?}")).or_default() += 1;
            longest = longest.max(time);
        }
    }
    assert!(longest < TIMEOUT + SLACK, "{longest:?}");
    let frozen = started.elapsed();
    server.server().unwrap().thaw();
    let recovered = recovery(&store).await;
    for round in 0..200 {
        let number = round % 20;
        let found = payload(&store, &key(number)).await;
        assert_eq!(found, Some(format!("session {number}")), "a late reply reached another");
    }
    println!(
        "F02 SIGSTOP for {frozen:?}: calls ended {kinds:?}, the longest after {longest:?}; \
         answered {recovered:?} after it went on; no reply went astray"
    );
    assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
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
        let recovered = recovery(&store).await;
        assert_eq!(payload(&store, &key(1)).await.as_deref(), Some("one"), "cut at {bytes}");
        println!("F04 replies cut at {bytes} bytes: answered {recovered:?} after it healed");
    }
    proxy.reset_connections();
    recovery(&store).await;
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
        recovery(&store).await;
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
        recovery(&store).await;
        // The same change from the same version loses against itself.
        let again = store.update(&key, &record("1,2"), &version).await.unwrap();
        assert_eq!(again, WriteOutcome::Conflict, "{layout:?}");
        assert_eq!(payload(&store, &key).await.as_deref(), Some("1,2"), "{layout:?}");
        let listed = store.as_scan().unwrap().scan(None, 10).await.unwrap();
        assert_eq!(listed.entries.len(), 1, "{layout:?}");
        println!("F05 {layout:?}: lost replies to a creation and a change, each happened once");
    }
}

/// Polls a call so often and drops it; whether it had not ended by then.
async fn cut_off<F: Future>(call: F, polls: usize) -> bool {
    let mut call = pin!(call);
    for _ in 0..polls {
        let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if poll.is_ready() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_hundred_thousand_calls_are_cut_off_and_no_reply_reaches_another() {
    const CALLS: usize = 100_000;
    const VISITORS: usize = 16;
    let server = server();
    let patient = Options { timeout: Duration::from_secs(30), ..Options::default() };
    let store = MongoStore::connect(server.url(), patient).await.unwrap();
    for number in 0..VISITORS {
        create(&store, &key(number), &record(format!("visitor {number}"))).await;
    }
    let started = Instant::now();
    let mut visitors = Vec::new();
    for number in 0..VISITORS {
        let store = store.clone();
        visitors.push(tokio::spawn(async move {
            let (key, mine) = (key(number), format!("visitor {number}"));
            let (mut checks, mut at, mut cut) = (0_usize, 0_usize, 0_usize);
            while cut < CALLS / VISITORS {
                let polls = 1 + at % 7 * (at % 3);
                cut += usize::from(match at % 8 {
                    0..=4 => cut_off(store.load(&key), polls).await,
                    5 => cut_off(store.touch(&key, record("").seen.unwrap(), None), polls).await,
                    6 => {
                        let same = record(mine.clone());
                        cut_off(store.update(&key, &same, &Version::Number(1)), polls).await
                    }
                    _ => cut_off(store.create(&key, &record("another")), polls).await,
                });
                at += 1;
                if at.is_multiple_of(25) {
                    assert_eq!(payload(&store, &key).await.as_ref(), Some(&mine));
                    checks += 1;
                }
            }
            (cut, checks)
        }));
    }
    let (mut cut, mut checks) = (0, 0);
    for visitor in visitors {
        let (more, checked) = visitor.await.unwrap();
        (cut, checks) = (cut + more, checks + checked);
    }
    println!(
        "F06 {cut} calls cut off in {:?}: {checks} loads among them, each its own visitor's",
        started.elapsed()
    );
    assert_eq!(cut, CALLS);
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
    let recovered = recovery(&store).await;
    println!(
        "F25 50 calls on 2 connections that are cut off: {at_once} refused, {waited} after the \
         timeout; answered {recovered:?} after it healed"
    );
    assert!(at_once >= 30, "more waited than may");
    assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("zero"));
}
