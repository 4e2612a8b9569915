//! The HTTP scripts over files.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::http::defects::{DEFECTS, Found, Stored};
use sessile_conformance::{Capabilities, Open, block_on, http_tests};
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

fn files() -> impl Open {
    let folder = TempDir::new().unwrap();
    move || {
        FileStore::open(folder.path().join("sessions").display().to_string(), Options::default())
    }
}

http_tests!(files(), Capabilities::all());

/// The scripts that show them present in other session layers: `bench/tests/defects`.
#[test]
fn peers_defects_are_absent() {
    for (name, script) in DEFECTS {
        let found = block_on(script(&Stored(files()))).unwrap().unwrap();
        assert_eq!(found, Found::Absent, "{name}");
    }
}
