//! Writers killed in their writes, ten thousand times: `cargo xtask faults`. `cargo test` does it
//! a few hundred times in `files.rs`.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Instant;

use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{Capabilities, Failure, Suite, passed};
use sessile_core::StoreError;
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

const KILLS: usize = 10_000;

async fn open(folder: String) -> Result<FileStore, StoreError> {
    FileStore::open(folder, Options::default()).await
}

fn path_in(folder: &TempDir) -> String {
    folder.path().join("sessions").display().to_string()
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() -> Result<(), Failure> {
    work(open)
}

#[test]
fn f12_ten_thousand_killed_writers_lose_nothing_acknowledged() -> Result<(), Failure> {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &path_in(&folder));
    let suite = Suite::new(|| open(path_in(&folder)), Capabilities::all());
    let started = Instant::now();
    passed(workers.survive_kills(&suite, KILLS))?;
    let seconds = started.elapsed().as_secs();
    println!("{KILLS} kills in {seconds} s: no acknowledged write was lost, no file half written");
    Ok(())
}
