//! PostgreSQL behind PgBouncer.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sessile_core::store::{CreateOutcome, Layout, WriteOutcome};
use sessile_core::{SessionStore as _, StoreErrorKind};
use sessile_sql::{Options, SqlStore};
use sessile_testbed::pgbouncer::{Mode, PgBouncer};

use crate::load::{self, SECONDS};
use crate::{LAYOUTS, key, name, options, payload, postgres, record, serves};

const URL: &str = "SESSILE_POOLED_URL";
const TABLE: &str = "SESSILE_POOLED_TABLE";

/// Their tables are made through it, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d01_a_pooler_with_its_defaults_is_no_obstacle_in_any_mode() {
    for mode in Mode::ALL {
        let pooler = PgBouncer::start(postgres().address(), mode, &[], &[]).unwrap();
        for layout in LAYOUTS {
            let store = SqlStore::connect(&pooler.url(), options(layout)).await;
            let store = store.unwrap_or_else(|error| panic!("{mode:?}, {layout:?}: {error}"));
            serves(&store, layout).await;
        }
        println!("D01 behind a pooler, {} mode: opened and served in every layout", mode.name());
    }
}

/// Where the pooler throws away what we ask at the start of a connection, we do without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d01_what_a_pooler_drops_silently_is_not_relied_on() {
    let database = name("strict");
    postgres().query(&format!("CREATE DATABASE {database}")).unwrap();
    let strict = "SET default_transaction_isolation = 'serializable'";
    postgres().query(&format!("ALTER DATABASE {database} {strict}")).unwrap();
    let drops = ["ignore_startup_parameters = options"];
    let pooler = PgBouncer::start(postgres().address(), Mode::Transaction, &[], &drops).unwrap();
    let url = pooler.url().replace("/postgres", &format!("/{database}"));
    let url = url.replace(&format!("//{database}@"), "//postgres@");
    let patience = Duration::from_millis(800);
    let options = Options { busy_timeout: patience, ..options(Layout::Native) };
    let patient = Options { busy_timeout: Duration::from_secs(10), ..options.clone() };
    let store = SqlStore::connect(&url, patient).await.unwrap();
    for round in 0..20 {
        let key = key(Layout::Native, round);
        let CreateOutcome::Created(version) = store.create(&key, &record("0")).await.unwrap()
        else {
            panic!("it is there already")
        };
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, key, version) = (store.clone(), key.clone(), version.clone());
            writers.spawn(async move { store.update(&key, &record("1"), &version).await });
        }
        let outcomes = writers.join_all().await;
        let written = outcomes.into_iter().map(Result::unwrap);
        let written = written.filter(|outcome| matches!(outcome, WriteOutcome::Written(_)));
        assert_eq!(written.count(), 1, "one of eight writers wins, and the others are told");
    }
    // A lock that is held longer than anybody waits: the statement ends with the waiting.
    let store = SqlStore::connect(&url, options.clone()).await.unwrap();
    let there = postgres().url_of(&database);
    let (client, connection) =
        tokio_postgres::connect(&there, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("BEGIN; LOCK TABLE {}", options.table)).await.unwrap();
    let begun = Instant::now();
    let late = store.delete(&key(Layout::Native, 0)).await.unwrap_err();
    assert_eq!(late.kind(), StoreErrorKind::Timeout, "{late}");
    assert!(begun.elapsed() < patience + Duration::from_secs(2), "{:?}", begun.elapsed());
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND state = 'active' \
         AND query LIKE 'DELETE%'"
    );
    let is_over = || postgres().query(&waiting).unwrap().trim() == "0";
    assert!(sessile_testbed::wait_until(Duration::from_secs(5), is_over), "it still waits");
    client.batch_execute("COMMIT").await.unwrap();
    assert!(payload(&store, &key(Layout::Native, 0)).await.is_some(), "nobody waits for it");
}

/// Statements of one process that another's connection would run: a read that deletes, a write
/// that is lost.
#[test]
fn d02_two_processes_behind_a_transaction_pooler_meet_no_foreign_statement() {
    for mode in [Mode::Transaction, Mode::Statement] {
        let few = ["default_pool_size = 3"];
        let pooler = PgBouncer::start(postgres().address(), mode, &[], &few).unwrap();
        let table = name("t");
        let processes: Vec<_> = (0..2)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--ignored", "--exact", "poolers::one_of_two_processes"])
                    .args(["--nocapture", "--test-threads=1"])
                    .env(URL, pooler.url())
                    .env(TABLE, &table)
                    .stdout(Stdio::inherit())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for mut process in processes {
            assert!(process.wait().unwrap().success(), "{mode:?}: its words are above");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that another test starts"]
async fn one_of_two_processes() {
    let (Ok(url), Ok(table)) = (std::env::var(URL), std::env::var(TABLE)) else { return };
    let options = Options { table, ..Options::default() };
    let store = SqlStore::connect(&url, options).await.unwrap();
    let done = load::unharmed(&store, Layout::Native, SECONDS).await;
    println!("D02 one of two processes behind a pooler for {SECONDS:?}: {done}");
}

/// An operator widens a column: whatever the server had planned before is no obstacle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d05_a_column_that_changes_its_type_stops_nobody() {
    let options = options(Layout::Django);
    let store = SqlStore::connect(&postgres().url(), options.clone()).await.unwrap();
    serves(&store, Layout::Django).await;
    let widened = "ALTER session_key TYPE varchar(64), ALTER session_data TYPE varchar(70000)";
    postgres().query(&format!("ALTER TABLE {} {widened}", options.table)).unwrap();
    for _ in 0..20 {
        serves(&store, Layout::Django).await;
    }
}
