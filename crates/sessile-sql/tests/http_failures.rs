//! What visitors meet while SQLite is broken in ways that really happen.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use sessile_conformance::faults::{FOLDER, User, limit_file_size, open_to_all, run_apart};
use sessile_conformance::http::outage::{Still, outage};
use sessile_conformance::small_disk;
use sessile_sql::{Options, SqlStore};
use tempfile::TempDir;

fn options() -> Options {
    Options { busy_timeout: Duration::from_millis(100), ..Options::default() }
}

async fn connect(file: &Path, options: Options) -> SqlStore {
    SqlStore::connect(&format!("sqlite:{}", file.display()), options).await.unwrap()
}

#[tokio::test]
async fn inv08_a_locked_database_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let store = connect(&file, options()).await;
    let other = Connection::open(&file).unwrap();
    let lock = || other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let unlock = || other.execute_batch("ROLLBACK").unwrap();
    outage(store, Still::Reads, lock, unlock).await.unwrap();
}

/// Without the write-ahead log, which the store uses where it makes the
/// database, readers wait for writers.
#[tokio::test]
async fn inv08_a_locked_database_without_a_log_is_503_and_heals() {
    let folder = TempDir::new().unwrap();
    let (made, file) = (folder.path().join("made.db"), folder.path().join("s.db"));
    drop(connect(&made, options()).await);
    // A copy made like this has no log.
    let copy = "VACUUM INTO ?1";
    Connection::open(&made).unwrap().execute(copy, [file.to_str().unwrap()]).unwrap();
    let other = Connection::open(&file).unwrap();
    let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    assert_eq!(other.query_row("PRAGMA journal_mode", [], mode).unwrap(), "delete");
    let store = connect(&file, Options { create: false, ..options() }).await;
    let lock = || other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let unlock = || other.execute_batch("ROLLBACK").unwrap();
    outage(store, Still::Nothing, lock, unlock).await.unwrap();
}

#[tokio::test]
async fn inv08_a_removed_database_is_503_and_heals() {
    let folder = TempDir::new().unwrap();
    let (home, away) = (folder.path().join("home"), folder.path().join("away"));
    fs::create_dir(&home).unwrap();
    let store = connect(&home.join("s.db"), options()).await;
    let remove = || fs::rename(&home, &away).unwrap();
    let put_back = || {
        assert!(!home.exists(), "a removed database came back empty");
        fs::rename(&away, &home).unwrap();
    };
    outage(store, Still::Nothing, remove, put_back).await.unwrap();
}

#[tokio::test]
async fn inv08_a_full_disk_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "size=1m");
    let store = connect(&disk.path().join("s.db"), options()).await;
    let ballast = disk.path().join("ballast");
    let fill = || {
        // As large as fits: the last piece is cut off.
        assert!(fs::write(&ballast, vec![0; 2 << 20]).is_err());
    };
    let free = || fs::remove_file(&ballast).unwrap();
    outage(store, Still::Reads, fill, free).await.unwrap();
}

#[test]
fn inv08_a_database_that_may_not_grow_is_503_for_writers() {
    let folder = TempDir::new().unwrap();
    run_apart("without_room", folder.path(), "trap '' XFSZ; exec", User::Same).unwrap();
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn without_room() {
    let store = connect(&apart().join("s.db"), options()).await;
    let fill = || limit_file_size(Some(0)).unwrap();
    let free = || limit_file_size(None).unwrap();
    outage(store, Still::Reads, fill, free).await.unwrap();
}

#[test]
fn inv08_a_read_only_database_is_503_for_writers_and_heals() {
    let folder = TempDir::new().unwrap();
    open_to_all(folder.path()).unwrap();
    run_apart("read_only_with_its_log", folder.path(), "exec", User::Unprivileged).unwrap();
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn read_only_with_its_log() {
    put_back_read_only(&["s.db", "s.db-wal", "s.db-shm"], Still::Reads).await;
}

/// In a folder where SQLite may not make the files of its log, it reads nothing.
#[test]
fn inv08_a_read_only_database_without_its_log_is_503_and_heals() {
    let folder = TempDir::new().unwrap();
    open_to_all(folder.path()).unwrap();
    run_apart("read_only_without_its_log", folder.path(), "exec", User::Unprivileged).unwrap();
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn read_only_without_its_log() {
    put_back_read_only(&["s.db"], Still::Nothing).await;
}

/// SQLite keeps its files open, so that a mode changed under it says nothing to
/// it, and a disk with them on it cannot be remounted. It meets the mode when it
/// opens its files again: here these, put back as from a backup.
async fn put_back_read_only(names: &[&str], still: Still) {
    let (home, away) = (apart().join("home"), apart().join("away"));
    let file = home.join("s.db");
    fs::create_dir(&home).unwrap();
    let store = connect(&file, options()).await;
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let each = |mode| names.iter().for_each(|name| chmod(&home.join(name), mode));
    let seal = || {
        if names == ["s.db"] {
            // All is in one file once the log is written back.
            let other = Connection::open(&file).unwrap();
            other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        }
        fs::rename(&home, &away).unwrap();
        fs::create_dir(&home).unwrap();
        for name in names {
            fs::copy(away.join(name), home.join(name)).unwrap();
        }
        each(0o400);
        chmod(&home, 0o500);
    };
    let unseal = || {
        chmod(&home, 0o700);
        each(0o600);
    };
    outage(store, still, seal, unseal).await.unwrap();
}

fn apart() -> PathBuf {
    PathBuf::from(std::env::var(FOLDER).unwrap())
}
