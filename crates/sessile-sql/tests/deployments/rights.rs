//! Starting beside others: their tables, their locks, roles with least rights.

use std::time::Duration;

use sessile_core::store::Layout;
use sessile_core::{SessionStore as _, StoreErrorKind};
use sessile_sql::{ConnectError, Options, SqlStore};

use crate::{LAYOUTS, mariadb, name, options, postgres, serves};

/// What an operator runs: the guide's own statements.
const GUIDE: &str = include_str!("../../../../docs/guides/sql-roles.md");

/// The statements under a heading of the guide.
fn statements(heading: &str) -> String {
    let (_, part) = GUIDE.split_once(&format!("\n### {heading}\n")).unwrap();
    let (_, code) = part.split_once("```sql\n").unwrap();
    code.split_once("```").unwrap().0.to_owned()
}

/// For a database, a table and a role of this test's own.
fn adapted(heading: &str, role: &str) -> String {
    let (sql, host) = (statements(heading), format!("'{role}'@'127.0.0.1'"));
    if sql.contains('@') { sql.replace("'web'@'%'", &host) } else { sql.replace("web", role) }
}

/// Another's transaction is open on the table; who would take a lock on it waits, and every
/// writer of the site behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d03_an_open_transaction_on_the_table_delays_no_start() {
    for layout in LAYOUTS {
        let mut options = options(layout);
        options.busy_timeout = Duration::from_secs(10);
        let table = options.table.clone();
        let writes = match layout {
            Layout::Native => format!("DELETE FROM {table}"),
            Layout::FlaskSession => {
                format!("INSERT INTO {table} (session_id, expiry) VALUES ('x', NOW())")
            }
            Layout::Django => format!("INSERT INTO {table} VALUES ('x', 'y', NOW())"),
        };
        drop(SqlStore::connect(&postgres().url(), options.clone()).await.unwrap());
        drop(SqlStore::connect(&mariadb().url(), options.clone()).await.unwrap());
        options.busy_timeout = Duration::from_secs(1);

        let url = postgres().url();
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("BEGIN; {writes}")).await.unwrap();
        let store = SqlStore::connect(&url, options.clone()).await.unwrap();
        let locks = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        assert_eq!(postgres().query(locks).unwrap().trim(), "0", "somebody waits");
        serves(&store, layout).await;
        client.batch_execute("ROLLBACK").await.unwrap();

        use mysql_async::prelude::Queryable as _;
        let pool = mysql_async::Pool::new(mariadb().url().as_str());
        let mut client = pool.get_conn().await.unwrap();
        client.query_drop("BEGIN").await.unwrap();
        client.query_drop(&writes).await.unwrap();
        SqlStore::connect(&mariadb().url(), options).await.unwrap();
        client.query_drop("ROLLBACK").await.unwrap();
        drop(client);
        pool.disconnect().await.unwrap();
    }
}

