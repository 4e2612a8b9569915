//! One server and the connections to it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::address::Address;
use crate::connection::{Connection, Item, Only, Stamp, Stats, Stored};
use crate::fault::Fault;
use crate::keys::WireKey;
use crate::options::Options;

/// A server that lists its keys for somebody else is asked again after this long.
const PAUSE: Duration = Duration::from_millis(20);

/// One server. A connection belongs to one call at a time and comes back only
/// when the call's whole reply was read: whoever drops a call drops its
/// connection, so that no reply reaches another (redis-py CVE-2023-28858).
pub(crate) struct Server {
    address: Address,
    idle: Mutex<Vec<Connection>>,
    connections: Semaphore,
    waiting: Semaphore,
    timeout: Duration,
    listing: Duration,
    retry_after: Duration,
    /// Until when it is not asked again.
    resting: Mutex<Option<Instant>>,
}

/// Calls a method of a connection within the time allowed. What may be done
/// twice is done again when a connection turns out to be broken.
macro_rules! call {
    ($server:expr, $again:expr, $connection:ident => $call:expr) => {
        async {
            let _waiting = $server.waiting.try_acquire().map_err(|_| Fault::Crowded)?;
            let in_time = timeout($server.timeout, async {
                let mut again = $again;
                loop {
                    let _permit =
                        $server.connections.acquire().await.map_err(|_| Fault::Crowded)?;
                    let mut $connection = $server.connection().await?;
                    match $call.await {
                        Ok(answer) => {
                            lock(&$server.idle).push($connection);
                            return Ok(answer);
                        }
                        Err(fault) if again && fault.is_of_the_connection() => {
                            // The others are from before as well.
                            lock(&$server.idle).clear();
                            again = false;
                        }
                        Err(fault) => return Err(fault),
                    }
                }
            });
            in_time.await.unwrap_or(Err(Fault::Late))
        }
        .await
    };
}

impl Server {
    pub(crate) fn new(address: Address, options: &Options) -> Self {
        Self {
            address,
            idle: Mutex::default(),
            connections: Semaphore::new(options.connections.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: Semaphore::new(options.waiting.clamp(1, Semaphore::MAX_PERMITS)),
            timeout: options.timeout,
            listing: options.listing,
            retry_after: options.retry_after,
            resting: Mutex::default(),
        }
    }

    /// Whether it answers.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        self.get("sessile").await.map(|_| ())
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Item>, Fault> {
        call!(self, true, connection => connection.get(key))
    }

    pub(crate) async fn set(
        &self,
        key: &str,
        value: &[u8],
        flags: u32,
        expiry: i64,
        only: Only,
    ) -> Result<Stored, Fault> {
        call!(self, false, connection => connection.set(key, value, flags, expiry, only))
    }

    /// Whatever is there.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Fault> {
        call!(self, true, connection => connection.delete(key, None)).map(|_| ())
    }

    /// Whether it was deleted; `None` if there is another than the expected.
    pub(crate) async fn delete_if_still(
        &self,
        key: &str,
        expected: Stamp,
    ) -> Result<Option<bool>, Fault> {
        call!(self, false, connection => connection.delete(key, Some(expected)))
    }

    pub(crate) async fn touch(&self, key: &str, expiry: i64) -> Result<bool, Fault> {
        call!(self, true, connection => connection.touch(key, expiry))
    }

    /// The items of a few keys, in their order.
    pub(crate) async fn get_each(&self, keys: &[WireKey]) -> Result<Vec<Option<Item>>, Fault> {
        call!(self, true, connection => connection.get_each(keys))
    }

    /// Tells `each` every key of the server, over a connection that serves for
    /// nothing else: one in the middle of a list is good for no visitor's call.
    pub(crate) async fn list(&self, mut each: impl FnMut(&[u8])) -> Result<(), Fault> {
        let until = Instant::now() + self.listing;
        let mut connection = self.opened().await?;
        loop {
            let listed = timeout_at(until, connection.list(&mut each)).await;
            match listed.unwrap_or(Err(Fault::Late)) {
                // Then it has told nothing yet.
                Err(Fault::Listing) if Instant::now() + PAUSE < until => sleep(PAUSE).await,
                ended => return ended,
            }
        }
    }

    /// What the server says of itself, or of a group of things.
    pub(crate) async fn stats(&self, group: &str) -> Result<Stats, Fault> {
        call!(self, true, connection => connection.stats(group))
    }

    /// Host and port.
    pub(crate) fn name(&self) -> String {
        format!("{:?}", self.address)
    }

    /// One that nobody uses, or a new one.
    async fn connection(&self) -> Result<Connection, Fault> {
        loop {
            let Some(connection) = lock(&self.idle).pop() else { break };
            if connection.is_idle() {
                return Ok(connection);
            }
        }
        self.opened().await
    }

    /// A new one.
    async fn opened(&self) -> Result<Connection, Fault> {
        if lock(&self.resting).is_some_and(|until| Instant::now() < until) {
            return Err(Fault::Resting);
        }
        // Half the time is left for the call, and for telling a dead server from a
        // caller who lost interest, which says nothing of the server.
        let opened = timeout(self.timeout / 2, Connection::open(&self.address)).await;
        let opened = opened.unwrap_or(Err(Fault::Late));
        let failed = matches!(opened, Err(Fault::Unreachable(_) | Fault::Late));
        *lock(&self.resting) = failed.then(|| Instant::now() + self.retry_after);
        opened
    }
}

/// Nothing is left half-changed by a panic here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
