//! Writes that are acknowledged when replicas have them: on every topology.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use sessile_conformance::faults::{create, is_live, key, record};
use sessile_core::store::Record;
use sessile_core::{SessionStore as _, StoreError, StoreErrorKind, Subject};
use sessile_redis::{Durable, Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisCluster, RedisOptions, RedisSentinel, SentinelOptions};
use sessile_testbed::wait_until;

async fn connect(url: &str, patience: Duration) -> RedisStore {
    let durable = Some(Durable { replicas: 1, timeout: patience });
    let timeout = Duration::from_secs(20);
    let options = Options { durable, timeout, ..Options::default() };
    RedisStore::connect(url, options).await.unwrap()
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unconfirmed, "{error}");
    assert!(error.to_string().contains("too few replicas confirmed it"), "{error}");
}

/// With live replicas it is confirmed; with replicas that stand still nothing says so.
async fn logouts(url: &str, replicas: &[Redis]) {
    let patient = connect(url, Duration::from_secs(20)).await;
    let hasty = connect(url, Duration::from_millis(150)).await;
    for number in 0..3 {
        create(&patient, number).await.unwrap();
    }
    let subject = Subject::new("alice").unwrap();
    let of_alice = Record { subject: Some(subject.clone()), ..record(10) };
    patient.create(&key(9), &of_alice).await.unwrap();
    patient.delete(&key(1)).await.unwrap();
    assert!(!is_live(&patient, 1).await.unwrap());
    replicas.iter().for_each(|replica| replica.freeze());
    refused(hasty.delete(&key(2)).await);
    // Again, over each of its connections, though nothing is left to delete.
    for _ in 0..8 {
        refused(hasty.delete(&key(2)).await);
    }
    refused(hasty.create(&key(5), &record(10)).await);
    refused(hasty.capabilities().directory.unwrap().delete_by_subject(&subject, None).await);
    // What needs no confirmation goes on meanwhile.
    assert!(is_live(&hasty, 0).await.unwrap());
    replicas.iter().for_each(|replica| replica.thaw());
    patient.delete(&key(2)).await.unwrap();
    assert!(!is_live(&patient, 2).await.unwrap());
    patient.capabilities().directory.unwrap().delete_by_subject(&subject, None).await.unwrap();
    assert!(patient.load(&key(9)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_logout_is_confirmed_or_refused_on_one_server_with_a_replica() {
    let master = Redis::start(RedisOptions::default()).unwrap();
    let more = vec![format!("replicaof 127.0.0.1 {}", master.port())];
    let replica = Redis::start(RedisOptions { more, ..RedisOptions::default() }).unwrap();
    let follows = || {
        let info = replica.command(&["INFO", "replication"]).unwrap();
        info.text().unwrap().contains("master_link_status:up")
    };
    assert!(wait_until(Duration::from_secs(30), follows));
    logouts(&master.url(), &[replica]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_logout_is_confirmed_or_refused_behind_sentinels() {
    let options = SentinelOptions { replicas: 2, ..SentinelOptions::default() };
    let trio = RedisSentinel::start(options).unwrap();
    logouts(&trio.url(), &trio.redis[1..]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_logout_is_confirmed_or_refused_on_a_cluster() {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    logouts(&cluster.url(), &cluster.nodes[3..]).await;
}
