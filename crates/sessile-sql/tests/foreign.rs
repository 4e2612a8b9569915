//! Flask-Session's and Django's tables in SQLite, under the suite.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::{Capabilities, Keys, Open, store_tests};
use sessile_core::StoreError;
use sessile_core::store::Layout;
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
