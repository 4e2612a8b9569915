//! A session moves to a new key.

use std::sync::Arc;
use std::time::Duration;

use sessile_core::store::{Entry, Version, WriteOutcome};
use sessile_core::{SessionStore as _, StoreKey};
use tokio::sync::Barrier;

use crate::check::{ensure, ensure_eq, live, needs};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

fn written(outcome: &WriteOutcome) -> Result<Version, Failure> {
    match outcome {
        WriteOutcome::Written(version) => Ok(version.clone()),
        other => Err(Failure(format!("replace answered {other:?}"))),
    }
}

/// The new key holds the new record; the old one points there until the grace ends.
pub async fn a_moved_session_is_found_through_its_old_key<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, grace);
    let (store, old, new) = (suite.open().await?, suite.key(), suite.key());
    let first = suite.create(&store, &old, &suite.record("before")).await?;
    let (record, grace) = (suite.record("after"), now() + Duration::from_secs(60));
    let moved = store.replace(&old, &first, &new, &record, Some(grace)).await?;
    let version = written(&moved)?;
    let (found, current) = live(store.load(&new).await?, "the new key")?;
    suite.same(&found, &record, "the new key")?;
    ensure_eq!(current, version, "the version loaded and the one replace named");
    match store.load(&old).await? {
        Some(Entry::Moved { to, until }) => {
            ensure!(to == new, "the old key points to another session");
            let same = suite.same_moment(Some(until), Some(grace));
            ensure!(same, "the pointer ends at {until:?}, wanted {grace:?}");
        }
        other => return Err(Failure(format!("the old key holds {other:?}, wanted a pointer"))),
    }
    let outcome = store.update(&new, &suite.record("later"), &version).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "update after replace: {outcome:?}");
    Ok(Verdict::Passed)
}

/// No grace, no pointer.
pub async fn without_grace_the_old_key_finds_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, old, new) = (suite.open().await?, suite.key(), suite.key());
    let first = suite.create(&store, &old, &suite.record("before")).await?;
    let record = suite.record("after");
    written(&store.replace(&old, &first, &new, &record, None).await?)?;
    ensure_eq!(store.load(&old).await?, None, "the old key");
    suite.same(&live(store.load(&new).await?, "the new key")?.0, &record, "the new key")?;
    Ok(Verdict::Passed)
}

/// A rotation that loses leaves the old session working and no new one behind.
pub async fn replace_from_an_older_version_changes_nothing<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    let (store, old, new) = (suite.open().await?, suite.key(), suite.key());
    let first = suite.create(&store, &old, &suite.record("start")).await?;
    let winner = suite.record("winner");
    let outcome = store.update(&old, &winner, &first).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "update answered {outcome:?}");
    for grace in [None, Some(now() + Duration::from_secs(60))] {
        let lost = store.replace(&old, &first, &new, &suite.record("loser"), grace).await?;
        ensure_eq!(lost, WriteOutcome::Conflict, "replace from the older version");
        suite.same(&live(store.load(&old).await?, "the old key")?.0, &winner, "the old key")?;
        ensure_eq!(store.load(&new).await?, None, "the new key");
    }
    Ok(Verdict::Passed)
}

/// A new id that collides with a session leaves both sessions as they are.
pub async fn replace_never_overwrites<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, old, taken) = (suite.open().await?, suite.key(), suite.key());
    let (mine, theirs) = (suite.record("mine"), suite.record("theirs"));
    let version = suite.create(&store, &old, &mine).await?;
    suite.create(&store, &taken, &theirs).await?;
    for (target, grace) in [
        (&taken, None),
        (&taken, Some(now() + Duration::from_secs(60))),
        (&old, None),
        (&old, Some(now() + Duration::from_secs(60))),
    ] {
        let outcome = store.replace(&old, &version, target, &mine, grace).await?;
        ensure_eq!(outcome, WriteOutcome::Conflict, "replace onto a taken key");
        suite.same(&live(store.load(&old).await?, "the old key")?.0, &mine, "the old key")?;
        suite.same(&live(store.load(&taken).await?, "the taken key")?.0, &theirs, "the taken")?;
    }
    Ok(Verdict::Passed)
}

