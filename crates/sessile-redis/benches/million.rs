//! A million sessions in Redis: what a load takes, and what a session weighs.
//!
//! `cargo bench -p sessile-redis --bench million [-- SESSIONS [URL]]`; without an address on a
//! redis-server of its own. The last layout's sessions stay there, for
//! `bench/flask_session_redis.py` to load them through Flask-Session itself. The server must be one
//! that may be emptied. `cargo xtask bench million` does both, and SQLite.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a benchmark")]

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, cmd};
use sessile_core::store::{Entry, Layout, Record};
use sessile_core::{Lifetime, SessionStore as _, StoreKey, Timestamp};
use sessile_redis::{Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisOptions};

/// How many loads are timed.
const LOADS: u64 = 100_000;
const WRITERS: u64 = 256;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let sessions = arguments.next().map_or(1_000_000, |it| it.parse().unwrap());
    let own = Redis::start(RedisOptions::default()).unwrap();
    let url = arguments.next().unwrap_or_else(|| own.url());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = redis::Client::open(url.as_str()).unwrap();
        // To forget a million keys takes longer than the driver's usual patience.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut connection =
            client.get_multiplexed_async_connection_with_config(&patient).await.unwrap();
        for (name, layout) in
            [("our layout", Layout::Native), ("Flask-Session's layout", Layout::FlaskSession)]
        {
            let () = cmd("FLUSHALL").arg("SYNC").query_async(&mut connection).await.unwrap();
            measure(name, layout, &url, &mut connection, sessions).await;
        }
    });
}

/// As Flask-Session writes it: `{"_permanent": True, "username": …, "csrf_token": …}`.
fn record(number: u64) -> Record {
    let mut payload = vec![0x83, 0xaa];
    payload.extend_from_slice(b"_permanent\xc3\xa8username\xaa");
    payload.extend_from_slice(format!("user{number:06}").get(..10).unwrap().as_bytes());
    payload.extend_from_slice(b"\xaacsrf_token\xd9\x28");
    let token: String = (0..3).map(|part| format!("{:016x}", mixed(number, part))).collect();
    payload.extend_from_slice(token.get(..40).unwrap().as_bytes());
    let start = Timestamp::from_secs(1_767_323_045);
    let end = Timestamp::from_secs(4_000_000_000);
    let lifetime = Lifetime { idle: Some(end.saturating_since(start)), absolute: None };
    Record { permanent: true, ..Record::begun(payload, start, lifetime) }
}

/// Numbers that look random (splitmix64).
fn mixed(number: u64, part: u64) -> u64 {
    let mut z = number.wrapping_mul(4).wrapping_add(part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Keys as each layout has them: a hash, or `session:` and 43 characters.
fn key(layout: Layout, number: u64) -> StoreKey {
    let parts = [0, 1, 2, 3].map(|part| mixed(number, part));
    if layout == Layout::Native {
        let mut hash = [0; 32];
        for (place, part) in hash.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part.to_be_bytes());
        }
        return StoreKey::from_hash(hash);
    }
    let text: String = parts.map(|part| format!("{part:016x}")).concat();
    StoreKey::from_text(format!("session:{}", text.get(..43).unwrap()))
}

/// What the data take, the tables they are found by included.
async fn used(connection: &mut MultiplexedConnection) -> f64 {
    let text: String = cmd("INFO").arg("memory").query_async(connection).await.unwrap();
    let field = text.lines().find_map(|line| line.strip_prefix("used_memory_dataset:")).unwrap();
    let tables = text.lines().find_map(|line| line.strip_prefix("used_memory_overhead:")).unwrap();
    field.parse::<f64>().unwrap() + tables.parse::<f64>().unwrap()
}

async fn measure(
    name: &str,
    layout: Layout,
    url: &str,
    connection: &mut MultiplexedConnection,
    sessions: u64,
) {
    let store = RedisStore::connect(url, Options { layout, ..Options::default() }).await.unwrap();
    let before = used(connection).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for number in (writer..sessions).step_by(256) {
                store.create(&key(layout, number), &record(number)).await.unwrap();
                if number % 100_000 == 0 {
                    eprint!("\r{layout:?}: {number} written ");
                }
            }
        });
    }
    writers.join_all().await;
    eprintln!();
    let weight = (used(connection).await - before) / sessions as f64;
    let mut times: Vec<Duration> = Vec::new();
    for turn in 0..LOADS {
        let key = key(layout, mixed(turn, 7) % sessions);
        let started = Instant::now();
        let found = store.load(&key).await.unwrap();
        times.push(started.elapsed());
        assert!(matches!(found, Some(Entry::Live(..))), "a session is not there");
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).unwrap().as_secs_f64() * 1e6;
    println!("| Redis | sessile, {name} | {:.0} | {:.0} | {weight:.0} |", at(500), at(990));
}
