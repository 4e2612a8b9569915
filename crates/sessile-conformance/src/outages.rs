//! Servers that are killed or stand still under a store, and calls that are
//! cut off.
//!
//! How a server is killed is each store's own; what must hold then is here.
//! Sessions are those of [`faults`](crate::faults), by number.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sessile_core::store::{CreateOutcome, Entry, Record, Version, WriteOutcome};
use sessile_core::{SessionStore, StoreErrorKind, Timestamp};

use crate::Failure;
use crate::check::ensure;
use crate::faults::{key, record};

const WRITERS: u32 = 8;
/// So many writes are acknowledged before the server is killed.
const WRITES: usize = 400;
const VISITORS: u32 = 20;
/// So many calls are made of a frozen server at once.
const CALLS: u32 = 200;
/// A server that answers again is found within this, on a busy machine.
const RECOVERY: Duration = Duration::from_secs(30);

/// A session that does not end and holds this text.
pub fn holding(payload: impl Into<String>) -> Record {
    Record { payload: payload.into().into(), ..record(0) }
}

/// Creates the session with this number.
///
/// # Errors
///
/// When it is there already, or the store fails.
pub async fn created(
    store: &impl SessionStore,
    number: u32,
    payload: impl Into<String>,
) -> Result<Version, Failure> {
    match store.create(&key(number), &holding(payload)).await? {
        CreateOutcome::Created(version) => Ok(version),
        CreateOutcome::Exists => Err(Failure(format!("session {number} is there already"))),
    }
}

/// What the session with this number holds; `None` where there is none.
///
/// # Errors
///
/// When the store fails.
pub async fn held(store: &impl SessionStore, number: u32) -> Result<Option<String>, Failure> {
    Ok(match store.load(&key(number)).await? {
        Some(Entry::Live(record, _)) => Some(String::from_utf8_lossy(&record.payload).into_owned()),
        _ => None,
    })
}

/// Until a load succeeds again: how long that took.
///
/// # Errors
///
/// When none does within 30 seconds.
pub async fn recovery(store: &impl SessionStore) -> Result<Duration, Failure> {
    let started = Instant::now();
    while store.load(&key(0)).await.is_err() {
        ensure!(started.elapsed() < RECOVERY, "it does not recover");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(started.elapsed())
}

/// What became of eight writers when their server was killed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Killed {
    /// Writes that the store acknowledged.
    pub acknowledged: usize,
    /// Of these, how many were not there afterwards.
    pub lost: usize,
    /// Calls that ended in an error.
    pub refused: usize,
    /// The longest of all calls.
    pub longest: Duration,
    /// From the server's restart to the first answer.
    pub recovered: Duration,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, lost, refused, longest, recovered } = self;
        write!(
            f,
            "kill -9 among {WRITERS} writers: of {acknowledged} acknowledged writes {lost} lost, \
             {refused} calls refused, the longest after {longest:?}; answered {recovered:?} after \
             its restart"
        )
    }
}

/// Kills a server under eight writers, starts it again two seconds later, and
/// counts (F01).
///
/// # Errors
///
/// When a session is gone, or the store does not recover.
pub async fn killed<S: SessionStore + Clone>(
    store: &S,
    kill: impl FnOnce(),
    run: impl FnOnce(),
) -> Result<Killed, Failure> {
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let (store, stop, written) = (store.clone(), Arc::clone(&stop), Arc::clone(&written));
        let writer = async move { write(&store, number, &stop, &written).await };
        writers.push(tokio::spawn(writer));
    }
    while written.load(Ordering::SeqCst) < WRITES {
        ensure!(!writers.iter().all(tokio::task::JoinHandle::is_finished), "nobody writes");
        tokio::task::yield_now().await;
    }
    kill();
    tokio::time::sleep(Duration::from_secs(2)).await;
    run();
    let mut all = Killed { recovered: recovery(store).await?, ..Killed::default() };
    stop.store(true, Ordering::SeqCst);
    for (number, writer) in (0..).zip(writers) {
        let one = writer.await??;
        let found = held(store, number).await?.and_then(|count| count.parse::<usize>().ok());
        let Some(found) = found else { return Err(Failure(format!("session {number} is lost"))) };
        all.lost += one.acknowledged.saturating_sub(found);
        all.acknowledged += one.acknowledged;
        all.refused += one.refused;
        all.longest = all.longest.max(one.longest);
    }
    Ok(all)
}

/// Writes one session over and over; it holds the number of the write.
async fn write(
    store: &impl SessionStore,
    number: u32,
    stop: &AtomicBool,
    written: &AtomicUsize,
) -> Result<Killed, Failure> {
    let mut version = created(store, number, "0").await?;
    let mut writer = Killed::default();
    while !stop.load(Ordering::SeqCst) {
        let started = Instant::now();
        let next = holding((writer.acknowledged + 1).to_string());
        match store.update(&key(number), &next, &version).await {
            Ok(WriteOutcome::Written(new)) => {
                (version, writer.acknowledged) = (new, writer.acknowledged + 1);
                written.fetch_add(1, Ordering::SeqCst);
            }
            // The one that was under way at the kill had been written after all.
            Ok(WriteOutcome::Conflict) => break,
            Ok(WriteOutcome::Gone) => return Err(Failure(format!("session {number} is lost"))),
            Err(_) => writer.refused += 1,
        }
        writer.longest = writer.longest.max(started.elapsed());
    }
    Ok(writer)
}