/// Two tabs log in at once: one successor, and every old key leads to it.
pub async fn one_of_many_replaces_wins<O: Open>(suite: &Suite<O>) -> CaseResult {
    for round in 0..10 {
        let (store, old) = (Arc::new(suite.open().await?), suite.key());
        let version = suite.create(&store, &old, &suite.record("before")).await?;
        let grace = (suite.can().grace && round % 2 == 0).then(|| now() + Duration::from_secs(60));
        let start = Arc::new(Barrier::new(8));
        let mut tasks = Vec::new();
        for number in 0..8 {
            let (store, old, start) = (Arc::clone(&store), old.clone(), Arc::clone(&start));
            let (version, new) = (version.clone(), suite.key());
            let record = suite.record(format!("successor {number}"));
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                let outcome = store.replace(&old, &version, &new, &record, grace).await;
                outcome.map(|outcome| (outcome, new, record))
            }));
        }
        let mut winner: Option<StoreKey> = None;
        for task in tasks {
            let (outcome, new, record) = task.await??;
            let found = store.load(&new).await?;
            if let WriteOutcome::Written(_) = outcome {
                ensure!(winner.is_none(), "two rotations of one session both won");
                suite.same(&live(found, "the winner's key")?.0, &record, "the winner's key")?;
                winner = Some(new);
            } else {
                ensure_eq!(found, None, "the key of a rotation that lost");
            }
        }
        ensure!(winner.is_some(), "no rotation won");
        match (store.load(&old).await?, grace) {
            (None, None) => {}
            (Some(Entry::Moved { to, .. }), Some(_)) => {
                ensure!(Some(to) == winner, "the old key points to a session that lost");
            }
            (other, _) => return Err(Failure(format!("the old key holds {other:?}"))),
        }
    }
    Ok(Verdict::Passed)
}

/// Each key points to the one after it, and the last holds the session.
pub async fn rotations_in_a_row_can_be_followed<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, grace);
    let store = suite.open().await?;
    let keys: Vec<_> = (0..5).map(|_| suite.key()).collect();
    let mut record = suite.record("0");
    record.subject = Some(suite.subject("rotating")?);
    let grace = Some(now() + Duration::from_secs(60));
    let Some(first) = keys.first() else { return Ok(Verdict::Passed) };
    let mut version = suite.create(&store, first, &record).await?;
    for pair in keys.windows(2) {
        let [old, new] = pair else { continue };
        version = written(&store.replace(old, &version, new, &record, grace).await?)?;
    }
    let mut at = first.clone();
    let mut steps = 0;
    while let Some(Entry::Moved { to, .. }) = store.load(&at).await? {
        at = to;
        steps += 1;
        ensure!(steps < keys.len(), "the pointers lead in a circle");
    }
    ensure!(Some(&at) == keys.last(), "the pointers end after {steps} steps at another key");
    suite.same(&live(store.load(&at).await?, "the last key")?.0, &record, "the last key")?;
    Ok(Verdict::Passed)
}

/// Deleting a pointer deletes the pointer.
pub async fn a_deleted_pointer_leaves_the_session<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, grace);
    let (store, old, new) = (suite.open().await?, suite.key(), suite.key());
    let version = suite.create(&store, &old, &suite.record("before")).await?;
    let record = suite.record("after");
    let grace = Some(now() + Duration::from_secs(60));
    written(&store.replace(&old, &version, &new, &record, grace).await?)?;
    store.delete(&old).await?;
    ensure_eq!(store.load(&old).await?, None, "the deleted pointer");
    suite.same(&live(store.load(&new).await?, "the session")?.0, &record, "the session")?;
    Ok(Verdict::Passed)
}
