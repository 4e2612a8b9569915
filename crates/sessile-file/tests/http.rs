//! The HTTP scripts over files.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_conformance::{Capabilities, Open, http_tests};
use sessile_file::{FileStore, Options};
use tempfile::TempDir;

fn files() -> impl Open {
    let folder = TempDir::new().unwrap();
    move || {
        FileStore::open(folder.path().join("sessions").display().to_string(), Options::default())
    }
}

http_tests!(files(), Capabilities::all());
