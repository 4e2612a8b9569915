//! SQLite that fails: typed errors, nothing half-written, and it recovers.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sessile_conformance::faults::{
    FOLDER, PAYLOAD, User, create, fill, is_live, key, record, run_apart,
};
use sessile_conformance::small_disk;
use sessile_core::store::{Entry, WriteOutcome};
use sessile_core::{SessionStore, StoreErrorKind, StoreKey};
use sessile_sql::{ConnectError, Options, SqlStore};
use tempfile::TempDir;

async fn connect(file: &Path, options: Options) -> Result<SqlStore, StoreErrorKind> {
    match SqlStore::connect(&format!("sqlite:{}", file.display()), options).await {
        Ok(store) => Ok(store),
        Err(ConnectError::Store(error)) => Err(error.kind()),
        Err(other) => unreachable!("{other}"),
    }
}

#[tokio::test]
async fn f14_a_full_database_refuses_and_forgets_nothing() {
    let folder = TempDir::new().unwrap();
    let options = Options { max_bytes: Some(200_000), ..Options::default() };
    let store = connect(&folder.path().join("s.db"), options).await.unwrap();
    let (number, kind) = fill(&store).await.unwrap();
    assert_eq!(kind, StoreErrorKind::Full);
    store.delete(&key(0)).await.unwrap();
    create(&store, number).await.unwrap();
    assert!(is_live(&store, number).await.unwrap() && !is_live(&store, 0).await.unwrap());
}

#[tokio::test]
async fn one_write_that_finds_no_room_does_not_fail_those_beside_it() {
    let folder = TempDir::new().unwrap();
    let options = Options { max_bytes: Some(200_000), ..Options::default() };
    let store = connect(&folder.path().join("s.db"), options).await.unwrap();
    let version = create(&store, 0).await.unwrap();
    let mut tasks = Vec::new();
    for number in 1..200 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move { create(&store, number).await.map(|_| number) }));
    }
    let same_size = record(PAYLOAD);
    let outcome = store.update(&key(0), &same_size, &version).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Written(_)));
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(number) => assert!(is_live(&store, number).await.unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full);
                refused += 1;
            }
        }
    }
    assert!((1..199).contains(&refused), "{refused} of 199 refused");
}

#[tokio::test]
async fn f14_a_full_disk_refuses_and_recovers() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "size=512k");
    let store = connect(&disk.path().join("s.db"), Options::default()).await.unwrap();
    let (number, kind) = fill(&store).await.unwrap();
    assert_eq!(kind, StoreErrorKind::Full);
    disk.remount("size=4m").unwrap();
    create(&store, number).await.unwrap();
    assert!(is_live(&store, number).await.unwrap());
}

#[tokio::test]
async fn f15_a_read_only_mount_is_said_to_be_one_and_recovers() {
    let folder = TempDir::new().unwrap();
    let disk = small_disk!(folder.path(), "size=1m");
    let file = disk.path().join("s.db");
    let store = connect(&file, Options::default()).await.unwrap();
    create(&store, 1).await.unwrap();
    drop(store);
    // The store's threads close their files when they have seen that it is gone.
    let patience = Instant::now() + Duration::from_secs(120);
    while disk.remount("ro").is_err() {
        assert!(Instant::now() < patience, "the store's threads keep their files");
        std::thread::yield_now();
    }
    let refused = connect(&file, Options::default()).await.unwrap_err();
    assert_eq!(refused, StoreErrorKind::ReadOnly);
    let refused = connect(&disk.path().join("new.db"), Options::default()).await.unwrap_err();
    assert_eq!(refused, StoreErrorKind::ReadOnly);
    disk.remount("rw").unwrap();
    let store = connect(&file, Options::default()).await.unwrap();
    assert!(is_live(&store, 1).await.unwrap());
    create(&store, 2).await.unwrap();
}

#[tokio::test]
#[ignore = "the process without privileges that another test starts"]
async fn without_privileges() {
    let folder = std::env::var(FOLDER).unwrap();
    for name in ["unwritable/s.db", "unwritable/new.db"] {
        let refused = connect(&Path::new(&folder).join(name), Options::default()).await;
        assert_eq!(refused.unwrap_err(), StoreErrorKind::ReadOnly, "{name}");
    }
}

#[tokio::test]
async fn f15_a_file_without_permission_is_refused() {
    let folder = TempDir::new().unwrap();
    let sealed = folder.path().join("unwritable");
    fs::create_dir(&sealed).unwrap();
    let store = connect(&sealed.join("s.db"), Options::default()).await.unwrap();
    create(&store, 1).await.unwrap();
    let chmod =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let log = [sealed.join("s.db-wal"), sealed.join("s.db-shm")];
    log.iter().for_each(|path| chmod(path, 0));
    for (path, mode) in [(&*sealed.join("s.db"), 0o444), (&sealed, 0o555), (folder.path(), 0o755)] {
        chmod(path, mode);
    }
    let refused = run_apart("without_privileges", folder.path(), "exec", User::Unprivileged);
    chmod(&sealed, 0o700);
    refused.unwrap();
    chmod(&sealed.join("s.db"), 0o600);
    log.iter().for_each(|path| chmod(path, 0o600));
    create(&store, 2).await.unwrap();
}

