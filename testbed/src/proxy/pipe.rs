//! One connection of a proxy: bytes are read, held for as long as they have to be, and written.

use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{Faults, Shared, lock};

/// Bytes and the moment from which they may go on.
type Parcel = (Instant, Vec<u8>);

/// Both ends of a connection and what its two directions know of each other.
#[derive(Debug)]
pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    turn: Mutex<Turn>,
    /// Reset by a fault: nobody says goodbye, so that both ends get an RST.
    struck: AtomicBool,
}

#[derive(Debug, Default)]
struct Turn {
    /// The client spoke last: the server's next words complete a round trip.
    asked: bool,
    /// The faults that are for certain requests strike this one.
    marked: bool,
    /// Bytes of the current reply that have passed.
    replied: usize,
}

impl Link {
    pub(super) fn is_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// Resets both ends; the RST goes out as soon as the threads have let go of them.
    pub(super) fn strike(&self, shared: &Shared) {
        shared.struck.fetch_add(1, Ordering::SeqCst);
        self.struck.store(true, Ordering::SeqCst);
        for end in [&self.client, &self.server] {
            end_with_reset(end);
            // Wakes our reader; nothing is sent.
            let _ = end.shutdown(Shutdown::Read);
        }
    }

    /// Ends both in good order.
    pub(super) fn shut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// Connects `client` to the server and returns when both have finished.
pub(super) fn join(id: u64, client: TcpStream, shared: &Shared) {
    let upstream = *lock(&shared.upstream);
    let server = TcpStream::connect_timeout(&upstream, Duration::from_secs(5));
    let Ok(server) = server else { return end_with_reset(&client) };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (turn, struck) = (Mutex::default(), AtomicBool::new(false));
    let link = Arc::new(Link { client, server, turn, struck });
    lock(&shared.open).insert(id, Arc::clone(&link));
    if shared.ended.load(Ordering::SeqCst) {
        link.shut();
    }
    thread::scope(|scope| {
        let (requests, to_server) = mpsc::channel();
        let (replies, to_client) = mpsc::channel();
        let link = &*link;
        scope.spawn(|| write(to_server, &link.server, link, shared, &shared.to_server));
        scope.spawn(|| write(to_client, &link.client, link, shared, &shared.to_client));
        scope.spawn(|| read_requests(requests, link, shared));
        scope.spawn(|| read_replies(replies, link, shared));
    });
    lock(&shared.open).remove(&id);
}

/// When the last handle of this stream is closed, the other end gets an RST.
pub(super) fn end_with_reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

fn read_requests(to: Sender<Parcel>, link: &Link, shared: &Shared) {
    each_burst(&link.client, |bytes| {
        let faults = shared.faults();
        let marked = {
            let mut turn = lock(&link.turn);
            // One request may come in several bursts.
            turn.marked = is_marked(&faults, &bytes) || (turn.asked && turn.marked);
            turn.asked = true;
            turn.replied = 0;
            turn.marked
        };
        if faults.lose_requests && marked {
            link.strike(shared);
            return false;
        }
        to.send((Instant::now(), bytes)).is_ok()
    });
}

fn read_replies(to: Sender<Parcel>, link: &Link, shared: &Shared) {
    let mut due = Instant::now();
    each_burst(&link.server, |mut bytes| {
        let faults = shared.faults();
        let mut turn = lock(&link.turn);
        if turn.asked {
            turn.asked = false;
            shared.round_trips.fetch_add(1, Ordering::SeqCst);
        }
        if faults.lose_replies && turn.marked {
            link.strike(shared);
            return false;
        }
        // In order, whatever the dice say.
        due = due.max(Instant::now() + delay(&faults));
        if let Some(limit) = faults.truncate_replies.filter(|_| turn.marked) {
            let rest = limit.saturating_sub(turn.replied);
            turn.replied = turn.replied.saturating_add(bytes.len());
            if bytes.len() > rest {
                bytes.truncate(rest);
                let _ = to.send((due, bytes));
                shared.struck.fetch_add(1, Ordering::SeqCst);
                let _ = link.server.shutdown(Shutdown::Both);
                return false;
            }
        }
        to.send((due, bytes)).is_ok()
    });
}

/// Hands on what comes in, until it ends or `take` has had enough.
fn each_burst(mut from: &TcpStream, mut take: impl FnMut(Vec<u8>) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if !take(bytes) {
            return;
        }
    }
}

/// Writes each parcel when it is due, and says goodbye after the last.
fn write(
    parcels: Receiver<Parcel>,
    mut to: &TcpStream,
    link: &Link,
    shared: &Shared,
    count: &AtomicU64,
) {
    for (due, bytes) in parcels {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if !shared.wait_for_passage(link) {
            break;
        }
        let faults = shared.faults();
        for part in bytes.chunks(packet(&faults)) {
            // Counted first: whoever has the last byte finds it counted.
            count.fetch_add(u64::try_from(part.len()).unwrap_or(0), Ordering::SeqCst);
            if to.write_all(part).is_err() {
                // Nobody reads on this side any more: the other is to hear of it.
                link.shut();
                return;
            }
            thread::sleep(wire_time(&faults, part.len()));
        }
    }
    if !link.is_struck() {
        let _ = to.shutdown(Shutdown::Write);
    }
}

fn is_marked(faults: &Faults, request: &[u8]) -> bool {
    let holds = |bytes: &Vec<u8>| {
        !bytes.is_empty() && request.windows(bytes.len()).any(|it| it == bytes.as_slice())
    };
    faults.only.as_ref().is_none_or(holds)
}

/// The latency of one reply: `latency` give or take `jitter`.
fn delay(faults: &Faults) -> Duration {
    if faults.jitter.is_zero() {
        return faults.latency;
    }
    let span = u64::try_from(faults.jitter.as_nanos()).unwrap_or(u64::MAX / 2).saturating_mul(2);
    let random = RandomState::new().hash_one(0_u8) % span.max(1);
    (faults.latency + Duration::from_nanos(random)).saturating_sub(faults.jitter)
}

/// How many bytes are written at once.
fn packet(faults: &Faults) -> usize {
    let slice = if faults.slice == 0 { usize::MAX } else { faults.slice };
    match usize::try_from(faults.bandwidth) {
        Ok(0) | Err(_) => slice,
        // Twenty packets a second flow evenly enough.
        Ok(bandwidth) => slice.min((bandwidth / 20).max(1)),
    }
}

/// How long so many bytes take at the bandwidth that is set.
fn wire_time(faults: &Faults, bytes: usize) -> Duration {
    let nanoseconds = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000_000_000);
    Duration::from_nanos(nanoseconds.checked_div(faults.bandwidth).unwrap_or(0))
}
