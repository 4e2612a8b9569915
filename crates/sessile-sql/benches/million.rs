//! A million sessions in SQLite: what a load takes, what a session weighs, and whom a sweep of all
//! of them keeps waiting.
//!
//! `cargo bench -p sessile-sql --bench million [-- SESSIONS [FOLDER]]`; in a folder that is given
//! the databases stay, so that `bench/flask_session_sqlite.py` can load the same data through
//! Flask-Session itself.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a benchmark")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sessile_core::store::{Entry, Layout, Record};
use sessile_core::{Deadlines, SessionStore as _, StoreKey, Timestamp};
use sessile_sql::{Durability, Options, SqlStore};

/// When these sessions end.
const END: Timestamp = Timestamp::from_secs(4_000_000_000);
/// A sweeper's call, as the layer makes it.
const BATCH: usize = 500;
/// How many loads are timed.
const LOADS: u64 = 100_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let sessions = arguments.next().map_or(1_000_000, |it| it.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let given = arguments.next().map(PathBuf::from);
    let folder = given.as_deref().unwrap_or(temporary.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{sessions} sessions of {} bytes each", payload(0).len());
    for layout in [Layout::Native, Layout::FlaskSession] {
        let file = folder.join(format!("{layout:?}.db").to_lowercase());
        runtime.block_on(measure(layout, &file, sessions));
        if given.is_some() {
            // What was swept is there again, for whoever looks at it next.
            std::fs::remove_file(&file).unwrap();
            runtime.block_on(async {
                fill(&open(layout, &file).await, layout, sessions).await;
            });
        }
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
    Record {
        payload: payload(number),
        created: Some(start),
        seen: Some(start),
        rotated: None,
        authenticated: None,
        deadlines: Deadlines { idle: Some(END), absolute: None },
        permanent: true,
        subject: None,
    }
}

async fn fill(store: &SqlStore, layout: Layout, sessions: u64) {
    const WRITERS: u64 = 256;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for number in (writer..sessions).step_by(256) {
                store.create(&key(layout, number), &record(number)).await.unwrap();
            }
        });
    }
    writers.join_all().await;
}

async fn load(store: &SqlStore, layout: Layout, number: u64) -> (Duration, bool) {
    let key = key(layout, number);
    let started = Instant::now();
    let found = store.load(&key).await.unwrap();
    (started.elapsed(), matches!(found, Some(Entry::Live(..))))
}

async fn measure(layout: Layout, file: &Path, sessions: u64) {
    let started = Instant::now();
    let store = open(layout, file).await;
    fill(&store, layout, sessions).await;
    let filled = started.elapsed();
    drop(store);
    let weight = weight(file) as f64 / sessions as f64;
    println!("\n{layout:?}: filled in {filled:.1?}, {weight:.0} bytes a session in the file");

    let store = open(layout, file).await;
    let mut times = Vec::new();
    for turn in 0..LOADS {
        let (time, live) = load(&store, layout, mixed(turn, 7) % sessions).await;
        assert!(live, "a session is not there");
        times.push(time);
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).unwrap();
    println!(
        "{layout:?}: a load takes {:.1?} (p50), {:.1?} (p99), {:.1?} (p99.9), of {LOADS} at random",
        at(500),
        at(990),
        at(999)
    );

    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(longest_read(store.clone(), layout, sessions, Arc::clone(&done)));
    let writer = tokio::spawn(longest_write(store.clone(), layout, sessions, Arc::clone(&done)));
    let (started, mut removed) = (Instant::now(), 0);
    let after = Timestamp::from_secs(END.as_secs() + 1);
    loop {
        let some = store.as_sweep().unwrap().sweep(after, BATCH).await.unwrap();
        removed += some;
        if some < BATCH {
            break;
        }
    }
    let swept = started.elapsed();
    done.store(true, Ordering::SeqCst);
    let ((reads, read), (writes, write)) = (reader.await.unwrap(), writer.await.unwrap());
    println!(
        "{layout:?}: {removed} expired sessions swept in {swept:.1?}; meanwhile {reads} loads, the \
         longest {read:.1?} (budget 50 ms), and {writes} new sessions, the longest {write:.1?}"
    );
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
    sessions: u64,
    done: Arc<AtomicBool>,
) -> (u64, Duration) {
    let (mut turn, mut longest) = (0, Duration::ZERO);
    while !done.load(Ordering::SeqCst) {
        let mut live = record(turn);
        // These are not swept.
        live.deadlines.idle = Some(Timestamp::from_secs(END.as_secs() + 100_000));
        let started = Instant::now();
        store.create(&key(layout, sessions + turn), &live).await.unwrap();
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
