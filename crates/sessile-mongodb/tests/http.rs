//! The HTTP scripts over MongoDB.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::fresh;
use sessile_conformance::http::defects::{DEFECTS, Found, Stored};
use sessile_conformance::{Capabilities, block_on, http_tests};
use sessile_core::store::Layout;

http_tests!(fresh(Layout::Native), Capabilities::all());

/// The scripts that show them present in other session layers: `bench/tests/defects`.
#[test]
fn peers_defects_are_absent() {
    for (name, script) in DEFECTS {
        let found = block_on(script(&Stored(fresh(Layout::Native)))).unwrap().unwrap();
        assert_eq!(found, Found::Absent, "{name}");
    }
}
