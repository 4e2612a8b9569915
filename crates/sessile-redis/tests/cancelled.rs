//! Calls that are dropped at any moment: no reply reaches another call.
#![cfg(feature = "faults")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use sessile_conformance::outages::cancelled;
use sessile_redis::{NearCache, Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_hundred_thousand_calls_are_cut_off_and_no_reply_reaches_another() {
    cut_off(Options::default()).await;
}

/// What it answers itself cannot be cut off, and does not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_the_near_cache_holds_nobody_elses_and_nothing_half_read() {
    cut_off(Options { near_cache: Some(NearCache::default()), ..Options::default() }).await;
}

async fn cut_off(options: Options) {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let options = Options { timeout: Duration::from_secs(30), ..options };
    let store = RedisStore::connect(&redis.url(), options).await.unwrap();
    let started = Instant::now();
    let checks = cancelled(&store, 100_000).await.unwrap();
    println!(
        "F06 100000 calls cut off in {:?}: {checks} loads among them, each its own visitor's",
        started.elapsed()
    );
}
