//! Another server takes over while visitors write: by hand, by Sentinel, in a cluster.
//! The old one is demoted and stays alive, is killed, or stands still.
#![cfg(feature = "faults")]
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sessile_conformance::faults::key;
use sessile_conformance::outages::{held, holding};
use sessile_core::store::{CreateOutcome, Entry, WriteOutcome};
use sessile_core::{SessionStore as _, StoreError, StoreErrorKind};
use sessile_redis::{Durable, Options, RedisStore};
use sessile_testbed::proxy::Proxy;
use sessile_testbed::redis::{Redis, RedisCluster, RedisOptions, RedisSentinel, SentinelOptions};
use sessile_testbed::wait_until;

/// What must be kept: from when the new one takes writes to the first that it is given.
const WITHIN: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(url: &str, replicas: Option<u32>) -> RedisStore {
    let timeout = Duration::from_secs(1);
    let durable = replicas.map(|replicas| Durable { replicas, timeout });
    // The rest as it comes: these are the waits that sites have.
    RedisStore::connect(url, Options { durable, ..Options::default() }).await.unwrap()
}

/// Writes number `value` into a session, which is made if need be; whether it was. Between a read
/// of the old server and a write of the new one it may be another, or gone.
async fn write(store: &RedisStore, number: u32, value: u64) -> Result<bool, StoreError> {
    let record = holding(value.to_string());
    match store.load(&key(number)).await? {
        Some(Entry::Live(_, version)) => {
            let written = store.update(&key(number), &record, &version).await?;
            Ok(matches!(written, WriteOutcome::Written(_)))
        }
        _ => {
            let created = store.create(&key(number), &record).await?;
            Ok(matches!(created, CreateOutcome::Created(_)))
        }
    }
}

