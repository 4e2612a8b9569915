//! The HTTP scripts over SQLite.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::{Capabilities, Open, http_tests};
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
