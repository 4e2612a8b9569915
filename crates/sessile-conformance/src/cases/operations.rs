//! Each operation by itself.

use std::time::Duration;

use sessile_core::store::{CreateOutcome, Entry, Version, WriteOutcome};
use sessile_core::{SessionStore as _, Timestamp};

use crate::check::{ensure, ensure_eq, live, needs};
use crate::suite::{ending, now};
use crate::{CaseResult, Open, Suite, Verdict};

/// Loading what is not there is no error.
pub async fn a_missing_key_loads_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    let found = suite.open().await?.load(&suite.key()).await?;
    ensure_eq!(found, None, "a key that never was");
    Ok(Verdict::Passed)
}

/// Every field comes back, under the version that `create` named.
pub async fn a_created_record_loads_back_whole<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("first");
    record.subject = Some(suite.subject("someone")?);
    let created = suite.create(&store, &key, &record).await?;
    let (found, version) = live(store.load(&key).await?, "after create")?;
    suite.same(&found, &record, "after create")?;
    ensure_eq!(version, created, "the version loaded and the one create named");
    Ok(Verdict::Passed)
}

/// Two visitors never share a session, even when their ids collide.
pub async fn create_never_overwrites_a_live_entry<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let record = suite.record("mine");
    let version = suite.create(&store, &key, &record).await?;
    let again = store.create(&key, &suite.record("theirs")).await?;
    ensure_eq!(again, CreateOutcome::Exists, "create on a taken key");
    let (found, unchanged) = live(store.load(&key).await?, "after the second create")?;
    suite.same(&found, &record, "after the second create")?;
    ensure_eq!(unchanged, version, "the version after a refused create");
    Ok(Verdict::Passed)
}

/// An expired entry is swept, not overwritten.
pub async fn create_never_overwrites_an_expired_entry<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, sweep); // a backend that forgets by itself may have forgotten
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("long ago");
    ending(&mut record, None, Some(Timestamp::from_secs(1_000_000)));
    suite.create(&store, &key, &record).await?;
    let again = store.create(&key, &suite.record("now")).await?;
    ensure_eq!(again, CreateOutcome::Exists, "create on an expired entry's key");
    Ok(Verdict::Passed)
}

/// A pointer to a moved session is an entry too.
pub async fn create_never_overwrites_a_pointer<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, grace);
    let (store, old, new) = (suite.open().await?, suite.key(), suite.key());
    let record = suite.record("moving");
    let version = suite.create(&store, &old, &record).await?;
    let grace = Some(now() + Duration::from_secs(60));
    let moved = store.replace(&old, &version, &new, &record, grace).await?;
    ensure!(matches!(moved, WriteOutcome::Written(_)), "replace answered {moved:?}");
    let again = store.create(&old, &record).await?;
    ensure_eq!(again, CreateOutcome::Exists, "create on a pointer's key");
    let found = store.load(&old).await?;
    ensure!(matches!(found, Some(Entry::Moved { .. })), "the pointer became {found:?}");
    Ok(Verdict::Passed)
}

/// Nothing of the older record shines through.
pub async fn update_stores_the_whole_record<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let mut before = suite.record("a long payload, longer than what comes after it");
    before.subject = Some(suite.subject("before")?);
    let first = suite.create(&store, &key, &before).await?;
    let mut after = suite.record("short");
    after.subject = Some(suite.subject("after")?);
    after.created = before.created;
    after.rotated = None;
    after.authenticated = None;
    after.permanent = false;
    after.absolute = None;
    let WriteOutcome::Written(second) = store.update(&key, &after, &first).await? else {
        return Err(crate::Failure("update of the loaded version was refused".into()));
    };
    ensure!(second != first, "update left the version as it was");
    let (found, version) = live(store.load(&key).await?, "after update")?;
    suite.same(&found, &after, "after update")?;
    ensure_eq!(version, second, "the version loaded and the one update named");
    after.subject = None;
    let outcome = store.update(&key, &after, &second).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "the second update answered {outcome:?}");
    let (found, _) = live(store.load(&key).await?, "after the second update")?;
    suite.same(&found, &after, "after the second update")?;
    Ok(Verdict::Passed)
}

