//! Both layouts under the suite, and from several processes, on a real server.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{collection, fresh, open};
use sessile_conformance::processes::{Worker, Workers};
use sessile_conformance::{Capabilities, Keys, Suite, Verdict, block_on, store_tests};
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
fn worker() {
    let worker = Worker::from_env().unwrap();
    let (layout, collection) = worker.backend().split_once(' ').unwrap();
    let layout = if layout == "Native" { Layout::Native } else { Layout::FlaskSession };
    let work = async { worker.run(&open(layout, collection.to_owned()).await?).await };
    block_on(work).unwrap().unwrap();
}

/// The workers' collection, and what its layout can do.
fn both_layouts() -> [(Layout, Capabilities, String); 2] {
    [(Layout::Native, Capabilities::all()), (Layout::FlaskSession, like_flask_session())]
        .map(|(layout, can)| (layout, can, collection()))
}

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() {
    for (layout, can, collection) in both_layouts() {
        let workers = Workers::new("worker", &format!("{layout:?} {collection}"));
        let suite = Suite::new(move || open(layout, collection.clone()), can);
        let verdict = block_on(workers.lose_nothing(&suite, 3, 100)).unwrap().unwrap();
        assert_eq!(verdict, Verdict::Passed, "{layout:?}");
    }
}

#[test]
fn f29_a_writer_killed_at_work_leaves_the_old_record_or_the_new() {
    for (layout, can, collection) in both_layouts() {
        let workers = Workers::new("worker", &format!("{layout:?} {collection}"));
        let suite = Suite::new(move || open(layout, collection.clone()), can);
        let verdict = block_on(workers.survive_kills(&suite, 30)).unwrap().unwrap();
        assert_eq!(verdict, Verdict::Passed, "{layout:?}");
    }
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() {
    let collection = collection();
    let workers = Workers::new("worker", &format!("Native {collection}"));
    let open = move || open(Layout::Native, collection.clone());
    let suite = Suite::new(open, Capabilities::all());
    let verdict = block_on(workers.leave_no_orphan(&suite, 30)).unwrap().unwrap();
    assert_eq!(verdict, Verdict::Passed);
}
