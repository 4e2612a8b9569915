//! Several processes on one Redis, and processes that are killed.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::processes::{Worker, Workers};
use sessile_conformance::{Open, Suite, Verdict, block_on};
use sessile_redis::Options;
use support::{REDIS, native, open, url};

fn suite() -> Suite<impl Open> {
    let (open, can) = native(REDIS);
    Suite::new(open, can)
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() {
    let worker = Worker::from_env().unwrap();
    let work = async {
        let store = open(worker.backend().to_owned(), Options::default()).await?;
        worker.run(&store).await
    };
    block_on(work).unwrap().unwrap();
}

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() {
    let suite = suite();
    let workers = Workers::new("worker", &url(REDIS));
    let lost = workers.lose_nothing(&suite, 3, 100);
    assert_eq!(block_on(lost).unwrap().unwrap(), Verdict::Passed);
}

#[test]
fn a_writer_that_is_killed_leaves_the_old_record_or_the_new() {
    let suite = suite();
    let workers = Workers::new("worker", &url(REDIS));
    let survived = workers.survive_kills(&suite, 100);
    assert_eq!(block_on(survived).unwrap().unwrap(), Verdict::Passed);
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() {
    let suite = suite();
    let workers = Workers::new("worker", &url(REDIS));
    let orphans = workers.leave_no_orphan(&suite, 60);
    assert_eq!(block_on(orphans).unwrap().unwrap(), Verdict::Passed);
}
