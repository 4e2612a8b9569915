//! The file store under the suite, and from several processes.

#![allow(clippy::unwrap_used)]

use sessile_conformance::processes::{Worker, Workers};
use sessile_conformance::{Capabilities, Open, Suite, Verdict, block_on, store_tests};
use sessile_core::StoreError;
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
    use sessile_conformance::Keys;

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

    use sessile_conformance::Keys;
    use sessile_core::store::Layout;
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
    use sessile_conformance::Keys;
    use sessile_core::store::Layout;

    use super::*;

    fn djangos() -> impl Open {
        let folder = TempDir::new().unwrap();
        let options = Options { layout: Layout::Django, ..Options::default() };
        move || FileStore::open(folder.path().to_owned(), options.clone())
    }

    store_tests!(djangos(), Capabilities { keys: Keys::Text(""), ..foreign() });
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() {
    let worker = Worker::from_env().unwrap();
    let work = async { worker.run(&open(worker.backend().to_owned()).await?).await };
    block_on(work).unwrap().unwrap();
}

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &path_in(&folder));
    let suite = Suite::new(|| open(path_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.lose_nothing(&suite, 3, 100)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}

#[test]
fn f12_a_writer_killed_in_its_write_leaves_the_old_record_or_the_new() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &path_in(&folder));
    let suite = Suite::new(|| open(path_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.survive_kills(&suite, 300)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() {
    let folder = TempDir::new().unwrap();
    let workers = Workers::new("worker", &path_in(&folder));
    let suite = Suite::new(|| open(path_in(&folder)), Capabilities::all());
    let verdict = block_on(workers.leave_no_orphan(&suite, 100)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}
