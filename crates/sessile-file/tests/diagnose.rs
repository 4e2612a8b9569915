//! What the store says of a folder in which something is wrong.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_core::store::{Finding, Layout, Level};
use sessile_core::{SessionStore as _, Timestamp};
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

fn now() -> Timestamp {
    Timestamp::from_secs(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

async fn findings(folder: &Path, layout: Layout) -> Vec<Finding> {
    let options = Options { layout, threshold: 2, ..Options::default() };
    let store = FileStore::open(folder, options).await.unwrap();
    let findings = store.capabilities().diagnose.unwrap().diagnose(&now).await.unwrap();
    for finding in &findings {
        assert!(finding.level < Level::Warning || finding.advice.is_some(), "{finding:?}");
        assert!(finding.check.len() <= 16, "{finding:?}");
    }
    findings
}

fn level(findings: &[Finding], check: &str) -> Option<Level> {
    let of = findings.iter().filter(|finding| finding.check == check);
    of.map(|finding| finding.level).max()
}

#[tokio::test]
async fn a_folder_as_it_should_be_has_no_warnings_and_is_left_as_it_is() {
    for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
        let folder = TempDir::new().unwrap();
        findings(folder.path(), layout).await;
        let seen = |folder: &Path| {
            let names = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
            let mut names: Vec<_> = names.collect();
            names.sort();
            (names, fs::metadata(folder).unwrap().modified().unwrap())
        };
        let before = seen(folder.path());
        let found = findings(folder.path(), layout).await;
        // Opening counts cachelib's files anew, which writes; looking does not.
        if layout != Layout::FlaskSession {
            assert_eq!(seen(folder.path()), before);
        }
        let of_sessions: Vec<_> = ["folder", "files", "clock"].into();
        for check in of_sessions {
            assert_eq!(level(&found, check), Some(Level::Good), "{layout:?} {check} {found:?}");
        }
    }
}

#[tokio::test]
async fn each_thing_that_is_wrong_has_its_finding() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("kept");
    findings(&root, Layout::FlaskSession).await;
    let name = |digit: &str| root.join(digit.repeat(64));

    fs::write(name("a"), b"\0\0\0\0").unwrap();
    fs::set_permissions(name("a"), Permissions::from_mode(0o644)).unwrap();
    let found = findings(&root, Layout::FlaskSession).await;
    assert_eq!(level(&found, "files"), Some(Level::Warning), "{found:?}");
    assert_eq!(level(&found, "threshold"), Some(Level::Good), "{found:?}");

    fs::set_permissions(name("a"), Permissions::from_mode(0o666)).unwrap();
    fs::write(name("b"), b"\0\0\0\0").unwrap();
    let found = findings(&root, Layout::FlaskSession).await;
    assert_eq!(level(&found, "files"), Some(Level::Bad), "{found:?}");
    assert_eq!(level(&found, "threshold"), Some(Level::Bad), "{found:?}");

    fs::set_permissions(name("a"), Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(name("b")).unwrap();
    symlink("/etc/passwd", name("b")).unwrap();
    let found = findings(&root, Layout::FlaskSession).await;
    let links = found.iter().find(|finding| finding.found.contains("links")).unwrap();
    assert_eq!(links.level, Level::Bad);

    let left = File::create(root.join(".new-00-1-1-1.__wz_cache")).unwrap();
    left.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let ahead = SystemTime::now() + Duration::from_secs(3600);
    let store = FileStore::open(&root, Options::default()).await;
    assert!(store.is_ok(), "{store:?}");
    File::open(&root).unwrap().set_modified(ahead).unwrap();
    File::open(root.join("sessions")).unwrap().set_modified(ahead).unwrap();
    let found = store.unwrap().capabilities().diagnose.unwrap().diagnose(&now).await.unwrap();
    assert_eq!(level(&found, "clock"), Some(Level::Bad), "{found:?}");
    assert_eq!(level(&found, "folders above"), Some(Level::Bad), "{found:?}");
    let found = findings(&root, Layout::FlaskSession).await;
    assert_eq!(level(&found, "half-written"), Some(Level::Note), "{found:?}");
}
