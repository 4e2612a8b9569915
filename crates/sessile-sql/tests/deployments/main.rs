//! As people run them: poolers, private authorities, roles with least rights, failovers.
//!
//! `cargo xtask servers --only postgres,mysql -- cargo test -p sessile-sql --features servers
//! --test deployments`; with `feature = "faults"`, as `cargo xtask faults` runs it, loads last a
//! minute instead of seconds.
#![cfg(any(feature = "servers", feature = "faults"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod addresses;
mod authorities;
mod encodings;
mod failovers;
mod limits;
mod load;
mod poolers;
mod rights;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sessile_core::store::{CreateOutcome, Entry, Layout, Record, TouchOutcome, WriteOutcome};
use sessile_core::{SessionStore as _, StoreKey};
use sessile_sql::{Options, SqlStore};
use sessile_testbed::mariadb::{MariaDb, MariaDbOptions};
use sessile_testbed::postgres::{Postgres, PostgresOptions};

const LAYOUTS: [Layout; 3] = [Layout::Native, Layout::FlaskSession, Layout::Django];

/// One for all tests of this program that do not break it; both speak TLS to those who ask.
fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| {
        Postgres::start(&PostgresOptions { tls: true, ..Default::default() }).unwrap()
    })
}

fn mariadb() -> &'static MariaDb {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    SERVER.get_or_init(|| {
        let more = vec!["--max-allowed-packet=1M".to_owned()];
        MariaDb::start(&MariaDbOptions { tls: true, more, ..Default::default() }).unwrap()
    })
}

/// A name of this test's own.
fn name(what: &str) -> String {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    format!("{what}{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

/// A table of this test's own.
fn options(layout: Layout) -> Options {
    Options { table: name("t"), ..Options::of(layout) }
}

fn key(layout: Layout, number: u64) -> StoreKey {
    match layout {
        Layout::Native => {
            let mut hash = [7; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            StoreKey::from_hash(hash)
        }
        _ => StoreKey::from_text(format!("key{number:029}")),
    }
}

/// For an hour, in the layout's own terms.
fn record(payload: &str) -> Record {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let end = sessile_core::Timestamp::from_secs(i64::try_from(now.as_secs()).unwrap() + 3600);
    Record::ending(payload.to_owned(), Some(end))
}

async fn payload(store: &SqlStore, key: &StoreKey) -> Option<String> {
    match store.load(key).await.unwrap() {
        Some(Entry::Live(record, _)) => Some(String::from_utf8(record.payload.to_vec()).unwrap()),
        _ => None,
    }
}

/// Everything that requests do, once each.
async fn serves(store: &SqlStore, layout: Layout) {
    static NUMBERS: AtomicU32 = AtomicU32::new(1_000_000);
    let number = || u64::from(NUMBERS.fetch_add(1, Ordering::Relaxed));
    let (first, second) = (key(layout, number()), key(layout, number()));
    let CreateOutcome::Created(version) = store.create(&first, &record("one")).await.unwrap()
    else {
        panic!("it is there already")
    };
    assert_eq!(payload(store, &first).await.as_deref(), Some("one"));
    let WriteOutcome::Written(version) =
        store.update(&first, &record("two"), &version).await.unwrap()
    else {
        panic!("it was not changed")
    };
    let now = record("").absolute.unwrap() + Duration::from_secs(1);
    let touched = store.touch(&first, now, Some(Duration::from_secs(60))).await.unwrap();
    assert!(layout == Layout::Native || touched == TouchOutcome::Gone, "{touched:?}");
    let moved = store.replace(&first, &version, &second, &record("three"), None).await.unwrap();
    assert!(matches!(moved, WriteOutcome::Written(_)), "{moved:?}");
    assert_eq!(payload(store, &first).await, None);
    assert_eq!(payload(store, &second).await.as_deref(), Some("three"));
    let can = store.capabilities();
    can.scan.unwrap().scan(None, 10).await.unwrap();
    can.sweep.unwrap().sweep(sessile_core::Timestamp::from_secs(1), 10).await.unwrap();
    store.end(&second).await.unwrap();
    assert_eq!(payload(store, &second).await, None);
}
