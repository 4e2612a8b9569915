//! The primary becomes a read-only replica and stays alive; the name leads to the new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sessile_core::SessionStore as _;
use sessile_core::store::{CreateOutcome, Layout};
use sessile_sql::{Options, SqlStore};
use sessile_testbed::mariadb::{MariaDb, MariaDbOptions};
use sessile_testbed::postgres::{Postgres, PostgresOptions};
use sessile_testbed::proxy::Proxy;
use sessile_testbed::wait_until;

use crate::{key, payload, record};

const PATIENCE: Duration = Duration::from_secs(20);

/// Writers that go on whatever happens; each acknowledged write is there at the end.
async fn through_a_failover(store: &SqlStore, fail_over: impl FnOnce() + Send + 'static) -> String {
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u64 {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        writers.spawn(async move {
            let (mut written, mut refused) = (Vec::new(), 0_usize);
            for number in (writer << 32).. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                match store.create(&key(Layout::Native, number), &record("x")).await {
                    Ok(CreateOutcome::Created(_)) => written.push((Instant::now(), number)),
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => refused += 1,
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            (written, refused)
        });
    }
    let ready = tokio::task::spawn_blocking(move || {
        fail_over();
        Instant::now()
    });
    let ready = ready.await.unwrap();
    let first = loop {
        let probe = key(Layout::Native, u64::MAX);
        if store.create(&probe, &record("probe")).await.is_ok() {
            break ready.elapsed();
        }
        assert!(ready.elapsed() < PATIENCE, "no write succeeds: it would take a restart");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // Some more, of each writer.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::SeqCst);
    let (mut count, mut refused, mut after) = (0, 0, 0);
    for (written, of_one) in writers.join_all().await {
        after += usize::from(written.iter().any(|(at, _)| *at > ready));
        for (_, number) in &written {
            assert!(payload(store, &key(Layout::Native, *number)).await.is_some(), "one is lost");
        }
        (count, refused) = (count + written.len(), refused + of_one);
    }
    assert_eq!(after, 8, "every writer goes on after it");
    assert!(first < Duration::from_secs(2), "the first good write came after {first:?}");
    format!(
        "first good write {first:?} after the new primary was ready; {count} writes acknowledged \
         and there, {refused} refused meanwhile"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d06_a_postgresql_that_became_a_replica_is_left_for_the_new_primary() {
    let options = PostgresOptions::default();
    let old = Postgres::start(&options).unwrap();
    let new = old.standby(&options).unwrap();
    let name = Proxy::start(old.address()).unwrap();
    let store = SqlStore::connect(&name.instead_of(&old.url()), Options::default()).await.unwrap();
    let said = through_a_failover(&store, move || {
        old.query("ALTER SYSTEM SET default_transaction_read_only = on").unwrap();
        old.query("SELECT pg_reload_conf()").unwrap();
        // What is under way ends, and then nothing is written any more.
        let writes = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND \
                      application_name = 'sessile' AND backend_xid IS NOT NULL";
        assert!(wait_until(PATIENCE, || old.query(writes).unwrap().trim() == "0"));
        let at = old.query("SELECT pg_current_wal_flush_lsn()").unwrap();
        let there = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", at.trim());
        assert!(wait_until(PATIENCE, || new.query(&there).unwrap().trim() == "t"));
        new.query("SELECT pg_promote()").unwrap();
        name.lead_to(new.address());
        // They live until the test ends, the old one as a replica does.
        std::mem::forget((old, new, name));
    });
    println!("D06 PostgreSQL: {}", said.await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d06_a_mariadb_that_became_a_replica_is_left_for_the_new_primary() {
    let start = |id: u8| {
        let more = vec![format!("--server-id={id}"), "--log-bin=binary".to_owned()];
        MariaDb::start(&MariaDbOptions { more, ..Default::default() }).unwrap()
    };
    let (old, new) = (start(1), start(2));
    let follow = format!(
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'sessile', \
         MASTER_PASSWORD = 'sessile', MASTER_USE_GTID = slave_pos; START SLAVE; \
         SET GLOBAL read_only = 1",
        old.port()
    );
    // Who may do all writes to a read-only server, too.
    old.query("CREATE USER 'web'@'127.0.0.1'; GRANT ALL ON sessile.* TO 'web'@'127.0.0.1'")
        .unwrap();
    new.query(&follow).unwrap();
    let name = Proxy::start(old.address()).unwrap();
    let url = name.instead_of(&old.url()).replace("sessile:sessile@", "web@");
    let store = SqlStore::connect(&url, Options::default()).await.unwrap();
    let said = through_a_failover(&store, move || {
        old.query("SET GLOBAL read_only = 1").unwrap();
        let at = old.query("SELECT @@gtid_binlog_pos").unwrap();
        let there = format!("SELECT MASTER_GTID_WAIT('{}', 20)", at.trim());
        assert_eq!(new.query(&there).unwrap().trim(), "0");
        new.query("STOP SLAVE; SET GLOBAL read_only = 0").unwrap();
        name.lead_to(new.address());
        std::mem::forget((old, new, name));
    });
    println!("D06 MariaDB: {}", said.await);
}
