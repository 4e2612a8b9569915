//! One server under the suite, in every layout.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use sessile_conformance::store_tests;
use sessile_redis::RedisStore;
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

/// Whatever the times and numbers are, with one server, a cluster and Sentinels.
#[test]
fn s18_settings_at_their_extremes_panic_nowhere() {
    use std::time::Duration;

    use sessile_conformance::cases::settings::every_call_serves as case;
    use sessile_conformance::{Suite, block_on, passed};
    use sessile_redis::{Durable, NearCache, Options};

    let most = Options {
        connect_timeout: Duration::MAX,
        timeout: Duration::MAX,
        waiting: usize::MAX,
        near_cache: Some(NearCache {
            sessions: usize::MAX,
            bytes: usize::MAX,
            lease: Duration::MAX,
        }),
        ..Options::default()
    };
    let durable = Some(Durable { replicas: 0, timeout: Duration::MAX });
    let durable = Options { durable, ..most.clone() };
    let near_cache = Some(NearCache { sessions: 0, bytes: 0, lease: Duration::ZERO });
    let no_cache = Options { near_cache, ..Options::default() };
    let nothing = Options {
        connect_timeout: Duration::ZERO,
        timeout: Duration::ZERO,
        waiting: 0,
        durable: Some(Durable { replicas: u32::MAX, timeout: Duration::ZERO }),
        ..no_cache.clone()
    };
    for variable in [REDIS, support::CLUSTER, support::SENTINEL] {
        let suite = |options: &Options| {
            let (url, options) = (support::url(variable), options.clone());
            let open = move || {
                let store = RedisStore::at(&url, options.clone()).unwrap();
                async { Ok(store) }
            };
            Suite::new(open, native(variable).1)
        };
        for options in [&most, &durable, &no_cache] {
            passed(case(&suite(options)))
                .unwrap_or_else(|failure| panic!("{variable}, {options:?}: {failure}"));
        }
        // Nothing is done in no time; what matters is that this returns.
        assert!(block_on(case(&suite(&nothing))).unwrap().is_err());
    }
}