#[tokio::test]
async fn a_removed_file_is_an_outage_until_it_is_back() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let store = connect(&file, Options::default()).await.unwrap();
    let version = create(&store, 1).await.unwrap();
    let away = folder.path().join("away");
    let names = ["s.db", "s.db-wal", "s.db-shm"];
    fs::create_dir(&away).unwrap();
    for name in names {
        fs::rename(folder.path().join(name), away.join(name)).unwrap();
    }
    for _ in 0..3 {
        let unavailable = StoreErrorKind::Unavailable;
        assert_eq!(create(&store, 2).await.unwrap_err().kind(), unavailable);
        assert_eq!(store.load(&key(1)).await.unwrap_err().kind(), unavailable);
        let record = record(4);
        let late = store.update(&key(1), &record, &version).await;
        assert_eq!(late.unwrap_err().kind(), unavailable);
        assert_eq!(store.delete(&key(1)).await.unwrap_err().kind(), unavailable);
        let listed = store.capabilities().scan.unwrap().scan(None, 9).await;
        assert_eq!(listed.unwrap_err().kind(), unavailable);
    }
    assert!(!file.exists(), "a removed database came back empty");
    for name in names {
        // The last connection to the removed files tidies its log away.
        let _ = fs::rename(away.join(name), folder.path().join(name));
    }
    assert!(is_live(&store, 1).await.unwrap() && !is_live(&store, 2).await.unwrap());
    create(&store, 2).await.unwrap();
}

#[tokio::test]
async fn a_file_put_in_its_place_is_used_from_then_on() {
    let folder = TempDir::new().unwrap();
    let (file, backup) = (folder.path().join("s.db"), folder.path().join("backup.db"));
    let other = connect(&backup, Options::default()).await.unwrap();
    create(&other, 5).await.unwrap();
    let store = connect(&file, Options::default()).await.unwrap();
    create(&store, 1).await.unwrap();
    drop(other);
    // Its content is in one file once the log is written back.
    let connection = rusqlite::Connection::open(&backup).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    for name in ["s.db-wal", "s.db-shm"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    fs::copy(&backup, folder.path().join("copy.db")).unwrap();
    fs::rename(folder.path().join("copy.db"), &file).unwrap();
    assert!(is_live(&store, 5).await.unwrap() && !is_live(&store, 1).await.unwrap());
    create(&store, 6).await.unwrap();
    let again = connect(&file, Options::default()).await.unwrap();
    assert!(is_live(&again, 6).await.unwrap(), "written to the file that was removed");
}

#[tokio::test]
async fn f25_a_locked_database_is_waited_for_within_bounds() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let options = Options { busy_timeout: Duration::from_millis(200), ..Options::default() };
    let store = connect(&file, options).await.unwrap();
    create(&store, 1).await.unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    assert_eq!(create(&store, 2).await.unwrap_err().kind(), StoreErrorKind::Locked);
    assert_eq!(store.delete(&key(1)).await.unwrap_err().kind(), StoreErrorKind::Locked);
    // Twice the time it was given and not the usual one.
    let usual = Options::default().busy_timeout;
    assert!(start.elapsed() < 2 * usual, "waited {:?}", start.elapsed());
    assert!(is_live(&store, 1).await.unwrap(), "readers wait for a writer");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(!is_live(&store, 2).await.unwrap());
    create(&store, 2).await.unwrap();
}

#[tokio::test]
async fn f23_rows_and_files_we_did_not_write_are_refused_not_missing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let store = connect(&file, Options::default()).await.unwrap();
    create(&store, 1).await.unwrap();
    create(&store, 2).await.unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    let sql = "UPDATE sessile_sessions SET subject = char(10) WHERE key = ?1";
    assert_eq!(other.execute(sql, [&key(1).hash().unwrap()[..]]).unwrap(), 1);
    let found = store.load(&key(1)).await.unwrap();
    assert!(matches!(found, Some(Entry::Unreadable(_))), "{found:?}");
    assert!(is_live(&store, 2).await.unwrap(), "one bad row spoils the others");
    store.delete(&key(1)).await.unwrap();

    let noise = folder.path().join("noise.db");
    fs::write(&noise, [0x5a; 8192]).unwrap();
    let refused = connect(&noise, Options::default()).await.unwrap_err();
    assert_eq!(refused, StoreErrorKind::Corrupt);
    assert!(fs::read(&noise).unwrap() == [0x5a; 8192], "overwrote what it did not understand");
}

