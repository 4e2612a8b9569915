//! Every layout under the suite, on one server and on three.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::faults::record;
use sessile_conformance::{Capabilities, Keys, Open as _, store_tests};
use sessile_core::{AnyStore, SessionStore as _, StoreErrorKind, StoreKey};
use support::{Servers, django, flask_session, native};

mod one_server {
    use super::*;

    mod in_our_layout {
        use super::*;

        store_tests!(native(Servers::One).0, native(Servers::One).1);
    }

    /// Ours, under ids that somebody else's format spells.
    mod in_our_layout_with_foreign_keys {
        use super::*;

        store_tests!(
            native(Servers::One).0,
            Capabilities { keys: Keys::Text("session:"), ..native(Servers::One).1 }
        );
    }

    mod in_flask_sessions_layout {
        use super::*;

        store_tests!(flask_session(Servers::One).0, flask_session(Servers::One).1);
    }

    mod in_djangos_layout {
        use super::*;

        store_tests!(django(Servers::One).0, django(Servers::One).1);
    }
}

mod three_servers {
    use super::*;

    mod in_our_layout {
        use super::*;

        store_tests!(native(Servers::All).0, native(Servers::All).1);
    }

    mod in_flask_sessions_layout {
        use super::*;

        store_tests!(flask_session(Servers::All).0, flask_session(Servers::All).1);
    }

    mod in_djangos_layout {
        use super::*;

        store_tests!(django(Servers::All).0, django(Servers::All).1);
    }
}

/// Flask-Session sent whatever the cookie held (CRLF and all); Django CVE-2020-13254.
#[tokio::test]
async fn r31_an_id_that_is_a_command_reaches_no_server() {
    let (ours, theirs) = (native(Servers::One).0, flask_session(Servers::One).0);
    let (ours, theirs) = (ours.open().await.unwrap(), theirs.open().await.unwrap());
    for store in [AnyStore::new(ours), AnyStore::new(theirs)] {
        let kept = StoreKey::from_text("session:kept");
        store.delete(&kept).await.unwrap();
        store.create(&kept, &record(10)).await.unwrap();
        for id in ["x\r\nflush_all", "x y", "x\n", "\0", &"x".repeat(250)] {
            let key = StoreKey::from_text(format!("session:{id}"));
            let error = store.load(&key).await.expect_err(id);
            assert_eq!(error.kind(), StoreErrorKind::BadEntry, "who sends it is a new visitor");
            let error = store.create(&key, &record(10)).await.expect_err(id);
            let kinds = [StoreErrorKind::Unsupported, StoreErrorKind::TooLarge];
            assert!(kinds.contains(&error.kind()), "{id:?}: {error}");
            assert!(store.delete(&key).await.is_err(), "{id:?}");
        }
        assert!(store.load(&kept).await.unwrap().is_some());
    }
}
