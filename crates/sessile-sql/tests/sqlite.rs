//! The SQLite store under the suite, and from several processes.

#![allow(clippy::unwrap_used)]

use sessile_conformance::processes::{Worker, Workers};
use sessile_conformance::{Capabilities, Open, Suite, Verdict, block_on, store_tests};
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
fn worker() {
    let worker = Worker::from_env().unwrap();
    let work = async { worker.run(&open(worker.backend().to_owned()).await?).await };
    block_on(work).unwrap().unwrap();
}

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &url_in(&folder));
    let suite = Suite::new(|| open(url_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.lose_nothing(&suite, 3, 100)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}

#[test]
fn f29_a_writer_killed_in_its_commit_leaves_the_old_record_or_the_new() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &url_in(&folder));
    let suite = Suite::new(|| open(url_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.survive_kills(&suite, 300)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &url_in(&folder));
    let suite = Suite::new(|| open(url_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.leave_no_orphan(&suite, 100)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}
