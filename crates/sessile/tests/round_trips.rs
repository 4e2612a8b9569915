//! What a request costs on the wire, counted by a proxy before each server.
#![cfg(all(
    feature = "servers",
    feature = "redis",
    feature = "memcached",
    feature = "mongodb",
    feature = "postgres",
    feature = "mysql"
))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use sessile::Settings;
use sessile_conformance::http::{Browser, Clock, Reply, Stage};
use sessile_connect::connect_store;
use sessile_testbed::proxy::Proxy;

/// The servers, by the variables in which `cargo xtask servers` tells where they are; what the
/// address needs so that the driver's own watching is out of the way; what a request may cost:
/// one that does not touch its session, one that reads it, one that changes it, a new session.
const SERVERS: [(&str, &str, [u64; 4]); 5] = [
    ("SESSILE_TEST_REDIS_URL", "", [0, 1, 2, 1]),
    ("SESSILE_TEST_MEMCACHED_URL", "", [0, 1, 2, 1]),
    ("SESSILE_TEST_MONGODB_URL", "/?heartbeatFrequencyMS=3600000", [0, 1, 2, 1]),
    ("SESSILE_TEST_POSTGRES_URL", "", [0, 1, 2, 1]),
    ("SESSILE_TEST_MYSQL_URL", "", [0, 1, 2, 1]),
];

/// A stage on the server in `variable`, behind a proxy; the first one where there are several.
async fn stage(variable: &str, more: &str, settings: Settings) -> (Stage, Proxy) {
    let url = std::env::var(variable)
        .unwrap_or_else(|_| unreachable!("{variable} is not set: use `cargo xtask servers`"));
    let url = url.split(',').next().unwrap();
    let hosts = url.split("://").nth(1).unwrap().rsplit('@').next().unwrap();
    let server = hosts.split('/').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(server).unwrap();
    let settings = settings.with("SESSION_URL", proxy.instead_of(url) + more);
    let (config, choice) = settings.into_config().unwrap();
    let store = connect_store(choice, &config).await.unwrap();
    (Stage::over(store, config, Clock::default()).unwrap(), proxy)
}

async fn visit(visitor: &mut Browser, what: usize, turn: u32) -> Reply {
    let reply = match what {
        0 => visitor.get("/untouched").await,
        1 => visitor.get("/get?k=a").await,
        _ => visitor.post(&format!("/set?k=a&v={turn}")).await,
    };
    reply.unwrap().expect(200).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv02_round_trips_on_the_wire_are_what_the_readme_says() {
    println!("round trips: a request that leaves its session alone, reads it, changes it, new");
    for (variable, more, allowed) in SERVERS {
        let (stage, proxy) = stage(variable, more, Settings::new()).await;
        let mut visitor = stage.browser();
        for turn in 0..3 {
            visit(&mut visitor, 2, turn).await;
        }
        let mut found = [u64::MAX; 4];
        for turn in 3..8 {
            for (what, least) in found.iter_mut().enumerate() {
                let mut stranger = stage.browser();
                let who = if what == 3 { &mut stranger } else { &mut visitor };
                let before = proxy.counts().round_trips;
                visit(who, what, turn).await;
                // What sweeps or watches in the background is no part of a request.
                *least = (*least).min(proxy.counts().round_trips - before);
            }
        }
        println!("{variable}: {found:?}");
        assert_eq!(found, allowed, "{variable}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv02_a_session_in_the_near_cache_is_read_without_a_round_trip() {
    let near = Settings::new().with("SESSION_REDIS_NEAR_CACHE", "1 hour");
    let (stage, proxy) = stage("SESSILE_TEST_REDIS_URL", "", near).await;
    let mut visitor = stage.browser();
    // The session begins; then it is changed, whereby Redis learns the script that does it.
    visit(&mut visitor, 2, 0).await;
    visit(&mut visitor, 2, 9).await;
    for turn in 1..4 {
        // Redis tells us of our own write, too: what was read before that is not kept.
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let before = proxy.counts().round_trips;
            visit(&mut visitor, 1, turn).await;
            if proxy.counts().round_trips == before {
                break;
            }
            assert!(tokio::time::Instant::now() < patience, "every read costs a round trip");
        }
        let before = proxy.counts().round_trips;
        for _ in 0..10 {
            visit(&mut visitor, 1, turn).await;
        }
        assert_eq!(proxy.counts().round_trips, before, "reads of what is held");
        visit(&mut visitor, 2, turn).await;
        assert_eq!(proxy.counts().round_trips, before + 1, "a change, its load at no cost");
        visitor.get("/get?k=a").await.unwrap().expect_body(&turn.to_string()).unwrap();
    }
}
