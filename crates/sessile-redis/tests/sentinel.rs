//! A master behind Sentinels under the suite, in every layout.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::store_tests;
use support::{SENTINEL, django, flask_session, native};

mod in_our_layout {
    use super::*;

    store_tests!(native(SENTINEL).0, native(SENTINEL).1);
}

mod in_flask_sessions_layout {
    use super::*;

    store_tests!(flask_session(SENTINEL).0, flask_session(SENTINEL).1);
}

mod in_djangos_layout {
    use super::*;

    store_tests!(django(SENTINEL).0, django(SENTINEL).1);
}
