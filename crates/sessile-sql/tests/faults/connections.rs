//! Connections that are ended, locked out or used up; tables and rows of another age.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sessile_conformance::http::{Clock, Stage};
use sessile_conformance::outages::recovery;
use sessile_core::store::{Layout, WriteOutcome};
use sessile_core::{AnyStore, Config, SessionStore as _, StoreErrorKind};
use sessile_sql::{ConnectError, Options, SqlStore};
use sessile_testbed::proxy::Faults;

use super::{Database, SLACK, TIMEOUT, connect, create, key, live, options, payload, record};

/// A change of id is two rows: whenever it is cut off, there is one session, old or new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_connection_ended_in_a_commit_leaves_no_half_rows() {
    const WRITERS: usize = 6;
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let (store, stop) = (store.clone(), Arc::clone(&stop));
            writers.push(tokio::spawn(async move {
                let (mut at, mut changed, mut cut) = (writer * 1_000_000, 0_usize, 0_usize);
                let mut version = create(&store, &key(at), &record("x")).await;
                let name = record(writer.to_string());
                while !stop.load(Ordering::SeqCst) {
                    let next = at + 1;
                    let (from, to) = (key(at), key(next));
                    match store.replace(&from, &version, &to, &name, None).await {
                        Ok(WriteOutcome::Written(new)) => {
                            (version, at, changed) = (new, next, changed + 1);
                        }
                        Ok(other) => panic!("{other:?}: somebody else wrote"),
                        Err(_) => {
                            cut += 1;
                            // Cut off: wholly done or not at all.
                            let (old, new) = both(&store, at, next).await;
                            assert!(old.is_some() != new.is_some(), "{old:?} {new:?}");
                            if let Some(new) = new {
                                (version, at) = (new, next);
                            }
                        }
                    }
                }
                (at, changed, cut)
            }));
        }
        let started = Instant::now();
        let mut kills = 0;
        while started.elapsed() < Duration::from_secs(6) {
            server.end_connections();
            kills += 1;
        }
        stop.store(true, Ordering::SeqCst);
        let (mut changed, mut cut) = (0, 0);
        for writer in writers {
            let (at, done, off) = writer.await.unwrap();
            recovery(&store).await.unwrap();
            assert!(payload(&store, &key(at)).await.is_some());
            (changed, cut) = (changed + done, cut + off);
        }
        let rows = server.query("SELECT count(*) FROM sessile_sessions");
        println!(
            "F25 {} connections ended {kills} times: {changed} changes of id acknowledged, {cut} \
             cut off, {} rows for {WRITERS} sessions",
            server.name(),
            rows.trim()
        );
        assert_eq!(rows.trim(), WRITERS.to_string());
        assert!(cut > 0, "nothing was cut off");
    }
}

