//! Keys that hold what the layout does not write: `s13_…`.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::cases::unreadable::an_unreadable_entry_is_nobodys_session;
use sessile_conformance::{Capabilities, Keys, Suite};
use sessile_core::StoreKey;
use sessile_core::store::Layout;
use sessile_redis::Options;
use sessile_testbed::redis::{Redis, RedisCluster, RedisOptions};

/// What lies there before is removed, and this put in its place.
const DAMAGES: [&[&str]; 7] = [
    &["SET", "KEY", "s3L of a release to come"],
    &["SET", "KEY", "s2X"],
    &["SET", "KEY", "s2L cut off"],
    &["SET", "KEY", ""],
    &["RPUSH", "KEY", "a", "list"],
    &["HSET", "KEY", "a", "hash"],
    &["SADD", "KEY", "a set"],
];

async fn try_all(
    url: &str,
    nodes: &[Redis],
    layout: Layout,
    can: &Capabilities,
) -> Result<(), String> {
    for words in DAMAGES {
        // Any string is data of others', and an empty one is none of ours.
        if layout.is_foreign() && words[0] == "SET" {
            continue;
        }
        let (at, options) = (url.to_owned(), Options { layout, ..Options::default() });
        let open = move || support::open(at.clone(), options.clone());
        let suite = Suite::new(open, can.clone());
        let damage = async |key: &StoreKey| {
            let name = match layout {
                Layout::Native => format!("sessile:h:{}", key.to_text()),
                Layout::FlaskSession | Layout::Django => key.to_text(),
            };
            let words: Vec<_> = words
                .iter()
                .map(|word| if *word == "KEY" { name.as_str() } else { word })
                .collect();
            // The other servers of a cluster refuse.
            let deleted = nodes.iter().filter_map(|node| node.command(&["DEL", &name]).ok());
            assert_eq!(deleted.filter_map(|answer| answer.number()).sum::<i64>(), 1);
            nodes.iter().for_each(|node| drop(node.command(&words)));
        };
        let case = an_unreadable_entry_is_nobodys_session(&suite, damage).await;
        case.map_err(|failure| format!("{layout:?}, {words:?}: {failure}"))?;
    }
    Ok(())
}

fn native() -> Capabilities {
    Capabilities { sweep: false, ..Capabilities::all() }
}

fn flask_session() -> Capabilities {
    Capabilities {
        directory: false,
        grace: false,
        metadata: false,
        two_deadlines: false,
        fresh_versions: false,
        keys: Keys::Text("session:"),
        ..native()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_an_unreadable_key_is_nobodys_session_on_one_server() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let nodes = std::slice::from_ref(&redis);
    try_all(&redis.url(), nodes, Layout::Native, &native()).await.unwrap();
    try_all(&redis.url(), nodes, Layout::FlaskSession, &flask_session()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_an_unreadable_key_is_nobodys_session_on_a_cluster() {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    try_all(&cluster.url(), &cluster.nodes, Layout::Native, &native()).await.unwrap();
    try_all(&cluster.url(), &cluster.nodes, Layout::FlaskSession, &flask_session()).await.unwrap();
}
