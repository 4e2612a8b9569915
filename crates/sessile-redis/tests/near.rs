//! The near cache under the suite, and beside stores that change what it holds.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use sessile_conformance::{Suite, block_on, http_tests, store_tests};
use sessile_core::store::{Entry, Layout, Record, TouchOutcome, Version, WriteOutcome};
use sessile_core::{SessionStore as _, StoreKey, Timestamp};
use sessile_redis::{ConnectError, Options, RedisStore};
use support::{
    CLUSTER, REDIS, SENTINEL, django, flask_session, native, near, near_apart, near_shared, open,
    url,
};
use tokio::time::Instant;

macro_rules! suites {
    ($name:ident, $servers:expr, $layout:expr, $plain:ident) => {
        mod $name {
            use super::*;

            mod shared {
                use super::*;

                store_tests!(
                    near_shared($servers, $layout, $plain($servers).1).0,
                    near_shared($servers, $layout, $plain($servers).1).1
                );
            }

            mod apart {
                use super::*;

                store_tests!(
                    near_apart($servers, $layout, $plain($servers).1).0,
                    near_apart($servers, $layout, $plain($servers).1).1
                );
            }
        }
    };
}

suites!(on_one_server, REDIS, Layout::Native, native);
suites!(behind_sentinels, SENTINEL, Layout::Native, native);
suites!(on_a_cluster, CLUSTER, Layout::Native, native);
suites!(in_flask_sessions_layout, REDIS, Layout::FlaskSession, flask_session);
suites!(in_djangos_layout, CLUSTER, Layout::Django, django);

mod scripts_on_one_server {
    use super::*;

    http_tests!(
        near_shared(REDIS, Layout::Native, native(REDIS).1).0,
        near_shared(REDIS, Layout::Native, native(REDIS).1).1
    );
}

mod scripts_on_a_cluster {
    use super::*;

    http_tests!(
        near_shared(CLUSTER, Layout::Native, native(CLUSTER).1).0,
        near_shared(CLUSTER, Layout::Native, native(CLUSTER).1).1
    );
}

/// A store that holds a session, another one on the same servers, and the session.
struct Pair {
    near: RedisStore,
    plain: RedisStore,
    key: StoreKey,
    record: Record,
    version: Version,
}

async fn pair(servers: &str, user: Option<&str>) -> Pair {
    let (opener, can) = native(servers);
    let suite = Suite::new(opener, can);
    let near = open(url(servers), near()).await.unwrap();
    let plain = suite.open().await.unwrap();
    let key = suite.key();
    let mut record = suite.record("as it was");
    record.subject = user.map(|user| suite.subject(user).unwrap());
    suite.create(&plain, &key, &record).await.unwrap();
    let Some(Entry::Live(found, version)) = near.load(&key).await.unwrap() else { unreachable!() };
    assert!(found == record && near.load(&key).await.unwrap().is_some());
    assert_eq!(near.near_cache().unwrap().hits, 1, "it is not held");
    Pair { near, plain, key, record, version }
}

/// Loads until what is read is no longer `old`: the lease is an hour, so that is
/// the server's word.
async fn changed(store: &RedisStore, key: &StoreKey, old: &Record) -> Option<Record> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let found = match store.load(key).await.unwrap() {
            Some(Entry::Live(record, _)) => Some(record),
            _ => None,
        };
        if found.as_ref() != Some(old) {
            return found;
        }
        assert!(Instant::now() < patience, "nobody said that it changed");
        tokio::task::yield_now().await;
    }
}

async fn a_change_elsewhere(servers: &str) {
    let Pair { near, plain, key, record, version } = pair(servers, None).await;
    let new = Record { payload: "as it is".into(), ..record.clone() };
    plain.update(&key, &new, &version).await.unwrap();
    // What it would write is refused at once, whatever it has heard.
    assert_eq!(near.update(&key, &record, &version).await.unwrap(), WriteOutcome::Conflict);
    let Some(Entry::Live(found, version)) = near.load(&key).await.unwrap() else { unreachable!() };
    assert!(found == new, "after a conflict the server is asked");
    let newer = Record { payload: "as it will be".into(), ..new.clone() };
    near.load(&key).await.unwrap();
    plain.update(&key, &newer, &version).await.unwrap();
    assert!(changed(&near, &key, &new).await == Some(newer.clone()));
    let seen = Timestamp::from_millis(newer.seen.unwrap().as_millis() + 5000);
    near.load(&key).await.unwrap();
    plain.touch(&key, seen, None).await.unwrap();
    let touched = Record { seen: Some(seen), ..newer.clone() };
    assert!(changed(&near, &key, &newer).await == Some(touched));
}

