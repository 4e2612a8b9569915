//! Which sessions there are, and whose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sessile_core::store::{Cursor, Directory, WriteOutcome};
use sessile_core::{SUBJECT_MAX_BYTES, SessionStore, StoreKey, Subject, Timestamp};

use crate::check::{ensure, ensure_eq, live, needs};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

fn directory(store: &impl SessionStore) -> Result<&dyn Directory, Failure> {
    let missing = || Failure("the store says it has a directory, but has none".into());
    store.capabilities().directory.ok_or_else(missing)
}

async fn keys_of(directory: &dyn Directory, subject: &Subject) -> Result<Vec<StoreKey>, Failure> {
    let listed = directory.by_subject(subject).await?;
    ensure_eq!(listed.unreadable, 0, "what a user's list counts as unreadable");
    Ok(listed.sessions.into_iter().map(|(key, _)| key).collect())
}

/// With their records, and nobody else's.
pub async fn the_sessions_of_a_user_are_listed_newest_first<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, directory);
    let store = suite.open().await?;
    let directory = directory(&store)?;
    let (mine, theirs) = (suite.subject("mine")?, suite.subject("theirs")?);
    ensure!(keys_of(directory, &mine).await?.is_empty(), "a user without sessions has some");
    let mut wanted = Vec::new();
    for age in [30, 10, 20] {
        let (key, mut record) = (suite.key(), suite.record(format!("{age} minutes old")));
        record.created = Some(Timestamp::from_millis(now().as_millis() - age * 60_000));
        record.subject = Some(mine.clone());
        suite.create(&store, &key, &record).await?;
        wanted.push((age, key, record));
        let mut other = suite.record("somebody else's");
        other.subject = Some(theirs.clone());
        suite.create(&store, &suite.key(), &other).await?;
        suite.create(&store, &suite.key(), &suite.record("nobody's")).await?;
    }
    wanted.sort_by_key(|(age, ..)| *age);
    let found = directory.by_subject(&mine).await?.sessions;
    ensure_eq!(found.len(), wanted.len(), "how many sessions the user has");
    for ((key, record), (age, wanted_key, wanted)) in found.iter().zip(&wanted) {
        if suite.can().metadata {
            ensure!(key == wanted_key, "not newest first: another key for the {age} minutes old");
            suite.same(record, wanted, "a listed session")?;
        }
    }
    Ok(Verdict::Passed)
}

/// Log in, change user, rotate, log out: the list is right after each.
pub async fn listing_follows_every_write<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, directory);
    let store = suite.open().await?;
    let directory = directory(&store)?;
    let (one, two) = (suite.subject("one")?, suite.subject("two")?);
    let (key, new) = (suite.key(), suite.key());
    let mut record = suite.record("anonymous");
    let mut version = suite.create(&store, &key, &record).await?;
    for (step, subject, of_one, of_two) in [
        ("log in", Some(&one), 1, 0),
        ("same user again", Some(&one), 1, 0),
        ("another user", Some(&two), 0, 1),
        ("nobody", None, 0, 0),
        ("back", Some(&one), 1, 0),
    ] {
        record.subject = subject.cloned();
        let outcome = store.update(&key, &record, &version).await?;
        let WriteOutcome::Written(next) = outcome else {
            return Err(Failure(format!("{step}: update answered {outcome:?}")));
        };
        version = next;
        ensure_eq!(keys_of(directory, &one).await?.len(), of_one, "{step}: sessions of one");
        ensure_eq!(keys_of(directory, &two).await?.len(), of_two, "{step}: sessions of two");
    }
    store.touch(&key, now(), record.idle).await?;
    ensure_eq!(keys_of(directory, &one).await?.len(), 1, "after a touch");
    let grace = suite.can().grace.then(|| now() + Duration::from_secs(60));
    let moved = store.replace(&key, &version, &new, &record, grace).await?;
    ensure!(matches!(moved, WriteOutcome::Written(_)), "replace answered {moved:?}");
    ensure!(keys_of(directory, &one).await? == [new.clone()], "after replace: not the new key");
    store.delete(&new).await?;
    ensure!(keys_of(directory, &one).await?.is_empty(), "after delete the session is listed");
    Ok(Verdict::Passed)
}

/// "Log out everywhere else", then everywhere.
pub async fn ending_a_users_sessions_keeps_the_named_one<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, directory);
    let store = suite.open().await?;
    let directory = directory(&store)?;
    let (mine, theirs) = (suite.subject("mine")?, suite.subject("theirs")?);
    let mut keys = Vec::new();
    for _ in 0..5 {
        let (key, mut record) = (suite.key(), suite.record("mine"));
        record.subject = Some(mine.clone());
        let version = suite.create(&store, &key, &record).await?;
        keys.push((key, version));
    }
    let (other, mut record) = (suite.key(), suite.record("theirs"));
    record.subject = Some(theirs);
    suite.create(&store, &other, &record).await?;

    let Some((kept, _)) = keys.get(2).cloned() else { return Ok(Verdict::Passed) };
    let ended = directory.delete_by_subject(&mine, Some(&kept)).await?;
    ensure_eq!(ended, 4, "sessions ended besides the kept one");
    for (key, version) in &keys {
        if *key == kept {
            live(store.load(key).await?, "the kept session")?;
            continue;
        }
        ensure_eq!(store.load(key).await?, None, "an ended session");
        let late = store.update(key, &suite.record("late"), version).await?;
        ensure_eq!(late, WriteOutcome::Gone, "a late save to an ended session");
    }
    ensure!(keys_of(directory, &mine).await? == [kept.clone()], "the list after ending");
    ensure_eq!(directory.delete_by_subject(&mine, None).await?, 1, "ending the last");
    ensure_eq!(store.load(&kept).await?, None, "the last session");
    ensure_eq!(directory.delete_by_subject(&mine, None).await?, 0, "ending none");
    live(store.load(&other).await?, "somebody else's session")?;
    Ok(Verdict::Passed)
}

