//! Files that fail, or are not ours: typed errors, nothing half-written, and it recovers.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sessile_conformance::faults::{
    FOLDER, PAYLOAD, User, create, fill, is_live, key, record, run_apart,
};
use sessile_conformance::{not_run, small_disk};
use sessile_core::store::{CreateOutcome, Entry, Layout, TouchOutcome, Version, WriteOutcome};
use sessile_core::{SessionStore, StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

async fn open(folder: &Path) -> Result<FileStore, StoreError> {
    let options = Options { lock_timeout: Duration::from_millis(500), ..Options::default() };
    FileStore::open(folder, options).await
}

fn kind<T>(result: Result<T, StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind())
}

fn file_of(folder: &Path, number: u32) -> PathBuf {
    folder.join("sessions").join(key(number).to_text())
}

fn files_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("sessions")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn sweep(store: &FileStore) -> usize {
    store.capabilities().sweep.unwrap().sweep(Timestamp::from_secs(0), 100).await.unwrap()
}

#[tokio::test]
async fn f14_a_full_disk_refuses_forgets_nothing_and_recovers() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "size=64k");
    let store = open(&disk.path().join("s")).await.unwrap();
    let (number, kind) = fill(&store).await.unwrap();
    assert_eq!(kind, StoreErrorKind::Full);
    assert_eq!(files_in(&disk.path().join("s")).len(), number as usize, "something is left over");
    store.delete(&key(0)).await.unwrap();
    create(&store, number).await.unwrap();
    assert!(is_live(&store, number).await.unwrap() && !is_live(&store, 0).await.unwrap());
    assert!(create(&store, 0).await.is_err());
    disk.remount("size=1m").unwrap();
    create(&store, 0).await.unwrap();
}

#[tokio::test]
async fn f15_no_inodes_left_is_a_full_disk() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "nr_inodes=100");
    let store = open(&disk.path().join("s")).await.unwrap();
    let (number, kind) = fill(&store).await.unwrap();
    assert_eq!(kind, StoreErrorKind::Full);
    store.delete(&key(0)).await.unwrap();
    create(&store, number).await.unwrap();
}

#[tokio::test]
async fn f15_a_read_only_mount_refuses_writes_only_and_recovers() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "size=1m");
    let store = open(&disk.path().join("s")).await.unwrap();
    let version = create(&store, 1).await.unwrap();
    disk.remount("ro").unwrap();
    let read_only = Some(StoreErrorKind::ReadOnly);
    assert_eq!(kind(create(&store, 2).await), read_only);
    assert_eq!(kind(store.update(&key(1), &record(PAYLOAD), &version).await), read_only);
    assert_eq!(kind(store.delete(&key(1)).await), read_only);
    assert!(is_live(&store, 1).await.unwrap());
    disk.remount("rw").unwrap();
    create(&store, 2).await.unwrap();
    store.delete(&key(1)).await.unwrap();
}

fn run_limited(test: &str, folder: &Path, shell: &str, user: User) {
    run_apart(test, folder, shell, user).unwrap();
}

fn limited_folder() -> PathBuf {
    std::env::var(FOLDER).unwrap().into()
}

