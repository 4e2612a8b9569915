//! Requests are cancelled by dropping their futures, at any await.

use std::time::Duration;

use sessile_core::store::{Entry, TouchOutcome, WriteOutcome};
use sessile_core::{SessionStore, StoreKey};

use crate::cases::concurrency::add_number;
use crate::check::{ensure, ensure_eq, live};
use crate::outages::polled;
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// No operation has more awaits than this.
const MAX_POLLS: usize = 200;

/// The store still loads, adds and deletes under this key, whatever was cut off there.
async fn still_works(store: &impl SessionStore, key: &StoreKey) -> Result<(), Failure> {
    add_number(store, key, 1).await?;
    store.delete(key).await?;
    ensure_eq!(store.load(key).await?, None, "deleted after a cut-off write");
    Ok(())
}

/// Nothing or the whole record.
pub async fn a_dropped_create_happened_or_not<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for polls in 0..MAX_POLLS {
        let key = suite.key();
        let mut record = suite.record("7");
        record.subject = Some(suite.subject("cut off")?);
        let ended = polled(store.create(&key, &record), polls).await.transpose()?;
        match store.load(&key).await? {
            Some(Entry::Live(found, _)) => suite.same(&found, &record, "a cut-off create")?,
            None => ensure!(ended.is_none(), "create answered, but nothing is there"),
            Some(other) => return Err(Failure(format!("create made {other:?}"))),
        }
        // Comes before or after what was cut off, and finds one of the two whole.
        store.create(&key, &record).await?;
        // A store may carry out what was cut off as late as this, once, and it revives nobody:
        // the key was given to no visitor.
        if still_works(&store, &key).await.is_err() {
            still_works(&store, &key).await?;
        }
        if ended.is_some() {
            return Ok(Verdict::Passed);
        }
    }
    Err(Failure(format!("create does not end within {MAX_POLLS} polls")))
}

/// The record before or the one after, never parts of both.
pub async fn a_dropped_update_happened_or_not<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for polls in 0..MAX_POLLS {
        let key = suite.key();
        let before = suite.record("1,2,3");
        let version = suite.create(&store, &key, &before).await?;
        let mut after = suite.record("4,5");
        after.permanent = false;
        after.subject = Some(suite.subject("cut off")?);
        after.idle = None;
        let ended = polled(store.update(&key, &after, &version), polls).await.transpose()?;
        let (found, _) = live(store.load(&key).await?, "a cut-off update")?;
        if ended.is_some() || found.payload == after.payload {
            suite.same(&found, &after, "after the update")?;
        } else {
            suite.same(&found, &before, "before the update")?;
        }
        still_works(&store, &key).await?;
        if ended.is_some() {
            return Ok(Verdict::Passed);
        }
    }
    Err(Failure(format!("update does not end within {MAX_POLLS} polls")))
}

/// The deadline before or the one after; data and version untouched.
pub async fn a_dropped_touch_happened_or_not<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for polls in 0..MAX_POLLS {
        let key = suite.key();
        let before = suite.record("1");
        suite.create(&store, &key, &before).await?;
        let seen = now() + Duration::from_secs(60);
        let mut after = before.clone();
        after.see(Some(seen));
        let ended = polled(store.touch(&key, seen, before.idle), polls).await.transpose()?;
        let (found, _) = live(store.load(&key).await?, "a cut-off touch")?;
        let moved = suite.same_moment(found.ends(), after.ends());
        if ended.is_some() || moved {
            suite.same(&found, &after, "after the touch")?;
        } else {
            suite.same(&found, &before, "before the touch")?;
        }
        still_works(&store, &key).await?;
        if let Some(outcome) = ended {
            ensure_eq!(outcome, TouchOutcome::Touched, "touch");
            return Ok(Verdict::Passed);
        }
    }
    Err(Failure(format!("touch does not end within {MAX_POLLS} polls")))
}

/// The old key works, or leads to the new one, or the new one works: never neither.
pub async fn a_dropped_replace_loses_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for with_grace in [suite.can().grace, false] {
        let mut ended = None;
        for polls in 0..MAX_POLLS {
            let (old, new) = (suite.key(), suite.key());
            let before = suite.record("1");
            let version = suite.create(&store, &old, &before).await?;
            let after = suite.record("1,2");
            let grace = with_grace.then(|| now() + Duration::from_secs(60));
            let replace = store.replace(&old, &version, &new, &after, grace);
            ended = polled(replace, polls).await.transpose()?;
            // The old key first: what was cut off may end between the two loads.
            match store.load(&old).await? {
                Some(Entry::Live(found, _)) => {
                    ensure!(ended.is_none(), "replace answered, but the old key is live");
                    suite.same(&found, &before, "the old key")?;
                }
                Some(Entry::Moved { to, .. }) => ensure!(to == new, "the pointer leads astray"),
                Some(Entry::Unreadable(why)) => {
                    return Err(Failure(format!("the old key cannot be read: {why}")));
                }
                None => ensure!(grace.is_none(), "the old key finds nothing within its grace"),
            }
            let mut found = store.load(&new).await?;
            if found.is_none()
                && let Some(Entry::Live(found, _)) = store.load(&old).await?
            {
                suite.same(&found, &before, "the old key")?;
            } else {
                // It has ended since the new key was asked first.
                if found.is_none() {
                    found = store.load(&new).await?;
                }
                let (found, _) = live(found, "neither key has the session")?;
                suite.same(&found, &after, "the new key")?;
            }
            store.delete(&old).await?;
            store.delete(&new).await?;
            if ended.is_some() {
                break;
            }
        }
        let written = matches!(ended, Some(WriteOutcome::Written(_)));
        ensure!(written, "replace within {MAX_POLLS} polls: {ended:?}");
    }
    Ok(Verdict::Passed)
}

/// There and whole, or gone.
pub async fn a_dropped_delete_happened_or_not<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for polls in 0..MAX_POLLS {
        let key = suite.key();
        let record = suite.record("1");
        suite.create(&store, &key, &record).await?;
        let ended = polled(store.delete(&key), polls).await.transpose()?;
        match store.load(&key).await? {
            None => {}
            Some(Entry::Live(found, _)) => {
                ensure!(ended.is_none(), "delete answered, but the session is there");
                suite.same(&found, &record, "a cut-off delete")?;
            }
            Some(other) => return Err(Failure(format!("delete made {other:?}"))),
        }
        store.delete(&key).await?;
        ensure_eq!(store.load(&key).await?, None, "after the second delete");
        if ended.is_some() {
            return Ok(Verdict::Passed);
        }
    }
    Err(Failure(format!("delete does not end within {MAX_POLLS} polls")))
}

/// A reply that nobody waits for reaches nobody else (redis-py CVE-2023-28858).
pub async fn a_dropped_load_disturbs_no_other<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    let mut keys = Vec::new();
    for number in 0..20 {
        let (key, payload) = (suite.key(), format!("visitor {number}"));
        suite.create(&store, &key, &suite.record(payload.clone())).await?;
        keys.push((key, payload));
    }
    for round in 0..2000 {
        let at = round * 7;
        let (Some((dropped, _)), Some((key, payload))) =
            (keys.get(at % keys.len()), keys.get((at + 1 + round % 5) % keys.len()))
        else {
            continue;
        };
        polled(store.load(dropped), 1 + round % 3).await.transpose()?;
        let (found, _) = live(store.load(key).await?, payload)?;
        ensure!(found.payload == *payload, "{payload} was answered with somebody else's data");
    }
    Ok(Verdict::Passed)
}