/// "Log out everywhere" while a session changes its id as fast as it can: it
/// must not slip past under a name that is no longer, or not yet, listed.
pub async fn ending_a_users_sessions_reaches_one_that_changes_its_id<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, directory);
    let store = Arc::new(suite.open().await?);
    let directory = directory(&*store)?;
    let mine = suite.subject("restless")?;
    for round in 0..40 {
        let (first, mut record) = (suite.key(), suite.record("restless"));
        record.subject = Some(mine.clone());
        let mut version = suite.create(&store, &first, &record).await?;
        let keys: Vec<_> = (0..2_000).map(|_| suite.key()).collect();
        let (moving, mut key, mut moves) = (Arc::clone(&store), first, 0);
        let restless = tokio::spawn(async move {
            for new in keys {
                match moving.replace(&key, &version, &new, &record, None).await? {
                    WriteOutcome::Written(next) => (version, key, moves) = (next, new, moves + 1),
                    WriteOutcome::Gone => break,
                    WriteOutcome::Conflict => {
                        return Err(Failure("a move lost against nobody".into()));
                    }
                }
                tokio::task::yield_now().await;
            }
            Ok(moves)
        });
        for _ in 0..10 * round {
            tokio::task::yield_now().await;
        }
        directory.delete_by_subject(&mine, None).await?;
        let left = keys_of(directory, &mine).await?.len();
        let moves = restless.await??;
        ensure_eq!(left, 0, "round {round}: sessions left after {moves} moves");
    }
    Ok(Verdict::Passed)
}

/// Names as long as allowed, in any script, differing in case or accent only.
pub async fn subjects_may_be_long_and_foreign<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, directory);
    let store = suite.open().await?;
    let directory = directory(&store)?;
    let longest = |tail: &str| {
        let text = format!("{}{tail}", "ж".repeat(SUBJECT_MAX_BYTES / 2));
        let start = text.len() - SUBJECT_MAX_BYTES;
        text.get(start..).map(str::to_owned).unwrap_or_default()
    };
    let names = [
        longest("aa"),
        longest("ab"),
        "Zoë".into(),
        "Zoe".into(),
        "zoë".into(),
        "Zoe\u{308}".into(),
        "用户 🦀".into(),
        "trailing ".into(),
        "trailing".into(),
        "../../etc/passwd".into(),
        "%_'\"\\;--".into(),
    ];
    let mut all = Vec::new();
    for name in names {
        let subject =
            Subject::new(name).ok_or_else(|| Failure("a name of the case is no subject".into()))?;
        directory.delete_by_subject(&subject, None).await?;
        let (key, mut record) = (suite.key(), suite.record("someone's"));
        record.subject = Some(subject.clone());
        suite.create(&store, &key, &record).await?;
        suite.same(&live(store.load(&key).await?, subject.as_str())?.0, &record, "subject")?;
        all.push((subject, key));
    }
    for (subject, key) in &all {
        let found = keys_of(directory, subject).await?;
        ensure!(found == [key.clone()], "{subject:?} has {} sessions, not its own", found.len());
        ensure_eq!(directory.delete_by_subject(subject, None).await?, 1, "ending {subject:?}");
    }
    Ok(Verdict::Passed)
}

/// Page by page, whatever the size of the pages; pointers are no sessions.
pub async fn scanning_finds_every_session<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, scan);
    let store = suite.open().await?;
    let missing = || Failure("the store says it can be scanned, but cannot".into());
    let scan = store.capabilities().scan.ok_or_else(missing)?;
    let (mut wanted, mut pointers) = (BTreeMap::new(), BTreeSet::new());
    for number in 0..50 {
        let key = suite.key();
        let record = suite.record(format!("{number}"));
        let version = suite.create(&store, &key, &record).await?;
        if number % 10 == 0 && suite.can().grace {
            let (new, grace) = (suite.key(), now() + Duration::from_secs(60));
            store.replace(&key, &version, &new, &record, Some(grace)).await?;
            pointers.insert(key);
            wanted.insert(new, record);
        } else {
            wanted.insert(key, record);
        }
    }
    for limit in [1, 7, 50, 1000] {
        let mut missing = wanted.clone();
        let mut after: Option<Cursor> = None;
        loop {
            let page = scan.scan(after.as_ref(), limit).await?;
            for (key, record) in page.entries {
                ensure!(!pointers.contains(&key), "a pointer is listed as a session");
                if let Some(wanted) = missing.remove(&key) {
                    suite.same(&record, &wanted, "a listed session")?;
                }
            }
            // As a caller does who stops here and goes on another day.
            after = page.next.map(|next| Cursor::from_bytes(next.as_bytes()));
            if after.is_none() {
                break;
            }
        }
        ensure!(missing.is_empty(), "{} of 50 not found by pages of {limit}", missing.len());
    }
    let strange = Cursor::from_bytes(*b"\xffno cursor of any store");
    ensure!(scan.scan(Some(&strange), 5).await.is_err(), "a cursor of nobody's is followed");
    Ok(Verdict::Passed)
}