#[test]
fn f14_a_file_that_may_not_grow_leaves_the_old_one() {
    let folder = TempDir::new().unwrap();
    run_limited("with_small_files", folder.path(), "trap '' XFSZ; ulimit -f 16; exec", User::Same);
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn with_small_files() {
    let folder = limited_folder().join("s");
    let store = open(&folder).await.unwrap();
    let version = create(&store, 1).await.unwrap();
    let large = record(100_000);
    let refused = store.update(&key(1), &large, &version).await;
    assert_eq!(kind(refused), Some(StoreErrorKind::Full));
    assert_eq!(kind(store.create(&key(2), &large).await), Some(StoreErrorKind::Full));
    let refused = store.replace(&key(1), &version, &key(3), &large, None).await;
    assert_eq!(kind(refused), Some(StoreErrorKind::Full));
    assert!(is_live(&store, 1).await.unwrap());
    assert_eq!(files_in(&folder).len(), 1, "something is left over");
    let written = store.update(&key(1), &record(PAYLOAD), &version).await.unwrap();
    assert!(matches!(written, WriteOutcome::Written(_)));
}

#[test]
fn f15_without_file_descriptors_the_store_fails_and_recovers() {
    let folder = TempDir::new().unwrap();
    run_limited("with_few_descriptors", folder.path(), "ulimit -n 64; exec", User::Same);
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn with_few_descriptors() {
    let store = open(&limited_folder().join("s")).await.unwrap();
    create(&store, 1).await.unwrap();
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
    }
    let unavailable = Some(StoreErrorKind::Unavailable);
    assert_eq!(kind(store.load(&key(1)).await), unavailable);
    assert_eq!(kind(create(&store, 2).await), unavailable);
    drop(held);
    assert!(is_live(&store, 1).await.unwrap() && !is_live(&store, 2).await.unwrap());
    create(&store, 2).await.unwrap();
}

#[test]
fn f15_a_folder_without_permission_refuses_writes() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    let made = sessile_conformance::block_on(async {
        let store = open(&root).await.unwrap();
        create(&store, 1).await.unwrap();
    });
    made.unwrap();
    let all = |mode| {
        fs::set_permissions(file_of(&root, 1), Permissions::from_mode(mode & 0o666)).unwrap();
        for part in ["sessions", "subjects", "."] {
            fs::set_permissions(root.join(part), Permissions::from_mode(mode)).unwrap();
        }
    };
    // Others may lock and read, nothing else.
    for lock in fs::read_dir(root.join("locks")).unwrap() {
        fs::set_permissions(lock.unwrap().path(), Permissions::from_mode(0o666)).unwrap();
    }
    fs::set_permissions(root.join("locks"), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    all(0o555);
    run_limited("without_permission", folder.path(), "exec", User::Unprivileged);
    all(0o700);
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn without_permission() {
    let root = limited_folder().join("s");
    let store = open(&root).await.unwrap();
    let read_only = Some(StoreErrorKind::ReadOnly);
    assert!(is_live(&store, 1).await.unwrap());
    assert_eq!(kind(create(&store, 2).await), read_only);
    assert_eq!(kind(store.delete(&key(1)).await), read_only);
    let new = open(&root.join("new")).await;
    assert_eq!(kind(new), read_only);
}

#[tokio::test]
async fn f16_what_is_no_file_of_ours_is_refused_and_never_waited_for() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    let store = open(&root).await.unwrap();
    create(&store, 0).await.unwrap();
    let outside = folder.path().join("outside");
    fs::copy(file_of(&root, 0), &outside).unwrap();
    symlink(&outside, file_of(&root, 1)).unwrap();
    symlink(folder.path().join("nowhere"), file_of(&root, 2)).unwrap();
    fs::hard_link(&outside, file_of(&root, 3)).unwrap();
    assert!(Command::new("mkfifo").arg(file_of(&root, 4)).status().unwrap().success());
    symlink("/dev/zero", file_of(&root, 5)).unwrap();
    fs::copy(&outside, file_of(&root, 6)).unwrap(); // another session's content
    let before = fs::read(&outside).unwrap();
    for number in 1..=6 {
        let key = key(number);
        let found = store.load(&key).await.unwrap();
        assert!(matches!(found, Some(Entry::Unreadable(_))), "load {number}: {found:?}");
        let version = Version::Number(1);
        let update = store.update(&key, &record(1), &version).await.unwrap();
        assert_eq!(update, WriteOutcome::Gone, "update {number}");
        let touch = store.touch(&key, Timestamp::MAX, None).await.unwrap();
        assert_eq!(touch, TouchOutcome::Gone, "touch {number}");
        let replace = store.replace(&key, &version, &key_beside(number), &record(1), None).await;
        assert_eq!(replace.unwrap(), WriteOutcome::Gone, "replace {number}");
        let made = store.create(&key, &record(1)).await.unwrap();
        assert_eq!(made, CreateOutcome::Exists, "create {number}");
    }
    assert_eq!(sweep(&store).await, 0);
    let listed = store.capabilities().scan.unwrap().scan(None, 100).await.unwrap();
    assert_eq!(listed.entries.len(), 1, "the session among them is listed all the same");
    assert_eq!(listed.unreadable, 6);
    for number in 1..=6 {
        store.delete(&key(number)).await.unwrap();
    }
    assert!(fs::read(&outside).unwrap() == before, "wrote through a link");
    assert_eq!(files_in(&root).len(), 1);
}

fn key_beside(number: u32) -> StoreKey {
    key(number + 1000)
}

#[tokio::test]
async fn f23_altered_cut_off_and_newer_files_are_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    let store = open(&root).await.unwrap();
    let version = create(&store, 1).await.unwrap();
    let good = fs::read(file_of(&root, 1)).unwrap();
    let mut bad: Vec<Vec<u8>> = (0..150).map(|length| good[..length].to_vec()).collect();
    bad.extend((0..150).map(|at| {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        flipped
    }));
    bad.push([&good[..], b"x"].concat());
    bad.push(b"SsF\x02 from a release to come".to_vec());
    for content in bad {
        fs::write(file_of(&root, 1), &content).unwrap();
        let found = store.load(&key(1)).await.unwrap();
        assert!(matches!(found, Some(Entry::Unreadable(_))), "{} bytes", content.len());
        let update = store.update(&key(1), &record(1), &version).await.unwrap();
        assert_eq!(update, WriteOutcome::Gone);
        assert!(fs::read(file_of(&root, 1)).unwrap() == content, "a refused file was overwritten");
    }
    fs::write(file_of(&root, 1), good).unwrap();
    assert!(is_live(&store, 1).await.unwrap());
}

