//! Requests a second of the store beside the bare driver's, on one real Redis.
//!
//! `cargo bench -p sessile-redis --bench throughput [-- ROUNDS [ROW]]`: about two and a half
//! minutes with the default of 15 rounds. Starts a redis-server of its own on loopback.
//!
//! Every row is asked on one connection of the same driver with the same settings, over the same
//! keys and values of the same length, by the same number of tasks on the same runtime. In a round
//! every row has a turn of a fifth of a second, in a new order each time, so that a noisy moment
//! hits all of them; what is compared is the median of the ratios within a round.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a benchmark")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, cmd};
use sessile_core::store::{Entry, Layout, Record, Version, WriteOutcome};
use sessile_core::{Lifetime, SessionStore as _, StoreKey, Timestamp};
use sessile_redis::{Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisOptions};
use tokio::sync::Barrier;

const CONCURRENT: [usize; 4] = [1, 16, 64, 256];
const TURN: Duration = Duration::from_millis(200);
const SESSIONS: usize = 10_240;
/// Of the payload: what a small login leaves.
const PAYLOAD: usize = 120;
/// What ratio is wanted of our own layout.
const WANTED: f64 = 0.85;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Get,
    Load,
    FlaskLoad,
    Set,
    Script,
    Update,
    FlaskUpdate,
}

/// What a write on a condition costs at least: Redis before 8.4 has no command for it.
const LEAST: &str = "if redis.call('GETRANGE', KEYS[1], 0, 0) == 's' then
    return redis.call('SET', KEYS[1], ARGV[1], 'PX', 2300000000000)
end";

/// Each row's name, and the bare command it is measured by.
const ROWS: [(Row, &str, Row); 7] = [
    (Row::Get, "driver: GET", Row::Get),
    (Row::Load, "load", Row::Get),
    (Row::FlaskLoad, "load, Flask-Session's layout", Row::Get),
    (Row::Set, "driver: SET PX", Row::Set),
    (Row::Script, "driver: the least script that looks before it sets", Row::Set),
    (Row::Update, "update if unchanged", Row::Set),
    (Row::FlaskUpdate, "update if unchanged, Flask-Session's layout", Row::Set),
];

struct Bench {
    connection: MultiplexedConnection,
    native: RedisStore,
    flask: RedisStore,
    /// The names and bytes of our own layout, as they lie there.
    names: Vec<String>,
    value: Vec<u8>,
    /// What [`LEAST`] is called.
    script: String,
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let rounds: usize = arguments.next().map_or(15, |it| it.parse().unwrap());
    let only = arguments.next();
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let bench = Arc::new(runtime.block_on(Bench::new(&redis.url())));
    let value = bench.value.len();
    println!("{SESSIONS} sessions, values of {value} bytes, {rounds} rounds; requests a second\n");
    println!(
        "| concurrent | | median | middle half | of the bare command | CPU here, of Redis: µs a request |"
    );
    println!("|---:|---|---:|---:|---:|---:|");
    let server = redis.info("process_id").unwrap();
    for concurrent in CONCURRENT {
        let rows: Vec<usize> = (0..ROWS.len())
            .filter(|place| only.as_deref().is_none_or(|only| ROWS[*place].1 == only))
            .collect();
        let mut rates = vec![Vec::new(); ROWS.len()];
        let mut spent = vec![[0.0; 3]; ROWS.len()];
        for round in 0..=rounds {
            eprint!("\r{concurrent} at once, round {round} of {rounds} ");
            std::io::stderr().flush().unwrap();
            for turn in 0..rows.len() {
                // The first of a round moves on by one, and every other round goes backwards.
                let turn = if round % 2 == 0 { turn } else { rows.len() - 1 - turn };
                let place = rows[(turn + round / 2) % rows.len()];
                let before = [processor("self"), processor(&server.to_string())];
                let (rate, answered) = runtime.block_on(bench.turn(ROWS[place].0, concurrent));
                if round > 0 {
                    rates[place].push(rate);
                    spent[place][0] += processor("self") - before[0];
                    spent[place][1] += processor(&server.to_string()) - before[1];
                    spent[place][2] += answered;
                }
            }
        }
        eprint!("\r                                  \r");
        for place in rows {
            let bare = ROWS.iter().position(|it| it.0 == ROWS[place].2).unwrap();
            report(concurrent, place, &rates[place], &rates[bare], spent[place]);
        }
    }
    println!("\nwanted: {:.0} % in our own layout", WANTED * 100.0);
}

fn report(concurrent: usize, place: usize, rates: &[f64], bare: &[f64], spent: [f64; 3]) {
    let (_, name, of) = ROWS[place];
    let ratios: Vec<f64> = rates.iter().zip(bare).map(|(ours, bare)| ours / bare).collect();
    let ratio = if ROWS[place].0 == of || bare.is_empty() {
        String::new()
    } else {
        let [low, middle, high] = quarters(ratios);
        format!("{:.0} % ({:.0}–{:.0})", middle * 100.0, low * 100.0, high * 100.0)
    };
    let [low, middle, high] = quarters(rates.to_vec());
    let [here, there, answered] = spent;
    let (here, there) = (here / answered * 1e6, there / answered * 1e6);
    println!(
        "| {concurrent} | {name} | {middle:.0} | {low:.0}–{high:.0} | {ratio} | {here:.1}, {there:.1} |"
    );
}