/// The loser of two writes learns it and leaves the winner's record.
pub async fn update_from_an_older_version_conflicts<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let first = suite.create(&store, &key, &suite.record("start")).await?;
    let winner = suite.record("winner");
    let won = store.update(&key, &winner, &first).await?;
    ensure!(matches!(won, WriteOutcome::Written(_)), "the first update answered {won:?}");
    let lost = store.update(&key, &suite.record("loser"), &first).await?;
    ensure_eq!(lost, WriteOutcome::Conflict, "update from the older version");
    let (found, _) = live(store.load(&key).await?, "after the conflict")?;
    suite.same(&found, &winner, "after the conflict")?;
    Ok(Verdict::Passed)
}

/// A version that this store cannot have made matches nothing.
pub async fn a_version_of_another_kind_conflicts<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let record = suite.record("kept");
    let own = suite.create(&store, &key, &record).await?;
    let other = match own {
        Version::Number(number) => Version::Bytes(number.to_string().into()),
        Version::Bytes(_) => Version::Number(1),
    };
    for version in [other, Version::Number(u64::MAX), Version::Bytes("".into())] {
        let outcome = store.update(&key, &suite.record("lost"), &version).await?;
        ensure_eq!(outcome, WriteOutcome::Conflict, "update with {version:?}");
    }
    let (found, _) = live(store.load(&key).await?, "after foreign versions")?;
    suite.same(&found, &record, "after foreign versions")?;
    Ok(Verdict::Passed)
}

/// Clearing a session is a change like any other (Spring Security CVE-2023-20862).
pub async fn an_emptied_session_stays_empty<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let first = suite.create(&store, &key, &suite.record("logged in as someone")).await?;
    let outcome = store.update(&key, &suite.record(""), &first).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "update answered {outcome:?}");
    let (found, _) = live(suite.open().await?.load(&key).await?, "after clearing")?;
    ensure!(found.payload.is_empty(), "the cleared session still holds data");
    Ok(Verdict::Passed)
}

/// Ending a session twice is not an error.
pub async fn deleting_the_missing_is_fine<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    store.delete(&key).await?;
    suite.create(&store, &key, &suite.record("short life")).await?;
    store.delete(&key).await?;
    ensure_eq!(store.load(&key).await?, None, "load after delete");
    store.delete(&key).await?;
    Ok(Verdict::Passed)
}

/// A thousand sessions, each with its own data.
pub async fn many_sessions_stay_apart<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    let keys: Vec<_> = (0..1000).map(|number| (suite.key(), format!("session {number}"))).collect();
    for (key, payload) in &keys {
        suite.create(&store, key, &suite.record(payload.clone())).await?;
    }
    for (index, (key, payload)) in keys.iter().enumerate() {
        let (found, version) = live(store.load(key).await?, payload)?;
        ensure!(found.payload == *payload, "{payload} loaded somebody else's data");
        match index % 3 {
            0 => store.delete(key).await?,
            1 => {
                let outcome = store.update(key, &suite.record("changed"), &version).await?;
                ensure!(matches!(outcome, WriteOutcome::Written(_)), "{payload}: {outcome:?}");
            }
            _ => {}
        }
    }
    for (index, (key, payload)) in keys.iter().enumerate() {
        let found = store.load(key).await?;
        if index % 3 == 0 {
            ensure_eq!(found, None, "{payload}, deleted");
        } else {
            let wanted = if index % 3 == 1 { "changed" } else { payload };
            ensure!(live(found, payload)?.0.payload == wanted, "{payload} has other data");
        }
    }
    Ok(Verdict::Passed)
}

/// What one handle writes the other reads at once, and its versions hold there.
pub async fn two_handles_see_each_other<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, second_handle);
    let (one, other, key) = (suite.open().await?, suite.open().await?, suite.key());
    suite.create(&one, &key, &suite.record("from one")).await?;
    let (_, version) = live(other.load(&key).await?, "through the other handle")?;
    let outcome = other.update(&key, &suite.record("from other"), &version).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "the other's update: {outcome:?}");
    let is_new = |found: &Option<Entry>| matches!(found, Some(Entry::Live(record, _)) if record.payload == "from other");
    let (found, _) = live(suite.seen(&one, &key, is_new).await?, "through the first handle")?;
    ensure!(found.payload == "from other", "the first handle reads an older record");
    one.delete(&key).await?;
    let found = suite.seen(&other, &key, Option::is_none).await?;
    ensure_eq!(found, None, "after the first handle deleted it");
    Ok(Verdict::Passed)
}
