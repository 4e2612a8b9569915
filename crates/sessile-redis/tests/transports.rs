//! Redis over TLS and over a socket in the file system.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use sessile_conformance::run_all;
use sessile_core::StoreErrorKind;
use sessile_redis::{ConnectError, Options, RedisStore};
use sessile_testbed::Folder;
use sessile_testbed::redis::{Redis, RedisCluster, RedisOptions};
use support::{near, open};

/// With time for a handshake on a machine that has other work.
async fn whole_suite(url: String, options: Options) {
    let (connect_timeout, timeout) = (Duration::from_secs(20), Duration::from_secs(30));
    let options = Options { connect_timeout, timeout, ..options };
    let can = sessile_conformance::Capabilities {
        sweep: false,
        immediate: options.near_cache.is_none(),
        ..sessile_conformance::Capabilities::all()
    };
    let report = run_all(move || open(url.clone(), options.clone()), can).await;
    assert!(report.is_ok() && report.passed.len() > 40, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_suite_over_tls() {
    let password = Some("of-the-server".to_owned());
    let options = RedisOptions { tls: true, password, ..RedisOptions::default() };
    let redis = Redis::start(options).unwrap();
    let (url, certificates) = redis.tls().unwrap();
    let root_certificate = Some(std::fs::read(&certificates.authority).unwrap());
    whole_suite(url.clone(), Options { root_certificate, ..Options::default() }).await;
    // An authority that is not trusted.
    let Err(ConnectError::Store(refused)) = RedisStore::connect(&url, Options::default()).await
    else {
        unreachable!("a certificate that nobody trusts is taken")
    };
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert!(!refused.to_string().contains("of-the-server"), "{refused}");
    // A trusted authority, and another name than the certificate's.
    let elsewhere = url.replace("127.0.0.1", "127.0.0.2");
    let root_certificate = Some(std::fs::read(&certificates.authority).unwrap());
    let options = Options { root_certificate, ..Options::default() };
    assert!(RedisStore::connect(&elsewhere, options).await.is_err());
    let root_certificate = Some(b"no certificate".to_vec());
    let options = Options { root_certificate, ..Options::default() };
    assert!(matches!(RedisStore::connect(&url, options).await, Err(ConnectError::Url(_))));
    let unchecked = format!("{url}/#insecure");
    let refused = RedisStore::connect(&unchecked, Options::default()).await;
    assert!(matches!(refused, Err(ConnectError::Url(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_suite_over_tls_on_a_cluster() {
    let options = RedisOptions { tls: true, ..RedisOptions::default() };
    let cluster = RedisCluster::start(options).unwrap();
    let (url, certificates) = cluster.tls().unwrap();
    let root_certificate = Some(std::fs::read(&certificates.authority).unwrap());
    whole_suite(url.clone(), Options { root_certificate, ..Options::default() }).await;
    let untrusted = RedisStore::connect(&url, Options::default()).await;
    let Err(ConnectError::Store(refused)) = untrusted else { unreachable!("nobody trusts it") };
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_suite_over_a_socket_in_the_file_system() {
    let folder = Folder::new("socket").unwrap();
    let path = folder.path().join("redis.sock");
    let more = vec![format!("unixsocket {}", path.display()), "unixsocketperm 700".to_owned()];
    let _redis = Redis::start(RedisOptions { more, ..RedisOptions::default() }).unwrap();
    let path = path.display();
    whole_suite(format!("unix://{path}"), Options::default()).await;
    whole_suite(format!("redis+unix://{path}?db=3"), near()).await;
    let missing = RedisStore::connect(&format!("unix://{path}.not"), Options::default()).await;
    let Err(ConnectError::Store(missing)) = missing else { unreachable!("nobody is there") };
    assert_eq!(missing.kind(), StoreErrorKind::Unavailable);
}
