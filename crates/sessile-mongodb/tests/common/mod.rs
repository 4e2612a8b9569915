//! Stores on the server that the harness has started.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::sync::atomic::{AtomicUsize, Ordering};

use sessile_conformance::Open;
use sessile_core::StoreError;
use sessile_core::store::Layout;
use sessile_mongodb::{ConnectError, MongoStore, Options};

pub(crate) const DATABASE: &str = "sessile_tests";

pub(crate) fn url() -> String {
    std::env::var("SESSILE_TEST_MONGODB_URL")
        .expect("SESSILE_TEST_MONGODB_URL is not set: run `cargo xtask servers -- cargo test …`")
}

/// A collection that nobody else uses.
pub(crate) fn collection() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    format!("{since:x}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn options(layout: Layout, collection: &str) -> Options {
    let (database, collection) = (Some(DATABASE.into()), collection.into());
    Options { layout, database, collection, ..Options::default() }
}

pub(crate) async fn open(layout: Layout, collection: String) -> Result<MongoStore, StoreError> {
    MongoStore::connect(&url(), options(layout, &collection)).await.map_err(|error| match error {
        ConnectError::Store(error) => error,
        other => unreachable!("{other}"),
    })
}

pub(crate) fn fresh(layout: Layout) -> impl Open {
    let collection = collection();
    move || open(layout, collection.clone())
}
