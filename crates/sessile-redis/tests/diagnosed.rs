//! What an operator is told of a cluster: of every server in it.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::UNIX_EPOCH;

use sessile_core::store::{Finding, Level};
use sessile_core::{SessionStore as _, Timestamp};
use sessile_redis::{Durable, Options, RedisStore};
use sessile_testbed::redis::{RedisCluster, RedisOptions};

async fn findings(url: &str, options: Options) -> Vec<Finding> {
    let store = RedisStore::connect(url, options).await.unwrap();
    let clock = || Timestamp::from_secs(0) + UNIX_EPOCH.elapsed().unwrap();
    store.capabilities().diagnose.unwrap().diagnose(&clock).await.unwrap()
}

fn level(findings: &[Finding], check: &str) -> Level {
    findings.iter().find(|finding| finding.check == check).unwrap().level
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_the_doctor_finds_the_one_server_of_a_cluster_that_evicts() {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    let url = cluster.url();
    assert!(level(&findings(&url, Options::default()).await, "eviction") < Level::Warning);
    for node in &cluster.nodes[..3] {
        for (name, value) in [("maxmemory", "1gb"), ("maxmemory-policy", "allkeys-lru")] {
            node.command(&["CONFIG", "SET", name, value]).unwrap();
        }
        let found = findings(&url, Options::default()).await;
        assert_eq!(level(&found, "eviction"), Level::Bad, "{found:?}");
        node.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).unwrap();
    }
    let durable = |replicas| Durable { replicas, timeout: std::time::Duration::from_secs(5) };
    for (replicas, wanted) in [(1, Level::Good), (2, Level::Bad)] {
        let options = Options { durable: Some(durable(replicas)), ..Options::default() };
        assert_eq!(level(&findings(&url, options).await, "replicas"), wanted, "{replicas}");
    }
}
