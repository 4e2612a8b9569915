//! Flask-Session's and Django's tables in SQLite, under the suite.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::{Capabilities, Keys, Open, store_tests};
use sessile_core::store::Layout;
use sessile_core::{SessionStore as _, StoreError, StoreErrorKind, StoreKey};
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
    let scan = store.as_scan().unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = scan.scan(after.as_ref(), 1).await.unwrap();
        found.extend(page.entries.into_iter().map(|(key, _)| key.to_text()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["session:a", "session:e"]);
    let broken = store.load(&StoreKey::from_text("session:b")).await.unwrap_err();
    assert_eq!(broken.kind(), StoreErrorKind::BadEntry);
}
