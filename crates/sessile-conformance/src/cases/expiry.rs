//! Deadlines are kept as given, renewed forward only, and swept by.

use std::time::Duration;

use sessile_core::store::{Sweep, TouchOutcome, WriteOutcome};
use sessile_core::{SessionStore, StoreError, Timestamp};

use crate::check::{ensure, ensure_eq, live, needs};
use crate::suite::{ending, now};
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// Either, both, none; with milliseconds; far away.
pub async fn deadlines_come_back_exactly<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    let near = Some(now() + Duration::from_millis(1_800_001));
    let far = Some(now() + Duration::from_millis(86_400_999));
    let century = Some(now() + Duration::from_secs(100 * 365 * 86_400));
    let all = [(None, None), (near, None), (None, far), (near, far), (far, near), (near, century)];
    for (idle, absolute) in all {
        let key = suite.key();
        let mut record = suite.record("with deadlines");
        ending(&mut record, idle, absolute);
        let version = suite.create(&store, &key, &record).await?;
        suite.same(&live(store.load(&key).await?, "created")?.0, &record, "created")?;
        ending(&mut record, absolute, idle);
        let outcome = store.update(&key, &record, &version).await?;
        ensure!(matches!(outcome, WriteOutcome::Written(_)), "update answered {outcome:?}");
        suite.same(&live(store.load(&key).await?, "updated")?.0, &record, "updated")?;
    }
    Ok(Verdict::Passed)
}

/// An earlier deadline changes nothing, a later one holds; the same for `seen`.
pub async fn touch_moves_forward_only<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("renewed");
    suite.create(&store, &key, &record).await?;
    let (now, minute) = (now(), Duration::from_secs(60));
    for (step, seen, span) in [
        ("later", now + minute, record.idle),
        ("earlier", now, record.idle),
        ("the same", now + minute, record.idle),
        ("later again", now + minute * 2, record.idle),
        ("long ago", Timestamp::from_secs(1_000_000), record.idle),
        ("no span", Timestamp::from_secs(1_000_000), None),
    ] {
        let touched = store.touch(&key, seen, span).await?;
        ensure_eq!(touched, TouchOutcome::Touched, "touch with {step}");
        record.see(Some(seen));
        suite.same(&live(store.load(&key).await?, step)?.0, &record, step)?;
    }
    Ok(Verdict::Passed)
}

/// A reader that loaded it in time, and whose renewal comes when it has ended:
/// by its idle limit, by one that another request has shortened, or for good.
pub async fn a_touch_that_comes_too_late_revives_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, metadata);
    let store = suite.open().await?;
    let end = now() + Duration::from_secs(600);
    let later = Some(end + Duration::from_secs(600));
    for (idle, absolute) in
        [(Some(end), None), (Some(end), later), (later, Some(end)), (None, Some(end))]
    {
        let (key, mut record) = (suite.key(), suite.record("read in time"));
        ending(&mut record, idle, absolute);
        let deadlines = record.deadlines();
        suite.create(&store, &key, &record).await?;
        let touched = store.touch(&key, end, record.idle).await?;
        ensure_eq!(touched, TouchOutcome::Gone, "touch at the end, {deadlines:?}");
        suite.same(&live(store.load(&key).await?, "too late")?.0, &record, "too late")?;
        let before = Timestamp::from_millis(end.as_millis() - 1);
        let touched = store.touch(&key, before, record.idle).await?;
        ensure_eq!(touched, TouchOutcome::Touched, "touch before the end, {deadlines:?}");
    }
    Ok(Verdict::Passed)
}

/// Data, version, user and absolute deadline stay, so a renewal cannot outlive it.
pub async fn touch_leaves_everything_else<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("data");
    record.subject = Some(suite.subject("renewing")?);
    record.absolute = record.idle_deadline().map(|idle| idle + Duration::from_secs(1));
    let version = suite.create(&store, &key, &record).await?;
    let seen = now() + Duration::from_secs(1800);
    store.touch(&key, seen, record.idle).await?;
    record.see(Some(seen));
    if !suite.can().two_deadlines {
        // The earlier was kept, as the one there is, and that one has moved.
        record.absolute = None;
    }
    let (found, after) = live(store.load(&key).await?, "touched")?;
    suite.same(&found, &record, "touched")?;
    if matches!(version, sessile_core::store::Version::Number(_)) {
        ensure_eq!(after, version, "the version after touch");
    }
    Ok(Verdict::Passed)
}

