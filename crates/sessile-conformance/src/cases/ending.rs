//! Ending a session, wherever it is by then.

use std::sync::Arc;
use std::time::Duration;

use sessile_core::store::{Entry, TouchOutcome, WriteOutcome};
use sessile_core::{SessionStore as _, StoreKey};
use tokio::sync::Barrier;

use crate::check::{ensure, ensure_eq, live, needs};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// Ended means gone for every write, and ending the missing is fine.
pub async fn an_ended_session_is_gone<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    store.end(&key).await?;
    let record = suite.record("to be ended");
    let version = suite.create(&store, &key, &record).await?;
    store.end(&key).await?;
    ensure_eq!(store.load(&key).await?, None, "after it was ended");
    ensure_eq!(store.update(&key, &record, &version).await?, WriteOutcome::Gone, "update");
    ensure_eq!(store.touch(&key, now(), record.idle).await?, TouchOutcome::Gone, "touch");
    let moved = store.replace(&key, &version, &suite.key(), &record, None).await?;
    ensure_eq!(moved, WriteOutcome::Gone, "replace");
    store.end(&key).await?;
    suite.create(&store, &key, &record).await?;
    Ok(Verdict::Passed)
}

/// A key from before several changes of id, the first of which requests follow no more.
pub async fn a_former_key_ends_the_session_where_it_is<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, grace);
    let store = suite.open().await?;
    let keys: Vec<_> = (0..6).map(|_| suite.key()).collect();
    let mut record = suite.record("moving");
    record.subject = Some(suite.subject("moving")?);
    let [first, .., last] = &keys[..] else { return Ok(Verdict::Passed) };
    let mut version = suite.create(&store, first, &record).await?;
    for (number, pair) in keys.windows(2).enumerate() {
        let [old, new] = pair else { continue };
        let grace = Some(now() + Duration::from_secs(60 + number as u64));
        match store.replace(old, &version, new, &record, grace).await? {
            WriteOutcome::Written(written) => version = written,
            other => return Err(Failure(format!("replace answered {other:?}"))),
        }
    }
    let (bystander, theirs) = (suite.key(), suite.record("somebody else's"));
    suite.create(&store, &bystander, &theirs).await?;
    store.end(first).await?;
    ensure_eq!(store.load(last).await?, None, "where the session was");
    ensure_eq!(store.update(last, &record, &version).await?, WriteOutcome::Gone, "a late save");
    for key in &keys {
        let found = store.load(key).await?;
        ensure!(!matches!(found, Some(Entry::Live(..))), "a session is left under a former key");
    }
    suite.same(&live(store.load(&bystander).await?, "a bystander")?.0, &theirs, "a bystander")?;
    // Its user has none any more.
    if suite.can().directory
        && let (Some(directory), Some(user)) = (store.capabilities().directory, &record.subject)
    {
        ensure!(directory.by_subject(user).await?.sessions.is_empty(), "it is still listed");
    }
    store.end(first).await?;
    Ok(Verdict::Passed)
}

/// Twenty writers at work, then it is ended: from the answer on, the session is gone.
pub async fn an_end_among_writers_is_final<O: Open>(suite: &Suite<O>) -> CaseResult {
    super::concurrency::among_writers(suite, true).await
}

/// Its id changes as fast as it can while the first key is ended: nothing carries the session off.
pub async fn nothing_carries_off_a_session_that_is_ended<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, grace);
    for round in 0..20 {
        let store = Arc::new(suite.open().await?);
        let keys: Arc<Vec<StoreKey>> = Arc::new((0..12).map(|_| suite.key()).collect());
        let record = suite.record(format!("round {round}"));
        let Some(first) = keys.first() else { return Ok(Verdict::Passed) };
        let mut version = suite.create(&*store, first, &record).await?;
        let start = Arc::new(Barrier::new(2));
        let moving = tokio::spawn({
            let (store, keys, start) = (Arc::clone(&store), Arc::clone(&keys), Arc::clone(&start));
            let grace = Some(now() + Duration::from_secs(60));
            async move {
                start.wait().await;
                for pair in keys.windows(2) {
                    let [old, new] = pair else { continue };
                    match store.replace(old, &version, new, &record, grace).await? {
                        WriteOutcome::Written(written) => version = written,
                        _ => break,
                    }
                }
                Ok::<_, Failure>(())
            }
        });
        start.wait().await;
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        store.end(first).await?;
        moving.await??;
        for (number, key) in keys.iter().enumerate() {
            let found = store.load(key).await?;
            let alive = matches!(found, Some(Entry::Live(..)));
            ensure!(!alive, "round {round}: it lives on after {number} changes of id");
        }
    }
    Ok(Verdict::Passed)
}