/// What became of the callers of a server that stood still.
#[derive(Clone, Debug, Default)]
pub struct Frozen {
    /// How calls ended, and how many so.
    pub ended: BTreeMap<String, usize>,
    /// The longest of them.
    pub longest: Duration,
    /// From the server's going on to the first answer.
    pub recovered: Duration,
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, longest, recovered } = self;
        write!(
            f,
            "SIGSTOP: calls ended {ended:?}, the longest after {longest:?}; answered \
             {recovered:?} after it went on; no reply went astray"
        )
    }
}

/// Stops a server for that long under 200 callers at a time, lets it go on,
/// and looks whether each session is still its visitor's (F02).
///
/// # Errors
///
/// When a call is answered, or fails for another reason than that the server
/// is silent; when a late reply reaches another visitor.
pub async fn frozen<S: SessionStore + Clone>(
    store: &S,
    lasting: Duration,
    freeze: impl FnOnce(),
    thaw: impl FnOnce(),
) -> Result<Frozen, Failure> {
    for number in 0..VISITORS {
        created(store, number, format!("session {number}")).await?;
    }
    freeze();
    let (started, mut frozen) = (Instant::now(), Frozen::default());
    while started.elapsed() < lasting {
        let mut calls = Vec::new();
        for number in 0..CALLS {
            let store = store.clone();
            calls.push(tokio::spawn(async move {
                let started = Instant::now();
                let kind = store.load(&key(number % VISITORS)).await.err().map(|it| it.kind());
                (kind, started.elapsed())
            }));
        }
        for call in calls {
            let (kind, time) = call.await?;
            let silent = [StoreErrorKind::Timeout, StoreErrorKind::Unavailable];
            let kind = kind.filter(|kind| silent.contains(kind));
            let Some(kind) = kind else { return Err(Failure("a call ended otherwise".into())) };
            *frozen.ended.entry(format!("{kind:?}")).or_default() += 1;
            frozen.longest = frozen.longest.max(time);
        }
    }
    thaw();
    frozen.recovered = recovery(store).await?;
    for round in 0..CALLS {
        let number = round % VISITORS;
        let found = held(store, number).await?;
        let right = found == Some(format!("session {number}"));
        ensure!(right, "a late reply reached another: session {number} holds {found:?}");
    }
    Ok(frozen)
}

/// Polls a future so often, each time that it asks for it, then drops it; what it
/// came to if it ended before.
pub async fn polled<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Polls a call so often without waiting for it to ask, and drops it; whether it
/// had not ended by then.
pub async fn cut_off(call: impl Future, polls: usize) -> bool {
    let mut call = pin!(call);
    for _ in 0..polls {
        let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if poll.is_ready() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

/// Cuts off so many calls of sixteen visitors at once, and looks now and then
/// whether each still gets their own session; how often it looked (F06).
///
/// # Errors
///
/// When a visitor gets another's session, or none.
pub async fn cancelled<S: SessionStore + Clone>(store: &S, calls: usize) -> Result<usize, Failure> {
    const VISITORS: u32 = 16;
    for number in 0..VISITORS {
        created(store, number, format!("visitor {number}")).await?;
    }
    let each = calls.div_ceil(VISITORS as usize);
    let visitors: Vec<_> = (0..VISITORS)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { visitor(&store, number, each).await })
        })
        .collect();
    let mut checks = 0;
    for visitor in visitors {
        checks += visitor.await??;
    }
    Ok(checks)
}

async fn visitor(store: &impl SessionStore, number: u32, calls: usize) -> Result<usize, Failure> {
    let (key, mine) = (key(number), format!("visitor {number}"));
    let (mut checks, mut at, mut cut) = (0, 0_usize, 0);
    while cut < calls {
        let polls = 1 + at % 7 * (at % 3);
        cut += usize::from(match at % 8 {
            0..=4 => cut_off(store.load(&key), polls).await,
            5 => cut_off(store.touch(&key, Timestamp::from_secs(2), None), polls).await,
            6 => {
                let same = holding(mine.clone());
                cut_off(store.update(&key, &same, &Version::Number(1)), polls).await
            }
            _ => cut_off(store.create(&key, &holding("another")), polls).await,
        });
        at += 1;
        if at.is_multiple_of(25) {
            let found = held(store, number).await?;
            ensure!(found.as_ref() == Some(&mine), "visitor {number} finds {found:?}");
            checks += 1;
        }
    }
    Ok(checks)
}
