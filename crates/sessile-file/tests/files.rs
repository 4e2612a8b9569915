//! The file store under the suite, and from several processes.

#![allow(clippy::unwrap_used)]

use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{Capabilities, Failure, Open, Suite, passed, store_tests};
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
