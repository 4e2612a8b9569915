//! A store's settings at their extremes. Which it has only its own tests know, so they call this.

use std::time::Duration;

use sessile_core::SessionStore;
use sessile_core::store::{TouchOutcome, WriteOutcome};

use crate::check::{ensure, ensure_eq, live};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// One session from its begin to its end, through every call that a store has.
///
/// With times and numbers as large as there are all of it works. With none at all calls may
/// fail, and panic no more than these.
pub async fn every_call_serves<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    let user = suite.subject("of a store with other settings")?;
    let (key, new) = (suite.key(), suite.key());
    let mut record = suite.record("data");
    record.subject = Some(user.clone());
    let version = suite.create(&store, &key, &record).await?;
    for _ in 0..3 {
        live(store.load(&key).await?, "created")?;
    }
    let touched = store.touch(&key, now(), Some(Duration::from_secs(7200))).await?;
    ensure_eq!(touched, TouchOutcome::Touched, "a renewal");
    record.payload = "more".into();
    let WriteOutcome::Written(version) = store.update(&key, &record, &version).await? else {
        return Err(Failure("an update from the version at hand is refused".into()));
    };
    let grace = suite.can().grace.then(|| now() + Duration::from_secs(60));
    let moved = store.replace(&key, &version, &new, &record, grace).await?;
    ensure!(matches!(moved, WriteOutcome::Written(_)), "a change of id came to {moved:?}");
    live(store.load(&new).await?, "under its new id")?;
    if suite.can().scan
        && let Some(scan) = store.capabilities().scan
    {
        scan.scan(None, 10).await?;
    }
    if suite.can().sweep
        && let Some(sweep) = store.capabilities().sweep
    {
        sweep.sweep(now(), 10).await?;
    }
    if suite.can().directory
        && let Some(directory) = store.capabilities().directory
    {
        ensure_eq!(directory.by_subject(&user).await?.sessions.len(), 1, "its user's sessions");
        ensure_eq!(directory.delete_by_subject(&user, None).await?, 1, "its user's ended ones");
    }
    store.delete(&new).await?;
    ensure_eq!(store.load(&new).await?, None, "after its end");
    Ok(Verdict::Passed)
}
