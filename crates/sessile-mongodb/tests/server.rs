//! Both layouts under the suite, and from several processes, on a real server.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{collection, fresh, open};
use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{Capabilities, Failure, Keys, Open, Suite, passed, store_tests};
use sessile_core::store::Layout;

mod native {
    use super::*;

    store_tests!(fresh(Layout::Native), Capabilities::all());
}

/// `{id, val, expiration}` has one deadline, no user, no pointers and no times
/// but the end; a version is the stored bytes.
fn like_flask_session() -> Capabilities {
    Capabilities {
        directory: false,
        grace: false,
        metadata: false,
        two_deadlines: false,
        fresh_versions: false,
        keys: Keys::Text("session:"),
        ..Capabilities::all()
    }
}

mod flask_session {
    use super::*;

    store_tests!(fresh(Layout::FlaskSession), like_flask_session());
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() -> Result<(), Failure> {
    work(|backend| async move {
        let (layout, collection) = backend.split_once(' ').unwrap();
        let layout = if layout == "Native" { Layout::Native } else { Layout::FlaskSession };
        open(layout, collection.to_owned()).await
    })
}

/// Workers on a collection, and the suite to look at it with.
fn processes(layout: Layout) -> (Workers, Suite<impl Open>) {
    let can = match layout {
        Layout::Native => Capabilities::all(),
        _ => like_flask_session(),
    };
    let collection = collection();
    let workers = Workers::new("worker", &format!("{layout:?} {collection}"));
    (workers, Suite::new(move || open(layout, collection.clone()), can))
}

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() -> Result<(), Failure> {
    for layout in [Layout::Native, Layout::FlaskSession] {
        let (workers, suite) = processes(layout);
        passed(workers.lose_nothing(&suite, 3, 100))?;
    }
    Ok(())
}

#[test]
fn f29_a_writer_killed_at_work_leaves_the_old_record_or_the_new() -> Result<(), Failure> {
    for layout in [Layout::Native, Layout::FlaskSession] {
        let (workers, suite) = processes(layout);
        passed(workers.survive_kills(&suite, 30))?;
    }
    Ok(())
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() -> Result<(), Failure> {
    let (workers, suite) = processes(Layout::Native);
    passed(workers.leave_no_orphan(&suite, 30))
}