async fn a_logout_elsewhere(servers: &str) {
    let Pair { near, plain, key, record, .. } = pair(servers, None).await;
    plain.delete(&key).await.unwrap();
    assert!(changed(&near, &key, &record).await.is_none());
    let Pair { near, plain, key, record, version } = pair(servers, None).await;
    plain.delete(&key).await.unwrap();
    // Held or not, nothing brings it back, and who tried knows.
    assert_eq!(near.update(&key, &record, &version).await.unwrap(), WriteOutcome::Gone);
    assert!(near.load(&key).await.unwrap().is_none());
    let Pair { near, plain, key, record, .. } = pair(servers, None).await;
    plain.delete(&key).await.unwrap();
    let touched = near.touch(&key, record.seen.unwrap(), record.idle).await.unwrap();
    assert_eq!(touched, TouchOutcome::Gone);
    assert!(near.load(&key).await.unwrap().is_none());
}

async fn the_end_of_all_of_a_users(servers: &str) {
    let Pair { near, plain, key, record, .. } = pair(servers, Some("alice")).await;
    let alice = record.subject.clone().unwrap();
    plain.capabilities().directory.unwrap().delete_by_subject(&alice, None).await.unwrap();
    assert!(changed(&near, &key, &record).await.is_none());
    let Pair { near, key, record, .. } = pair(servers, Some("bob")).await;
    let bob = record.subject.clone().unwrap();
    near.capabilities().directory.unwrap().delete_by_subject(&bob, None).await.unwrap();
    assert!(near.load(&key).await.unwrap().is_none(), "its own end is seen at once");
}

/// What was loaded while another wrote is never kept as it was.
async fn loads_among_changes_elsewhere(servers: &str) {
    let Pair { near, plain, key, mut record, mut version } = pair(servers, None).await;
    for number in 0..200 {
        let loads: Vec<_> = (0..8)
            .map(|_| {
                let (near, key) = (near.clone(), key.clone());
                tokio::spawn(async move { near.load(&key).await.unwrap() })
            })
            .collect();
        record.payload = format!("change {number}").into();
        let outcome = plain.update(&key, &record, &version).await.unwrap();
        let WriteOutcome::Written(next) = outcome else { unreachable!("{outcome:?}") };
        version = next;
        for load in loads {
            load.await.unwrap();
        }
        let patience = Instant::now() + Duration::from_secs(30);
        while !matches!(near.load(&key).await.unwrap(), Some(Entry::Live(it, _)) if it == record) {
            assert!(Instant::now() < patience, "change {number} is never seen");
            tokio::task::yield_now().await;
        }
    }
}

macro_rules! coherence {
    ($name:ident, $servers:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn a_change_elsewhere_is_seen_when_the_server_says_so() {
                block_on(a_change_elsewhere($servers)).unwrap();
            }

            #[test]
            fn inv04_a_logout_elsewhere_is_seen_and_never_undone() {
                block_on(a_logout_elsewhere($servers)).unwrap();
            }

            #[test]
            fn r10_the_end_of_all_of_a_users_sessions_is_seen() {
                block_on(the_end_of_all_of_a_users($servers)).unwrap();
            }

            #[test]
            fn an_answer_that_a_change_overtook_is_not_kept() {
                block_on(loads_among_changes_elsewhere($servers)).unwrap();
            }
        }
    };
}

coherence!(beside_others_on_one_server, REDIS);
coherence!(beside_others_behind_sentinels, SENTINEL);
coherence!(beside_others_on_a_cluster, CLUSTER);

#[tokio::test]
async fn it_is_refused_where_the_server_cannot_say_what_changes() {
    for servers in [REDIS, SENTINEL, CLUSTER] {
        let refused = RedisStore::connect(&(url(servers) + "?protocol=2"), near()).await;
        assert!(matches!(refused, Err(ConnectError::Url(_))), "{servers}");
    }
    let without = open(url(REDIS), Options::default()).await.unwrap();
    assert_eq!(without.near_cache(), None);
}
