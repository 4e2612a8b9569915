//! Several processes on one store, and processes that are killed.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::processes::{Worker, Workers};
use sessile_conformance::{Open, Suite, Verdict, block_on};
use sessile_redis::Options;
use support::{CLUSTER, REDIS, SENTINEL, native, open, url};

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

/// Three tests on the servers that a variable names.
macro_rules! processes {
    ($variable:expr) => {
        fn suite() -> (Suite<impl Open>, Workers) {
            let (open, can) = native($variable);
            (Suite::new(open, can), Workers::new("worker", &url($variable)))
        }

        #[test]
        fn inv03_a_hundred_writers_in_three_processes_lose_nothing() {
            let (suite, workers) = suite();
            let lost = workers.lose_nothing(&suite, 3, 100);
            assert_eq!(block_on(lost).unwrap().unwrap(), Verdict::Passed);
        }

        #[test]
        fn a_writer_that_is_killed_leaves_the_old_record_or_the_new() {
            let (suite, workers) = suite();
            let survived = workers.survive_kills(&suite, 100);
            assert_eq!(block_on(survived).unwrap().unwrap(), Verdict::Passed);
        }

        #[test]
        fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() {
            let (suite, workers) = suite();
            let orphans = workers.leave_no_orphan(&suite, 60);
            assert_eq!(block_on(orphans).unwrap().unwrap(), Verdict::Passed);
        }
    };
}

processes!(REDIS);

mod behind_sentinels {
    use super::*;

    processes!(SENTINEL);
}

mod on_a_cluster {
    use super::*;

    processes!(CLUSTER);
}
