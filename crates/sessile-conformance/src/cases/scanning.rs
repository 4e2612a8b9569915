//! Going through a store that is in use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sessile_core::store::Cursor;
use sessile_core::{SessionStore, StoreKey};

use crate::check::{ensure, needs};
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// Sessions come and go all the time; what stays is found in each scan.
pub async fn what_stays_is_found_while_others_go<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, scan);
    let store = Arc::new(suite.open().await?);
    let mut staying = BTreeSet::new();
    for number in 0..60 {
        let key = suite.key();
        suite.create(&store, &key, &suite.record(format!("{number}"))).await?;
        staying.insert(key);
    }
    let fleeting: Vec<StoreKey> = (0..60).map(|_| suite.key()).collect();
    let done = Arc::new(AtomicBool::new(false));
    let others = {
        let (store, done, record) = (store.clone(), done.clone(), suite.record("fleeting"));
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                for key in &fleeting {
                    store.create(key, &record).await?;
                }
                for key in &fleeting {
                    store.delete(key).await?;
                }
                tokio::task::yield_now().await;
            }
            Ok::<_, Failure>(())
        })
    };
    let mut scanned = Ok(());
    for round in 0..10 {
        scanned = finds(&*store, &staying, 3 + round % 5).await;
        if scanned.is_err() {
            break;
        }
    }
    done.store(true, Ordering::Relaxed);
    others.await??;
    scanned.map(|()| Verdict::Passed)
}

/// Half of the sessions are gone when the next page is asked for: those on the page
/// just seen, the one that the cursor may name, and those to come.
pub async fn a_cursor_leads_on_though_its_page_is_gone<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, scan);
    let store = suite.open().await?;
    let scan = store.capabilities().scan.ok_or_else(|| Failure("it cannot be scanned".into()))?;
    let mut keys = Vec::new();
    for number in 0..80 {
        let key = suite.key();
        suite.create(&store, &key, &suite.record(format!("{number}"))).await?;
        keys.push(key);
    }
    let (going, mut missing): (Vec<_>, BTreeSet<_>) = {
        let split = keys.len() / 2;
        (keys[..split].to_vec(), keys[split..].iter().cloned().collect())
    };
    let (mut after, mut going) = (None::<Cursor>, going.into_iter());
    loop {
        let page = scan.scan(after.as_ref(), 4).await?;
        for (key, _) in &page.entries {
            missing.remove(key);
        }
        after = page.next.map(|next| Cursor::from_bytes(next.as_bytes()));
        if after.is_none() {
            break;
        }
        // What was just seen is ended, be it one that was to stay: it was found.
        for (key, _) in &page.entries {
            if keys.contains(key) {
                store.delete(key).await?;
            }
        }
        for key in going.by_ref().take(2) {
            store.delete(&key).await?;
        }
    }
    ensure!(missing.is_empty(), "{} of 40 that stayed were not found", missing.len());
    Ok(Verdict::Passed)
}

async fn finds(
    store: &impl SessionStore,
    staying: &BTreeSet<StoreKey>,
    limit: usize,
) -> Result<(), Failure> {
    let scan = store.capabilities().scan.ok_or_else(|| Failure("it cannot be scanned".into()))?;
    let (mut missing, mut after) = (staying.clone(), None::<Cursor>);
    loop {
        let page = scan.scan(after.as_ref(), limit).await?;
        for (key, _) in page.entries {
            missing.remove(&key);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let (left, all) = (missing.len(), staying.len());
    ensure!(left == 0, "{left} of {all} sessions that stayed were not found by pages of {limit}");
    Ok(())
}