/// No idle deadline is later than any, so a renewal does not set one.
pub async fn touch_invents_no_idle_deadline<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, two_deadlines);
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("without");
    record.idle = None;
    record.seen = None;
    suite.create(&store, &key, &record).await?;
    let seen = now();
    store.touch(&key, seen, Some(Duration::from_secs(60))).await?;
    record.seen = Some(seen);
    suite.same(&live(store.load(&key).await?, "touched")?.0, &record, "touched")?;
    Ok(Verdict::Passed)
}

fn sweeper(store: &impl SessionStore) -> Result<&dyn Sweep, Failure> {
    store
        .capabilities()
        .sweep
        .ok_or_else(|| Failure("the store says it sweeps, but has no sweeper".into()))
}

/// Long ago, so that a sweep at this time leaves the sessions of other cases alone.
const THEN: Timestamp = Timestamp::from_secs(1_000_000_000);

async fn sweep_all(sweep: &dyn Sweep, at: Timestamp) -> Result<usize, StoreError> {
    let mut removed = 0;
    loop {
        match sweep.sweep(at, 100).await? {
            0 => return Ok(removed),
            some => removed += some,
        }
    }
}

/// By either deadline, at the very moment, not before it; what has none stays.
pub async fn sweep_removes_only_what_has_passed<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, sweep);
    let store = suite.open().await?;
    let step = suite.can().precision;
    let before = Some(Timestamp::from_millis(THEN.as_millis() - 1000));
    let after = Some(THEN + step);
    let live_long = Some(now() + Duration::from_secs(3600));
    let mut kept = Vec::new();
    let mut passed = Vec::new();
    for (idle, absolute, ends) in [
        (None, None, false),
        (before, None, true),
        (None, before, true),
        (Some(THEN), None, true),
        (None, Some(THEN), true),
        (Some(THEN), live_long, true),
        (live_long, Some(THEN), true),
        (after, None, false),
        (None, after, false),
        (after, after, false),
        (live_long, live_long, false),
    ] {
        let (key, mut record) = (suite.key(), suite.record("to sweep"));
        ending(&mut record, idle, absolute);
        suite.create(&store, &key, &record).await?;
        if ends { &mut passed } else { &mut kept }.push((key, record.deadlines()));
    }
    let removed = sweep_all(sweeper(&store)?, THEN).await?;
    ensure!(removed >= passed.len(), "swept {removed}, of {} that have passed", passed.len());
    for (key, deadlines) in &passed {
        ensure_eq!(store.load(key).await?, None, "{deadlines:?} at {THEN:?}");
    }
    for (key, deadlines) in &kept {
        live(store.load(key).await?, &format!("{deadlines:?} at {THEN:?}"))?;
    }
    Ok(Verdict::Passed)
}

/// Pointers end with their grace period and take no session along.
pub async fn sweep_removes_passed_pointers<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, sweep);
    needs!(suite, grace);
    let (store, old, new) = (suite.open().await?, suite.key(), suite.key());
    let record = suite.record("moving");
    let version = suite.create(&store, &old, &record).await?;
    let outcome = store.replace(&old, &version, &new, &record, Some(THEN)).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "replace answered {outcome:?}");
    sweep_all(sweeper(&store)?, Timestamp::from_millis(THEN.as_millis() - 1000)).await?;
    ensure!(store.load(&old).await?.is_some(), "the pointer was swept within its grace");
    sweep_all(sweeper(&store)?, THEN).await?;
    ensure_eq!(store.load(&old).await?, None, "the pointer after its grace");
    suite.same(&live(store.load(&new).await?, "the session")?.0, &record, "the session")?;
    Ok(Verdict::Passed)
}

/// One call removes no more than it was told to.
pub async fn sweep_is_bounded<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, sweep);
    let store = suite.open().await?;
    let sweep = sweeper(&store)?;
    sweep_all(sweep, THEN).await?;
    let mut keys = Vec::new();
    for _ in 0..10 {
        let (key, mut record) = (suite.key(), suite.record("to sweep"));
        ending(&mut record, Some(THEN), None);
        suite.create(&store, &key, &record).await?;
        keys.push(key);
    }
    for (limit, wanted, left) in [(0, 0, 10), (4, 4, 6), (4, 4, 2), (4, 2, 0), (4, 0, 0)] {
        let removed = sweep.sweep(THEN, limit).await?;
        ensure_eq!(removed, wanted, "a sweep of at most {limit}");
        let mut found = 0;
        for key in &keys {
            found += usize::from(store.load(key).await?.is_some());
        }
        ensure_eq!(found, left, "entries left");
    }
    Ok(Verdict::Passed)
}
