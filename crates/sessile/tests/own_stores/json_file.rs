//! The store of docs/seeds/001.md.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use sessile::store::key_value::{KeyPage, KeyValue, KeyValueStore, Put, Stamp};
use sessile_conformance::Open;

include!("json_file/store.rs");

/// A file of its own for each test, which every handle opens.
pub(crate) fn opened() -> impl Open {
    let folder = tempfile::tempdir().unwrap();
    move || {
        let store = KeyValueStore::new(JsonFile(folder.path().join("sessions.json")));
        async move { Ok(store) }
    }
}
