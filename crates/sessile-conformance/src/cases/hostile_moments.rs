//! A moment in an entry that nobody writes: before time, after it, or no moment at all.
//!
//! A record may hold most of them. How to plant the others only a store's own tests know.

use std::time::Duration;

use sessile_core::store::{Entry, Record, Version};
use sessile_core::{SessionStore, StoreKey, Timestamp};

use crate::check::{ensure, live};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// Calls in a row, to meet more threads and connections than a store has.
const CALLS: usize = 12;

/// In each of a record's moments, and in all of them.
pub async fn s14_records_with_hostile_moments_harm_nobody<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    for hostile in hostile_records(&suite.record("hostile")) {
        let plant = async |key: &StoreKey| {
            store.delete(key).await?;
            // One that has ended may not be kept.
            store.create(key, &hostile).await?;
            Ok(())
        };
        let Record { created, seen, idle, absolute, .. } = &hostile;
        let what = format!("created {created:?}, seen {seen:?}, idle {idle:?}, until {absolute:?}");
        let case = harms_nobody(suite, plant).await;
        case.map_err(|Failure(why)| Failure(format!("{what}: {why}")))?;
    }
    Ok(Verdict::Passed)
}

fn hostile_records(record: &Record) -> Vec<Record> {
    let moments = [i64::MIN, -1, i64::MAX].map(|millis| Some(Timestamp::from_millis(millis)));
    let spans = [0, i64::MAX.unsigned_abs()].map(|millis| Some(Duration::from_millis(millis)));
    let mut records = Vec::new();
    for moment in moments {
        let record = record.clone();
        records.push(Record { absolute: moment, ..record.clone() });
        for span in spans {
            records.push(Record { seen: moment, idle: span, ..record.clone() });
        }
        let all = Record { created: moment, rotated: moment, authenticated: moment, ..record };
        records.push(Record { seen: moment, absolute: moment, ..all });
    }
    records
}

/// `plant` writes a moment into what lies under a key, past the store.
///
/// Whatever the store takes it for (a session, one that has ended, one that cannot be read), it
/// answers every call about it, and all about other sessions, as often as it is asked.
pub async fn a_hostile_moment_harms_nobody<O: Open>(
    suite: &Suite<O>,
    plant: impl AsyncFn(&StoreKey),
) -> CaseResult {
    harms_nobody(suite, async |key: &StoreKey| {
        plant(key).await;
        Ok(())
    })
    .await
}

async fn harms_nobody<O: Open>(
    suite: &Suite<O>,
    plant: impl AsyncFn(&StoreKey) -> Result<(), Failure>,
) -> CaseResult {
    let store = suite.open().await?;
    let user = suite.subject("with a hostile moment")?;
    let (bad, good, new) = (suite.key(), suite.key(), suite.key());
    let mut record = suite.record("whole");
    record.subject = Some(user.clone());
    suite.create(&store, &good, &record).await?;

    let planted = async || -> Result<Version, Failure> {
        store.delete(&bad).await?;
        let version = suite.create(&store, &bad, &record).await?;
        plant(&bad).await?;
        Ok(version)
    };
    let others = async |after: &str| -> Result<(), Failure> {
        for _ in 0..CALLS {
            live(store.load(&good).await?, after)?;
        }
        Ok(())
    };

    let version = planted().await?;
    for _ in 0..CALLS {
        // What is done with moments that were read must not fail either.
        if let Some(Entry::Live(record, _)) = store.load(&bad).await? {
            let (ended, end) = (record.has_ended(now()), record.ends());
            ensure!(end.is_some() || !ended, "it has ended without an end");
        }
    }
    others("after loads of it").await?;
    store.create(&bad, &record).await?;
    others("after a create over it").await?;
    store.touch(&bad, now(), Some(Duration::from_secs(7200))).await?;
    others("after a touch of it").await?;
    store.update(&bad, &record, &version).await?;
    others("after an update of it").await?;
    let version = planted().await?;
    let grace = suite.can().grace.then(|| now() + Duration::from_secs(60));
    store.replace(&bad, &version, &new, &record, grace).await?;
    others("after a replace of it").await?;
    store.delete(&new).await?;

    planted().await?;
    if suite.can().scan {
        let scan =
            store.capabilities().scan.ok_or_else(|| Failure("it cannot be scanned".into()))?;
        let (mut after, mut found) = (None, false);
        loop {
            let page = scan.scan(after.as_ref(), 1).await?;
            found |= page.entries.iter().any(|(key, _)| *key == good);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        ensure!(found, "a scan ends before another session");
    }
    if suite.can().directory {
        let directory = store.capabilities().directory;
        let directory = directory.ok_or_else(|| Failure("it has no directory".into()))?;
        let listed = directory.by_subject(&user).await?;
        ensure!(
            listed.sessions.iter().any(|(key, _)| *key == good),
            "its user's list lacks another"
        );
        directory.delete_by_subject(&user, Some(&good)).await?;
        others("after its user's other sessions were ended").await?;
        planted().await?;
    }
    if suite.can().sweep
        && let Some(sweep) = store.capabilities().sweep
    {
        sweep.sweep(now(), 1000).await?;
        others("after a sweep").await?;
    }
    store.delete(&bad).await?;
    ensure!(store.load(&bad).await?.is_none(), "it is there after a delete");
    suite.create(&store, &bad, &record).await?;
    live(store.load(&bad).await?, "created anew")?;
    Ok(Verdict::Passed)
}
