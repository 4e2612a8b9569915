//! One server under the suite, in every layout.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::store_tests;
use support::{REDIS, django, flask_session, native};

mod in_our_layout {
    use super::*;

    store_tests!(native(REDIS).0, native(REDIS).1);
}

mod in_flask_sessions_layout {
    use super::*;

    store_tests!(flask_session(REDIS).0, flask_session(REDIS).1);
}

mod in_djangos_layout {
    use super::*;

    store_tests!(django(REDIS).0, django(REDIS).1);
}