/// The guide's statements, run as they stand, are enough for everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_the_guides_rights_are_enough_on_postgresql() {
    let (database, role) = (name("shop"), name("web"));
    postgres().query(&format!("CREATE DATABASE {database}")).unwrap();
    let there = postgres().url_of(&database);
    let by_operator = async |sql: String| {
        let (client, connection) =
            tokio_postgres::connect(&there, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&sql).await.unwrap();
    };
    by_operator(format!("CREATE ROLE {role} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
        .await;
    let url = there.replace("postgres@", &format!("{role}@"));
    // Before: told what to do, in words, and nothing is made.
    let Err(ConnectError::Store(error)) = SqlStore::connect(&url, Options::default()).await else {
        panic!("it was opened without a table")
    };
    let said = error.to_string();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{said}");
    assert!(said.contains("sessile_sessions") && said.contains("sql-roles.md"), "{said}");
    by_operator(adapted("PostgreSQL: the tables", &role)).await;
    by_operator(adapted("PostgreSQL: the rights", &role)).await;
    // Those of Django and Flask-Session are made by them.
    for layout in [Layout::Django, Layout::FlaskSession] {
        drop(SqlStore::connect(&there, Options::of(layout)).await.unwrap());
    }
    by_operator(adapted("PostgreSQL: Django's and Flask-Session's tables", &role)).await;
    for layout in LAYOUTS {
        let store = SqlStore::connect(&url, Options::of(layout)).await.unwrap();
        serves(&store, layout).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_the_guides_rights_are_enough_on_mariadb() {
    let (database, role) = (name("shop"), name("web"));
    let by_operator = |sql: &str| {
        let sql = sql.replace("shop.", &format!("{database}."));
        mariadb().query(&format!("USE {database}; {sql}")).unwrap()
    };
    mariadb().query(&format!("CREATE DATABASE {database}")).unwrap();
    by_operator(&format!("CREATE USER '{role}'@'127.0.0.1'"));
    let there = mariadb().url_of(&database);
    let url = there.replace("sessile:sessile@", &format!("{role}@"));
    by_operator(&adapted("MySQL and MariaDB: the tables", &role));
    by_operator(&adapted("MySQL and MariaDB: the rights", &role));
    for layout in [Layout::Django, Layout::FlaskSession] {
        drop(SqlStore::connect(&there, Options::of(layout)).await.unwrap());
    }
    by_operator(&adapted("MySQL and MariaDB: Django's and Flask-Session's tables", &role));
    for layout in LAYOUTS {
        let store = SqlStore::connect(&url, Options::of(layout)).await;
        let store = store.unwrap_or_else(|error| panic!("{layout:?}: {error}"));
        serves(&store, layout).await;
    }
}

/// `Options::create` and its setting: what is missing stays missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_nothing_is_made_where_that_is_forbidden() {
    for url in [postgres().url(), mariadb().url()] {
        for layout in LAYOUTS {
            let options = Options { create: false, ..options(layout) };
            let opened = SqlStore::connect(&url, options.clone()).await;
            let Err(error @ ConnectError::NoTable { .. }) = opened else { panic!("{layout:?}") };
            assert!(error.to_string().contains(&options.table), "{error}");
            let again = SqlStore::connect(&url, options).await;
            assert!(again.is_err(), "{layout:?}: it was made after all");
        }
    }
}

/// A file that is there is opened as it is: no byte of it changes, be its journal what it may.
#[tokio::test]
async fn d04_opening_a_file_writes_nothing_to_it() {
    for layout in LAYOUTS {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("s.db");
        let url = format!("sqlite:{}", path.display());
        drop(SqlStore::connect(&url, Options::of(layout)).await.unwrap());
        // Its threads end when they notice.
        let file = rusqlite::Connection::open(&path).unwrap();
        let by_itself = || file.execute_batch("PRAGMA journal_mode = DELETE").is_ok();
        assert!(sessile_testbed::wait_until(Duration::from_secs(10), by_itself));
        file.execute_batch("DROP INDEX IF EXISTS django_session_expire_date_a5c62663").unwrap();
        drop(file);
        let before = std::fs::read(&path).unwrap();
        let store = SqlStore::connect(&url, Options::of(layout)).await.unwrap();
        assert!(std::fs::read(&path).unwrap() == before, "{layout:?}: the file has changed");
        serves(&store, layout).await;
    }
}

/// What the doctor advises, run as it stands, is enough; and to ask it needs no right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_the_doctor_names_missing_rights_with_their_grants() {
    let clock = || sessile_core::Timestamp::from_secs(1_800_000_000);
    for layout in LAYOUTS {
        let (options, role) = (options(layout), name("web"));
        let table = &options.table;
        drop(SqlStore::connect(&postgres().url(), options.clone()).await.unwrap());
        drop(SqlStore::connect(&mariadb().url(), options.clone()).await.unwrap());
        postgres()
            .query(&format!(
                "CREATE ROLE {role} LOGIN; GRANT SELECT ON sessile_schema TO {role}; \
                 GRANT SELECT ON {table} TO {role}"
            ))
            .unwrap();
        mariadb()
            .query(&format!(
                "CREATE USER '{role}'@'127.0.0.1'; \
                 GRANT SELECT ON sessile_schema TO '{role}'@'127.0.0.1'; \
                 GRANT SELECT ON {table} TO '{role}'@'127.0.0.1'"
            ))
            .unwrap();
        for (url, by_owner) in [
            (
                postgres().url().replace("postgres@", &format!("{role}@")),
                (|sql: &str| postgres().query(sql)) as fn(&str) -> _,
            ),
            (mariadb().url().replace("sessile:sessile@", &format!("{role}@")), |sql: &str| {
                mariadb().query(sql)
            }),
        ] {
            let store = SqlStore::connect(&url, options.clone()).await.unwrap();
            let doctor = || async {
                let can = store.capabilities();
                let found = can.diagnose.unwrap().diagnose(&clock).await.unwrap();
                found.into_iter().find(|finding| finding.check == "rights").unwrap()
            };
            let advice = doctor().await.advice.unwrap().to_string();
            let (_, grants) = advice.split_once(": ").unwrap();
            assert!(grants.contains("INSERT, UPDATE, DELETE ON"), "{grants}");
            by_owner(grants).unwrap();
            let found = doctor().await;
            assert!(found.advice.is_none(), "{layout:?}: {found:?}");
            serves(&store, layout).await;
        }
    }
}
