//! Every layout under the suite, on one server and on three.
#![cfg(feature = "servers")]

mod support;

use sessile_conformance::{Capabilities, Keys, store_tests};
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
