//! A cluster whose slots move while it is in use.
#![cfg(feature = "faults")]
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sessile_conformance::faults::{key, record};
use sessile_core::store::{CreateOutcome, Entry, Record, WriteOutcome};
use sessile_core::{SessionStore as _, Subject};
use sessile_redis::{NearCache, Options, RedisStore};
use sessile_testbed::redis::{RedisCluster, RedisOptions};

const SESSIONS: u32 = 40;

fn of_alice(bytes: usize) -> Record {
    Record { subject: Some(Subject::new("alice").unwrap()), ..record(bytes) }
}

/// Changes one session over and over: the acknowledged changes, those refused, and the longest.
async fn write(store: RedisStore, number: u32, stop: &AtomicBool) -> (usize, usize, Duration) {
    let CreateOutcome::Created(mut version) =
        store.create(&key(number), &of_alice(0)).await.unwrap()
    else {
        panic!("session {number} is there already")
    };
    let (mut written, mut refused, mut longest) = (0, 0, Duration::ZERO);
    while !stop.load(Ordering::SeqCst) {
        let started = Instant::now();
        match store.update(&key(number), &of_alice(written + 1), &version).await {
            Ok(WriteOutcome::Written(new)) => (version, written) = (new, written + 1),
            // One whose answer did not come had been written: go on from there.
            Ok(WriteOutcome::Conflict) => match store.load(&key(number)).await {
                Ok(Some(Entry::Live(found, now))) => {
                    (version, written) = (now, found.payload.len())
                }
                Ok(other) => panic!("session {number} is {other:?}"),
                Err(_) => {}
            },
            Ok(WriteOutcome::Gone) => panic!("session {number} is lost"),
            Err(_) => refused += 1,
        }
        longest = longest.max(started.elapsed());
    }
    (written, refused, longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f09_slots_that_move_under_load_lose_nothing_and_indexes_stay_whole() {
    slots_that_move(None).await;
}

/// The lease is longer than it all takes: what is read is right without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f09_the_near_cache_follows_slots_that_move() {
    let near = NearCache { lease: Duration::from_secs(3600), ..NearCache::default() };
    slots_that_move(Some(near)).await;
}

/// What each session holds in a near cache, once all was said.
async fn read_near(store: &RedisStore, other: &RedisStore) {
    for number in 0..SESSIONS {
        let patience = Instant::now() + Duration::from_secs(30);
        while store.load(&key(number)).await.unwrap() != other.load(&key(number)).await.unwrap() {
            assert!(Instant::now() < patience, "session {number} is read as it was");
            tokio::task::yield_now().await;
        }
    }
}

async fn slots_that_move(near_cache: Option<NearCache>) {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    let options = Options { near_cache, ..Options::default() };
    let reader = RedisStore::connect(&cluster.url(), options).await.unwrap();
    let store = RedisStore::connect(&cluster.url(), Options::default()).await.unwrap();
    let (stop, ready) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = Vec::new();
    for number in 0..SESSIONS {
        let (store, stop, ready) = (store.clone(), Arc::clone(&stop), Arc::clone(&ready));
        writers.push(tokio::spawn(async move {
            ready.fetch_add(1, Ordering::SeqCst);
            write(store, number, &stop).await
        }));
    }
    while ready.load(Ordering::SeqCst) < SESSIONS as usize {
        tokio::task::yield_now().await;
    }
    let reading = {
        let (reader, stop) = (reader.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                for number in 0..SESSIONS {
                    // One that moves just now may be refused, as a change is.
                    let _ = reader.load(&key(number)).await;
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let started = Instant::now();
    let moved = tokio::task::spawn_blocking(move || {
        // Whole masters' worth, so that every session moves at least once.
        cluster.reshard(0, 1, 5461).unwrap();
        cluster.reshard(1, 2, 5461).unwrap();
        cluster
    });
    let _cluster = moved.await.unwrap();
    let took = started.elapsed();
    stop.store(true, Ordering::SeqCst);
    let (mut all, mut refused, mut longest, mut lost) = (0, 0, Duration::ZERO, 0);
    for (number, writer) in (0..).zip(writers) {
        let (written, no, time) = writer.await.unwrap();
        let Some(Entry::Live(found, _)) = store.load(&key(number)).await.unwrap() else {
            panic!("session {number} is lost")
        };
        lost += written.saturating_sub(found.payload.len());
        (all, refused, longest) = (all + written, refused + no, longest.max(time));
    }
    reading.await.unwrap();
    read_near(&reader, &store).await;
    let subject = Subject::new("alice").unwrap();
    let directory = store.capabilities().directory.unwrap();
    let listed = directory.by_subject(&subject).await.unwrap().sessions.len();
    let ended = directory.delete_by_subject(&subject, None).await.unwrap();
    if let Some(used) = reader.near_cache() {
        println!("F09 near cache meanwhile: {used:?}");
    }
    println!(
        "F09 10922 slots moved in {took:?}: of {all} acknowledged changes {lost} lost, {refused} \
         refused, the longest took {longest:?}; {listed} of {SESSIONS} sessions listed, {ended} ended"
    );
    assert_eq!((lost, listed, ended), (0, SESSIONS as usize, SESSIONS as usize));
}
