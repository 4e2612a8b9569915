//! Programs that remove files by their age leave a store that is in use as it was, or it makes
//! again what they took.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_conformance::not_run;
use sessile_core::store::{CreateOutcome, Entry, Layout, Record, TouchOutcome, WriteOutcome};
use sessile_core::{SessionStore, StoreKey, Subject, Timestamp};
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

const LAYOUTS: [Layout; 3] = [Layout::Native, Layout::FlaskSession, Layout::Django];
const HOUR: Duration = Duration::from_secs(3600);
/// How old everything is made to look.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

fn now() -> Timestamp {
    Timestamp::from_secs(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// One that every layout can have.
fn key(number: u8) -> StoreKey {
    StoreKey::from_text(format!("sessionid{number:032}"))
}

fn of_ada(layout: Layout) -> Record {
    let record = Record::ending(b"\x80\x04}\x94.".to_vec(), Some(now() + HOUR * 24 * 60));
    let subject = Subject::new("ada").filter(|_| layout == Layout::Native);
    Record { subject, seen: Some(now()), ..record }
}

/// Every file and folder below, the deepest first.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found
}

/// What is below besides sessions: those are written when they are used, and Django's files are as
/// old as their sessions' ends say.
fn beside_sessions(root: &Path, layout: Layout) -> Vec<PathBuf> {
    let is_session = |path: &PathBuf| match layout {
        Layout::Native => path.parent().is_some_and(|it| it.ends_with("sessions")),
        _ => path.parent() == Some(root) && path.is_file(),
    };
    let mut found = below(root);
    found.retain(|path| !is_session(path));
    found
}

/// As if nothing but sessions had been written for a month.
fn age(root: &Path, layout: Layout) {
    for path in beside_sessions(root, layout) {
        File::open(path).unwrap().set_modified(SystemTime::now() - MONTH).unwrap();
    }
}

fn looks_new(path: &Path) -> bool {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    SystemTime::now().duration_since(modified).is_ok_and(|age| age < HOUR)
}

async fn open(root: &Path, layout: Layout) -> FileStore {
    let options = Options { layout, ..Options::default() };
    FileStore::open(root.to_owned(), options).await.unwrap()
}

/// That sessions are read, changed, begun, renewed, listed and ended, and who is not there is not.
async fn works(store: &FileStore, layout: Layout, what: &str) {
    let Some(Entry::Live(record, version)) = store.load(&key(1)).await.expect(what) else {
        panic!("{what}: the session is lost");
    };
    assert!(store.load(&key(9)).await.expect(what).is_none(), "{what}");
    let written = store.update(&key(1), &record, &version).await.expect(what);
    assert!(matches!(written, WriteOutcome::Written(_)), "{what}: {written:?}");
    let touched = store.touch(&key(1), now() + HOUR, Some(HOUR)).await.expect(what);
    assert_eq!(touched, TouchOutcome::Touched, "{what}");
    let created = store.create(&key(2), &of_ada(layout)).await.expect(what);
    assert!(matches!(created, CreateOutcome::Created(_)), "{what}: {created:?}");
    if let Some(directory) = store.capabilities().directory {
        let ada = Subject::new("ada").unwrap();
        assert_eq!(directory.by_subject(&ada).await.expect(what).sessions.len(), 2, "{what}");
    }
    store.end(&key(2)).await.expect(what);
    assert!(store.load(&key(2)).await.expect(what).is_none(), "{what}");
}

#[tokio::test]
async fn d12_systemd_tmpfiles_takes_nothing_from_a_store_in_use() {
    let Some(tmpfiles) = sessile_testbed::find("systemd-tmpfiles") else {
        return not_run!("no systemd-tmpfiles");
    };
    for layout in LAYOUTS {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("store");
        let store = open(&root, layout).await;
        store.create(&key(1), &of_ada(layout)).await.unwrap();
        let (rules, other) = (folder.path().join("rules.conf"), folder.path().join("other"));
        // The folder itself may be named, or one above it, such as /tmp.
        for named in [&root, folder.path()] {
            age(&root, layout);
            fs::write(&other, "").unwrap();
            fs::write(&rules, format!("d {} - - - m:1d\n", named.display())).unwrap();
            File::open(&other).unwrap().set_modified(SystemTime::now() - MONTH).unwrap();
            let ran = Command::new(&tmpfiles).arg("--clean").arg(&rules).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            assert_eq!(other.exists(), *named == *root, "it removes what is old");
            works(&store, layout, &format!("{layout:?}, {}", named.display())).await;
        }
    }
}

/// Others than systemd's ask for no lock.
#[tokio::test]
async fn d12_what_was_removed_by_its_age_is_made_again() {
    for layout in LAYOUTS {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("store");
        let store = open(&root, layout).await;
        store.create(&key(1), &of_ada(layout)).await.unwrap();
        age(&root, layout);
        for path in beside_sessions(&root, layout) {
            // Folders go when nothing is left in them.
            let _ = if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
        }
        works(&store, layout, &format!("{layout:?}")).await;
        let again = open(&root, layout).await;
        works(&again, layout, &format!("{layout:?}, opened again")).await;
    }
}

/// So that it is not removed while somebody holds it: another process would make another.
#[tokio::test]
async fn d12_what_is_used_looks_new() {
    for layout in LAYOUTS {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("store");
        let store = open(&root, layout).await;
        store.create(&key(1), &of_ada(layout)).await.unwrap();
        age(&root, layout);
        works(&store, layout, &format!("{layout:?}")).await;
        store.capabilities().sweep.unwrap().sweep(now(), 100).await.unwrap();
        let mut old = beside_sessions(&root, layout);
        old.retain(|path| !looks_new(path));
        // The locks of those sessions that nobody asked for, and nothing else.
        let locks = old.iter().filter(|it| it.file_name().is_some_and(|name| name.len() == 2));
        assert_eq!(locks.count(), old.len(), "{layout:?}: {old:?}");
        let all = below(&root).iter().filter(|it| it.file_name().unwrap().len() == 2).count();
        assert!(old.len() < all, "{layout:?}: no lock was taken");
    }
}
