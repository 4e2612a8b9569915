//! A million sessions in SQLite: what a load takes, what a session weighs, and whom a sweep of all
//! of them keeps waiting.
//!
//! `cargo bench -p sessile-sql --bench million [-- SESSIONS [FOLDER]]`; into a folder that is given
//! goes `flasksession.db`, for `bench/flask_session_sqlite.py` to load the same rows through
//! Flask-Session itself. `cargo xtask bench million` does both, and Redis.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sessile_core::store::{Entry, Layout, Record};
use sessile_core::{Lifetime, SessionStore as _, StoreKey, Timestamp};
use sessile_sql::{Durability, Options, SqlStore};

/// When these sessions end.
const END: Timestamp = Timestamp::from_secs(4_000_000_000);
/// A sweeper's call, as the layer makes it.
const BATCH: usize = 500;
/// How many loads are timed.
const LOADS: u64 = 100_000;

/// Flask-Session's file has no write-ahead log unless its owner switches it on
/// (`PRAGMA journal_mode = WAL`, which `sessile doctor` advises).
const PARTS: [(&str, Layout, bool); 3] = [
    ("our layout", Layout::Native, false),
    ("Flask-Session's layout", Layout::FlaskSession, false),
    ("Flask-Session's layout, write-ahead log", Layout::FlaskSession, true),
];

