//! One type for all layouts.

use std::time::Duration;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Cursor, Diagnose, Entry, Finding, Layout, Page, Record,
    Scan, TouchOutcome, Unreadable, Version, WriteOutcome,
};
use sessile_core::{SessionStore, StoreError, StoreErrorKind, StoreKey, Timestamp};

use crate::choice::{Ring, ServerChoice};
use crate::connection::Item;
use crate::diagnose;
use crate::fault::{Fault, STORE};
use crate::foreign::{Foreign, Whose};
use crate::keys::{WireKey, takes};
use crate::native::Native;
use crate::scan::{self, Remembered};
use crate::server::Server;
use crate::{ConnectError, Options, address};

/// A key may be 250 bytes long, and ours are 66 without the prefix.
const MAX_PREFIX: usize = 100;

/// Sessions in Memcached. Clones share its connections.
#[derive(Clone)]
pub struct MemcachedStore {
    servers: Arc<Servers>,
    items: Items,
    remembered: Arc<Remembered>,
}

#[derive(Clone)]
pub(crate) enum Items {
    Native(Native),
    Foreign(Foreign),
}

impl Items {
    /// What the key is called.
    pub(crate) fn name(&self, key: &StoreKey) -> Option<WireKey> {
        WireKey::new(
            key,
            match self {
                Self::Native(layout) => Some(&layout.prefix),
                Self::Foreign(_) => None,
            },
        )
    }

    /// The key of a name that a server told of, if it is a session's.
    pub(crate) fn key_of(&self, name: &WireKey) -> Option<StoreKey> {
        match self {
            Self::Native(layout) => layout.key_of(name),
            Self::Foreign(layout) => layout.key_of(name),
        }
    }

    /// The session in an item, if there is one.
    pub(crate) fn record(&self, item: Item) -> Result<Option<Record>, Unreadable> {
        match self {
            Self::Native(_) => Native::record(item),
            Self::Foreign(layout) => layout.record(item).map(Some),
        }
    }
}

/// The servers, and which of them has which key.
pub(crate) struct Servers {
    first: Server,
    others: Vec<Server>,
    ring: Ring,
}

impl Servers {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The place of a key's server among [`all`](Self::all).
    pub(crate) fn place(&self, key: &WireKey) -> usize {
        self.ring.server(key)
    }

    pub(crate) fn of(&self, key: &WireKey) -> &Server {
        let other = self.place(key).checked_sub(1);
        other.and_then(|at| self.others.get(at)).unwrap_or(&self.first)
    }
}

/// Calls the same method on whichever layout it is.
macro_rules! each {
    ($store:expr, $layout:ident => $call:expr) => {
        match &$store.items {
            Items::Native($layout) => $call,
            Items::Foreign($layout) => $call,
        }
    };
}

impl MemcachedStore {
    /// Connects to the servers at `url`, and fails when one of them does not answer.
    ///
    /// The URL is `memcached://HOST:PORT,HOST:PORT,…`, with the servers named and
    /// ordered as they are for the other clients; `NAME:PASSWORD@` before them is for
    /// servers started with `-Y`. The port is 11211 unless given.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; a server's failure is [`ConnectError::Store`].
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        let store = Self::at(url, options)?;
        for server in store.servers.all() {
            let failed = |fault: Fault| ConnectError::Store(fault.at(&server.name()));
            server.check().await.map_err(failed)?;
        }
        Ok(store)
    }

    /// As [`connect`](Self::connect), but connects at the first call only: for a
    /// cache that an application can do without.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`], [`ConnectError::Prefix`], or no random bytes.
    pub fn at(url: &str, options: Options) -> Result<Self, ConnectError> {
        let options = options.bounded();
        let addresses = address::parse(url)?;
        let prefix: Arc<str> = options.prefix().into();
        let ours = options.layout == Layout::Native;
        if ours && (prefix.len() > MAX_PREFIX || !takes(&prefix)) {
            return Err(ConnectError::Prefix);
        }
        let choice = options.choice.unwrap_or(match options.layout {
            Layout::FlaskSession => ServerChoice::Pylibmc,
            Layout::Native | Layout::Django => ServerChoice::Pymemcache,
        });
        let ring = Ring::new(choice, &addresses);
        let mut servers = addresses.into_iter().map(|it| Server::new(it, &options));
        let first = servers.next().ok_or(ConnectError::Url("it names no server"))?;
        let servers = Arc::new(Servers { first, others: servers.collect(), ring });
        let foreign = |whose| {
            let (servers, prefix) = (Arc::clone(&servers), Arc::clone(&prefix));
            Items::Foreign(Foreign { servers, whose, prefix })
        };
        let items = match options.layout {
            Layout::FlaskSession => foreign(Whose::FlaskSession),
            Layout::Django => foreign(Whose::Django),
            Layout::Native => {
                let mut start = [0; 8];
                getrandom::fill(&mut start).map_err(|error| {
                    let failed = StoreError::new(STORE, StoreErrorKind::Unavailable);
                    ConnectError::Store(failed.because(error))
                })?;
                Items::Native(Native {
                    servers: Arc::clone(&servers),
                    prefix,
                    numbers: Arc::new(AtomicU64::new(u64::from_ne_bytes(start))),
                })
            }
        };
        Ok(Self { servers, items, remembered: Arc::default() })
    }
}

impl fmt::Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemcachedStore")
    }
}

impl SessionStore for MemcachedStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        each!(self, layout => layout.load(key).await)
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        each!(self, layout => layout.create(key, record).await)
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        each!(self, layout => layout.update(key, record, expected).await)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        each!(self, layout => layout.touch(key, seen, idle).await)
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        let (old, new, expected) = (old_key.clone(), new_key.clone(), expected.clone());
        let record = record.clone();
        match self.items.clone() {
            Items::Native(it) => {
                to_the_end(async move {
                    it.replace(&old, &expected, &new, &record, pointer_until).await
                })
                .await
            }
            Items::Foreign(it) => {
                to_the_end(async move { it.replace(&old, &expected, &new, &record).await }).await
            }
        }
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, layout => layout.delete(key).await)
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, layout => layout.end(key).await)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { scan: Some(self), diagnose: Some(self), ..Capabilities::default() }
    }
}

/// Every server lists all its keys for it, other applications' included: once at
/// the beginning, and again for each 65 536 sessions. That takes a second for
/// about a million keys, during which the server goes on answering; up to 10 MB
/// of keys are remembered between pages. Sessions that are listed count as used
/// when the server is to drop some for want of room.
impl Scan for MemcachedStore {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(scan::scan(&self.servers, &self.items, &self.remembered, after, limit))
    }
}

impl Diagnose for MemcachedStore {
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>> {
        Box::pin(async move { Ok(diagnose::findings(&self.servers, clock).await) })
    }
}

/// Runs a write of several steps to its end, whether its caller waits or not.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.unwrap_or_else(|_| {
        Err(StoreError::new(STORE, StoreErrorKind::Unavailable)
            .because("the runtime is shutting down"))
    })
}
