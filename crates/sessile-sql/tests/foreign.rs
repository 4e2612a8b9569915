//! Flask-Session's and Django's tables in SQLite, under the suite.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::{Capabilities, Keys, Open, store_tests};
use sessile_core::store::{Entry, Layout};
use sessile_core::{SessionStore as _, StoreError, StoreKey, Timestamp};
use sessile_sql::{ConnectError, Options, SqlStore};
use tempfile::TempDir;

async fn open(url: String, layout: Layout) -> Result<SqlStore, StoreError> {
    SqlStore::connect(&url, Options::of(layout)).await.map_err(|error| match error {
        ConnectError::Store(error) => error,
        other => unreachable!("{other}"),
    })
}

fn sqlite(layout: Layout) -> impl Open {
    let folder = TempDir::new().unwrap();
    move || open(format!("sqlite:{}", folder.path().join("site.db").display()), layout)
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

mod flask_session {
    use super::*;

    store_tests!(sqlite(Layout::FlaskSession), foreign("session:"));
}

mod django {
    use super::*;

    store_tests!(sqlite(Layout::Django), Capabilities { binary_payloads: false, ..foreign("") });
}

/// Rows that the original never writes, between two that it does, one row a page.
#[tokio::test]
async fn rows_nobody_can_read_hide_none_of_the_others() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("site.db");
    let url = format!("sqlite:{}", path.display());
    let store = SqlStore::connect(&url, Options::of(Layout::FlaskSession)).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "INSERT INTO sessions (session_id, data, expiry) VALUES
             ('session:a', x'80', '2100-01-01 00:00:00.000000'),
             ('session:b', NULL, '2100-01-01 00:00:00.000000'),
             ('session:c', x'80', 'one day'),
             ('session:d', 12, '2100-01-01 00:00:00.000000'),
             (NULL, x'80', '2100-01-01 00:00:00.000000'),
             ('session:e', x'80', '2100-01-01 00:00:00.000000')",
        )
        .unwrap();
    let scan = store.capabilities().scan.unwrap();
    let (mut found, mut unreadable, mut after) = (Vec::new(), 0, None);
    loop {
        let page = scan.scan(after.as_ref(), 1).await.unwrap();
        unreadable += page.unreadable;
        found.extend(page.entries.into_iter().map(|(key, _)| key.to_text()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["session:a", "session:e"]);
    assert_eq!(unreadable, 3, "without a key it is nobody's");
    for key in ["session:b", "session:c", "session:d"] {
        let found = store.load(&StoreKey::from_text(key)).await.unwrap();
        assert!(matches!(found, Some(Entry::Unreadable(_))), "{key}: {found:?}");
    }
}

/// The table has no index on its expiry, so a sweep goes around it, a few rows at a time.
#[tokio::test]
async fn a_sweep_finds_what_expired_among_many_that_live_and_takes_no_more_than_it_may() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("site.db");
    let url = format!("sqlite:{}", path.display());
    let store = SqlStore::connect(&url, Options::of(Layout::FlaskSession)).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    // 5000 rows, of which every seventh has expired, and those after the 3000th.
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                INSERT INTO sessions (session_id, data, expiry) SELECT 'session:' || i, x'80',
                CASE WHEN i % 7 = 0 OR i > 3000 THEN '2001-01-01 00:00:00.000000'
                ELSE '2100-01-01 00:00:00.000000' END FROM n";
    other.execute_batch(rows).unwrap();
    let (sweep, now) = (store.capabilities().sweep.unwrap(), Timestamp::from_secs(1_700_000_000));
    let mut taken = Vec::new();
    while taken.last() != Some(&0) {
        taken.push(sweep.sweep(now, 300).await.unwrap());
    }
    // 428 of the first 3000, and 2000 after them.
    assert_eq!(taken, [300, 300, 300, 300, 300, 300, 300, 300, 28, 0]);
    let left: i64 = other.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 2572);
    // Before where the walk has come to, and after it.
    other.execute_batch("UPDATE sessions SET expiry = '2001-01-01' WHERE id IN (1, 2999)").unwrap();
    assert_eq!(sweep.sweep(now, 1).await.unwrap(), 1);
    assert_eq!(sweep.sweep(now, 300).await.unwrap(), 1);
    assert_eq!(sweep.sweep(now, 300).await.unwrap(), 0);
}
