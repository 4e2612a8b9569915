//! Servers whose clocks are apart: nothing that is written down goes backward, and no limit is
//! stretched.

use std::time::Duration;

use sessile_core::store::{Entry, TouchOutcome, WriteOutcome};
use sessile_core::transaction::{commit, open};
use sessile_core::{Config, Engine, Lifetime, SessionId, SessionStore as _, Timestamp};

use crate::check::{ensure, ensure_eq, live, needs};
use crate::server::{Server, id_in};
use crate::suite::now;
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// How far apart clocks are tried.
pub(crate) const APART: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(30), Duration::from_secs(300)];

/// A save and a change of id made from what was loaded before another server, whose clock is
/// ahead, renewed it: the later activity stays.
pub async fn s01_no_write_moves_the_last_activity_backward<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, metadata);
    let store = suite.open().await?;
    for ahead in APART {
        for grace in [None, Some(now() + Duration::from_secs(60))] {
            let (key, new) = (suite.key(), suite.key());
            let mut record = suite.record("loaded");
            suite.create(&store, &key, &record).await?;
            let (_, version) = live(store.load(&key).await?, "loaded")?;
            let seen = now() + ahead;
            let touched = store.touch(&key, seen, record.idle).await?;
            ensure_eq!(touched, TouchOutcome::Touched, "the other server's renewal");

            record.payload = "saved".into();
            let outcome = store.update(&key, &record, &version).await?;
            let WriteOutcome::Written(version) = outcome else {
                return Err(Failure(format!("update after the renewal: {outcome:?}")));
            };
            let mut wanted = record.clone();
            wanted.see(Some(seen));
            suite.same(&live(store.load(&key).await?, "saved")?.0, &wanted, "saved")?;

            let later = seen + Duration::from_secs(1);
            store.touch(&key, later, record.idle).await?;
            let outcome = store.replace(&key, &version, &new, &record, grace).await?;
            ensure!(matches!(outcome, WriteOutcome::Written(_)), "replace answered {outcome:?}");
            wanted.see(Some(later));
            suite.same(&live(store.load(&new).await?, "moved")?.0, &wanted, "moved")?;
        }
    }
    Ok(Verdict::Passed)
}

/// Whatever span the one who renews has in mind.
pub async fn s01_a_renewal_goes_by_the_span_that_is_stored<O: Open>(
    suite: &Suite<O>,
) -> CaseResult {
    needs!(suite, two_deadlines);
    let (store, key) = (suite.open().await?, suite.key());
    let mut record = suite.record("a session");
    suite.create(&store, &key, &record).await?;
    for (seconds, span) in [(1, Some(5)), (2, Some(86_400)), (3, None)] {
        let seen = now() + Duration::from_secs(seconds);
        store.touch(&key, seen, span.map(Duration::from_secs)).await?;
        record.see(Some(seen));
        suite.same(&live(store.load(&key).await?, "renewed")?.0, &record, "renewed")?;
    }
    Ok(Verdict::Passed)
}

/// Two servers write one session in turn, a second each, for a hundred seconds: it ends as long
/// after the last activity as its idle limit says, by the clock that is ahead at the latest.
pub async fn s01_two_clocks_in_turn_stretch_no_idle_limit<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, metadata);
    let store = suite.open().await?;
    let engine = Engine::new(Config { lifetime: Lifetime::AAL3, ..Config::native() })
        .map_err(|error| Failure(error.to_string()))?;
    let idle = Lifetime::AAL3.idle.unwrap_or_default();
    for apart in APART {
        let start = now();
        let (mut one, mut two) = (Server::at(start), Server::at(start + apart));
        let session = open(&engine, &store, None, &one.context()).await?;
        session.insert("user", "alice");
        let sent = commit(&engine, &store, &session, false, &one.context()).await?;
        let id = id_in(&sent)?;
        for turn in 1..=100_u32 {
            let server = if turn % 2 == 0 { &mut one } else { &mut two };
            server.pass(Duration::from_secs(u64::from(turn) - server.passed().as_secs()));
            let session = open(&engine, &store, Some(id.as_bytes()), &server.context()).await?;
            ensure!(session.contains_key("user"), "{apart:?} apart: lost in turn {turn}");
            session.insert("turn", turn);
            commit(&engine, &store, &session, false, &server.context()).await?;
        }
        let Some(key) = SessionId::parse(id.as_bytes()).map(|id| id.store_key()) else {
            return Err(Failure(format!("{id:?} is no id")));
        };
        let (record, _) = live(store.load(&key).await?, "after all turns")?;
        let last = start + Duration::from_secs(100);
        ensure_eq!(record.idle, Some(idle), "{apart:?} apart: the span");
        ensure!(record.seen >= Some(last), "{apart:?} apart: seen {:?}", record.seen);
        ensure!(record.seen <= Some(last + apart), "{apart:?} apart: seen {:?}", record.seen);
        // The server that is behind gives it the most time.
        one.pass(idle + apart);
        let session = open(&engine, &store, Some(id.as_bytes()), &one.context()).await?;
        ensure!(!session.contains_key("user"), "{apart:?} apart: alive after its idle limit");
    }
    Ok(Verdict::Passed)
}

/// A moment of the one clock is no deadline that the other clock moves back: a login at a
/// server that is ahead, then a change at one that is behind.
pub async fn s01_a_server_behind_shortens_nothing<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, metadata);
    let (store, key) = (suite.open().await?, suite.key());
    for ahead in APART {
        let mut record = suite.record("made ahead");
        record.see(Some(now() + ahead));
        let key = if ahead == APART[0] { key.clone() } else { suite.key() };
        suite.create(&store, &key, &record).await?;
        let behind = now();
        let touched = store.touch(&key, behind, record.idle).await?;
        ensure_eq!(touched, TouchOutcome::Touched, "a renewal from behind");
        let Some(Entry::Live(found, _)) = store.load(&key).await? else {
            return Err(Failure("it is gone".into()));
        };
        ensure_eq!(found.ends(), record.ends(), "{ahead:?} ahead: its end");
        ensure!(found.seen > Some(Timestamp::from_millis(behind.as_millis())), "seen went back");
    }
    Ok(Verdict::Passed)
}
