//! What was deleted, moved or swept stays so.

use std::time::Duration;

use sessile_core::store::{Entry, TouchOutcome, Version, WriteOutcome};
use sessile_core::{SessionStore, StoreKey, Timestamp};

use crate::check::{ensure, ensure_eq, needs};
use crate::suite::{ending, now};
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// `update`, `touch` and `replace` must answer `Gone`, and bring nothing back.
async fn all_gone<O: Open>(
    suite: &Suite<O>,
    store: &O::Store,
    key: &StoreKey,
    version: &Version,
) -> Result<(), Failure> {
    let before = store.load(key).await?;
    let late = suite.record("late");
    let updated = store.update(key, &late, version).await?;
    ensure_eq!(updated, WriteOutcome::Gone, "update");
    let touched = store.touch(key, now(), late.idle).await?;
    ensure_eq!(touched, TouchOutcome::Gone, "touch");
    let other = suite.key();
    for grace in [None, Some(now() + Duration::from_secs(60))] {
        let replaced = store.replace(key, version, &other, &late, grace).await?;
        ensure_eq!(replaced, WriteOutcome::Gone, "replace");
        ensure_eq!(store.load(&other).await?, None, "the new key of a refused replace");
    }
    let after = store.load(key).await?;
    ensure!(!matches!(after, Some(Entry::Live(..))), "a late write revived the session");
    ensure_eq!(after, before, "the entry after refused writes");
    Ok(())
}

/// A write to nothing makes nothing.
pub async fn nothing_writes_to_a_key_that_never_was<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for version in [Version::Number(0), Version::Number(1), Version::Bytes("".into())] {
        all_gone(suite, &store, &suite.key(), &version).await?;
    }
    Ok(Verdict::Passed)
}

/// Load in one request, log out in another, save in the first (Rack
/// CVE-2025-46336, connect-redis #328; actix-session and tower-sessions revive).
pub async fn a_logout_is_not_revived_by_a_late_save<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (slow, other, key) = (suite.open().await?, suite.open().await?, suite.key());
    suite.create(&slow, &key, &suite.record("logged in")).await?;
    let Some(Entry::Live(record, version)) = slow.load(&key).await? else {
        return Err(Failure("the session is not there".into()));
    };
    if suite.can().second_handle {
        other.delete(&key).await?
    } else {
        slow.delete(&key).await?
    }
    let late = slow.update(&key, &record, &version).await?;
    ensure_eq!(late, WriteOutcome::Gone, "the late save");
    ensure_eq!(slow.load(&key).await?, None, "after the late save");
    Ok(Verdict::Passed)
}

/// Not `update`, not `touch`, not `replace`.
pub async fn nothing_writes_to_a_deleted_session<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let version = suite.create(&store, &key, &suite.record("to be deleted")).await?;
    store.delete(&key).await?;
    all_gone(suite, &store, &key, &version).await?;
    Ok(Verdict::Passed)
}

/// With a pointer left or without, for the version before the move and the one after.
pub async fn nothing_writes_to_a_moved_session<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for grace in [None, Some(now() + Duration::from_secs(60))] {
        let (old, new) = (suite.key(), suite.key());
        let version = suite.create(&store, &old, &suite.record("before")).await?;
        let record = suite.record("after");
        let moved = store.replace(&old, &version, &new, &record, grace).await?;
        let WriteOutcome::Written(current) = moved else {
            return Err(Failure(format!("replace answered {moved:?}")));
        };
        all_gone(suite, &store, &old, &version).await?;
        all_gone(suite, &store, &old, &current).await?;
        let found = store.load(&new).await?;
        let Some(Entry::Live(found, _)) = found else {
            return Err(Failure(format!("the new key holds {found:?}")));
        };
        suite.same(&found, &record, "the moved session")?;
    }
    Ok(Verdict::Passed)
}

/// Expiry between load and save: the save does not revive.
pub async fn nothing_writes_to_a_swept_session<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, sweep);
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("expiring");
    let end = Timestamp::from_secs(1_000_000);
    ending(&mut record, Some(end), None);
    let version = suite.create(&store, &key, &record).await?;
    let Some(sweep) = store.capabilities().sweep else {
        return Err(Failure("the store says it sweeps, but has no sweeper".into()));
    };
    while sweep.sweep(end, 1000).await? == 1000 {}
    ensure_eq!(store.load(&key).await?, None, "after the sweep");
    all_gone(suite, &store, &key, &version).await?;
    Ok(Verdict::Passed)
}

/// A version loaded before a deletion does not match what was created since.
pub async fn a_key_created_anew_is_another_entry<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, fresh_versions);
    let (store, key) = (suite.open().await?, suite.key());
    let record = suite.record("first life");
    let version = suite.create(&store, &key, &record).await?;
    store.delete(&key).await?;
    suite.create(&store, &key, &record).await?;
    let late = store.update(&key, &suite.record("late"), &version).await?;
    ensure_eq!(late, WriteOutcome::Conflict, "update with a version of the first life");
    Ok(Verdict::Passed)
}
