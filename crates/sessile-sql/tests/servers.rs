//! PostgreSQL and MariaDB, every layout, under the suite and from several processes.
//!
//! `cargo xtask servers --only postgres,mysql -- cargo test -p sessile-sql --features servers`

#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sessile_conformance::http::defects::{DEFECTS, Found, Stored};
use sessile_conformance::processes::{Workers, work};
use sessile_conformance::{
    Capabilities, Failure, Keys, Open, Suite, block_on, http_tests, passed, store_tests,
};
use sessile_core::store::Layout;
use sessile_core::{StoreError, StoreKey};
use sessile_sql::{ConnectError, Options, SqlStore};

const POSTGRES: &str = "SESSILE_TEST_POSTGRES_URL";
const MYSQL: &str = "SESSILE_TEST_MYSQL_URL";

/// A missing server is a failure: nothing is skipped quietly.
fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set; run this by `cargo xtask servers -- cargo test …`")
    })
}

/// A table of this test's own.
fn table() -> String {
    static TABLES: AtomicU32 = AtomicU32::new(0);
    format!("t{}_{}", std::process::id(), TABLES.fetch_add(1, Ordering::Relaxed))
}

async fn open(url: String, layout: Layout, table: String) -> Result<SqlStore, StoreError> {
    let options = Options { table, connections: 4, ..Options::of(layout) };
    SqlStore::connect(&url, options).await.map_err(|error| match error {
        ConnectError::Store(error) => error,
        other => unreachable!("{other}"),
    })
}

fn fresh(variable: &'static str, layout: Layout) -> impl Open {
    let table = table();
    move || open(address(variable), layout, table.clone())
}

/// What a table of others has no room for.
fn foreign(prefix: &'static str) -> Capabilities {
    Capabilities {
        directory: false,
        grace: false,
        metadata: false,
        two_deadlines: false,
        fresh_versions: false,
        keys: Keys::Text(prefix),
        ..Capabilities::all()
    }
}

fn django() -> Capabilities {
    Capabilities { binary_payloads: false, ..foreign("") }
}

mod postgres {
    use super::*;

    store_tests!(fresh(POSTGRES, Layout::Native), Capabilities::all());
}

mod postgres_http {
    use super::*;

    http_tests!(fresh(POSTGRES, Layout::Native), Capabilities::all());
}

mod postgres_flask_session {
    use super::*;

    store_tests!(fresh(POSTGRES, Layout::FlaskSession), foreign("session:"));
}

mod postgres_django {
    use super::*;

    store_tests!(fresh(POSTGRES, Layout::Django), django());
}

mod mysql {
    use super::*;

    store_tests!(fresh(MYSQL, Layout::Native), Capabilities::all());
}

mod mysql_http {
    use super::*;

    http_tests!(fresh(MYSQL, Layout::Native), Capabilities::all());
}

mod mysql_flask_session {
    use super::*;

    store_tests!(
        fresh(MYSQL, Layout::FlaskSession),
        // A BLOB holds 64 KiB, a DATETIME whole seconds.
        Capabilities {
            max_payload: 65_535,
            precision: Duration::from_secs(1),
            ..foreign("session:")
        }
    );
}

mod mysql_django {
    use super::*;

    store_tests!(fresh(MYSQL, Layout::Django), django());
}

#[test]
#[ignore = "the process that other tests start"]
fn worker() -> Result<(), Failure> {
    work(|backend| async move {
        let (variable, table) = backend.split_once(' ').unwrap();
        open(address(variable), Layout::Native, table.to_owned()).await
    })
}

