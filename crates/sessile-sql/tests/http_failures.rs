//! What visitors meet while SQLite is broken in ways that really happen.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use sessile_conformance::faults::SmallDisk;
use sessile_conformance::http::outage::{Readers, outage};
use sessile_sql::{Options, SqlStore};
use tempfile::TempDir;

async fn connect(file: &Path, max_bytes: Option<u64>) -> SqlStore {
    let options = Options {
        busy_timeout: Duration::from_millis(100),
        max_bytes: max_bytes.or(Options::default().max_bytes),
        ..Options::default()
    };
    SqlStore::connect(&format!("sqlite:{}", file.display()), options).await.unwrap()
}

#[tokio::test]
async fn inv08_a_locked_database_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let store = connect(&file, None).await;
    let other = rusqlite::Connection::open(&file).unwrap();
    let lock = || other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unlock = || other.execute_batch("ROLLBACK").unwrap();
    outage(store, Readers::Served, lock, unlock).await.unwrap();
}

#[tokio::test]
async fn inv08_a_removed_database_is_503_and_heals() {
    let folder = TempDir::new().unwrap();
    let (home, away) = (folder.path().join("home"), folder.path().join("away"));
    let store = connect(&home.join("s.db"), None).await;
    let remove = || fs::rename(&home, &away).unwrap();
    let put_back = || fs::rename(&away, &home).unwrap();
    outage(store, Readers::Refused, remove, put_back).await.unwrap();
}

#[tokio::test]
async fn inv08_a_full_disk_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=1m") else {
        println!("no mount here: shown by inv08_a_locked_database_is_503_for_writers_and_heals");
        return;
    };
    let store = connect(&disk.path().join("s.db"), None).await;
    let ballast = disk.path().join("ballast");
    let fill = || {
        // As large as fits: the last piece is cut off.
        let _ = fs::write(&ballast, vec![0; 2 << 20]);
    };
    let free = || fs::remove_file(&ballast).unwrap();
    outage(store, Readers::Served, fill, free).await.unwrap();
}
