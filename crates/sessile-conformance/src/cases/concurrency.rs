//! Many requests on one session.

use std::sync::Arc;

use sessile_core::store::{CreateOutcome, Entry, TouchOutcome, WriteOutcome};
use sessile_core::{SessionStore, StoreKey};
use tokio::sync::Barrier;

use crate::check::{ensure, ensure_eq, live};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// A writer that loses this many times has met a store that starves it.
const MAX_TRIES: usize = 10_000;

/// Adds `number` to a session that holds a list of numbers, as a request adds
/// a key: load, change, save if nobody saved in between, else again.
pub(crate) async fn add_number(
    store: &impl SessionStore,
    key: &StoreKey,
    number: usize,
) -> Result<(), Failure> {
    for _ in 0..MAX_TRIES {
        let (mut record, version) = live(store.load(key).await?, "the shared session")?;
        let mut numbers = numbers_in(&record.payload)?;
        numbers.push(number);
        record.payload = numbers_text(&numbers).into();
        match store.update(key, &record, &version).await? {
            WriteOutcome::Written(_) => return Ok(()),
            WriteOutcome::Conflict => tokio::task::yield_now().await,
            WriteOutcome::Gone => return Err(Failure("the shared session is gone".into())),
        }
    }
    Err(Failure(format!("a writer lost {MAX_TRIES} times")))
}

fn numbers_text(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

pub(crate) fn numbers_in(payload: &[u8]) -> Result<Vec<usize>, Failure> {
    let text = String::from_utf8_lossy(payload);
    let numbers = text.split(',').filter(|number| !number.is_empty()).map(str::parse);
    numbers
        .collect::<Result<_, _>>()
        .map_err(|_| Failure(format!("the shared session holds {text:?}, no numbers")))
}

async fn writers_lose_nothing<O: Open>(suite: &Suite<O>, writers: usize) -> CaseResult {
    let key = suite.key();
    let first = Arc::new(suite.open().await?);
    let second =
        if suite.can().second_handle { Arc::new(suite.open().await?) } else { Arc::clone(&first) };
    suite.create(&first, &key, &suite.record("")).await?;
    let start = Arc::new(Barrier::new(writers));
    let mut tasks = Vec::new();
    for number in 0..writers {
        let store = Arc::clone(if number % 2 == 0 { &first } else { &second });
        let (key, start) = (key.clone(), Arc::clone(&start));
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            add_number(&*store, &key, number).await
        }));
    }
    for task in tasks {
        task.await??;
    }
    let all: Vec<usize> = (0..writers).collect();
    let whole = |found: &Option<Entry>| {
        matches!(found, Some(Entry::Live(record, _))
            if numbers_in(&record.payload).is_ok_and(|found| found.len() == all.len()))
    };
    let (record, _) = live(suite.seen(&first, &key, whole).await?, "after all writers")?;
    let mut numbers = numbers_in(&record.payload)?;
    numbers.sort_unstable();
    ensure_eq!(numbers, all, "what {writers} writers added");
    Ok(Verdict::Passed)
}

/// Two requests that add different keys both keep theirs.
pub async fn two_writers_lose_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    for _ in 0..20 {
        writers_lose_nothing(suite, 2).await?;
    }
    Ok(Verdict::Passed)
}

/// A hundred at once, over two handles.
pub async fn a_hundred_writers_lose_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    writers_lose_nothing(suite, 100).await
}

/// Of fifty visitors with one id, one gets it.
pub async fn one_of_many_creates_wins<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (Arc::new(suite.open().await?), suite.key());
    let start = Arc::new(Barrier::new(50));
    let mut tasks = Vec::new();
    for number in 0..50 {
        let (store, key, start) = (Arc::clone(&store), key.clone(), Arc::clone(&start));
        let record = suite.record(format!("visitor {number}"));
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            store.create(&key, &record).await.map(|outcome| (outcome, record))
        }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        if let (CreateOutcome::Created(version), record) = task.await?? {
            winners.push((version, record));
        }
    }
    ensure_eq!(winners.len(), 1, "creates that say they won");
    let (found, version) = live(store.load(&key).await?, "after the creates")?;
    for (won, record) in winners {
        suite.same(&found, &record, "the winner's record")?;
        ensure_eq!(version, won, "the winner's version");
    }
    Ok(Verdict::Passed)
}

/// Twenty writers at work, then a logout: from its answer on, the session is gone.
pub async fn a_logout_among_writers_is_final<O: Open>(suite: &Suite<O>) -> CaseResult {
    among_writers(suite, false).await
}

/// Removes a session, by `end` or by `delete`, while twenty write to it.
pub(super) async fn among_writers<O: Open>(suite: &Suite<O>, by_end: bool) -> CaseResult {
    for _ in 0..10 {
        let (store, key) = (Arc::new(suite.open().await?), suite.key());
        suite.create(&store, &key, &suite.record("")).await?;
        let start = Arc::new(Barrier::new(21));
        let mut tasks = Vec::new();
        for _ in 0..20 {
            let (store, key, start) = (Arc::clone(&store), key.clone(), Arc::clone(&start));
            let late = suite.record("late");
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                for _ in 0..20 {
                    let Some(Entry::Live(_, version)) = store.load(&key).await? else { break };
                    tokio::task::yield_now().await;
                    store.update(&key, &late, &version).await?;
                    store.touch(&key, now(), late.idle).await?;
                }
                Ok::<_, Failure>(())
            }));
        }
        start.wait().await;
        tokio::task::yield_now().await;
        match by_end {
            true => store.end(&key).await?,
            false => store.delete(&key).await?,
        }
        ensure_eq!(store.load(&key).await?, None, "right after the logout");
        for task in tasks {
            task.await??;
        }
        ensure_eq!(store.load(&key).await?, None, "after the last writer");
    }
    Ok(Verdict::Passed)
}

/// A renewal between a request's load and its save is no conflict.
pub async fn touch_does_not_disturb_an_update<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("before");
    suite.create(&store, &key, &record).await?;
    let (_, version) = live(store.load(&key).await?, "before the touch")?;
    let touched = store.touch(&key, now(), record.idle).await?;
    ensure_eq!(touched, TouchOutcome::Touched, "touch");
    record.payload = "after".into();
    let outcome = store.update(&key, &record, &version).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "update after touch: {outcome:?}");
    Ok(Verdict::Passed)
}

/// Renewals and saves together: every save is there in the end.
pub async fn touches_among_updates_lose_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (Arc::new(suite.open().await?), suite.key());
    suite.create(&store, &key, &suite.record("")).await?;
    let mut tasks = Vec::new();
    for number in 0..20 {
        let (one, other, record) = (Arc::clone(&store), Arc::clone(&store), suite.record(""));
        let (key, same) = (key.clone(), key.clone());
        tasks.push(tokio::spawn(async move { add_number(&*one, &key, number).await }));
        tasks.push(tokio::spawn(async move {
            let touched = other.touch(&same, now(), record.idle).await?;
            ensure_eq!(touched, TouchOutcome::Touched, "touch among updates");
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let (record, _) = live(store.load(&key).await?, "after all")?;
    ensure_eq!(numbers_in(&record.payload)?.len(), 20, "saves that are there");
    Ok(Verdict::Passed)
}
