//! The stores that the documents show, under the whole suite for stores. Their source is here once;
//! a test sees to it that the documents show the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod json_file;
#[cfg(feature = "servers")]
mod redis_values;

use sessile_conformance::{Capabilities, store_tests};

const GUIDE: &str = include_str!("../../../../docs/guides/a-store-of-your-own.md");
const SEED: &str = include_str!("../../../../docs/seeds/001.md");

#[test]
fn the_documents_show_the_stores_that_are_tested() {
    let json_file = include_str!("json_file/store.rs");
    assert!(SEED.contains(json_file), "docs/seeds/001.md shows another store");
    let redis = include_str!("redis_values/store.rs");
    assert!(GUIDE.contains(redis), "docs/guides/a-store-of-your-own.md shows another store");
    let lines = json_file.lines().count();
    assert!(lines <= 60, "the store has {lines} lines, the page says that it is short");
}

mod in_a_json_file {
    use super::*;

    store_tests!(json_file::opened(), Capabilities::all());
}

#[cfg(feature = "servers")]
mod on_a_redis_server {
    use super::*;

    store_tests!(redis_values::opened().0, redis_values::opened().1);
}
