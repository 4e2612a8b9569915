//! An entry that the layout does not write: damaged, planted, or of a newer release.
//!
//! How to damage one only a store's own tests know, so these cases are called by them.

use std::time::Duration;

use sessile_core::store::{CreateOutcome, Cursor, Entry, WriteOutcome};
use sessile_core::{SessionStore, StoreKey};

use crate::check::{ensure, ensure_eq, live};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// `damage` turns what lies under a key into something that the layout does not write, and
/// that another release might have.
///
/// Its visitor is a new one, no write changes it, lists leave it out and count it, and its
/// user's other sessions are listed and ended as before.
pub async fn an_unreadable_entry_is_nobodys_session<O: Open>(
    suite: &Suite<O>,
    damage: impl AsyncFn(&StoreKey),
) -> CaseResult {
    let store = suite.open().await?;
    let user = suite.subject("with a damaged session")?;
    let (bad, good, new) = (suite.key(), suite.key(), suite.key());
    let mut record = suite.record("whole");
    record.subject = Some(user.clone());
    let before = suite.create(&store, &bad, &record).await?;
    let version = suite.create(&store, &good, &record).await?;
    let damaged_before = match suite.can().scan {
        true => scanned(&store, &good).await?,
        false => 0,
    };
    damage(&bad).await;

    let is_unreadable = async |when: &str| {
        let found = store.load(&bad).await?;
        ensure!(matches!(found, Some(Entry::Unreadable(_))), "{when}: found {found:?}");
        Ok::<_, Failure>(())
    };
    is_unreadable("load").await?;
    ensure_eq!(store.create(&bad, &record).await?, CreateOutcome::Exists, "create over it");
    is_unreadable("after a create").await?;
    let updated = store.update(&bad, &record, &before).await?;
    ensure_eq!(updated, WriteOutcome::Gone, "update of it");
    is_unreadable("after an update").await?;
    store.touch(&bad, now(), Some(Duration::from_secs(7200))).await?;
    is_unreadable("after a touch").await?;
    let moved = store.replace(&bad, &before, &new, &record, None).await?;
    ensure_eq!(moved, WriteOutcome::Gone, "replace of it");
    is_unreadable("after a replace").await?;
    ensure_eq!(store.load(&new).await?, None, "where it was to move");
    let moved = store.replace(&good, &version, &bad, &record, None).await?;
    ensure_eq!(moved, WriteOutcome::Conflict, "replace to its key");
    is_unreadable("after a replace to it").await?;
    live(store.load(&good).await?, "the session that was to move there")?;

    if suite.can().sweep
        && let Some(sweep) = store.capabilities().sweep
    {
        sweep.sweep(now(), 1000).await?;
    }
    if suite.can().scan {
        let damaged = scanned(&store, &good).await?;
        ensure_eq!(damaged, damaged_before + 1, "what a scan counts as unreadable");
    }
    if suite.can().directory {
        let directory = store.capabilities().directory;
        let directory = directory.ok_or_else(|| Failure("it has no directory".into()))?;
        let listed = directory.by_subject(&user).await?;
        let keys: Vec<_> = listed.sessions.iter().map(|(key, _)| key.clone()).collect();
        ensure!(keys == [good.clone()], "the list of its user's sessions has {}", keys.len());
        ensure_eq!(listed.unreadable, 1, "what its user's list counts as unreadable");
        directory.delete_by_subject(&user, Some(&good)).await?;
        ensure_eq!(store.load(&bad).await?, None, "after ending its user's other sessions");
        live(store.load(&good).await?, "the session that was kept")?;
    }
    // Where it is still there: what cannot be read can be ended.
    store.end(&bad).await?;
    ensure_eq!(store.load(&bad).await?, None, "after it was ended");
    suite.create(&store, &bad, &record).await?;
    Ok(Verdict::Passed)
}

/// How many entries a scan counts as unreadable; it finds `good`, wherever the others lie.
async fn scanned(store: &impl SessionStore, good: &StoreKey) -> Result<usize, Failure> {
    let scan = store.capabilities().scan.ok_or_else(|| Failure("it cannot be scanned".into()))?;
    let mut counts = Vec::new();
    for limit in [1, 1000] {
        let (mut after, mut found, mut unreadable) = (None::<Cursor>, false, 0);
        loop {
            let page = scan.scan(after.as_ref(), limit).await?;
            found |= page.entries.iter().any(|(key, _)| key == good);
            unreadable += page.unreadable;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        ensure!(found, "a scan by pages of {limit} ends before a good session");
        counts.push(unreadable);
    }
    let [by_one, at_once] = counts[..] else { return Ok(0) };
    ensure_eq!(by_one, at_once, "unreadable entries by pages of one and of a thousand");
    Ok(at_once)
}
