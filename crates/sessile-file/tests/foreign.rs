//! Folders that cachelib or Django use, too: names, bytes, and what they do meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile_conformance::block_on;
use sessile_core::store::{CreateOutcome, Entry, Layout, Record, TouchOutcome, WriteOutcome};
use sessile_core::{
    Config, Engine, KeyRing, Map, SecretKey, SessionStore as _, StoreErrorKind, StoreKey, Timestamp,
};
use sessile_file::{CachelibNames, FileStore, Options, cachelib};
use tempfile::TempDir;

const PICKLE: &[u8] =
    b"\x80\x05\x95 \0\0\0\0\0\0\0}\x94(\x8c\x0a_permanent\x94\x88\x8c\x05value\x94\x8c\x0242\x94u.";
const NAME: &str = "a29d803b477eb42083ebd25596356c45c98474d5c0dacb79829833ca2176e85b";
const OLD_NAME: &str = "32607b0dcb9d5a58fbe913b473137833";
const COUNT: &str = "79bc207ee04a581ab2348ca1f3494e64cd0ec36128735b8c6bc85ddd8fe1938c";

fn now() -> Timestamp {
    Timestamp::from_secs(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn until(end: Timestamp, payload: &[u8]) -> Record {
    Record { seen: Some(now()), ..Record::ending(payload.to_vec(), Some(end)) }
}

fn hour(payload: &[u8]) -> Record {
    until(now() + Duration::from_secs(3600), payload)
}

fn flask() -> Options {
    Options { layout: Layout::FlaskSession, ..Options::default() }
}

fn django() -> Options {
    Options { layout: Layout::Django, ..Options::default() }
}

async fn open(folder: &TempDir, options: Options) -> FileStore {
    FileStore::open(folder.path().to_owned(), options).await.unwrap()
}

/// What cachelib takes for its own in the folder: its rule is `endswith`.
fn cachelibs_names(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|it| it.into_string().unwrap()).filter(|it| !it.ends_with(".__wz_cache")).collect()
}

fn count(folder: &TempDir) -> Vec<u8> {
    fs::read(folder.path().join(COUNT)).unwrap()
}

fn live(entry: Option<Entry>) -> (Record, sessile_core::store::Version) {
    match entry {
        Some(Entry::Live(record, version)) => (record, version),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cachelibs_files_have_its_names_bytes_mode_and_count() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let store = open(&folder, Options { mode: 0o640, ..flask() }).await;
        assert_eq!(count(&folder), b"\0\0\0\0\x80\x05K\0.");
        let key = StoreKey::from_text("session:abc");
        let end = Timestamp::from_millis(1_900_000_000_999);
        store.create(&key, &until(end, PICKLE)).await.unwrap();
        let path = folder.path().join(NAME);
        let bytes = [&1_900_000_000_u32.to_ne_bytes()[..], PICKLE].concat();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(count(&folder), b"\0\0\0\0\x80\x05K\x01.");
        assert_eq!(cachelibs_names(folder.path()), BTreeSet::from([NAME.into(), COUNT.into()]));
        // A renewal changes the first four bytes only; an end that came nearer does not.
        for (idle, stored) in [(1_900_000_060, 1_900_000_060_u32), (1_800_000_000, 1_900_000_060)] {
            let (seen, idle) = (now(), Timestamp::from_secs(idle));
            let span = Some(idle.saturating_since(seen));
            assert_eq!(store.touch(&key, seen, span).await.unwrap(), TouchOutcome::Touched);
            assert_eq!(fs::read(&path).unwrap(), [&stored.to_ne_bytes()[..], PICKLE].concat());
        }
        store.delete(&key).await.unwrap();
        assert_eq!(count(&folder), b"\0\0\0\0\x80\x05K\0.");
        assert_eq!(cachelibs_names(folder.path()), BTreeSet::from([COUNT.into()]));
    })
    .unwrap();
}

#[test]
fn sessions_of_every_older_cachelib_are_found_and_go_on_in_todays_form() {
    let end: u32 = 1_900_000_000;
    let number = [&b"J"[..], &end.to_le_bytes(), b"."].concat();
    let generations = [
        [&number[..], PICKLE].concat(),
        [b"\x80\x05\x95\x06\0\0\0\0\0\0\0", &number[..], PICKLE].concat(),
        [&end.to_ne_bytes()[..], PICKLE].concat(),
    ];
    for old in generations {
        block_on(async {
            let folder = TempDir::new().unwrap();
            fs::write(folder.path().join(OLD_NAME), &old).unwrap();
            let store = open(&folder, flask()).await;
            let key = StoreKey::from_text("session:abc");
            assert_eq!(store.create(&key, &hour(b"x")).await.unwrap(), CreateOutcome::Exists);
            let (record, version) = live(store.load(&key).await.unwrap());
            assert_eq!(
                (&record.payload[..], record.absolute),
                (PICKLE, Some(Timestamp::from_secs(end.into())))
            );
            let written = store.update(&key, &hour(b"new"), &version).await.unwrap();
            assert!(matches!(written, WriteOutcome::Written(_)));
            assert_eq!(cachelibs_names(folder.path()), BTreeSet::from([NAME.into(), COUNT.into()]));
            assert!(fs::read(folder.path().join(NAME)).unwrap().ends_with(b"new"));
            assert_eq!(count(&folder), b"\0\0\0\0\x80\x05K\x01.");
        })
        .unwrap();
    }
}