/// The versions under the old and the new key, once the store answers again.
async fn both(
    store: &SqlStore,
    old: usize,
    new: usize,
) -> (Option<sessile_core::store::Version>, Option<sessile_core::store::Version>) {
    loop {
        // New, old, new: a call that the server still carries out may come between.
        let before = store.load(&key(new)).await;
        let (Ok(before), Ok(_)) = (before, store.load(&key(old)).await) else {
            tokio::task::yield_now().await;
            continue;
        };
        recovery(store).await.unwrap();
        let Ok(after) = store.load(&key(new)).await else { continue };
        if before.is_some() != after.is_some() {
            continue;
        }
        let Ok(old) = store.load(&key(old)).await else { continue };
        let version = |entry| match entry {
            Some(sessile_core::store::Entry::Live(_, version)) => Some(version),
            _ => None,
        };
        return (version(old), version(after));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_locked_table_is_waited_for_within_bounds() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let version = create(&store, &key(0), &record("zero")).await;
        let lock = match server {
            Database::Postgres(_) => {
                "BEGIN; LOCK TABLE sessile_sessions IN ACCESS EXCLUSIVE MODE; \
                 SELECT pg_sleep(3); COMMIT"
            }
            Database::MariaDb(_) => "LOCK TABLES sessile_sessions WRITE; SELECT SLEEP(3)",
        };
        let name = server.name();
        let server = Arc::new(server);
        let locked = Arc::clone(&server);
        let holder = tokio::task::spawn_blocking(move || locked.query(lock));
        // From the moment that the lock is held a read waits.
        while store.load(&key(0)).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let started = Instant::now();
        let refused = store.update(&key(0), &record("one"), &version).await.unwrap_err();
        let waited = started.elapsed();
        let bounded = [StoreErrorKind::Timeout, StoreErrorKind::Locked];
        assert!(bounded.contains(&refused.kind()), "{refused}");
        assert!(waited < TIMEOUT + SLACK / 2, "{waited:?}");
        holder.await.unwrap();
        let recovered = recovery(&store).await.unwrap();
        let (found, version) = live(&store, &key(0)).await.unwrap();
        println!(
            "F25 {name} a locked table: {:?} after {waited:?}, answered {recovered:?} after it was \
             let go, the refused change {}",
            refused.kind(),
            if found == "zero" { "not made" } else { "made after all" }
        );
        // The server gave it up as well: nothing is written that nobody waits for.
        assert_eq!(found, "zero");
        store.update(&key(0), &record("two"), &version).await.unwrap();
        assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("two"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_pool_that_is_used_up_is_a_bounded_wait() {
    for server in Database::each() {
        let (proxy, url) = server.behind_proxy();
        let few = Options { connections: 2, ..options(Layout::Native) };
        let store = connect(&url, few).await;
        create(&store, &key(0), &record("zero")).await;
        proxy.set(Faults { blackhole: true, ..Faults::default() });
        let mut calls = Vec::new();
        for _ in 0..50 {
            let store = store.clone();
            calls.push(tokio::spawn(async move {
                let started = Instant::now();
                let kind = store.load(&key(0)).await.unwrap_err().kind();
                (kind, started.elapsed())
            }));
        }
        let mut longest = Duration::ZERO;
        for call in calls {
            let (kind, time) = call.await.unwrap();
            let expected = [StoreErrorKind::Timeout, StoreErrorKind::Unavailable];
            assert!(expected.contains(&kind), "{kind:?}");
            longest = longest.max(time);
        }
        proxy.heal();
        let recovered = recovery(&store).await.unwrap();
        println!(
            "F25 {} 50 calls on 2 connections that are cut off: the longest after {longest:?}; \
             answered {recovered:?} after it healed",
            server.name()
        );
        assert!(longest < TIMEOUT + SLACK / 2, "{longest:?}");
        assert_eq!(payload(&store, &key(0)).await.as_deref(), Some("zero"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f22_what_nobody_sweeps_is_not_read_once_it_has_expired() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let clock = Clock::default();
        let stage = Stage::over(AnyStore::new(store), Config::native(), clock.clone()).unwrap();
        let mut visitor = stage.browser();
        visitor.post("/set?k=cart&v=tea").await.unwrap().expect(200).unwrap();
        clock.pass(Duration::from_secs(25 * 3600));
        visitor.get("/get?k=cart").await.unwrap().expect_body("-").unwrap();
        let rows = server.query("SELECT count(*) FROM sessile_sessions");
        assert_eq!(rows.trim(), "1", "the row is still there");
        println!("F22 {}: an expired row in the table is nobody's session", server.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f23_a_table_of_a_newer_release_is_left_alone() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        create(&store, &key(0), &record("zero")).await;
        drop(store);
        server.query("UPDATE sessile_schema SET version = 99");
        let opened = SqlStore::connect(&server.url(), Options::default()).await;
        let Err(ConnectError::Newer { found, known }) = opened else { panic!("it was opened") };
        assert_eq!((found, known), (99, 1));
        let left = server.query("SELECT version FROM sessile_schema");
        assert_eq!(left.trim(), "99");
        println!("F23 {}: a table of version 99 is refused, unchanged", server.name());
    }
}
