//! Servers that die or stand still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sessile_conformance::http::outage::{Readers, outage};
use sessile_core::store::{Layout, WriteOutcome};
use sessile_core::{SessionStore as _, StoreErrorKind};

use super::{Database, SLACK, TIMEOUT, connect, create, key, options, payload, record, recovery};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_server_loses_nothing_acknowledged() {
    for mut server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut writers = Vec::new();
        for writer in 0..8 {
            let (store, stop, written) = (store.clone(), Arc::clone(&stop), Arc::clone(&written));
            writers.push(tokio::spawn(async move {
                let (key, mut acknowledged, mut longest) = (key(writer), 0_usize, Duration::ZERO);
                let mut version = create(&store, &key, &record("0")).await;
                let mut refused = 0_usize;
                while !stop.load(Ordering::SeqCst) {
                    let started = Instant::now();
                    let next = record((acknowledged + 1).to_string());
                    match store.update(&key, &next, &version).await {
                        Ok(WriteOutcome::Written(new)) => {
                            (version, acknowledged) = (new, acknowledged + 1);
                            written.fetch_add(1, Ordering::SeqCst);
                        }
                        // The one that was under way at the kill had been written after all.
                        Ok(WriteOutcome::Conflict) => break,
                        Ok(WriteOutcome::Gone) => panic!("session {writer} is lost"),
                        Err(_) => refused += 1,
                    }
                    longest = longest.max(started.elapsed());
                }
                (key, acknowledged, refused, longest)
            }));
        }
        while written.load(Ordering::SeqCst) < 400 {
            tokio::task::yield_now().await;
        }
        server.kill();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.run().unwrap();
        let recovered = recovery(&store).await;
        stop.store(true, Ordering::SeqCst);
        let (mut lost, mut all, mut refused, mut longest) = (0, 0, 0, Duration::ZERO);
        for writer in writers {
            let (key, acknowledged, no, time) = writer.await.unwrap();
            let found: usize = payload(&store, &key).await.unwrap().parse().unwrap();
            lost += acknowledged.saturating_sub(found);
            all += acknowledged;
            refused += no;
            longest = longest.max(time);
        }
        println!(
            "F01 {} kill -9 among 8 writers: of {all} acknowledged writes {lost} lost, {refused} \
             calls refused, the longest after {longest:?}; answered {recovered:?} after its restart",
            server.name()
        );
        assert_eq!(lost, 0);
        assert!(refused > 0, "nobody noticed");
        assert!(longest < TIMEOUT + SLACK, "{longest:?}");
        assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_visitors_of_a_killed_server_get_503_and_keep_their_sessions() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let name = server.name();
        let server = std::cell::RefCell::new(server);
        let run = || server.borrow_mut().run().unwrap();
        outage(store, Readers::Refused, || server.borrow_mut().kill(), run).await.unwrap();
        println!("F01 {name} through HTTP: every visitor 503, no cookie changed, all as before");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_frozen_server_holds_nobody_and_its_late_replies_reach_nobody() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        for number in 0..20 {
            create(&store, &key(number), &record(format!("session {number}"))).await;
        }
        server.freeze();
        let started = Instant::now();
        let (mut kinds, mut longest) = (BTreeMap::<String, usize>::new(), Duration::ZERO);
        while started.elapsed() < Duration::from_secs(5) {
            let mut calls = Vec::new();
            for number in 0..200 {
                let store = store.clone();
                calls.push(tokio::spawn(async move {
                    let started = Instant::now();
                    let error = store.load(&key(number % 20)).await.unwrap_err();
                    (error.kind(), started.elapsed())
                }));
            }
            for call in calls {
                let (kind, time) = call.await.unwrap();
                let expected = [StoreErrorKind::Timeout, StoreErrorKind::Unavailable];
                assert!(expected.contains(&kind), "{kind:?}");
                *kinds.entry(format!("{kind:?}")).or_default() += 1;
                longest = longest.max(time);
            }
        }
        let frozen = started.elapsed();
        server.thaw();
        let recovered = recovery(&store).await;
        for round in 0..200 {
            let number = round % 20;
            let found = payload(&store, &key(number)).await;
            assert_eq!(found, Some(format!("session {number}")), "a late reply reached another");
        }
        println!(
            "F02 {} SIGSTOP for {frozen:?}: calls ended {kinds:?}, the longest after {longest:?}; \
             answered {recovered:?} after it went on; no reply went astray",
            server.name()
        );
        assert!(longest < TIMEOUT + SLACK / 2, "{longest:?}");
        assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    }
}
