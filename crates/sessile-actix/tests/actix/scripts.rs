//! The HTTP scripts that every framework's sessions pass, unchanged, through actix-web.

use sessile_conformance::{Capabilities, http_tests};
use sessile_core::MemoryStore;

use crate::support::Actix;

fn memory() -> impl sessile_conformance::Open {
    let store = MemoryStore::new();
    move || {
        let store = store.clone();
        async move { Ok(store) }
    }
}

http_tests!(memory(), Capabilities::all(), Actix);
