//! A user's index does not grow with the sessions that have ended, nor a login with the index.
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
        let member = key.to_name();
        if number > 0 {
            assert_eq!(ask(nodes, &["DEL", &format!("sessile:{member}")]), Some(1));
        }
        // In a cluster what was listed just now may be about to be made.
        ask(nodes, &["HSET", INDEX, &member, " 1000"]);
    }
    let bounded = || ask(nodes, &["HLEN", INDEX]).unwrap() <= 80;
    let long = || format!("{:?} are listed", ask(nodes, &["HLEN", INDEX]));
    assert!(wait_until(Duration::from_secs(10), bounded), "{}", long());
    let listed =
        store.capabilities().directory.unwrap().by_subject(&subject).await.unwrap().sessions;
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

/// More sessions than any person has; some programs log in as one user for each of their calls.
const MANY: usize = 40_000;

/// How often the servers carried out a command, those within scripts counted.
fn calls(nodes: &[Redis], command: &str) -> u64 {
    let of = |node: &Redis| {
        let told = node.command(&["INFO", "commandstats"]).unwrap();
        let line = format!("cmdstat_{command}:calls=");
        let told = told.text().unwrap().split(&line).nth(1)?.split(',').next()?.to_owned();
        told.parse::<u64>().ok()
    };
    nodes.iter().filter_map(of).sum()
}

/// Logins of a user with many sessions, and how much a server does for one: with sessions that
/// say when they end, and with ones of which that must be looked up, and which have ended.
async fn work(url: &str, nodes: &[Redis], most_lookups: u64) {
    const LOGINS: u16 = 200;
    let store = RedisStore::connect(url, Options::default()).await.unwrap();
    for (listed, live) in [("9000000000000 1000", true), (" 1000", false)] {
        ask(nodes, &["DEL", INDEX]);
        for some in 0..MANY / 100 {
            let names = (0..100).map(|one| format!("h:{:064x}", some * 100 + one));
            let pairs = names.flat_map(|name| [name, listed.to_owned()]).collect::<Vec<_>>();
            let words = ["HSET", INDEX].into_iter().chain(pairs.iter().map(String::as_str));
            assert_eq!(ask(nodes, &words.collect::<Vec<_>>()), Some(100));
        }
        nodes.iter().for_each(|node| drop(node.command(&["CONFIG", "RESETSTAT"]).unwrap()));
        let record = Record { subject: Subject::new("alice"), ..record(10) };
        for number in 0..LOGINS {
            let [high, low] = number.to_be_bytes();
            let key = StoreKey::from_hash(std::array::from_fn(|at| match at {
                0 => high,
                1 => low,
                _ => 0xee + u8::from(live),
            }));
            store.create(&key, &record).await.unwrap();
        }
        let logins = u64::from(LOGINS);
        for whole in ["hgetall", "hkeys", "hvals", "scan", "keys"] {
            assert_eq!(calls(nodes, whole), 0, "{whole} in {listed:?}");
        }
        assert_eq!(calls(nodes, "hscan"), logins, "a look at a few entries, at each login");
        let lookups = || calls(nodes, "exists").saturating_sub(logins);
        let left = || u64::try_from(ask(nodes, &["HLEN", INDEX]).unwrap()).unwrap();
        let taken = || MANY as u64 + logins - left();
        assert!(lookups() <= logins * most_lookups, "{} lookups", lookups());
        if live {
            assert_eq!(taken(), 0, "none has ended");
        } else {
            // More are taken out than come, so that ended ones cannot pile up.
            let enough = || taken() > 2 * logins;
            assert!(wait_until(Duration::from_secs(30), enough), "{} taken out", taken());
            assert!(taken() <= logins * most_lookups, "{} taken out", taken());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_a_login_looks_at_a_few_of_its_users_sessions_on_one_server() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    // 32 places of the table, of which some hold a few.
    work(&redis.url(), std::slice::from_ref(&redis), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_a_login_looks_at_a_few_of_its_users_sessions_on_a_cluster() {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    work(&cluster.url(), &cluster.nodes, 8).await;
}
