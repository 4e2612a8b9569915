//! Calls that are dropped at any moment: no reply reaches another call.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use sessile_conformance::faults::{key, record};
use sessile_core::store::{Entry, Version};
use sessile_core::{SessionStore as _, Timestamp};
use sessile_redis::{Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisOptions};

const CALLS: usize = 100_000;
const VISITORS: u32 = 16;

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

async fn length(store: &RedisStore, number: u32) -> Option<usize> {
    match store.load(&key(number)).await.unwrap() {
        Some(Entry::Live(record, _)) => Some(record.payload.len()),
        _ => None,
    }
}

/// Cuts off so many calls of one visitor, whose session has this length; how often it was read.
async fn visitor(store: RedisStore, number: u32, calls: usize) -> (usize, usize) {
    let (key, mine) = (key(number), 100 + number as usize);
    let (mut checks, mut at, mut cut) = (0, 0_usize, 0);
    while cut < calls {
        let polls = 1 + at % 7 * (at % 3);
        cut += usize::from(match at % 8 {
            0..=4 => cut_off(store.load(&key), polls).await,
            5 => cut_off(store.touch(&key, Timestamp::from_secs(2), None), polls).await,
            6 => cut_off(store.update(&key, &record(mine), &Version::Number(1)), polls).await,
            _ => cut_off(store.create(&key, &record(1)), polls).await,
        });
        at += 1;
        if at.is_multiple_of(25) {
            assert_eq!(length(&store, number).await, Some(mine), "visitor {number}");
            checks += 1;
        }
    }
    (cut, checks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_hundred_thousand_calls_are_cut_off_and_no_reply_reaches_another() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let options = Options { timeout: Duration::from_secs(30), ..Options::default() };
    let store = RedisStore::connect(&redis.url(), options).await.unwrap();
    for number in 0..VISITORS {
        store.create(&key(number), &record(100 + number as usize)).await.unwrap();
    }
    let started = Instant::now();
    let each = CALLS.div_ceil(VISITORS as usize);
    let visitors: Vec<_> =
        (0..VISITORS).map(|number| tokio::spawn(visitor(store.clone(), number, each))).collect();
    let (mut cut, mut checks) = (0, 0);
    for visitor in visitors {
        let (more, checked) = visitor.await.unwrap();
        (cut, checks) = (cut + more, checks + checked);
    }
    println!(
        "F06 {cut} calls cut off in {:?}: {checks} loads among them, each its own visitor's",
        started.elapsed()
    );
    assert!(cut >= CALLS);
}