#[tokio::test]
async fn a_removed_folder_is_an_outage_until_it_is_back() {
    let folder = TempDir::new().unwrap();
    let (root, away) = (folder.path().join("s"), folder.path().join("away"));
    let store = open(&root).await.unwrap();
    create(&store, 1).await.unwrap();
    fs::rename(&root, &away).unwrap();
    let unavailable = Some(StoreErrorKind::Unavailable);
    assert_eq!(kind(store.load(&key(1)).await), unavailable);
    assert_eq!(kind(create(&store, 2).await), unavailable);
    assert_eq!(kind(store.delete(&key(1)).await), unavailable);
    let subject = Subject::new("someone").unwrap();
    let directory = store.capabilities().directory.unwrap();
    assert_eq!(kind(directory.delete_by_subject(&subject, None).await), unavailable);
    assert_eq!(kind(store.capabilities().scan.unwrap().scan(None, 9).await), unavailable);
    assert!(!root.exists(), "a removed folder came back empty");
    fs::rename(&away, &root).unwrap();
    assert!(is_live(&store, 1).await.unwrap());
    create(&store, 2).await.unwrap();
}

#[tokio::test]
async fn f25_a_lock_held_elsewhere_is_waited_for_within_bounds() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    let store = open(&root).await.unwrap();
    create(&store, 1).await.unwrap();
    let held: Vec<File> = fs::read_dir(root.join("locks"))
        .unwrap()
        .map(|entry| File::open(entry.unwrap().path()).unwrap())
        .inspect(|lock| lock.lock().unwrap())
        .collect();
    assert_eq!(held.len(), 64);
    let start = Instant::now();
    assert_eq!(kind(store.delete(&key(1)).await), Some(StoreErrorKind::Locked));
    // The time it was given and not the usual one.
    let usual = Options::default().lock_timeout;
    assert!(start.elapsed() < usual, "waited {:?}", start.elapsed());
    assert!(is_live(&store, 1).await.unwrap(), "readers wait for writers");
    drop(held);
    store.delete(&key(1)).await.unwrap();
}

#[tokio::test]
async fn f12_files_of_killed_writers_are_swept_and_strangers_are_not() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    let store = open(&root).await.unwrap();
    create(&store, 1).await.unwrap();
    for name in [".new-00-1-2-3", ".new-3f-9-9-9", ".new-zz-1", "README", ".new-"] {
        fs::write(root.join("sessions").join(name), "half").unwrap();
    }
    // Somebody is just writing under this lock.
    let lock = File::open(root.join("locks/3f")).unwrap();
    lock.lock().unwrap();
    sweep(&store).await;
    let mut left = files_in(&root);
    left.sort();
    left.retain(|name| name.len() < 64);
    assert_eq!(left, [".new-", ".new-3f-9-9-9", ".new-zz-1", "README"]);
    drop(lock);
    sweep(&store).await;
    assert!(!files_in(&root).contains(&".new-3f-9-9-9".to_owned()));
    assert!(is_live(&store, 1).await.unwrap());
    assert_eq!(store.capabilities().scan.unwrap().scan(None, 9).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn f28_a_name_without_its_session_is_dropped_when_the_user_is_listed() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    let store = open(&root).await.unwrap();
    let subject = Subject::new("someone").unwrap();
    let mut theirs = record(10);
    theirs.subject = Some(subject.clone());
    store.create(&key(1), &theirs).await.unwrap();
    let of_user = fs::read_dir(root.join("subjects")).unwrap().next().unwrap().unwrap().path();
    // As when a process was killed after the name and before the session.
    fs::write(of_user.join(key(2).to_text()), "").unwrap();
    let directory = store.capabilities().directory.unwrap();
    assert_eq!(directory.by_subject(&subject).await.unwrap().sessions.len(), 1);
    assert!(!of_user.join(key(2).to_text()).exists());
    // A session that cannot be read is still its user's to end.
    fs::write(file_of(&root, 1), "damaged").unwrap();
    assert!(directory.by_subject(&subject).await.unwrap().sessions.is_empty());
    assert_eq!(directory.delete_by_subject(&subject, None).await.unwrap(), 1);
    assert!(files_in(&root).is_empty() && !of_user.exists());
}

