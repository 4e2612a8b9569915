//! What visitors meet while the file store is broken in ways that really happen.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use sessile_conformance::faults::SmallDisk;
use sessile_conformance::http::outage::{Readers, outage};
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

async fn open(folder: &Path) -> FileStore {
    let options = Options { lock_timeout: Duration::from_millis(100), ..Options::default() };
    FileStore::open(folder.display().to_string(), options).await.unwrap()
}

#[tokio::test]
async fn inv08_a_removed_folder_is_503_and_heals() {
    let folder = TempDir::new().unwrap();
    let (home, away) = (folder.path().join("home"), folder.path().join("away"));
    let store = open(&home).await;
    let remove = || fs::rename(&home, &away).unwrap();
    let put_back = || fs::rename(&away, &home).unwrap();
    outage(store, Readers::Refused, remove, put_back).await.unwrap();
}

#[tokio::test]
async fn inv08_locks_held_elsewhere_are_503_for_writers_and_heal() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    let store = open(&home).await;
    let locks: Vec<File> = fs::read_dir(home.join("locks"))
        .unwrap()
        .map(|entry| File::open(entry.unwrap().path()).unwrap())
        .collect();
    let lock = || locks.iter().for_each(|lock| lock.lock().unwrap());
    let unlock = || locks.iter().for_each(|lock| lock.unlock().unwrap());
    outage(store, Readers::Served, lock, unlock).await.unwrap();
}

#[tokio::test]
async fn inv08_a_full_disk_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=1m") else {
        println!("no mount here: shown by inv08_locks_held_elsewhere_are_503_for_writers_and_heal");
        return;
    };
    let store = open(&disk.path().join("home")).await;
    let ballast = disk.path().join("ballast");
    let fill = || {
        // As large as fits: the last piece is cut off.
        let _ = fs::write(&ballast, vec![0; 2 << 20]);
    };
    let free = || fs::remove_file(&ballast).unwrap();
    outage(store, Readers::Served, fill, free).await.unwrap();
}
