//! A TCP proxy before one server: it counts, and it fails on demand.
//!
//! ```no_run
//! use sessile_testbed::proxy::{Faults, Proxy};
//! use sessile_testbed::redis::{Redis, RedisOptions};
//!
//! let redis = Redis::start(RedisOptions::default())?;
//! let proxy = Proxy::start(redis.address())?;
//! let url = proxy.instead_of(&redis.url());
//! // … the client under test connects to `url` and warms up …
//! let before = proxy.counts();
//! // … one load …
//! assert_eq!(proxy.counts().round_trips - before.round_trips, 1);
//! proxy.set(Faults { lose_replies: true, ..Faults::default() });
//! # Ok::<(), sessile_testbed::Error>(())
//! ```

mod pipe;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::Error;
use crate::proxy::pipe::Link;

/// What goes wrong, for every connection from the moment it is set; the default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Time added to each reply.
    pub latency: Duration,
    /// The latency of each reply differs by up to this much, both ways.
    pub jitter: Duration,
    /// At most this many bytes go into one packet, both ways; 0 is no limit.
    pub slice: usize,
    /// Bytes per second, each way; 0 is no limit.
    pub bandwidth: u64,
    /// Nothing passes in either direction and connections stay open. What was held back goes on
    /// its way, late, when this is lifted.
    pub blackhole: bool,
    /// New connections are closed as soon as they are made.
    pub refuse: bool,
    /// Requests reach the server, which acts on them; at its reply the connection is reset.
    pub lose_replies: bool,
    /// Each reply ends after this many bytes and the connection is closed.
    pub truncate_replies: Option<usize>,
    /// Requests never reach the server: the connection is reset when one comes.
    pub lose_requests: bool,
    /// The three faults above strike only where the request holds these bytes, such as `HSET`.
    pub only: Option<Vec<u8>>,
}

/// What went through so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections made.
    pub connections: u64,
    /// Bytes from clients that reached the server.
    pub to_server: u64,
    /// Bytes from the server that reached clients.
    pub to_client: u64,
    /// Times that the server spoke after a client had: a pipeline of commands is one, and so is a
    /// connection's greeting and login, each.
    pub round_trips: u64,
    /// Connections that were reset, cut or refused by a fault.
    pub faults: u64,
}

/// A proxy on a loopback port of its own; its connections end when this value goes.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the threads of a proxy share.
#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    faults: Mutex<Faults>,
    /// Told at every change of the faults and at the end.
    changed: Condvar,
    ended: AtomicBool,
    open: Mutex<HashMap<u64, Arc<Link>>>,
    connections: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    round_trips: AtomicU64,
    struck: AtomicU64,
}

impl Proxy {
    /// Listens on a free port and hands everything on to `upstream`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(upstream: SocketAddr) -> Result<Self, Error> {
        let failed = |error| Error::io("the proxy could not listen", &error);
        let port = crate::free_port()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            faults: Mutex::default(),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
            open: Mutex::default(),
            connections: AtomicU64::new(0),
            to_server: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
            round_trips: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &theirs));
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `url` with this proxy in place of the server it names: every `127.0.0.1:PORT` of the
    /// upstream is replaced.
    pub fn instead_of(&self, url: &str) -> String {
        let upstream = lock(&self.shared.upstream).to_string();
        url.replace(&upstream, &self.address.to_string())
    }

    /// Sends new connections to another server.
    pub fn lead_to(&self, upstream: SocketAddr) {
        *lock(&self.shared.upstream) = upstream;
    }

    /// Sets what goes wrong from now on, instead of what went wrong before.
    pub fn set(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
        self.shared.changed.notify_all();
    }

    /// Lifts every fault.
    pub fn heal(&self) {
        self.set(Faults::default());
    }

    /// Resets every open connection at both ends (RST).
    pub fn reset_connections(&self) {
        for (_, link) in lock(&self.shared.open).drain() {
            link.strike(&self.shared);
        }
        self.shared.changed.notify_all();
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// What went through so far.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Counts {
            connections: read(&self.shared.connections),
            to_server: read(&self.shared.to_server),
            to_client: read(&self.shared.to_client),
            round_trips: read(&self.shared.round_trips),
            faults: read(&self.shared.struck),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
        // Wakes the acceptor, which then sees that this is the end.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        for link in lock(&self.shared.open).values() {
            link.shut();
        }
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn faults(&self) -> Faults {
        lock(&self.faults).clone()
    }

    /// Waits while nothing may pass; whether proxy and connection still stand.
    fn wait_for_passage(&self, link: &Link) -> bool {
        let stands = || !self.ended.load(Ordering::SeqCst) && !link.is_struck();
        let mut faults = lock(&self.faults);
        while faults.blackhole && stands() {
            // The end may be told between the question and the waiting.
            let limit = Duration::from_millis(100);
            let waited = self.changed.wait_timeout(faults, limit);
            faults = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        stands()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (id, client) in (0..).zip(listener.incoming()) {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if shared.faults().refuse {
            shared.struck.fetch_add(1, Ordering::Relaxed);
            pipe::end_with_reset(&client);
            continue;
        }
        let shared = Arc::clone(shared);
        // Connecting may take its time; others are not to wait for it.
        thread::spawn(move || pipe::join(id, client, &shared));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
