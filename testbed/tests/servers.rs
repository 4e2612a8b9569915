//! The servers themselves: started, killed, frozen, started again.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "in helpers of tests too")]

use std::time::{Duration, Instant};

use sessile_testbed::mariadb::{MariaDb, MariaDbOptions};
use sessile_testbed::memcached::{Memcached, MemcachedOptions};
use sessile_testbed::postgres::{Postgres, PostgresOptions};
use sessile_testbed::redis::{
    Redis, RedisCluster, RedisOptions, RedisSentinel, Reply, SentinelOptions,
};
use sessile_testbed::{Server, wait_until};

/// What every server does; the caller looks after its data.
fn lives_and_dies(server: &mut Server) {
    let (port, process) = (server.port(), server.process_id());
    assert!(server.is_ready(), "{server:?}");
    server.freeze();
    assert!(!server.is_ready(), "frozen, but {server:?} answers");
    server.thaw();
    assert!(wait_until(Duration::from_secs(10), || server.is_ready()), "{server:?}");
    server.kill();
    assert!(!server.is_running() && !server.is_ready());
    server.run().unwrap();
    assert_eq!(server.port(), port);
    assert_ne!(server.process_id(), process);
    server.restart().unwrap();
    assert!(server.is_ready());
    server.stop();
    assert!(!server.is_running() && !server.is_ready());
    server.run().unwrap();
}

#[test]
fn redis_keeps_what_it_acknowledged() {
    let options =
        RedisOptions { appendonly: true, password: Some("secret".into()), ..Default::default() };
    let mut redis = Redis::start(options).unwrap();
    redis.command(&["SET", "key", "value"]).unwrap();
    lives_and_dies(&mut redis);
    assert_eq!(redis.command(&["GET", "key"]).unwrap(), Reply::Text("value".into()));
    assert_eq!(redis.command(&["GET", "other"]).unwrap(), Reply::Nil);
    assert!(redis.info("total_commands_processed").unwrap() > 0);
    assert_eq!(redis.url(), format!("redis://:secret@127.0.0.1:{}", redis.port()));
}

#[test]
fn redis_is_limited_and_says_so() {
    let options = RedisOptions { maxmemory: Some("2mb".into()), ..Default::default() };
    let redis = Redis::start(options).unwrap();
    let mut connection = redis.connect().unwrap();
    connection.command(&["SET", "first", "value"]).unwrap();
    let large = "x".repeat(10_000);
    let refused =
        (0..1000).find_map(|n| connection.command(&["SET", &n.to_string(), &large]).err());
    let error = refused.unwrap().to_string();
    assert!(error.contains("OOM"), "{error}");
    assert_eq!(connection.command(&["GET", "first"]).unwrap(), Reply::Text("value".into()));
}

#[test]
fn redis_speaks_tls() {
    let redis = Redis::start(RedisOptions { tls: true, ..Default::default() }).unwrap();
    let (url, certificates) = redis.tls().unwrap();
    let port = url.rsplit(':').next().unwrap();
    let mut client = std::process::Command::new("redis-cli");
    client.args(["-p", port, "--tls", "--cacert"]).arg(&certificates.authority).arg("ping");
    let output = client.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "PONG\n", "{output:?}");
}

#[test]
fn a_sentinel_trio_finds_a_new_master() {
    let mut trio = RedisSentinel::start(SentinelOptions::default()).unwrap();
    let old = trio.master().unwrap().port();
    trio.master().unwrap().kill();
    let started = Instant::now();
    let changed = || trio.master().is_ok_and(|it| it.port() != old);
    assert!(wait_until(Duration::from_secs(30), changed), "{:?}", started.elapsed());
    let master = trio.master().unwrap();
    assert!(wait_until(Duration::from_secs(10), || master.command(&["SET", "a", "b"]).is_ok()));
}

#[test]
fn a_cluster_gives_a_killed_masters_slots_to_its_replica() {
    let mut cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    cluster.nodes[0].kill();
    let replica = &cluster.nodes[3];
    // The slot of `{06S}` is 0: the first master's, now its replica's.
    let taken = || replica.command(&["SET", "{06S}", "b"]).is_ok();
    assert!(wait_until(Duration::from_secs(30), taken), "{}", replica.log());
    cluster.nodes[0].run().unwrap();
    cluster.wait_until_whole().unwrap();
}

#[test]
fn slots_of_a_cluster_move_with_their_keys() {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    cluster.nodes[0].command(&["SET", "{06S}", "b"]).unwrap();
    cluster.reshard(0, 1, 10).unwrap();
    assert_eq!(cluster.nodes[1].command(&["GET", "{06S}"]).unwrap(), Reply::Text("b".into()));
    assert!(cluster.nodes[0].command(&["GET", "{06S}"]).is_err());
}

#[test]
fn memcached_lives_and_dies() {
    let options =
        MemcachedOptions { memory: Some(1), largest_item: Some(16_384), ..Default::default() };
    let mut servers = Memcached::several(2, &options).unwrap();
    lives_and_dies(&mut servers[1]);
    assert!(servers[0].is_ready());
}

#[test]
fn postgres_keeps_what_it_committed() {
    let options = PostgresOptions {
        durable: true,
        max_connections: Some(17),
        more: vec!["statement_timeout=5000".into()],
        ..Default::default()
    };
    let mut postgres = Postgres::start(&options).unwrap();
    postgres.query("create table t (a int); insert into t values (7)").unwrap();
    lives_and_dies(&mut postgres);
    assert_eq!(postgres.query("select a from t").unwrap(), "7\n");
    assert_eq!(postgres.query("show max_connections").unwrap(), "17\n");
    assert!(postgres.query("select nothing").unwrap_err().to_string().contains("nothing"));
}

#[test]
fn mariadb_keeps_what_it_committed() {
    let options = MariaDbOptions { durable: true, ..Default::default() };
    let mut mariadb = MariaDb::start(&options).unwrap();
    mariadb.query("create table t (a int); insert into t values (7)").unwrap();
    lives_and_dies(&mut mariadb);
    assert_eq!(mariadb.query("select a from t").unwrap(), "7\n");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let options = RedisOptions { more: vec!["no-such-setting yes".into()], ..Default::default() };
    let error = Redis::start(options).unwrap_err().to_string();
    assert!(error.contains("no-such-setting"), "{error}");
}