/// Sessions in the file that is not swept.
const ASIDE: u64 = 10_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let sessions = arguments.next().map_or(1_000_000, |it| it.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let given = arguments.next().map(PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    eprintln!("{sessions} sessions of {} bytes each", payload(0).len());
    let only = arguments.next();
    for (place, (name, layout, log)) in PARTS.into_iter().enumerate() {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let file = temporary.path().join(format!("{place}.db"));
        let keep = given.as_deref().filter(|_| layout == Layout::FlaskSession && !log);
        runtime.block_on(measure(name, layout, log, &file, sessions, keep));
    }
}

async fn open(layout: Layout, file: &Path) -> SqlStore {
    let options = Options { durability: Durability::Process, ..Options::of(layout) };
    SqlStore::connect(&format!("sqlite:{}", file.display()), options).await.unwrap()
}

/// As Flask-Session writes it: `{"_permanent": True, "username": …, "csrf_token": …}`.
fn payload(number: u64) -> Bytes {
    let mut bytes = vec![0x83, 0xaa];
    bytes.extend_from_slice(b"_permanent\xc3\xa8username\xaa");
    bytes.extend_from_slice(format!("user{number:06}").get(..10).unwrap().as_bytes());
    bytes.extend_from_slice(b"\xaacsrf_token\xd9\x28");
    let token: String = (0..3).map(|part| format!("{:016x}", mixed(number, part))).collect();
    bytes.extend_from_slice(token.get(..40).unwrap().as_bytes());
    bytes.into()
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

fn record(number: u64) -> Record {
    let start = Timestamp::from_secs(1_767_323_045);
    let lifetime = Lifetime { idle: Some(END.saturating_since(start)), absolute: None };
    Record { permanent: true, ..Record::begun(payload(number), start, lifetime) }
}

/// Straight into the table, in one transaction, the rows that the store would write.
fn fill(file: &Path, layout: Layout, sessions: u64) {
    let mut connection = rusqlite::Connection::open(file).unwrap();
    let all = connection.transaction().unwrap();
    let sql = match layout {
        Layout::Native => {
            "INSERT INTO sessile_sessions
             (key, version, created, seen, idle_until, permanent, payload)
             VALUES (?1, 7, 1767323045000, 1767323045000, 4000000000000, 1, ?2)"
        }
        _ => {
            "INSERT INTO sessions (session_id, data, expiry)
             VALUES (?1, ?2, '2096-10-02 07:06:40.000000')"
        }
    };
    let mut insert = all.prepare(sql).unwrap();
    for number in 0..sessions {
        let (key, payload) = (key(layout, number), payload(number));
        match key.hash() {
            Some(hash) => insert.execute((&hash[..], &payload[..])),
            None => insert.execute((key.to_text(), &payload[..])),
        }
        .unwrap();
        if number % 100_000 == 0 {
            eprint!("\r{layout:?}: {number} written ");
        }
    }
    eprintln!();
    drop(insert);
    all.commit().unwrap();
}

async fn load(store: &SqlStore, layout: Layout, number: u64) -> (Duration, bool) {
    let key = key(layout, number);
    let started = Instant::now();
    let found = store.load(&key).await.unwrap();
    (started.elapsed(), matches!(found, Some(Entry::Live(..))))
}

async fn measure(
    name: &str,
    layout: Layout,
    log: bool,
    file: &Path,
    sessions: u64,
    keep: Option<&Path>,
) {
    let store = open(layout, file).await;
    if log {
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    }
    fill(file, layout, sessions);
    drop(store);
    let weight = weight(file) as f64 / sessions as f64;
    if let Some(folder) = keep {
        std::fs::copy(file, folder.join("flasksession.db")).unwrap();
    }

    let store = open(layout, file).await;
    let mut times = Vec::new();
    for turn in 0..LOADS {
        let (time, live) = load(&store, layout, mixed(turn, 7) % sessions).await;
        assert!(live, "a session is not there");
        times.push(time);
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).unwrap().as_secs_f64() * 1e6;
    println!("| SQLite | sessile, {name} | {:.0} | {:.0} | {weight:.0} |", at(500), at(990));

    // What the machine itself makes them wait, for comparison.
    let quiet = Others::start(&store, layout, sessions, sessions);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let quiet = quiet.stop().await;
    let aside = file.with_extension("aside.db");
    let elsewhere = open(layout, &aside).await;
    fill(&aside, layout, ASIDE);
    let control = Control::start(elsewhere, layout);
    let others = Others::start(&store, layout, sessions, sessions + 1_000_000);
    let (started, mut removed, mut shown) = (Instant::now(), 0, 0);
    let after = Timestamp::from_secs(END.as_secs() + 1);
    loop {
        let some = store.capabilities().sweep.unwrap().sweep(after, BATCH).await.unwrap();
        removed += some;
        if removed / 100_000 > shown {
            shown = removed / 100_000;
            eprint!("\r{layout:?}: {removed} swept ");
        }
        if some < BATCH {
            break;
        }
    }
    let swept = started.elapsed();
    eprintln!();
    println!(
        "- SQLite, {name}: {removed} expired sessions swept in {swept:.1?}; meanwhile {} \
         (budget for the longest load: 50 ms). The longest load from another file, which nobody \
         swept, in the same time: {:.1?}. Before, for 10 s without a sweep: {quiet}.",
        others.stop().await,
        control.stop().await
    );
}

/// Loads from a file that is not swept: what they wait for is the machine.
struct Control {
    done: Arc<AtomicBool>,
    reader: tokio::task::JoinHandle<Duration>,
}

impl Control {
    fn start(store: SqlStore, layout: Layout) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        let reader = tokio::spawn(async move {
            let (mut turn, mut longest) = (0, Duration::ZERO);
            while !told.load(Ordering::SeqCst) {
                longest = longest.max(load(&store, layout, mixed(turn, 11) % ASIDE).await.0);
                turn += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            longest
        });
        Self { done, reader }
    }

    async fn stop(self) -> Duration {
        self.done.store(true, Ordering::SeqCst);
        self.reader.await.unwrap()
    }
}

/// Visitors who load sessions, and some who begin them.
struct Others {
    done: Arc<AtomicBool>,
    reader: tokio::task::JoinHandle<(u64, Duration)>,
    writer: tokio::task::JoinHandle<(u64, Duration)>,
}

impl Others {
    fn start(store: &SqlStore, layout: Layout, sessions: u64, first: u64) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let reader = longest_read(store.clone(), layout, sessions, Arc::clone(&done));
        let writer = longest_write(store.clone(), layout, first, Arc::clone(&done));
        Self { done, reader: tokio::spawn(reader), writer: tokio::spawn(writer) }
    }

    async fn stop(self) -> String {
        self.done.store(true, Ordering::SeqCst);
        let ((reads, read), (writes, write)) =
            (self.reader.await.unwrap(), self.writer.await.unwrap());
        format!(
            "{reads} loads, the longest {read:.1?}, and {writes} new sessions, the longest {write:.1?}"
        )
    }
}

async fn longest_read(
    store: SqlStore,
    layout: Layout,
    sessions: u64,
    done: Arc<AtomicBool>,
) -> (u64, Duration) {
    let (mut turn, mut longest) = (0, Duration::ZERO);
    while !done.load(Ordering::SeqCst) {
        longest = longest.max(load(&store, layout, mixed(turn, 9) % sessions).await.0);
        turn += 1;
    }
    (turn, longest)
}

async fn longest_write(
    store: SqlStore,
    layout: Layout,
    first: u64,
    done: Arc<AtomicBool>,
) -> (u64, Duration) {
    let (mut turn, mut longest) = (0, Duration::ZERO);
    while !done.load(Ordering::SeqCst) {
        let mut live = record(turn);
        // These are not swept.
        live.idle = live.idle.map(|span| span + Duration::from_secs(100_000));
        let started = Instant::now();
        store.create(&key(layout, first + turn), &live).await.unwrap();
        longest = longest.max(started.elapsed());
        turn += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (turn, longest)
}

/// Bytes of the database, once its connections have brought the log back into it.
fn weight(file: &Path) -> u64 {
    let log = PathBuf::from(format!("{}-wal", file.display()));
    let patience = Instant::now() + Duration::from_secs(30);
    while log.exists() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::fs::metadata(file).unwrap().len()
}
