//! The HTTP scripts over Memcached.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::http::defects::{DEFECTS, Found, Stored};
use sessile_conformance::{block_on, http_tests};
use support::{Servers, native};

http_tests!(native(Servers::All).0, native(Servers::All).1);

/// The scripts that show them present in other session layers: `bench/tests/defects`.
#[test]
fn peers_defects_are_absent() {
    for (name, script) in DEFECTS {
        let found = block_on(script(&Stored(native(Servers::All).0))).unwrap().unwrap();
        assert_eq!(found, Found::Absent, "{name}");
    }
}
