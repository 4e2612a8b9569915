//! The SQLite store under the suite, and from several processes.

#![allow(clippy::unwrap_used)]

use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{Capabilities, Failure, Open, Suite, passed, store_tests};
use sessile_core::StoreError;
use sessile_sql::{ConnectError, Options, SqlStore};
use tempfile::TempDir;

async fn open(url: String) -> Result<SqlStore, StoreError> {
    SqlStore::connect(&url, Options::default()).await.map_err(|error| match error {
        ConnectError::Store(error) => error,
        other => unreachable!("{other}"),
    })
}

fn url_in(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("sessions.db").display())
}

fn sqlite() -> impl Open {
    let folder = TempDir::new().unwrap();
    move || open(url_in(&folder))
}

store_tests!(sqlite(), Capabilities::all());

mod with_foreign_keys {
    use sessile_conformance::Keys;

    use super::*;

    store_tests!(sqlite(), Capabilities { keys: Keys::Text("session:"), ..Capabilities::all() });
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() -> Result<(), Failure> {
    work(open)
}

/// Workers on one store, and the suite to look at it with.
fn processes() -> (TempDir, Workers, Suite<impl Open>) {
    let folder = TempDir::new().unwrap();
    let at = url_in(&folder);
    let workers = Workers::new("worker", &at);
    (folder, workers, Suite::new(move || open(at.clone()), Capabilities::all()))
}

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() -> Result<(), Failure> {
    let (_folder, workers, suite) = processes();
    passed(workers.lose_nothing(&suite, 3, 100))
}

#[test]
fn f29_a_writer_killed_in_its_commit_leaves_the_old_record_or_the_new() -> Result<(), Failure> {
    let (_folder, workers, suite) = processes();
    passed(workers.survive_kills(&suite, 300))
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() -> Result<(), Failure> {
    let (_folder, workers, suite) = processes();
    passed(workers.leave_no_orphan(&suite, 100))
}

#[test]
fn s18_settings_at_their_extremes_panic_nowhere() {
    use std::time::Duration;

    use sessile_conformance::block_on;
    use sessile_conformance::cases::settings::every_call_serves as case;

    let suite = |busy_timeout, size: usize, max_bytes| {
        let folder = TempDir::new().unwrap();
        let options = Options {
            busy_timeout,
            connections: size,
            readers: size,
            waiting: size,
            max_bytes,
            ..Options::default()
        };
        let open = move || {
            let (url, options) = (url_in(&folder), options.clone());
            async move {
                SqlStore::connect(&url, options).await.map_err(|error| match error {
                    ConnectError::Store(error) => error,
                    other => unreachable!("{other}"),
                })
            }
        };
        Suite::new(open, Capabilities::all())
    };
    passed(case(&suite(Duration::MAX, usize::MAX, Some(u64::MAX)))).unwrap();
    // One waits for nobody here, and one reader and one place there always are.
    passed(case(&suite(Duration::ZERO, 0, None))).unwrap();
    assert!(block_on(case(&suite(Duration::ZERO, 0, Some(0)))).unwrap().is_err(), "it has no room");
}