/// Visitors who write, each into a session of their own, over and over.
struct Visitors {
    numbers: Vec<u32>,
    stop: Arc<AtomicBool>,
    /// For each the last number that was acknowledged.
    acknowledged: Arc<Vec<AtomicU64>>,
    refused: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Visitors {
    fn come(store: &RedisStore, numbers: Vec<u32>) -> Self {
        let acknowledged = Arc::new(numbers.iter().map(|_| AtomicU64::new(0)).collect::<Vec<_>>());
        let (stop, refused) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let visitor = |(index, number): (usize, &u32)| {
            let (store, number, stop) = (store.clone(), *number, Arc::clone(&stop));
            let (acknowledged, refused) = (Arc::clone(&acknowledged), Arc::clone(&refused));
            tokio::spawn(async move {
                for value in 1.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    match write(&store, number, value).await {
                        Ok(true) => acknowledged[index].store(value, Ordering::SeqCst),
                        _ => {
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    // As often as people click, and no busier.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        };
        let tasks = numbers.iter().enumerate().map(visitor).collect();
        Self { numbers, stop, acknowledged, refused, tasks }
    }

    /// Waits until every visitor has had a write acknowledged after `since`.
    fn all_served(&self, what: &str) {
        let before = self.last();
        let all = || {
            let mut each = self.acknowledged.iter().zip(&before);
            each.all(|(now, before)| now.load(Ordering::SeqCst) > *before)
        };
        assert!(wait_until(PATIENCE, all), "{what}: not every visitor is served");
    }

    /// Another server takes over, as `switch` does it; it returns when that one takes writes, and
    /// a store that asks it alone.
    async fn meet(self, what: &str, switch: impl FnOnce() -> String) {
        tokio::task::block_in_place(|| self.all_served(what));
        let before = self.refused.load(Ordering::SeqCst);
        let url = tokio::task::block_in_place(switch);
        let ready = Instant::now();
        let said = self.last();
        let there = RedisStore::at(&url, Options::default()).unwrap();
        let first = loop {
            let mut found = Vec::new();
            for number in &self.numbers {
                found.push(value(&there, *number).await);
            }
            if found.iter().zip(&said).any(|(found, said)| found > said) {
                break ready.elapsed();
            }
            assert!(ready.elapsed() < PATIENCE, "{what}: no write ever again");
        };
        tokio::task::block_in_place(|| self.all_served(what));
        let refused = self.refused.load(Ordering::SeqCst) - before;
        println!(
            "D07 {what}: the first good write {} ms after the new one was ready; {refused} refused \
             in all",
            first.as_millis()
        );
        self.stop.store(true, Ordering::SeqCst);
        let last = Arc::clone(&self.acknowledged);
        for task in self.tasks {
            task.await.unwrap();
        }
        assert!(first <= WITHIN, "{what}: {first:?}");
        for (number, last) in self.numbers.iter().zip(last.iter()) {
            let (found, last) = (value(&there, *number).await, last.load(Ordering::SeqCst));
            assert!(found >= last, "{what}: session {number} holds {found}, not {last}");
        }
    }

    fn last(&self) -> Vec<u64> {
        self.acknowledged.iter().map(|it| it.load(Ordering::SeqCst)).collect()
    }
}

/// What a session holds; nothing while the servers do not agree yet.
async fn value(store: &RedisStore, number: u32) -> u64 {
    held(store, number).await.ok().flatten().map_or(0, |text| text.parse().unwrap())
}

fn says(redis: &Redis, words: &[&str]) -> bool {
    let info = redis.command(&["INFO", "replication"]);
    info.is_ok_and(|info| words.iter().all(|word| info.text().unwrap_or_default().contains(word)))
}

fn takes_writes(redis: &Redis) -> bool {
    says(redis, &["role:master"])
}

fn until(what: &str, done: impl FnMut() -> bool) {
    assert!(wait_until(PATIENCE, done), "{what} never comes about");
}

/// A master with a replica behind a name that moves, as a managed service has it.
async fn by_hand(replicas: Option<u32>) {
    let what = match replicas {
        None => "demoted by hand",
        Some(_) => "demoted by hand, writes wait for a replica",
    };
    let old = Redis::start(RedisOptions::default()).unwrap();
    let more = vec![format!("replicaof 127.0.0.1 {}", old.port())];
    let new = Redis::start(RedisOptions { more, ..RedisOptions::default() }).unwrap();
    until("replication", || says(&new, &["master_link_status:up"]));
    let name = Proxy::start(old.address()).unwrap();
    let store = connect(&name.instead_of(&old.url()), replicas).await;
    let visitors = Visitors::come(&store, (0..16).collect());
    let port = new.port().to_string();
    let switch = || {
        // Nothing acknowledged is lost at a planned switch: writes pause until the replica has all.
        new.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
        old.command(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
        name.lead_to(new.address());
        until("the new master", || says(&new, &["role:master", "connected_slaves:1", "online"]));
        new.url()
    };
    visitors.meet(what, switch).await;
    assert!(!takes_writes(&old) && takes_writes(&new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d07_a_master_that_became_a_replica_and_stays_alive_is_left() {
    by_hand(None).await;
    by_hand(Some(1)).await;
}

/// One that stays a replica refuses every write in words, and still is not asked to death.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d07_a_replica_says_that_it_is_one() {
    let master = Redis::start(RedisOptions::default()).unwrap();
    let more = vec![format!("replicaof 127.0.0.1 {}", master.port())];
    let replica = Redis::start(RedisOptions { more, ..RedisOptions::default() }).unwrap();
    until("replication", || says(&replica, &["master_link_status:up"]));
    for replicas in [None, Some(1)] {
        let store = connect(&replica.url(), replicas).await;
        let before = replica.info("total_connections_received").unwrap();
        for value in 0..200 {
            let refused = write(&store, 1, value).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::ReadOnly, "{refused}");
            assert!(refused.to_string().contains("it is a replica"), "{refused}");
        }
        let made = replica.info("total_connections_received").unwrap() - before;
        assert!(made < 100, "{made} connections for 200 writes");
    }
}

#[derive(Clone, Copy)]
enum Fate {
    Demoted,
    Killed,
    Frozen,
}

const FATES: [(Fate, &str); 3] =
    [(Fate::Demoted, "demoted"), (Fate::Killed, "killed"), (Fate::Frozen, "frozen")];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d07_sentinels_choose_another_master() {
    for (fate, how) in FATES {
        for replicas in [None, Some(1)] {
            let options = SentinelOptions { replicas: 2, ..SentinelOptions::default() };
            let mut trio = RedisSentinel::start(options).unwrap();
            let store = connect(&trio.url(), replicas).await;
            let visitors = Visitors::come(&store, (0..16).collect());
            let what = format!("Sentinel, the master {how}, {replicas:?} replicas waited for");
            let old = trio.redis[0].port();
            let switch = || {
                match fate {
                    Fate::Demoted => {
                        let mut sentinel = sessile_testbed::redis::Connection::open(
                            trio.sentinels[0].address(),
                            None,
                        )
                        .unwrap();
                        sentinel.command(&["SENTINEL", "FAILOVER", "mymaster"]).unwrap();
                    }
                    Fate::Killed => trio.redis[0].kill(),
                    Fate::Frozen => trio.redis[0].freeze(),
                }
                until("a new master", || {
                    trio.master().is_ok_and(|it| it.port() != old && takes_writes(it))
                });
                if replicas.is_some() {
                    let new = trio.master().unwrap();
                    until("its replica", || says(new, &["state=online"]));
                }
                trio.master().unwrap().url()
            };
            visitors.meet(&what, switch).await;
            trio.redis[0].thaw();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d07_a_cluster_gives_the_slots_to_another() {
    for (fate, how) in FATES {
        let mut cluster = RedisCluster::start(RedisOptions::default()).unwrap();
        let store = connect(&cluster.url(), None).await;
        // Sessions of the first master, which owns the slots to 5460.
        let of_the_first = |number: &u32| {
            let mut name = "sessile:".to_owned();
            key(*number).push_name(&mut name);
            let slot = cluster.nodes[0].command(&["CLUSTER", "KEYSLOT", &name]).unwrap();
            slot.number().unwrap() <= 5460
        };
        let numbers = (0..200).filter(of_the_first).take(16).collect();
        let visitors = Visitors::come(&store, numbers);
        let switch = || {
            match fate {
                Fate::Demoted => drop(cluster.nodes[3].command(&["CLUSTER", "FAILOVER"]).unwrap()),
                Fate::Killed => cluster.nodes[0].kill(),
                Fate::Frozen => cluster.nodes[0].freeze(),
            }
            until("a new owner", || {
                let state = cluster.nodes[3].command(&["CLUSTER", "INFO"]);
                takes_writes(&cluster.nodes[3])
                    && state.is_ok_and(|it| it.text().unwrap_or_default().contains("state:ok"))
            });
            cluster.url()
        };
        visitors.meet(&format!("cluster, an owner {how}"), switch).await;
        cluster.nodes[0].thaw();
    }
}
