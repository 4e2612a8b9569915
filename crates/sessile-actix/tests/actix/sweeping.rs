//! What runs behind the requests.

use std::time::{Duration, SystemTime};

use sessile_actix::{Config, MemoryStore, SessionMiddleware, SessionStore as _, Timestamp};
use sessile_core::StoreKey;
use sessile_core::store::Record;

/// An application that gives its store in code is swept as its configuration says.
#[tokio::test]
async fn f21_sessions_that_expired_a_while_ago_are_removed_behind_the_requests() {
    let (store, key) = (MemoryStore::default(), StoreKey::from_hash([7; 32]));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let ended = Record::ending("", Some(Timestamp::from_secs(now - 11 * 60)));
    store.create(&key, &ended).await.unwrap();
    let mut config = Config::native();
    config.sweep_every = Some(Duration::from_millis(2));
    let _sessions = SessionMiddleware::new(config, store.clone()).unwrap();
    let emptied = async {
        while store.load(&key).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), emptied).await.expect("nothing was swept");
}