/// Seconds of processor time of a process, all its threads; Linux's clock for it ticks every 10 ms.
fn processor(process: &str) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return 0.0 };
    // After the name, which may have spaces: utime and stime are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn quarters(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

fn record(number: usize) -> Record {
    let start = Timestamp::from_millis(1_767_323_045_000);
    let end = Timestamp::from_secs(4_000_000_000);
    let lifetime = Lifetime { idle: Some(end.saturating_since(start)), absolute: None };
    Record {
        permanent: true,
        ..Record::begun(vec![u8::try_from(number % 251).unwrap(); PAYLOAD], start, lifetime)
    }
}

fn native_key(number: usize) -> StoreKey {
    let mut hash = [0x5a; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    StoreKey::from_hash(hash)
}

/// As long as ours: 64 characters after the prefix.
fn flask_key(number: usize) -> StoreKey {
    StoreKey::from_text(format!("session:{number:064}"))
}

impl Bench {
    async fn new(url: &str) -> Self {
        // As the store's own: answers are awaited without the driver's timer, since the store has
        // one of its own.
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_pipeline_buffer_size(1024)
            .set_write_backpressure_boundary(64 * 1024);
        let client = Client::open(format!("{url}?protocol=resp3")).unwrap();
        let mut connection =
            client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
        let native = RedisStore::connect(url, Options::default()).await.unwrap();
        let foreign = Options { layout: Layout::FlaskSession, ..Options::default() };
        let flask = RedisStore::connect(url, foreign).await.unwrap();
        let name = |key: StoreKey| format!("sessile:{}", key.to_name());
        for number in 0..SESSIONS {
            native.create(&native_key(number), &record(number)).await.unwrap();
            flask.create(&flask_key(number), &record(number)).await.unwrap();
        }
        let names: Vec<String> = (0..SESSIONS).map(|number| name(native_key(number))).collect();
        let value: Option<Vec<u8>> =
            cmd("GET").arg(&names[0]).query_async(&mut connection).await.unwrap();
        let script = cmd("SCRIPT").arg("LOAD").arg(LEAST).query_async(&mut connection).await;
        Self { connection, native, flask, names, value: value.unwrap(), script: script.unwrap() }
    }

    /// Requests a second of so many tasks, and how many were answered.
    async fn turn(self: &Arc<Self>, row: Row, concurrent: usize) -> (f64, f64) {
        let ready = Arc::new(Barrier::new(concurrent + 1));
        let tasks = (0..concurrent).map(|task| {
            let (bench, ready) = (Arc::clone(self), Arc::clone(&ready));
            tokio::spawn(async move {
                let own: Vec<usize> = (task..SESSIONS).step_by(concurrent).take(40).collect();
                bench.task(row, &own, &ready).await
            })
        });
        let tasks: Vec<_> = tasks.collect();
        ready.wait().await;
        let started = Instant::now();
        let mut answered = 0;
        for task in tasks {
            answered += task.await.unwrap();
        }
        let answered = f64::from(u32::try_from(answered).unwrap());
        (answered / started.elapsed().as_secs_f64(), answered)
    }

    async fn task(&self, row: Row, own: &[usize], ready: &Barrier) -> usize {
        let mut connection = self.connection.clone();
        let (store, key): (_, fn(usize) -> StoreKey) = match row {
            Row::FlaskLoad | Row::FlaskUpdate => (&self.flask, flask_key),
            _ => (&self.native, native_key),
        };
        let keys: Vec<StoreKey> = own.iter().map(|number| key(*number)).collect();
        let records: Vec<Record> = own.iter().map(|number| record(*number)).collect();
        let mut versions: Vec<Version> = Vec::new();
        if matches!(row, Row::Update | Row::FlaskUpdate) {
            for key in &keys {
                let Some(Entry::Live(_, version)) = store.load(key).await.unwrap() else {
                    unreachable!("a session is not there")
                };
                versions.push(version);
            }
        }
        let mut answered = 0;
        ready.wait().await;
        let until = Instant::now() + TURN;
        while Instant::now() < until {
            let place = answered % own.len();
            let name = &self.names[own[place]];
            match row {
                Row::Get => {
                    let found: Vec<u8> =
                        cmd("GET").arg(name).query_async(&mut connection).await.unwrap();
                    assert_eq!(found.len(), self.value.len());
                }
                Row::Set => {
                    let mut set = cmd("SET");
                    set.arg(name).arg(&self.value).arg("PX").arg(2_300_000_000_000_u64);
                    let () = set.query_async(&mut connection).await.unwrap();
                }
                Row::Script => {
                    let mut call = cmd("EVALSHA");
                    call.arg(&self.script).arg(1).arg(name).arg(&self.value);
                    let () = call.query_async(&mut connection).await.unwrap();
                }
                Row::Load | Row::FlaskLoad => {
                    let found = store.load(&keys[place]).await.unwrap();
                    assert!(matches!(found, Some(Entry::Live(..))));
                }
                Row::Update | Row::FlaskUpdate => {
                    let written =
                        store.update(&keys[place], &records[place], &versions[place]).await;
                    let WriteOutcome::Written(version) = written.unwrap() else {
                        unreachable!("a session that nobody else changes has changed")
                    };
                    versions[place] = version;
                }
            }
            answered += 1;
        }
        answered
    }
}
