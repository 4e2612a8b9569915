//! The HTTP scripts over SQLite.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::http::defects::{DEFECTS, Found, Stored};
use sessile_conformance::{Capabilities, Open, block_on, http_tests};
use sessile_sql::{ConnectError, Options, SqlStore};
use tempfile::TempDir;

fn sqlite() -> impl Open {
    let folder = TempDir::new().unwrap();
    move || {
        let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
        async move {
            SqlStore::connect(&url, Options::default()).await.map_err(|error| match error {
                ConnectError::Store(error) => error,
                other => unreachable!("{other}"),
            })
        }
    }
}

http_tests!(sqlite(), Capabilities::all());

/// The scripts that show them present in other session layers: `bench/tests/defects`.
#[test]
fn peers_defects_are_absent() {
    for (name, script) in DEFECTS {
        let found = block_on(script(&Stored(sqlite()))).unwrap().unwrap();
        assert_eq!(found, Found::Absent, "{name}");
    }
}