/// Workers on one table of each server, and the suite to look at it with.
fn both(
    run: impl Fn(&Workers, &Suite<Box<dyn Fn() -> Opening + Send + Sync>>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for variable in [POSTGRES, MYSQL] {
        let table = table();
        let workers = Workers::new("worker", &format!("{variable} {table}"));
        let open: Box<dyn Fn() -> Opening + Send + Sync> =
            Box::new(move || Box::pin(open(address(variable), Layout::Native, table.clone())));
        run(&workers, &Suite::new(open, Capabilities::all()))?;
    }
    Ok(())
}

type Opening =
    std::pin::Pin<Box<dyn Future<Output = Result<SqlStore, StoreError>> + Send + 'static>>;

#[test]
fn inv03_a_hundred_writers_in_three_processes_lose_nothing() -> Result<(), Failure> {
    both(|workers, suite| passed(workers.lose_nothing(suite, 3, 100)))
}

#[test]
fn f28_a_process_killed_while_logging_in_leaves_no_session_unlisted() -> Result<(), Failure> {
    both(|workers, suite| passed(workers.leave_no_orphan(suite, 30)))
}

/// The scripts that show them present in other session layers: `bench/tests/defects`.
#[test]
fn peers_defects_are_absent() {
    for variable in [POSTGRES, MYSQL] {
        for (name, script) in DEFECTS {
            let found = block_on(script(&Stored(fresh(variable, Layout::Native)))).unwrap();
            assert_eq!(found.unwrap(), Found::Absent, "{name} on {variable}");
        }
    }
}

/// Eight at once, twice each: none fails, and the table is the same.
#[test]
fn f23_a_table_is_made_by_many_at_once() {
    for variable in [POSTGRES, MYSQL] {
        for layout in [Layout::Native, Layout::FlaskSession, Layout::Django] {
            let table = table();
            let all = async {
                let mut tasks = tokio::task::JoinSet::new();
                for _ in 0..8 {
                    let table = table.clone();
                    tasks.spawn(async move {
                        open(address(variable), layout, table.clone()).await?;
                        open(address(variable), layout, table).await
                    });
                }
                for opened in tasks.join_all().await {
                    opened.unwrap();
                }
            };
            block_on(all).unwrap();
        }
    }
}

#[test]
fn an_address_that_is_none_is_refused_without_its_password() {
    for url in ["postgres://u:hunter2@", "mysql://u:hunter2@", "mysql:hunter2", "oracle://hunter2"]
    {
        let opened = block_on(SqlStore::connect(url, Options::default())).unwrap();
        let Err(error) = opened else { panic!("{url} was opened") };
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let options = Options { schema: Some("a b".into()), ..Options::default() };
    let opened = block_on(SqlStore::connect("postgres://localhost/x", options)).unwrap();
    assert!(matches!(opened, Err(ConnectError::Table)));
}

/// Set for a role, a database or the server, such as for another application's sake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_writers_at_once_merge_whatever_isolation_the_server_is_set_to() {
    use sessile_conformance::faults::{key, record};
    use sessile_core::SessionStore as _;
    use sessile_core::store::{CreateOutcome, WriteOutcome};

    let url = address(POSTGRES);
    let joint = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{joint}options=-c%20default_transaction_isolation%3Dserializable");
    let table = table();
    // Several processes at once make the table.
    let mut opened = tokio::task::JoinSet::new();
    for _ in 0..8 {
        opened.spawn(open(url.clone(), Layout::Native, table.clone()));
    }
    let stores: Vec<_> = opened.join_all().await.into_iter().map(Result::unwrap).collect();
    for round in 0..20 {
        let CreateOutcome::Created(version) =
            stores[0].create(&key(round), &record(1)).await.unwrap()
        else {
            panic!("it is there already")
        };
        let mut writers = tokio::task::JoinSet::new();
        for store in stores.clone() {
            let version = version.clone();
            writers.spawn(async move { store.update(&key(round), &record(2), &version).await });
        }
        let outcomes = writers.join_all().await;
        let written = |outcome: &Result<WriteOutcome, StoreError>| {
            matches!(outcome.as_ref().unwrap(), WriteOutcome::Written(_))
        };
        assert_eq!(outcomes.iter().filter(|outcome| written(outcome)).count(), 1);
    }
}

/// Runs a statement as an operator does, on either server.
async fn operate(url: &str, sql: &str) {
    if url.starts_with("postgres") {
        let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    } else {
        use mysql_async::prelude::Queryable as _;
        let pool = mysql_async::Pool::new(url.replace("mariadb://", "mysql://").as_str());
        pool.get_conn().await.unwrap().query_drop(sql).await.unwrap();
        pool.disconnect().await.unwrap();
    }
}

/// The row of a key, as a condition.
fn row_of(variable: &str, layout: Layout, key: &StoreKey) -> String {
    let text = key.to_text();
    match (layout, variable) {
        (Layout::Native, POSTGRES) => format!("id_hash = '\\x{text}'::bytea"),
        (Layout::Native, _) => format!("id_hash = x'{text}'"),
        (Layout::FlaskSession, _) => format!("session_id = '{text}'"),
        (Layout::Django, _) => format!("session_key = '{text}'"),
    }
}

/// The first and the last that a column holds, and what lies beyond every calendar.
#[test]
fn s14_a_hostile_moment_in_a_row_harms_nobody() {
    use sessile_conformance::cases::hostile_moments::a_hostile_moment_harms_nobody as case;

    let moments = ["created", "seen", "rotated", "authenticated", "absolute_until"];
    let native = moments.into_iter().flat_map(|column| {
        ["-9223372036854775808", "9223372036854775807", "-1", "0", "NULL"]
            .map(|value| format!("{column} = {value}"))
    });
    // A span below zero, which would sum up to what is no number, the table refuses.
    let spans = ["0", "9223372036854775807"].map(|span| format!("idle_span = {span}, seen = 1"));
    let native: Vec<_> = native.chain(spans).collect();
    let postgres = ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31 23:59:59"];
    let mysql = ["0000-00-00", "2026-00-00", "9999-12-31 23:59:59", "1000-01-01", "0001-01-01"];
    for (variable, values) in [(POSTGRES, &postgres[..]), (MYSQL, &mysql[..])] {
        let of_column = |column: &str| -> Vec<_> {
            values.iter().map(|value| format!("{column} = '{value}'")).collect()
        };
        let theirs = Capabilities { precision: Duration::from_secs(1), ..foreign("session:") };
        for (layout, can, plants) in [
            (Layout::Native, Capabilities::all(), native.clone()),
            (Layout::FlaskSession, theirs, of_column("expiry")),
            (Layout::Django, django(), of_column("expire_date")),
        ] {
            let table = table();
            let at = table.clone();
            let suite = Suite::new(move || open(address(variable), layout, at.clone()), can);
            for set in plants {
                let plant = async |key: &StoreKey| {
                    let this = row_of(variable, layout, key);
                    let update = format!("UPDATE {table} SET {set} WHERE {this}");
                    // As an application's connection may be set up.
                    let lax = "SET STATEMENT sql_mode = '' FOR";
                    let update = if variable == MYSQL { format!("{lax} {update}") } else { update };
                    operate(&address(variable), &update).await;
                };
                passed(case(&suite, plant))
                    .unwrap_or_else(|it| panic!("{variable}, {layout:?}, {set}: {it}"));
            }
        }
    }
}

#[test]
fn s13_an_unreadable_row_is_nobodys_session() {
    use sessile_conformance::cases::unreadable::an_unreadable_entry_is_nobodys_session as case;

    let theirs = Capabilities { precision: Duration::from_secs(1), ..foreign("session:") };
    for variable in [POSTGRES, MYSQL] {
        for (layout, can, set) in [
            (Layout::Native, Capabilities::all(), "version = -7"),
            (Layout::FlaskSession, theirs.clone(), "data = NULL"),
        ] {
            let table = table();
            let at = table.clone();
            let suite = Suite::new(move || open(address(variable), layout, at.clone()), can);
            let damage = async |key: &StoreKey| {
                let this = row_of(variable, layout, key);
                operate(&address(variable), &format!("UPDATE {table} SET {set} WHERE {this}"))
                    .await;
            };
            passed(case(&suite, damage))
                .unwrap_or_else(|failure| panic!("{variable}, {layout:?}: {failure}"));
        }
    }
}

/// A site's tables may be in any character set, and an id in any other.
#[test]
fn s03_hostile_ids_meet_tables_of_every_character_set() {
    use sessile_conformance::cases::hostile_keys::a_hostile_key_is_a_missing_one as missing;
    use sessile_conformance::cases::hostile_keys::no_key_finds_the_session_of_another as another;

    let run = |url: String, layout: Layout, table: String, can: Capabilities, what: &str| {
        let suite = Suite::new(move || open(url.clone(), layout, table.clone()), can);
        passed(missing(&suite)).unwrap_or_else(|failure| panic!("{what}: {failure}"));
        passed(another(&suite)).unwrap_or_else(|failure| panic!("{what}: {failure}"));
    };
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let (url, database) = (address(POSTGRES), format!("{}_{encoding}", table()).to_lowercase());
        let made = format!(
            "CREATE DATABASE {database} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' \
             TEMPLATE template0"
        );
        block_on(operate(&url, &made)).unwrap();
        let (server, rest) = url.rsplit_once('/').unwrap();
        let options = rest.find('?').map_or("", |at| &rest[at..]);
        let there = format!("{server}/{database}{options}");
        for (layout, can) in
            [(Layout::Django, django()), (Layout::FlaskSession, foreign("session:"))]
        {
            run(there.clone(), layout, table(), can, encoding);
        }
    }
    for charset in ["latin1", "ascii", "utf8mb3", "utf8mb4 COLLATE utf8mb4_general_ci"] {
        let (django_table, flask_table) = (table(), table());
        let url = address(MYSQL);
        let theirs = format!(
            "CREATE TABLE {django_table} (session_key varchar(40) NOT NULL PRIMARY KEY, \
             session_data longtext NOT NULL, expire_date datetime(6) NOT NULL) CHARACTER SET {charset}"
        );
        block_on(operate(&url, &theirs)).unwrap();
        run(url.clone(), Layout::Django, django_table, django(), charset);
        let theirs = format!(
            "CREATE TABLE {flask_table} (id INTEGER NOT NULL AUTO_INCREMENT, \
             session_id VARCHAR(255), data BLOB, expiry DATETIME, PRIMARY KEY (id), \
             UNIQUE (session_id)) CHARACTER SET {charset}"
        );
        block_on(operate(&url, &theirs)).unwrap();
        let can = Capabilities {
            max_payload: 65_535,
            precision: Duration::from_secs(1),
            ..foreign("session:")
        };
        run(url, Layout::FlaskSession, flask_table, can, charset);
    }
}

#[test]
fn s18_settings_at_their_extremes_panic_nowhere() {
    use sessile_conformance::cases::settings::every_call_serves as case;

    for variable in [POSTGRES, MYSQL] {
        let suite = |busy_timeout: Duration, connections: usize| {
            let options =
                Options { table: table(), busy_timeout, connections, ..Options::default() };
            let open = move || {
                let options = options.clone();
                async move {
                    let opened = SqlStore::connect(&address(variable), options).await;
                    opened.map_err(|error| match error {
                        ConnectError::Store(error) => error,
                        other => unreachable!("{other}"),
                    })
                }
            };
            Suite::new(open, Capabilities::all())
        };
        let most = suite(Duration::MAX, usize::MAX);
        passed(case(&most)).unwrap_or_else(|failure| panic!("{variable}: {failure}"));
        // Nothing is done in no time; what matters is that this returns.
        assert!(block_on(case(&suite(Duration::ZERO, 0))).unwrap().is_err(), "{variable}");
    }
}
