//! Writers killed in their commits, ten thousand times: `cargo xtask faults`. `cargo test` does it
//! a few hundred times in `sqlite.rs`.
#![cfg(all(feature = "sqlite", feature = "faults"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Instant;

use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{Capabilities, Failure, Suite, passed};
use sessile_core::StoreError;
use sessile_sql::{ConnectError, Options, SqlStore};
use tempfile::TempDir;

const KILLS: usize = 10_000;

async fn open(url: String) -> Result<SqlStore, StoreError> {
    SqlStore::connect(&url, Options::default()).await.map_err(|error| match error {
        ConnectError::Store(error) => error,
        other => unreachable!("{other}"),
    })
}

fn url_in(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("sessions.db").display())
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() -> Result<(), Failure> {
    work(open)
}

#[test]
fn f29_ten_thousand_killed_writers_lose_nothing_acknowledged() -> Result<(), Failure> {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &url_in(&folder));
    let suite = Suite::new(|| open(url_in(&folder)), Capabilities::all());
    let started = Instant::now();
    passed(workers.survive_kills(&suite, KILLS))?;
    let seconds = started.elapsed().as_secs();
    println!("{KILLS} kills in {seconds} s: no acknowledged write was lost, the database opens");
    Ok(())
}
