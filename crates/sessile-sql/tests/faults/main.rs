//! PostgreSQL and MariaDB of our own, killed, frozen, cut off and used up.
#![cfg(feature = "faults")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod connections;
mod network;
mod servers;

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sessile_conformance::{Capabilities, Suite};
use sessile_core::store::{CreateOutcome, Entry, Layout, Record, Version};
use sessile_core::{SessionStore as _, StoreKey};
use sessile_sql::{Options, SqlStore};
use sessile_testbed::Server;
use sessile_testbed::mariadb::{MariaDb, MariaDbOptions};
use sessile_testbed::postgres::{Postgres, PostgresOptions};
use sessile_testbed::proxy::Proxy;

const TIMEOUT: Duration = Duration::from_millis(500);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(2);

/// A server of this test's own.
enum Database {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Database {
    /// One after the other. They wait for the disk at each commit.
    fn each() -> impl Iterator<Item = Self> {
        let starts: [fn() -> Self; 2] = [
            || {
                let options = PostgresOptions { durable: true, ..Default::default() };
                Self::Postgres(Postgres::start(&options).unwrap())
            },
            || {
                let options = MariaDbOptions { durable: true, ..Default::default() };
                Self::MariaDb(MariaDb::start(&options).unwrap())
            },
        ];
        starts.into_iter().map(|start| start())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::MariaDb(_) => "MariaDB",
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(),
            Self::MariaDb(server) => server.url(),
        }
    }

    /// Runs SQL past the store.
    fn query(&self, sql: &str) -> String {
        match self {
            Self::Postgres(server) => server.query(sql).unwrap(),
            Self::MariaDb(server) => server.query(sql).unwrap(),
        }
    }

    /// Ends every connection of the store's, whatever it is doing.
    fn end_connections(&self) {
        match self {
            Self::Postgres(_) => {
                self.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE application_name = 'sessile'",
                );
            }
            Self::MariaDb(server) => {
                let ids = self.query(
                    "SELECT id FROM information_schema.processlist \
                     WHERE user = 'sessile' AND id <> CONNECTION_ID()",
                );
                for id in ids.lines() {
                    // It may have gone meanwhile.
                    let _ = server.query(&format!("KILL CONNECTION {id}"));
                }
            }
        }
    }

    fn behind_proxy(&self) -> (Proxy, String) {
        let proxy = Proxy::start(self.address()).unwrap();
        let url = proxy.instead_of(&self.url());
        (proxy, url)
    }
}

impl Deref for Database {
    type Target = Server;

    fn deref(&self) -> &Server {
        match self {
            Self::Postgres(server) => server,
            Self::MariaDb(server) => server,
        }
    }
}

impl DerefMut for Database {
    fn deref_mut(&mut self) -> &mut Server {
        match self {
            Self::Postgres(server) => server,
            Self::MariaDb(server) => server,
        }
    }
}

/// With a short timeout.
fn options(layout: Layout) -> Options {
    Options { busy_timeout: TIMEOUT, ..Options::of(layout) }
}

/// With the patience that making tables takes on a busy machine, and then a short timeout.
async fn connect(url: &str, short: Options) -> SqlStore {
    let patient = Options { busy_timeout: Duration::from_secs(10), ..short.clone() };
    drop(SqlStore::connect(url, patient).await.unwrap());
    SqlStore::connect(url, short).await.unwrap()
}

/// Records of the suite's.
fn record(payload: impl Into<bytes::Bytes>) -> Record {
    let open = || async { Ok(sessile_core::MemoryStore::new()) };
    Suite::new(open, Capabilities::all()).record(payload)
}

fn key(number: usize) -> StoreKey {
    let mut hash = [9; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    StoreKey::from_hash(hash)
}

async fn create(store: &SqlStore, key: &StoreKey, record: &Record) -> Version {
    match store.create(key, record).await.unwrap() {
        CreateOutcome::Created(version) => version,
        CreateOutcome::Exists => panic!("a fresh key is taken"),
    }
}

async fn live(store: &SqlStore, key: &StoreKey) -> Option<(String, Version)> {
    match store.load(key).await.unwrap() {
        Some(Entry::Live(record, version)) => {
            Some((String::from_utf8(record.payload.to_vec()).unwrap(), version))
        }
        _ => None,
    }
}

async fn payload(store: &SqlStore, key: &StoreKey) -> Option<String> {
    live(store, key).await.map(|(payload, _)| payload)
}
