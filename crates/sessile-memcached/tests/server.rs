//! Every layout under the suite, on one server and on three.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::UNIX_EPOCH;

use sessile_conformance::faults::record;
use sessile_conformance::{Capabilities, Keys, Open as _, store_tests};
use sessile_core::store::{Finding, Level};
use sessile_core::{AnyStore, SessionStore as _, StoreErrorKind, StoreKey, Timestamp};
use sessile_memcached::{MemcachedStore, Options};
use sessile_testbed::memcached::{self, Memcached, MemcachedOptions};
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
            assert_eq!(store.load(&key).await.unwrap(), None, "who sends it is a new visitor");
            let error = store.create(&key, &record(10)).await.expect_err(id);
            assert_eq!(error.kind(), StoreErrorKind::Unrepresentable, "{id:?}: {error}");
            store.delete(&key).await.unwrap();
        }
        assert!(store.load(&kept).await.unwrap().is_some());
    }
}

/// By the names and words of a real server.
#[tokio::test]
async fn the_doctor_reads_what_real_servers_say_of_themselves() {
    let now = || Timestamp::from_secs(0) + UNIX_EPOCH.elapsed().unwrap();
    let findings = async |url: &str| {
        let store = MemcachedStore::at(url, Options::default()).unwrap();
        store.capabilities().diagnose.unwrap().diagnose(&now).await.unwrap()
    };
    let level = |findings: &[Finding], check: &str| {
        findings.iter().find(|it| it.check == check).map(|it| it.level)
    };
    let good = findings(&support::url(Servers::All)).await;
    for check in ["servers", "version", "item size", "LRU", "connections"] {
        assert_eq!(level(&good, check), Some(Level::Good), "{check} {good:?}");
    }
    let more = ["-C", "-o", "no_lru_crawler"].map(str::to_owned).into();
    let largest_item = Some(64 << 10);
    let bad = MemcachedOptions { largest_item, more, ..MemcachedOptions::default() };
    let server = [Memcached::start(&bad).unwrap()];
    let url = format!("{},127.0.0.1:1", memcached::url(&server));
    let bad = findings(&url).await;
    for check in ["servers", "compare and set"] {
        assert_eq!(level(&bad, check), Some(Level::Bad), "{check} {bad:?}");
    }
    for check in ["item size", "LRU"] {
        assert_eq!(level(&bad, check), Some(Level::Warning), "{check} {bad:?}");
    }
}

/// What another program, or a newer release, leaves under a session's key.
#[test]
fn s13_an_unreadable_item_is_nobodys_session() {
    use std::io::{BufRead as _, BufReader, Write as _};

    use sessile_conformance::cases::unreadable::an_unreadable_entry_is_nobodys_session as case;
    use sessile_conformance::{Suite, passed};

    let address = support::url(Servers::One);
    let address = address.trim_start_matches("memcached://").to_owned();
    let plant = |name: &str, flags: u32, value: &str| {
        let mut server = std::net::TcpStream::connect(&address).unwrap();
        write!(server, "set {name} {flags} 3600 {}\r\n{value}\r\n", value.len()).unwrap();
        let mut said = String::new();
        BufReader::new(server).read_line(&mut said).unwrap();
        assert_eq!(said, "STORED\r\n");
    };
    for value in ["", "\x7f of a release to come", "\x01\x00"] {
        let (open, can) = native(Servers::One);
        let damage = async |key: &StoreKey| {
            plant(&format!("sessile:{}", key.to_name()), 0, value);
        };
        passed(case(&Suite::new(open, can), damage))
            .unwrap_or_else(|failure| panic!("{value:?}: {failure}"));
    }
    // Python's clients tell the type of a value by its flags.
    let damage = async |key: &StoreKey| plant(&key.to_text(), 2, "5");
    let (open, can) = flask_session(Servers::One);
    passed(case(&Suite::new(open, can), damage)).unwrap();
    let (open, can) = django(Servers::One);
    passed(case(&Suite::new(open, can), damage)).unwrap();
}

/// An item ends when another program says so: any number it can send.
#[test]
fn s14_a_hostile_moment_of_an_item_harms_nobody() {
    use std::io::{BufRead as _, BufReader, Write as _};

    use sessile_conformance::cases::hostile_moments::a_hostile_moment_harms_nobody as case;
    use sessile_conformance::{Suite, passed};

    let address = support::url(Servers::One);
    let address = address.trim_start_matches("memcached://").to_owned();
    let touch = |name: &str, end: &str| {
        let mut server = std::net::TcpStream::connect(&address).unwrap();
        write!(server, "touch {name} {end}\r\n").unwrap();
        let mut said = String::new();
        BufReader::new(server).read_line(&mut said).unwrap();
        assert!(["TOUCHED\r\n", "NOT_FOUND\r\n"].contains(&&*said), "{end}: {said}");
    };
    for end in ["0", "-1", "-2147483648", "1", "2592000", "2592001", "2147483647"] {
        let (open, can) = native(Servers::One);
        let plant = async |key: &StoreKey| touch(&format!("sessile:{}", key.to_name()), end);
        passed(case(&Suite::new(open, can), plant)).unwrap_or_else(|it| panic!("{end}: {it}"));
        let plant = async |key: &StoreKey| touch(&key.to_text(), end);
        let (open, can) = flask_session(Servers::One);
        passed(case(&Suite::new(open, can), plant)).unwrap_or_else(|it| panic!("{end}: {it}"));
        let (open, can) = django(Servers::One);
        passed(case(&Suite::new(open, can), plant)).unwrap_or_else(|it| panic!("{end}: {it}"));
    }
}

#[test]
fn s18_settings_at_their_extremes_panic_nowhere() {
    use std::time::Duration;

    use sessile_conformance::cases::settings::every_call_serves as case;
    use sessile_conformance::{Suite, block_on, passed};

    let most = Options {
        timeout: Duration::MAX,
        listing: Duration::MAX,
        retry_after: Duration::MAX,
        connections: usize::MAX,
        waiting: usize::MAX,
        ..Options::default()
    };
    let nothing = Options {
        timeout: Duration::ZERO,
        listing: Duration::ZERO,
        retry_after: Duration::ZERO,
        connections: 0,
        waiting: 0,
        ..Options::default()
    };
    let suite = |url: String, options: &Options| {
        Suite::new(support::opened(url, options.clone()), support::like_ours())
    };
    let url = support::url(Servers::All);
    passed(case(&suite(url.clone(), &most))).unwrap();
    // Nothing is done in no time; what matters is that this returns.
    assert!(block_on(case(&suite(url, &nothing))).unwrap().is_err());
    // A server that refuses is not asked again for ever.
    assert!(block_on(case(&suite("memcached://127.0.0.1:1".into(), &most))).unwrap().is_err());
}
