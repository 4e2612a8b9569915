//! A cluster under the suite, in every layout.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::store_tests;
use support::{CLUSTER, django, flask_session, native};

mod in_our_layout {
    use super::*;

    store_tests!(native(CLUSTER).0, native(CLUSTER).1);
}

mod in_flask_sessions_layout {
    use super::*;

    store_tests!(flask_session(CLUSTER).0, flask_session(CLUSTER).1);
}

mod in_djangos_layout {
    use super::*;

    store_tests!(django(CLUSTER).0, django(CLUSTER).1);
}
