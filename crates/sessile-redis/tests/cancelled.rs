//! Calls that are dropped at any moment: no reply reaches another call.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use sessile_conformance::outages::cancelled;
use sessile_redis::{Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_hundred_thousand_calls_are_cut_off_and_no_reply_reaches_another() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let options = Options { timeout: Duration::from_secs(30), ..Options::default() };
    let store = RedisStore::connect(&redis.url(), options).await.unwrap();
    let started = Instant::now();
    let checks = cancelled(&store, 100_000).await.unwrap();
    println!(
        "F06 100000 calls cut off in {:?}: {checks} loads among them, each its own visitor's",
        started.elapsed()
    );
}