#[test]
fn beside_an_older_cachelib_the_old_names_are_written() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let options = Options { names: CachelibNames::Md5, ..flask() };
        let store = open(&folder, options).await;
        store.create(&StoreKey::from_text("session:abc"), &hour(PICKLE)).await.unwrap();
        let counts = cachelib::file_name(b"__wz_cache_count", CachelibNames::Md5);
        assert_eq!(cachelibs_names(folder.path()), BTreeSet::from([OLD_NAME.into(), counts]));
    })
    .unwrap();
}

#[test]
fn beyond_the_threshold_what_expired_goes_first_and_then_what_expires_soonest() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let store = open(&folder, Options { threshold: 3, ..flask() }).await;
        let key = |name: &str| StoreKey::from_text(format!("session:{name}"));
        let minutes = |count: u64| now() + Duration::from_secs(60 * count);
        let past = Timestamp::from_secs(1_000_000_000);
        for (name, end) in
            [("late", minutes(9)), ("soon", minutes(1)), ("past", past), ("later", minutes(19))]
        {
            store.create(&key(name), &until(end, PICKLE)).await.unwrap();
        }
        // cachelib prunes before it adds, so there may be one more than the threshold.
        assert_eq!(count(&folder), b"\0\0\0\0\x80\x05K\x04.");
        store.create(&key("fifth"), &until(minutes(5), PICKLE)).await.unwrap();
        assert_eq!(store.load(&key("past")).await.unwrap(), None);
        store.create(&key("sixth"), &until(minutes(6), PICKLE)).await.unwrap();
        assert_eq!(store.load(&key("soon")).await.unwrap(), None);
        for name in ["late", "later", "fifth", "sixth"] {
            assert!(store.load(&key(name)).await.unwrap().is_some(), "{name}");
        }
        assert_eq!(count(&folder), b"\0\0\0\0\x80\x05K\x04.");
    })
    .unwrap();
}

/// Their first bytes are no moment but a pickle's, which would be long past.
#[test]
fn beyond_the_threshold_sessions_of_older_cachelibs_do_not_pass_for_expired() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let number = [&b"J"[..], &1_900_000_000_u32.to_le_bytes(), b"."].concat();
        let old = [b"\x80\x05\x95\x06\0\0\0\0\0\0\0", &number[..], PICKLE].concat();
        fs::write(folder.path().join(OLD_NAME), &old).unwrap();
        let store = open(&folder, Options { threshold: 2, ..flask() }).await;
        let key = |name: &str| StoreKey::from_text(format!("session:{name}"));
        for name in ["one", "two", "three", "four"] {
            store.create(&key(name), &hour(PICKLE)).await.unwrap();
        }
        assert!(store.load(&key("abc")).await.unwrap().is_some(), "it ends last of all");
        assert_eq!(count(&folder), b"\0\0\0\0\x80\x05K\x03.");
    })
    .unwrap();
}

fn dj_text(data: Map) -> Vec<u8> {
    let keys = KeyRing::new(SecretKey::allow_weak("dj-secret").unwrap());
    Engine::new(Config::django(keys)).unwrap().encode(&data, now()).unwrap()
}

#[test]
fn djangos_files_end_when_their_data_or_their_last_write_say_so() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let store = open(&folder, Options { cookie_name: "sid".into(), ..django() }).await;
        let (days, written) = (14 * 86_400, Timestamp::from_secs(1_900_000_000));
        let modified = UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        let moment = Timestamp::from_secs(1_950_000_000);
        for (number, (data, end)) in [
            (Map::from_iter([("x", 1)]), written + Duration::from_secs(days)),
            (Map::from_iter([("_session_expiry", 300)]), written + Duration::from_secs(300)),
            (Map::from_iter([("_session_expiry", 0)]), written + Duration::from_secs(days)),
            (Map::from_iter([("_session_expiry", moment.to_iso8601())]), moment),
        ]
        .into_iter()
        .enumerate()
        {
            // As Django writes it.
            let key = format!("{number}abcdefghijklmnopqrstuvwxyz01234");
            let path = folder.path().join(format!("sid{key}"));
            fs::write(&path, dj_text(data)).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            let (record, _) = live(store.load(&StoreKey::from_text(key)).await.unwrap());
            assert_eq!(record.absolute, Some(end));
        }
        // And as we write it: the file seems written when it was.
        let key = StoreKey::from_text("zzzzzzzz");
        let started = SystemTime::now();
        let text = dj_text(Map::from_iter([("x", 1)]));
        store.create(&key, &until(now() + Duration::from_secs(days), &text)).await.unwrap();
        let meta = fs::metadata(folder.path().join("sidzzzzzzzz")).unwrap();
        // The file system's clock may be a tick behind ours.
        let (tick, ended) = (Duration::from_millis(100), SystemTime::now());
        let written = meta.modified().unwrap();
        assert!(written + tick >= started && written <= ended, "{written:?}");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(folder.path().join("sidzzzzzzzz")).unwrap(), text);
    })
    .unwrap();
}

