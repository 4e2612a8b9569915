//! What visitors meet while the file store is broken in ways that really happen.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sessile_conformance::faults::{FOLDER, User, limit_file_size, open_to_all, run_apart};
use sessile_conformance::http::outage::{Still, outage};
use sessile_conformance::small_disk;
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

async fn open(folder: &Path) -> FileStore {
    let options = Options { lock_timeout: Duration::from_millis(100), ..Options::default() };
    FileStore::open(folder.display().to_string(), options).await.unwrap()
}

/// That only this many sessions are left, and no file that was begun.
fn only_these_are_left(home: &Path, sessions: usize) {
    assert_eq!(fs::read_dir(home.join("sessions")).unwrap().count(), sessions);
}

#[tokio::test]
async fn inv08_a_removed_folder_is_503_and_heals() {
    let folder = TempDir::new().unwrap();
    let (home, away) = (folder.path().join("home"), folder.path().join("away"));
    let store = open(&home).await;
    let remove = || fs::rename(&home, &away).unwrap();
    let put_back = || {
        assert!(!home.exists(), "a removed folder came back empty");
        fs::rename(&away, &home).unwrap();
        only_these_are_left(&home, 4);
    };
    outage(store, Still::Nothing, remove, put_back).await.unwrap();
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
    outage(store, Still::Reads, lock, unlock).await.unwrap();
}

#[tokio::test]
async fn inv08_a_full_disk_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "size=1m");
    let home = disk.path().join("home");
    let store = open(&home).await;
    let ballast = disk.path().join("ballast");
    let fill = || {
        // As large as fits: the last piece is cut off.
        assert!(fs::write(&ballast, vec![0; 2 << 20]).is_err());
    };
    let free = || {
        only_these_are_left(&home, 2);
        fs::remove_file(&ballast).unwrap();
    };
    outage(store, Still::ReadsAndDeletes, fill, free).await.unwrap();
}

#[test]
fn inv08_files_that_may_not_grow_are_503_for_writers() {
    let folder = TempDir::new().unwrap();
    run_apart("without_room", folder.path(), "trap '' XFSZ; exec", User::Same).unwrap();
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn without_room() {
    let home = home_apart();
    let store = open(&home).await;
    let fill = || limit_file_size(Some(0)).unwrap();
    let free = || {
        only_these_are_left(&home, 2);
        limit_file_size(None).unwrap();
    };
    outage(store, Still::ReadsAndDeletes, fill, free).await.unwrap();
}

#[tokio::test]
async fn inv08_a_read_only_mount_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "size=1m");
    let home = disk.path().join("home");
    let store = open(&home).await;
    let seal = || disk.remount("ro").unwrap();
    let unseal = || {
        only_these_are_left(&home, 4);
        disk.remount("rw").unwrap();
    };
    outage(store, Still::Reads, seal, unseal).await.unwrap();
}

#[test]
fn inv08_a_folder_that_may_not_be_written_is_503_for_writers() {
    let folder = TempDir::new().unwrap();
    open_to_all(folder.path()).unwrap();
    run_apart("without_writing", folder.path(), "exec", User::Unprivileged).unwrap();
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn without_writing() {
    under_mode(0o500, Still::Reads).await;
}

#[test]
fn inv08_a_folder_that_may_not_be_entered_is_503() {
    let folder = TempDir::new().unwrap();
    open_to_all(folder.path()).unwrap();
    run_apart("without_entering", folder.path(), "exec", User::Unprivileged).unwrap();
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn without_entering() {
    under_mode(0, Still::Nothing).await;
}

/// The store's folders have this mode during the outage.
async fn under_mode(mode: u32, still: Still) {
    let home = home_apart();
    let store = open(&home).await;
    let chmod = |part: &str, mode| {
        fs::set_permissions(home.join(part), Permissions::from_mode(mode)).unwrap();
    };
    let seal = || ["sessions", "subjects"].into_iter().for_each(|part| chmod(part, mode));
    let unseal = || {
        ["sessions", "subjects"].into_iter().for_each(|part| chmod(part, 0o700));
        only_these_are_left(&home, 4);
    };
    outage(store, still, seal, unseal).await.unwrap();
}

fn home_apart() -> PathBuf {
    PathBuf::from(std::env::var(FOLDER).unwrap()).join("home")
}
