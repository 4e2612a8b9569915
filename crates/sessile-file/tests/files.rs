//! The file store under the suite, and from several processes.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{Capabilities, Failure, Keys, Open, Suite, passed, store_tests};
use sessile_core::store::Layout;
use sessile_core::{StoreError, StoreKey};
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

async fn open(folder: String) -> Result<FileStore, StoreError> {
    FileStore::open(folder, Options::default()).await
}

fn path_in(folder: &TempDir) -> String {
    folder.path().join("sessions").display().to_string()
}

fn files() -> impl Open {
    let folder = TempDir::new().unwrap();
    move || open(path_in(&folder))
}

store_tests!(files(), Capabilities::all());

mod with_foreign_keys {
    use super::*;

    store_tests!(files(), Capabilities { keys: Keys::Text("session:"), ..Capabilities::all() });
}

/// What no layout of another program can do: it keeps no subjects, no moments
/// but the session's end, no pointers, and no version but the bytes.
fn foreign() -> Capabilities {
    Capabilities {
        directory: false,
        grace: false,
        metadata: false,
        two_deadlines: false,
        fresh_versions: false,
        ..Capabilities::all()
    }
}

mod with_cachelibs_files {
    use std::time::Duration;

    use sessile_file::CachelibNames;

    use super::*;

    /// Names are hashes of the keys, so none can be listed; ends are whole seconds.
    fn can() -> Capabilities {
        Capabilities {
            scan: false,
            precision: Duration::from_secs(1),
            keys: Keys::Text("session:"),
            ..foreign()
        }
    }

    fn cachelibs(names: CachelibNames) -> impl Open {
        let folder = TempDir::new().unwrap();
        let options = Options {
            layout: Layout::FlaskSession,
            names,
            // Or the thousand sessions of one case would not all stay.
            threshold: 0,
            ..Options::default()
        };
        move || FileStore::open(folder.path().to_owned(), options.clone())
    }

    store_tests!(cachelibs(CachelibNames::Sha256), can());

    mod before_0_16 {
        use super::*;

        store_tests!(cachelibs(CachelibNames::Md5), can());
    }
}

mod with_djangos_files {

    use super::*;

    fn djangos() -> impl Open {
        let folder = TempDir::new().unwrap();
        let options = Options { layout: Layout::Django, ..Options::default() };
        move || FileStore::open(folder.path().to_owned(), options.clone())
    }

    store_tests!(djangos(), Capabilities { keys: Keys::Text(""), ..foreign() });
}

/// Every file of a folder, and of those in it, with another content or another kind of file.
#[cfg(unix)]
#[test]
fn s13_an_unreadable_file_is_nobodys_session() {
    use sessile_conformance::cases::unreadable::an_unreadable_entry_is_nobodys_session as case;

    let native = (Layout::Native, Capabilities::all());
    let flask = Capabilities { scan: false, keys: Keys::Text("session:"), ..foreign() };
    let django = Capabilities { keys: Keys::Text(""), ..foreign() };
    for ((layout, can), damage) in [
        (native.clone(), Damage::Content(b"SsF\x02 from a release to come")),
        (native.clone(), Damage::Content(b"")),
        (native.clone(), Damage::Link),
        (native, Damage::Socket),
        ((Layout::FlaskSession, flask.clone()), Damage::Content(b"\0")),
        ((Layout::FlaskSession, flask), Damage::Link),
        ((Layout::Django, django.clone()), Damage::Link),
        ((Layout::Django, django), Damage::Socket),
    ] {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("s");
        let options = Options { layout, threshold: 0, ..Options::default() };
        let opened = root.clone();
        let suite = Suite::new(move || FileStore::open(opened.clone(), options.clone()), can);
        let planted = async |key: &StoreKey| damage.plant(&file_of(&root, layout, key));
        passed(case(&suite, planted))
            .unwrap_or_else(|failure| panic!("{layout:?}, {damage:?}: {failure}"));
    }
}

/// When a file was written, the number at its start, and what Django's data say of their end.
#[cfg(unix)]
#[test]
fn s14_a_hostile_moment_in_a_file_harms_nobody() {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use sessile_conformance::cases::hostile_moments::a_hostile_moment_harms_nobody as case;
    use sessile_core::{Config, Engine, KeyRing, Map, SecretKey, Value};

    let far = Duration::from_secs(1 << 40);
    let written: [SystemTime; 4] =
        [UNIX_EPOCH, UNIX_EPOCH - far, UNIX_EPOCH + far, UNIX_EPOCH + Duration::from_secs(1 << 31)];
    let written = written.map(Plant::Written);
    let flask = ["0000000080", "ffffffff80", "8005959999ffff80", "4affffffff2e80", "4b002e80", ""]
        .map(|hex| Plant::Head(hex.to_owned()));
    let key = || KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap());
    let django = Engine::new(Config::django(key())).unwrap();
    let expiries = [
        Value::Int(i64::MAX),
        Value::Int(i64::MIN),
        Value::Int(0),
        Value::Float(f64::MAX),
        Value::Float(f64::MIN_POSITIVE),
        Value::Float(-1.5),
        Value::from("9999-12-31T23:59:59.999999-23:59"),
        Value::from("0001-01-01T00:00:00+23:59"),
        Value::from("9223372036854775807-01-01T00:00:00"),
        Value::Null,
    ];
    let expiries = expiries.map(|expiry| {
        let mut data = Map::new();
        data.insert("_session_expiry", expiry);
        Plant::Content(django.encode(&data, sessile_core::Timestamp::from_secs(0)).unwrap())
    });
    let native = (Layout::Native, Capabilities::all());
    let cachelib = Capabilities { scan: false, keys: Keys::Text("session:"), ..foreign() };
    let djangos = Capabilities { keys: Keys::Text(""), ..foreign() };
    let of = |(layout, can): (Layout, Capabilities), plants: Vec<Plant>| {
        plants.into_iter().map(move |plant| (layout, can.clone(), plant))
    };
    let all = of(native, written.clone().into())
        .chain(of((Layout::FlaskSession, cachelib), written.iter().cloned().chain(flask).collect()))
        .chain(of((Layout::Django, djangos), written.into_iter().chain(expiries).collect()));
    for (layout, can, plant) in all {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("s");
        let options = Options { layout, threshold: 0, ..Options::default() };
        let opened = root.clone();
        let suite = Suite::new(move || FileStore::open(opened.clone(), options.clone()), can);
        let planted = async |key: &StoreKey| plant.plant(&file_of(&root, layout, key));
        passed(case(&suite, planted))
            .unwrap_or_else(|failure| panic!("{layout:?}, {plant:?}: {failure}"));
    }
}

