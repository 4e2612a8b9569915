//! A user's index does not grow with the sessions that have ended.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use sessile_conformance::faults::record;
use sessile_core::store::Record;
use sessile_core::{SessionStore as _, StoreKey, Subject, Timestamp};
use sessile_redis::{Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisCluster, RedisOptions};
use sessile_testbed::wait_until;

const INDEX: &str = "sessile:u:alice";

/// What the server that has the key answers; the others of a cluster refuse.
fn ask(nodes: &[Redis], words: &[&str]) -> Option<i64> {
    nodes.iter().find_map(|node| node.command(words).ok()?.number())
}

/// 300 logins of one user whose sessions end by idleness alone; all but one have ended, and
/// were forgotten by the server.
async fn logins(url: &str, nodes: &[Redis]) {
    let store = RedisStore::connect(url, Options::default()).await.unwrap();
    let subject = Subject::new("alice").unwrap();
    let (seen, idle) = (Some(Timestamp::from_secs(0)), Some(Duration::MAX));
    let of_alice = Record { subject: Some(subject.clone()), seen, idle, ..record(10) };
    for number in 0..300_u16 {
        let [high, low] = number.to_be_bytes();
        let key = StoreKey::from_hash(std::array::from_fn(|at| [high, low][at % 2]));
        store.create(&key, &of_alice).await.unwrap();
        let member = format!("h:{}", key.to_text());
        if number > 0 {
            assert_eq!(ask(nodes, &["DEL", &format!("sessile:{member}")]), Some(1));
        }
        // In a cluster what was listed just now may be about to be made.
        ask(nodes, &["HSET", INDEX, &member, " 1000"]);
    }
    let bounded = || ask(nodes, &["HLEN", INDEX]).unwrap() <= 80;
    let long = || format!("{:?} are listed", ask(nodes, &["HLEN", INDEX]));
    assert!(wait_until(Duration::from_secs(10), bounded), "{}", long());
    let listed = store.as_directory().unwrap().by_subject(&subject).await.unwrap().sessions;
    assert_eq!(listed.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_an_index_forgets_sessions_that_ended_by_idleness_on_one_server() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    logins(&redis.url(), std::slice::from_ref(&redis)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_an_index_forgets_sessions_that_ended_by_idleness_on_a_cluster() {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    logins(&cluster.url(), &cluster.nodes).await;
}
