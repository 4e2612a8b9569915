//! What an address that is wrong is told, in words: its password, its scheme, its topology.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::faults::create;
use sessile_redis::{ConnectError, Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisCluster, RedisOptions, RedisSentinel, SentinelOptions};

async fn said(url: &str) -> String {
    let error = match RedisStore::connect(url, Options::default()).await {
        Err(ConnectError::Store(error)) => error.to_string(),
        Err(error) => error.to_string(),
        // The address alone does not say it.
        Ok(store) => create(&store, 1).await.unwrap_err().to_string(),
    };
    assert!(!error.contains("hunter2"), "{error}");
    error
}

async fn says(url: &str, words: &str) {
    let said = said(url).await;
    assert!(said.contains(words), "{url}: {said:?} has nothing of {words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_a_wrong_or_missing_password_is_said_in_words() {
    let password = Some("hunter1".to_owned());
    let redis = Redis::start(RedisOptions { password, ..RedisOptions::default() }).unwrap();
    let at = redis.address();
    for protocol in ["", "?protocol=2"] {
        says(&format!("redis://:hunter2@{at}{protocol}"), "refuses the address's user or password")
            .await;
        says(
            &format!("redis://me:hunter2@{at}{protocol}"),
            "refuses the address's user or password",
        )
        .await;
        says(&format!("redis://{at}{protocol}"), "wants a password, and the address has none")
            .await;
    }
    says(&format!("redis://:hunter1@{at}/99"), "no database of the address's number").await;
    let open = Redis::start(RedisOptions::default()).unwrap();
    let needless = format!("redis://:hunter2@{}?protocol=2", open.address());
    says(&needless, "refuses the address's user or password").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_a_wrong_topology_is_said_in_words() {
    let one = Redis::start(RedisOptions::default()).unwrap();
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    let options = SentinelOptions { replicas: 1, ..SentinelOptions::default() };
    let trio = RedisSentinel::start(options).unwrap();
    let (one, node) = (one.address(), cluster.nodes[0].address());
    let sentinel = trio.sentinels[0].address();
    says(&format!("redis://{node}"), "begin the address with redis+cluster://").await;
    says(&format!("redis://{node}?protocol=2"), "begin the address with redis+cluster://").await;
    says(&format!("redis://{node}/1"), "begin the address with redis+cluster://").await;
    says(&format!("redis+cluster://{one}"), "begin the address with redis://").await;
    says(&format!("redis+cluster://{sentinel}"), "lacks a command: it is a Sentinel").await;
    says(&format!("redis://{sentinel}"), "the address is redis+sentinel://").await;
    says(&format!("redis+sentinel://{one}/mymaster"), "it is no Sentinel").await;
    says(&format!("redis+sentinel://{node}/mymaster"), "it is no Sentinel").await;
    says(&format!("redis+sentinel://{sentinel}/other"), "no master of the address's name").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_tls_on_one_side_only_is_said_in_words() {
    let redis = Redis::start(RedisOptions { tls: true, ..RedisOptions::default() }).unwrap();
    let (secure, _) = redis.tls().unwrap();
    says(&secure, "ssl_ca_certs=FILE").await;
    says(&secure.replace("rediss", "redis"), "wants TLS (rediss://)").await;
    says(&redis.url().replace("redis", "rediss"), "does not speak TLS: redis://").await;
    says("redis://no-such-host.invalid", "its host's name is not known").await;
}
