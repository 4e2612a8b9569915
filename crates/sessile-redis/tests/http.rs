//! The HTTP scripts over Redis.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::http::defects::{DEFECTS, Found, Stored};
use sessile_conformance::{block_on, http_tests};
use support::{CLUSTER, REDIS, SENTINEL, native};

http_tests!(native(REDIS).0, native(REDIS).1);

mod behind_sentinels {
    use super::*;

    http_tests!(native(SENTINEL).0, native(SENTINEL).1);
}

mod on_a_cluster {
    use super::*;

    http_tests!(native(CLUSTER).0, native(CLUSTER).1);
}

/// The scripts that show them present in other session layers: `bench/tests/defects`.
#[test]
fn peers_defects_are_absent() {
    for topology in [REDIS, SENTINEL, CLUSTER] {
        for (name, script) in DEFECTS {
            let found = block_on(script(&Stored(native(topology).0))).unwrap().unwrap();
            assert_eq!(found, Found::Absent, "{name}, {topology}");
        }
    }
}
