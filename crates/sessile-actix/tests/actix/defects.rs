//! Defects of other session layers, absent here. `bench/tests/defects` shows where they are.

use sessile_conformance::block_on;
use sessile_conformance::http::defects::{DEFECTS, Found, Sessile};

use crate::support::Actix;

/// Stored sessions have none of them.
#[test]
fn peers_defects_are_absent_from_stored_sessions_on_actix() {
    for (name, script) in DEFECTS {
        let found = block_on(script(&Sessile::STORED.through(&Actix))).unwrap().unwrap();
        assert_eq!(found, Found::Absent, "{name}");
    }
}

/// Cookie-held ones have two by nature: the browser's last cookie is the session.
#[test]
fn peers_defects_in_cookie_held_sessions_on_actix_are_those_of_all_cookies() {
    let mut present = Vec::new();
    for (name, script) in DEFECTS {
        let found = block_on(script(&Sessile::SIGNED.through(&Actix))).unwrap().unwrap();
        if found == Found::Present {
            present.push(name);
        }
    }
    let wanted = ["a slow request revives a logout", "a concurrent change of another key is lost"];
    assert_eq!(present, wanted);
}