#[cfg(unix)]
#[derive(Clone, Debug)]
enum Plant {
    Written(std::time::SystemTime),
    /// What comes before the data, in hexadecimal digits.
    Head(String),
    Content(Vec<u8>),
}

#[cfg(unix)]
impl Plant {
    fn plant(&self, at: &Path) {
        match self {
            Self::Written(moment) => {
                fs::File::options().write(true).open(at).unwrap().set_modified(*moment).unwrap();
            }
            Self::Head(hex) => {
                let (pairs, _) = hex.as_bytes().as_chunks::<2>();
                let byte = |pair: &[u8; 2]| {
                    u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()
                };
                let content = pairs.iter().map(byte).chain(*b"\x05}\x94.").collect::<Vec<_>>();
                fs::write(at, content).unwrap();
            }
            Self::Content(content) => fs::write(at, content).unwrap(),
        }
    }
}

#[cfg(unix)]
#[derive(Debug)]
enum Damage {
    Content(&'static [u8]),
    Link,
    Socket,
}

#[cfg(unix)]
impl Damage {
    fn plant(&self, at: &Path) {
        let before = fs::read(at).unwrap();
        fs::remove_file(at).unwrap();
        match self {
            Self::Content(content) => fs::write(at, content).unwrap(),
            Self::Link => {
                // To what would be a session if it were followed.
                let elsewhere = at.parent().unwrap().parent().unwrap().join("elsewhere");
                fs::write(&elsewhere, before).unwrap();
                std::os::unix::fs::symlink(&elsewhere, at).unwrap();
            }
            Self::Socket => drop(std::os::unix::net::UnixListener::bind(at).unwrap()),
        }
    }
}

#[cfg(unix)]
fn file_of(root: &Path, layout: Layout, key: &StoreKey) -> PathBuf {
    use sha2::{Digest as _, Sha256};
    match layout {
        Layout::Native => root.join("sessions").join(key.to_text()),
        Layout::Django => root.join(format!("sessionid{}", key.to_text())),
        Layout::FlaskSession => {
            let digest = Sha256::digest(key.as_bytes());
            root.join(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() -> Result<(), Failure> {
    work(open)
}

/// Workers on one store, and the suite to look at it with.
fn processes() -> (TempDir, Workers, Suite<impl Open>) {
    let folder = TempDir::new().unwrap();
    let at = path_in(&folder);
    let workers = Workers::new("worker", &at);
    (folder, workers, Suite::new(move || open(at.clone()), Capabilities::all()))
}

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() -> Result<(), Failure> {
    let (_folder, workers, suite) = processes();
    passed(workers.lose_nothing(&suite, 3, 100))
}

#[test]
fn f12_a_writer_killed_in_its_write_leaves_the_old_record_or_the_new() -> Result<(), Failure> {
    let (_folder, workers, suite) = processes();
    passed(workers.survive_kills(&suite, 300))
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() -> Result<(), Failure> {
    let (_folder, workers, suite) = processes();
    passed(workers.leave_no_orphan(&suite, 100))
}

#[test]
fn s18_settings_at_their_extremes_panic_nowhere() {
    use std::time::Duration;

    use sessile_conformance::block_on;
    use sessile_conformance::cases::settings::every_call_serves as case;

    for (layout, can) in [
        (Layout::Native, Capabilities::all()),
        (Layout::FlaskSession, Capabilities { keys: Keys::Text("session:"), ..foreign() }),
        (Layout::Django, Capabilities { keys: Keys::Text(""), ..foreign() }),
    ] {
        let suite = |lock_timeout, threshold, cookie_age| {
            let folder = TempDir::new().unwrap();
            let options =
                Options { layout, lock_timeout, threshold, cookie_age, ..Options::default() };
            let open = move || FileStore::open(path_in(&folder), options.clone());
            Suite::new(open, can.clone())
        };
        let most = suite(Duration::MAX, usize::MAX, Duration::MAX);
        passed(case(&most)).unwrap_or_else(|failure| panic!("{layout:?}: {failure}"));
        // Whether anything is done in no time is a matter of luck; this is to return.
        let _ = block_on(case(&suite(Duration::ZERO, 1, Duration::ZERO))).unwrap();
    }
}
