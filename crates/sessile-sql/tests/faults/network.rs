//! Round trips, and a network that fails.

use std::future::Future;
use std::time::{Duration, Instant};

use sessile_conformance::http::{Clock, Stage};
use sessile_conformance::outages::{cancelled, recovery};
use sessile_core::store::{CreateOutcome, Entry, Layout, WriteOutcome};
use sessile_core::{AnyStore, Config, SessionStore as _, StoreKey, Timestamp};
use sessile_sql::{Options, SqlStore};
use sessile_testbed::proxy::{Faults, Proxy};

use super::{Database, SLACK, TIMEOUT, connect, create, key, live, options, payload, record};

/// One connection, so that what is prepared once is prepared for all.
fn one_connection(layout: Layout) -> Options {
    Options { connections: 1, busy_timeout: Duration::from_secs(10), ..Options::of(layout) }
}

/// How many round trips a call makes.
async fn trips<T>(proxy: &Proxy, call: impl Future<Output = T>) -> (u64, T) {
    let before = proxy.counts().round_trips;
    let outcome = call.await;
    (proxy.counts().round_trips - before, outcome)
}

/// A key of the layout's own.
fn keyed(layout: Layout, number: usize) -> StoreKey {
    match layout {
        Layout::Native => key(number),
        _ => StoreKey::from_text(format!("session{number}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv02_each_operation_is_one_round_trip_and_a_new_id_one_transaction() {
    let seen = Timestamp::from_secs(1_767_323_045);
    for server in Database::each() {
        for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
            let (proxy, url) = server.behind_proxy();
            let store = SqlStore::connect(&url, one_connection(layout)).await.unwrap();
            let mut table = Vec::new();
            // The first round prepares the statements.
            for round in 0..2 {
                let (old, new) = (keyed(layout, 2 * round), keyed(layout, 2 * round + 1));
                let (one, created) = trips(&proxy, store.create(&old, &record("1"))).await;
                let CreateOutcome::Created(version) = created.unwrap() else { panic!("taken") };
                let (two, loaded) = trips(&proxy, store.load(&old)).await;
                assert!(matches!(loaded.unwrap(), Some(Entry::Live(..))));
                let (three, written) =
                    trips(&proxy, store.update(&old, &record("12"), &version)).await;
                let WriteOutcome::Written(version) = written.unwrap() else { panic!("lost") };
                let (four, touched) = trips(&proxy, store.touch(&old, seen, None)).await;
                touched.unwrap();
                let next = record("123");
                let replaced = store.replace(&old, &version, &new, &next, None);
                let (five, replaced) = trips(&proxy, replaced).await;
                assert!(matches!(replaced.unwrap(), WriteOutcome::Written(_)));
                let (six, deleted) = trips(&proxy, store.delete(&new)).await;
                deleted.unwrap();
                table = vec![one, two, three, four, five, six];
            }
            println!(
                "{} {layout:?}: round trips of create, load, update, touch, replace, delete: \
                 {table:?}",
                server.name()
            );
            let replace = if matches!(server, Database::Postgres(_)) { 1 } else { 4 };
            assert_eq!(table, [1, 1, 1, 1, replace, 1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f03_a_slow_network_costs_one_load_and_one_save() {
    for server in Database::each() {
        let (proxy, url) = server.behind_proxy();
        let store = SqlStore::connect(&url, one_connection(Layout::Native)).await.unwrap();
        let stage = Stage::over(AnyStore::new(store), Config::native(), Clock::default()).unwrap();
        let mut visitor = stage.browser();
        for _ in 0..2 {
            visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
        }
        let (latency, jitter) = (Duration::from_millis(200), Duration::from_millis(100));
        proxy.set(Faults { latency, jitter, ..Faults::default() });
        let (untouched, reply) = trips(&proxy, visitor.get("/untouched")).await;
        reply.unwrap().expect(200).unwrap();
        let (read, reply) = trips(&proxy, visitor.get("/get?k=a")).await;
        reply.unwrap().expect_body("1").unwrap();
        let (changed, reply) = trips(&proxy, visitor.post("/set?k=a&v=2")).await;
        reply.unwrap().expect(200).unwrap();
        let mut new = stage.browser();
        let (begun, reply) = trips(&proxy, new.post("/set?k=a&v=3")).await;
        reply.unwrap().expect(200).unwrap();
        println!(
            "F03 {} 200 ± 100 ms: round trips untouched {untouched}, read {read}, change \
             {changed}, new session {begun}",
            server.name()
        );
        assert_eq!([untouched, read, changed, begun], [0, 1, 2, 1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f04_broken_replies_cost_the_connection_and_nothing_else() {
    for server in Database::each() {
        let (proxy, url) = server.behind_proxy();
        let store = connect(&url, options(Layout::Native)).await;
        create(&store, &key(0), &record("zero")).await;
        create(&store, &key(1), &record("one")).await;
        proxy.set(Faults { slice: 1, ..Faults::default() });
        assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("zero"), "byte by byte");
        for bytes in [0, 1, 4, 5, 6, 30, 100] {
            proxy.set(Faults { truncate_replies: Some(bytes), ..Faults::default() });
            let started = Instant::now();
            store.load(&key(0)).await.unwrap_err();
            assert!(started.elapsed() < TIMEOUT + SLACK, "cut at {bytes}: {:?}", started.elapsed());
            proxy.heal();
            let recovered = recovery(&store).await.unwrap();
            assert_eq!(payload(&store, &key(1)).await.as_deref(), Some("one"), "cut at {bytes}");
            println!(
                "F04 {} replies cut at {bytes} bytes: answered {recovered:?} after it healed",
                server.name()
            );
        }
        proxy.reset_connections();
        recovery(&store).await.unwrap();
        assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("zero"), "after a reset");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_a_reply_lost_after_the_write_makes_no_second_session() {
    for server in Database::each() {
        for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
            let (proxy, url) = server.behind_proxy();
            let table = format!("lost_{layout:?}").to_lowercase();
            let few = Options { connections: 1, table, ..options(layout) };
            let store = connect(&url, few).await;
            // The statements are prepared by now, so that what is lost is the outcome.
            let first = keyed(layout, 0);
            let version = create(&store, &first, &record("0")).await;
            store.update(&first, &record("1"), &version).await.unwrap();
            store.load(&first).await.unwrap();

            let key = keyed(layout, 1);
            proxy.set(Faults { lose_replies: true, ..Faults::default() });
            store.create(&key, &record("1")).await.unwrap_err();
            proxy.heal();
            recovered(&store, &first).await;
            // The visitor, told to try again, finds that it is taken, and all of it.
            let again = store.create(&key, &record("2")).await.unwrap();
            assert_eq!(again, CreateOutcome::Exists, "{layout:?}");
            let (found, version) = live(&store, &key).await.unwrap();
            assert_eq!(found, "1");
            store.update(&first, &record("2"), &version).await.unwrap();
            proxy.set(Faults { lose_replies: true, ..Faults::default() });
            store.update(&key, &record("1,2"), &version).await.unwrap_err();
            proxy.heal();
            recovered(&store, &first).await;
            // The same change from the same version loses against itself.
            let again = store.update(&key, &record("1,2"), &version).await.unwrap();
            assert_eq!(again, WriteOutcome::Conflict, "{layout:?}");
            assert_eq!(payload(&store, &key).await.as_deref(), Some("1,2"), "{layout:?}");
            let listed = store.capabilities().scan.unwrap().scan(None, 10).await.unwrap();
            assert_eq!(listed.entries.len(), 2, "{layout:?}");
            println!(
                "F05 {} {layout:?}: lost replies to a creation and a change, each happened once",
                server.name()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv05_f05_a_change_of_id_that_loses_its_reply_loses_no_session() {
    for server in Database::each() {
        for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
            let (proxy, url) = server.behind_proxy();
            let table = format!("moved_{layout:?}").to_lowercase();
            let store = connect(&url, Options { connections: 1, table, ..options(layout) }).await;
            let [old, new, last] = [0, 1, 2].map(|number| keyed(layout, number));
            let version = create(&store, &old, &record("1")).await;
            // The statements are prepared from here on.
            let moved = store.replace(&old, &version, &new, &record("2"), None).await.unwrap();
            let WriteOutcome::Written(version) = moved else { panic!("{moved:?}") };
            store.load(&new).await.unwrap();
            // What makes it happen: the one statement, or the end of the transaction.
            let only = match server.name() {
                "PostgreSQL" => b"the moved one".to_vec(),
                _ => b"\x03COMMIT".to_vec(),
            };
            proxy.set(Faults { lose_replies: true, only: Some(only), ..Faults::default() });
            // As at a login: the old id is to be dead at once.
            let payload_there = record("the moved one");
            let moved = store.replace(&new, &version, &last, &payload_there, None).await;
            proxy.heal();
            recovered(&store, &last).await;
            let name = server.name();
            assert!(matches!(moved, Ok(WriteOutcome::Written(_))), "{name} {layout:?}: {moved:?}");
            assert_eq!(payload(&store, &new).await, None, "{name} {layout:?}");
            assert_eq!(payload(&store, &last).await.as_deref(), Some("the moved one"));
        }
    }
}

async fn recovered(store: &SqlStore, key: &StoreKey) {
    while store.load(key).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_hundred_thousand_calls_are_cut_off_and_no_reply_reaches_another() {
    for server in Database::each() {
        let patient =
            Options { busy_timeout: Duration::from_secs(60), ..Options::of(Layout::Native) };
        let store = SqlStore::connect(&server.url(), patient).await.unwrap();
        let started = Instant::now();
        let checks = cancelled(&store, 100_000).await.unwrap();
        println!(
            "F06 {} 100000 calls cut off in {:?}: {checks} loads among them, each its own visitor's",
            server.name(),
            started.elapsed()
        );
    }
}