#[test]
fn no_key_leads_out_of_djangos_folder() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let inside = folder.path().join("sessions");
        let store = FileStore::open(inside, django()).await.unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        fs::create_dir(folder.path().join("sessions/sessionid")).unwrap();
        for key in ["/../../secret", "../secret", "a/b", "ABCDEFGH", "a\0bcdefg", "ä1234567", ""] {
            let key = StoreKey::from_text(key);
            assert_eq!(store.load(&key).await.unwrap(), None);
            let refused = store.create(&key, &hour(b"x")).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Unrepresentable);
            store.delete(&key).await.unwrap();
        }
        assert_eq!(fs::read(folder.path().join("secret")).unwrap(), b"x");
    })
    .unwrap();
}

#[test]
fn a_planted_link_is_no_session() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let elsewhere = TempDir::new().unwrap();
        fs::write(elsewhere.path().join("target"), b"\0\0\0\0x").unwrap();
        let store = open(&folder, flask()).await;
        symlink(elsewhere.path().join("target"), folder.path().join(NAME)).unwrap();
        let key = StoreKey::from_text("session:abc");
        let found = store.load(&key).await.unwrap();
        assert!(matches!(found, Some(Entry::Unreadable(_))), "{found:?}");
        store.delete(&key).await.unwrap();
        assert_eq!(fs::read(elsewhere.path().join("target")).unwrap(), b"\0\0\0\0x");
    })
    .unwrap();
}

#[test]
fn a_folder_that_everybody_may_write_to_is_refused() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        for (mode, fits) in [(0o777, false), (0o1777, false), (0o770, true), (0o700, true)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let opened = FileStore::open(folder.path().to_owned(), django()).await;
            assert_eq!(opened.is_ok(), fits, "{mode:o}");
        }
    })
    .unwrap();
}

/// cachelib and Django keep no locks: they replace and remove files at any time.
#[test]
fn inv04_what_the_other_program_removes_or_writes_meanwhile_stays_so() {
    for options in [flask(), django()] {
        block_on(async {
            let folder = TempDir::new().unwrap();
            let store = open(&folder, options.clone()).await;
            let name = |key: &str| match options.layout {
                Layout::Django => format!("sessionid{key}"),
                _ => cachelib::file_name(key.as_bytes(), CachelibNames::Sha256),
            };
            let (mut revived, mut lost) = (0, 0);
            for number in 0..300 {
                let text = format!("abcdefgh{number}");
                let (key, path) =
                    (StoreKey::from_text(text.as_str()), folder.path().join(name(&text)));
                store.create(&key, &hour(b"first")).await.unwrap();
                let (record, version) = live(store.load(&key).await.unwrap());
                let other = std::thread::spawn({
                    let (path, aside) = (path.clone(), path.with_extension("__wz_cache"));
                    let removes = number % 2 == 0;
                    move || match removes {
                        true => fs::remove_file(path).unwrap(),
                        false => {
                            fs::write(&aside, b"\xff\xff\xff\x7ftheirs").unwrap();
                            fs::rename(aside, path).unwrap();
                        }
                    }
                });
                let outcome = store
                    .update(&key, &Record { payload: "ours".into(), ..record }, &version)
                    .await;
                other.join().unwrap();
                let left = fs::read(&path).ok();
                match (number % 2, outcome.unwrap()) {
                    (0, _) => revived += usize::from(left.is_some()),
                    // Theirs came before ours: we must have noticed. After ours: theirs is there.
                    (_, WriteOutcome::Written(_) | WriteOutcome::Conflict) => {
                        lost += usize::from(!left.unwrap().ends_with(b"theirs"));
                    }
                    (_, WriteOutcome::Gone) => panic!("gone although nobody removed it"),
                }
            }
            assert_eq!((revived, lost), (0, 0));
            // Nothing half-written is left.
            let new = |name: &String| name.contains(".new-");
            let names = fs::read_dir(folder.path()).unwrap();
            let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
            assert_eq!(names.filter(new).count(), 0);
        })
        .unwrap();
    }
}
