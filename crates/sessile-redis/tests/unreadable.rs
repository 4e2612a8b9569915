//! Keys that hold what the layout does not write: `s13_…`.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::cases::hostile_moments::a_hostile_moment_harms_nobody;
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

/// Eight bytes of a number, big-endian: none of the last is text of ours.
const NUMBERS: [&str; 5] = [
    "\0\0\0\0\0\0\0\0",
    "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f",
    "\u{7ff}\u{7ff}\u{7ff}\u{7ff}",
    "\u{80}\0\0\0\0\0\0",
    "\0\0\0\0\0\0\0\x01",
];

/// Where a value of ours holds a number: the idle span, and the moments after it.
const PLACES: [&str; 6] = ["11", "19", "27", "35", "43", "51"];

/// What Redis is told of when a key ends.
const ENDS: [&[&str]; 5] = [
    &["PERSIST", "KEY"],
    &["PEXPIREAT", "KEY", "9223372036854775807"],
    &["EXPIREAT", "KEY", "9223372036854775"],
    &["PEXPIREAT", "KEY", "1"],
    &["PEXPIRE", "KEY", "-9223372036854775807"],
];

async fn try_moments(
    url: &str,
    nodes: &[Redis],
    layout: Layout,
    can: &Capabilities,
) -> Result<(), String> {
    let number = |place| NUMBERS.iter().map(move |number| vec!["SETRANGE", "KEY", place, number]);
    let numbers = PLACES.into_iter().flat_map(number);
    let name = StoreKey::from_hash([0xab; 32]).to_name();
    let pointers: Vec<_> = NUMBERS.map(|until| format!("s2M{until}{name}")).into();
    let pointers = pointers.iter().map(|value| vec!["SET", "KEY", value]);
    let plants: Vec<_> = match layout {
        Layout::Native => numbers.chain(pointers).collect(),
        Layout::FlaskSession | Layout::Django => ENDS.map(<[&str]>::to_vec).into(),
    };
    for words in plants {
        let (at, options) = (url.to_owned(), Options { layout, ..Options::default() });
        let open = move || support::open(at.clone(), options.clone());
        let suite = Suite::new(open, can.clone());
        let plant = async |key: &StoreKey| {
            let name = name_of(layout, key);
            let words: Vec<_> =
                words.iter().map(|word| if *word == "KEY" { &*name } else { *word }).collect();
            // The other servers of a cluster refuse.
            nodes.iter().for_each(|node| drop(node.command(&words)));
        };
        let case = a_hostile_moment_harms_nobody(&suite, plant).await;
        case.map_err(|failure| format!("{layout:?}, {words:?}: {failure}"))?;
    }
    Ok(())
}

fn name_of(layout: Layout, key: &StoreKey) -> String {
    match layout {
        Layout::Native => format!("sessile:{}", key.to_name()),
        Layout::FlaskSession | Layout::Django => key.to_text(),
    }
}

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
            let name = name_of(layout, key);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_hostile_moment_in_a_key_harms_nobody_on_one_server() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let nodes = std::slice::from_ref(&redis);
    try_moments(&redis.url(), nodes, Layout::Native, &native()).await.unwrap();
    try_moments(&redis.url(), nodes, Layout::FlaskSession, &flask_session()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_hostile_moment_in_a_key_harms_nobody_on_a_cluster() {
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    let can = (native(), flask_session());
    try_moments(&cluster.url(), &cluster.nodes, Layout::Native, &can.0).await.unwrap();
    try_moments(&cluster.url(), &cluster.nodes, Layout::FlaskSession, &can.1).await.unwrap();
}
