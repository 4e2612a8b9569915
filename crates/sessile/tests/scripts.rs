//! The HTTP scripts over the memory store.

use sessile_conformance::{Capabilities, Open, http_tests};
use sessile_core::MemoryStore;

fn memory() -> impl Open {
    let store = MemoryStore::new();
    move || {
        let store = store.clone();
        async move { Ok(store) }
    }
}

http_tests!(memory(), Capabilities::all());