#[test]
fn modes_are_the_owners_only_even_under_umask_0() {
    let folder = TempDir::new().unwrap();
    run_limited("under_umask_0", folder.path(), "umask 0; exec", User::Same);
    let mut folders = vec![folder.path().join("s")];
    let mut seen = 0;
    while let Some(path) = folders.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(meta.mode() & 0o777, wanted, "{}", path.display());
        seen += 1;
        if meta.is_dir() {
            folders.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 70, "{seen} looked at");
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn under_umask_0() {
    let store = open(&limited_folder().join("s")).await.unwrap();
    let mut theirs = record(10);
    theirs.subject = Subject::new("someone");
    store.create(&key(1), &theirs).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_others_may_write_or_of_another_layout_is_refused() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    drop(open(&root).await.unwrap());
    fs::set_permissions(&root, Permissions::from_mode(0o770)).unwrap();
    assert_eq!(kind(open(&root).await), Some(StoreErrorKind::Unavailable));
    fs::set_permissions(&root, Permissions::from_mode(0o700)).unwrap();
    drop(open(&root).await.unwrap());
    fs::rename(root.join("layout-1"), root.join("layout-2")).unwrap();
    assert_eq!(kind(open(&root).await), Some(StoreErrorKind::Corrupt));
    assert!(!root.join("layout-1").exists());
    let missing = Options { create: false, ..Options::default() };
    let absent = FileStore::open(folder.path().join("absent"), missing).await;
    assert_eq!(kind(absent), Some(StoreErrorKind::Unavailable));
    assert!(!folder.path().join("absent").exists());
}

/// Whom nothing here belongs to.
const STRANGER: u32 = 65_534;

/// `None` where this process may not give its files away.
fn given_away(path: &Path) -> Option<()> {
    std::os::unix::fs::lchown(path, Some(STRANGER), None).ok()
}

/// In all layouts: what another user prepared holds sessions that the user has made.
#[tokio::test]
async fn s15_a_folder_that_another_user_prepared_is_refused_in_words() {
    for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("s");
        let options = Options { layout, ..Options::default() };
        let open = async || FileStore::open(root.clone(), options.clone()).await;
        drop(open().await.unwrap());
        let parts = match layout {
            Layout::Native => [".", "sessions", "subjects", "locks"].as_slice(),
            _ => &[".", ".sessile-locks.__wz_cache"],
        };
        for part in parts {
            let part = root.join(part);
            if given_away(&part).is_none() {
                return not_run!("files cannot be given to another user here");
            }
            let refused = open().await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{}", part.display());
            let why = refused.to_string();
            for word in ["belongs to user 65534", "we are user", "sudo -u '#65534'", "chown"] {
                assert!(why.contains(word), "{why}");
            }
            std::os::unix::fs::lchown(&part, Some(fs::metadata(&folder).unwrap().uid()), None)
                .unwrap();
            open().await.unwrap();
        }
        // One that was only prepared, and is empty, gets nothing of ours.
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        given_away(&empty).unwrap();
        let refused = FileStore::open(empty.clone(), options.clone()).await;
        assert_eq!(kind(refused), Some(StoreErrorKind::Unavailable), "{layout:?}");
        assert_eq!(fs::read_dir(&empty).unwrap().count(), 0, "{layout:?}");
    }
}

