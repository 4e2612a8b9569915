//! Several processes on one store, and processes that are killed.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{Failure, Open, Suite, passed};
use sessile_redis::Options;
use support::{CLUSTER, REDIS, SENTINEL, native, open, url};

#[test]
#[ignore = "the process that other tests start"]
fn worker() -> Result<(), Failure> {
    work(|url| open(url, Options::default()))
}

/// Three tests on the servers that a variable names.
macro_rules! processes {
    ($variable:expr) => {
        fn suite() -> (Suite<impl Open>, Workers) {
            let (open, can) = native($variable);
            (Suite::new(open, can), Workers::new("worker", &url($variable)))
        }

        #[test]
        fn inv03_a_hundred_writers_in_three_processes_lose_nothing() -> Result<(), Failure> {
            let (suite, workers) = suite();
            passed(workers.lose_nothing(&suite, 3, 100))
        }

        #[test]
        fn a_writer_that_is_killed_leaves_the_old_record_or_the_new() -> Result<(), Failure> {
            let (suite, workers) = suite();
            passed(workers.survive_kills(&suite, 100))
        }

        #[test]
        fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() -> Result<(), Failure>
        {
            let (suite, workers) = suite();
            passed(workers.leave_no_orphan(&suite, 60))
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
