//! The file store under the suite, and from several processes.

#![allow(clippy::unwrap_used)]

use sessile_conformance::processes::{Worker, Workers};
use sessile_conformance::{Capabilities, Open, Suite, Verdict, block_on, store_tests};
use sessile_core::StoreError;
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

async fn open(folder: String) -> Result<FileStore, StoreError> {
    FileStore::open(folder, Options::default()).await
}

fn path_in(folder: &TempDir) -> String {
    folder.path().join("sessions").display().to_string()
}

fn files() -> impl Open {
    let folder = TempDir::new().unwrap();
    move || open(path_in(&folder))
}

store_tests!(files(), Capabilities::all());

mod with_foreign_keys {
    use sessile_conformance::Keys;

    use super::*;

    store_tests!(files(), Capabilities { keys: Keys::Text("session:"), ..Capabilities::all() });
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
    let workers = Workers::new("worker", &path_in(&folder));
    let suite = Suite::new(|| open(path_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.lose_nothing(&suite, 3, 100)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}

#[test]
fn f12_a_writer_killed_in_its_write_leaves_the_old_record_or_the_new() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &path_in(&folder));
    let suite = Suite::new(|| open(path_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.survive_kills(&suite, 300)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &path_in(&folder));
    let suite = Suite::new(|| open(path_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.leave_no_orphan(&suite, 100)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}