/// A folder that was chowned later, with what lay in it.
#[tokio::test]
async fn s15_a_file_of_another_user_is_nobodys_session() {
    for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("s");
        let store =
            FileStore::open(root.clone(), Options { layout, ..Options::default() }).await.unwrap();
        let key = match layout {
            Layout::Native => key(1),
            _ => StoreKey::from_text("session1".to_owned()),
        };
        let created = store.create(&key, &record(PAYLOAD)).await.unwrap();
        assert!(matches!(created, CreateOutcome::Created(_)), "{layout:?}");
        assert!(matches!(store.load(&key).await.unwrap(), Some(Entry::Live(..))), "{layout:?}");
        let sessions = if layout == Layout::Native { root.join("sessions") } else { root.clone() };
        let is_session = |name: &str| name.len() == 64 || name.starts_with("sessionid");
        let files = fs::read_dir(&sessions).unwrap().map(|entry| entry.unwrap());
        let files: Vec<_> =
            files.filter(|it| is_session(it.file_name().to_str().unwrap())).collect();
        for file in &files {
            if given_away(&file.path()).is_none() {
                return not_run!("files cannot be given to another user here");
            }
        }
        let found = store.load(&key).await.unwrap();
        assert!(matches!(found, Some(Entry::Unreadable(_))), "{layout:?}: {found:?}");
        let touched = store.touch(&key, Timestamp::from_secs(0), None).await.unwrap();
        assert_eq!(touched, TouchOutcome::Gone, "{layout:?}");
        let now = || Timestamp::from_secs(0);
        let findings = store.capabilities().diagnose.unwrap().diagnose(&now).await.unwrap();
        let said = findings.iter().any(|it| it.found.contains("belong to other users"));
        assert!(said, "{layout:?}: {findings:?}");
        store.delete(&key).await.unwrap();
        assert_eq!(store.load(&key).await.unwrap(), None, "{layout:?}");
    }
}

/// Whoever owns a lock could hold it for as long as they like.
#[tokio::test]
async fn s15_a_lock_of_another_user_is_said_to_be_one() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("s");
    let store = open(&root).await.unwrap();
    for lock in fs::read_dir(root.join("locks")).unwrap() {
        if given_away(&lock.unwrap().path()).is_none() {
            return not_run!("files cannot be given to another user here");
        }
    }
    let refused = create(&store, 1).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::ReadOnly);
    assert!(refused.to_string().contains("remove it"), "{refused}");
}

#[tokio::test]
async fn hostile_ids_stay_inside_the_folder() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("s")).await.unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    for text in ["../../evil", "/etc/passwd", "", ".", "a/b", "x\0y", "session:\u{202e}"] {
        let key = StoreKey::from_text(text);
        let made = store.create(&key, &record(1)).await.unwrap();
        assert!(matches!(made, CreateOutcome::Created(_)), "{text:?}");
        assert!(store.load(&key).await.unwrap().is_some());
    }
    let listed = store.capabilities().scan.unwrap().scan(None, 99).await.unwrap().entries;
    assert_eq!(listed.len(), 7);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
    let long = StoreKey::from_text("x".repeat(5000));
    assert_eq!(kind(store.create(&long, &record(1)).await), Some(StoreErrorKind::Unrepresentable));
}

/// As `strace` sees it: the new file and its content, the disk, the old one's place, the folder.
#[test]
fn f13_a_write_reaches_the_disk_before_it_takes_the_old_ones_place() {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return not_run!("no strace, or none that may watch a program");
    }
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace");
    let calls = "trace=openat,write,fsync,rename,renameat,renameat2,unlink";
    let shell = format!("exec strace -f -e {calls} -o '{}'", trace.display());
    run_limited("one_update", folder.path(), &shell, User::Same);
    let trace = fs::read_to_string(trace).unwrap();
    let own: Vec<_> = trace.lines().skip_while(|line| !line.contains("BEGIN-UPDATE")).collect();
    let at = |what: &[&str]| {
        let hit = own.iter().position(|line| what.iter().all(|word| line.contains(word)));
        hit.unwrap_or_else(|| unreachable!("no {what:?} in\n{trace}"))
    };
    let made = at(&["openat", ".new-", "O_EXCL"]);
    let written = at(&["write(", "SsF"]);
    let renamed = at(&["rename", ".new-"]);
    let synced: Vec<_> =
        (0..own.len()).filter(|line| own.get(*line).unwrap().contains("fsync(")).collect();
    assert_eq!(synced.len(), 2, "{trace}");
    assert!(made < written && written < synced[0], "{trace}");
    assert!(synced[0] < renamed && renamed < synced[1], "{trace}");
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn one_update() {
    let store = open(&limited_folder().join("s")).await.unwrap();
    let version = create(&store, 1).await.unwrap();
    fs::write("/dev/null", "BEGIN-UPDATE").unwrap();
    store.update(&key(1), &record(1), &version).await.unwrap();
}
