//! Servers that die or stand still.

use std::cell::RefCell;
use std::time::Duration;

use sessile_conformance::http::outage::{Still, outage};
use sessile_conformance::outages::{frozen, killed};
use sessile_core::store::Layout;

use super::{Database, SLACK, TIMEOUT, connect, options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_server_loses_nothing_acknowledged() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let name = server.name();
        let server = RefCell::new(server);
        let run = || server.borrow_mut().run().unwrap();
        let found = killed(&store, || server.borrow_mut().kill(), run).await.unwrap();
        println!("F01 {name} {found}");
        assert_eq!(found.lost, 0);
        assert!(found.refused > 0, "nobody noticed");
        assert!(found.longest < TIMEOUT + SLACK, "{found}");
        assert!(found.recovered < Duration::from_secs(1) + SLACK, "{found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_visitors_of_a_killed_server_get_503_and_keep_their_sessions() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let name = server.name();
        let server = RefCell::new(server);
        let run = || server.borrow_mut().run().unwrap();
        outage(store, Still::Nothing, || server.borrow_mut().kill(), run).await.unwrap();
        println!("F01 {name} through HTTP: every visitor 503, no cookie changed, all as before");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_frozen_server_holds_nobody_and_its_late_replies_reach_nobody() {
    for server in Database::each() {
        let store = connect(&server.url(), options(Layout::Native)).await;
        let lasting = Duration::from_secs(5);
        let found = frozen(&store, lasting, || server.freeze(), || server.thaw()).await.unwrap();
        println!("F02 {} {found}", server.name());
        assert!(found.longest < TIMEOUT + SLACK, "{found}");
        assert!(found.recovered < Duration::from_secs(1) + SLACK, "{found}");
    }
}