#[tokio::test]
async fn f23_a_newer_table_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let store = connect(&file, Options::default()).await.unwrap();
    create(&store, 1).await.unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute("UPDATE sessile_schema SET version = 99", []).unwrap();
    let url = format!("sqlite:{}", file.display());
    let refused = SqlStore::connect(&url, Options::default()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Newer { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn many_stores_open_a_missing_database_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let mut tasks = Vec::new();
    for number in 0..16 {
        let file = file.clone();
        tasks.push(tokio::spawn(async move {
            let store = connect(&file, Options::default()).await.unwrap();
            create(&store, number).await.unwrap();
            store
        }));
    }
    for task in tasks {
        let store = task.await.unwrap();
        for number in 0..16 {
            let _ = store.load(&key(number)).await.unwrap();
        }
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&file.with_extension("db-wal")), 0o600);
}

#[tokio::test]
async fn without_create_nothing_is_made() {
    let folder = TempDir::new().unwrap();
    let options = Options { create: false, ..Options::default() };
    let file = folder.path().join("s.db");
    let refused = connect(&file, options.clone()).await.unwrap_err();
    assert_eq!(refused, StoreErrorKind::Unavailable);
    assert!(!file.exists());
    let _store = connect(&file, Options::default()).await.unwrap();
    connect(&file, options).await.unwrap();
}

#[tokio::test]
async fn names_and_urls_are_checked_before_anything_is_opened() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    for table in ["", "a b", "a;drop", "\"a\"", "1a", "sqlite_a", "é", &"a".repeat(49)] {
        let options = Options { table: table.into(), ..Options::default() };
        let url = format!("sqlite:{}", file.display());
        let refused = SqlStore::connect(&url, options).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Table), "{table:?}");
    }
    for url in ["", "sqlite:", "sqlite://", "sqlite::memory:", "sqlite:a?mode=rw", "oracle://x:y@z"]
    {
        let refused = SqlStore::connect(url, Options::default()).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Url(_)), "{url:?}");
        assert!(!refused.to_string().contains("x:y"), "a password in an error");
    }
    assert!(!file.exists());
}

#[tokio::test]
async fn r16_errors_name_no_key_and_no_data() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("s.db");
    let options = Options { max_bytes: Some(60_000), ..Options::default() };
    let store = connect(&file, options).await.unwrap();
    let secret = StoreKey::from_text("session:very-secret-id");
    let mut data = record(0);
    data.payload = "very-secret-data".repeat(10_000).into();
    let error = store.create(&secret, &data).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret"), "{text}");
}

/// In every layout: who owns the file, its folder or what lies beside it can put sessions there.
#[tokio::test]
async fn s15_a_database_that_another_user_prepared_is_refused_in_words() {
    use sessile_conformance::not_run;
    use sessile_core::store::Layout;

    const STRANGER: u32 = 65_534;
    for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
        let folder = TempDir::new().unwrap();
        let home = folder.path().join("home");
        let file = home.join("s.db");
        let open = async || {
            let url = format!("sqlite:{}", file.display());
            match SqlStore::connect(&url, Options::of(layout)).await {
                Ok(_) => None,
                Err(ConnectError::Store(error)) => Some(error),
                Err(other) => unreachable!("{other}"),
            }
        };
        fs::create_dir(&home).unwrap();
        fs::write(&file, b"").unwrap();
        let we =
            fs::metadata(&file).map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).unwrap();
        for name in ["s.db", ".", "s.db-journal", "s.db-wal", "s.db-shm"] {
            let path = home.join(name);
            if !path.exists() {
                fs::write(&path, b"").unwrap();
            }
            let mode = fs::metadata(&path).unwrap().permissions();
            if std::os::unix::fs::chown(&path, Some(STRANGER), None).is_err() {
                return not_run!("files cannot be given to another user here");
            }
            let refused = open().await.unwrap();
            assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{name}");
            let why = refused.to_string();
            for word in ["belongs to user 65534", "we are user", "sudo -u '#65534'", "chown"] {
                assert!(why.contains(word), "{name}: {why}");
            }
            std::os::unix::fs::chown(&path, Some(we), None).unwrap();
            let everybodys = fs::Permissions::from_mode(mode.mode() | 0o002);
            fs::set_permissions(&path, everybodys).unwrap();
            let why = open().await.unwrap().to_string();
            assert!(why.contains("everybody may write"), "{name}: {why}");
            fs::set_permissions(&path, mode).unwrap();
            if name.contains('-') {
                fs::remove_file(&path).unwrap();
            }
        }
        assert!(open().await.is_none(), "{layout:?}: now it is ours alone");
    }
}
