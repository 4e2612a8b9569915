//! Free loopback ports.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// Below the ports that systems hand to outgoing connections (from 32768 on Linux), so that a
/// server finds its port free again after a restart.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;
const TRIES: u32 = 2000;

/// The ports that this process has given, each with what keeps it from other processes.
static GIVEN: Mutex<Option<HashMap<u16, Reservation>>> = Mutex::new(None);

/// While it lives, no other testbed on this machine gives the same port, whoever runs it and
/// however it ends: we hold the UDP port of the same number, which no server here uses.
#[derive(Debug)]
struct Reservation {
    #[expect(dead_code, reason = "held for its drop")]
    socket: UdpSocket,
}

impl Reservation {
    fn of(port: u16) -> Option<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        // Others' servers are known by their listening.
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(Self { socket })
    }
}

/// A port on which nobody listens, given to nobody else by any testbed until this process ends.
///
/// # Errors
/// When none of 2000 tried is free.
pub fn free() -> Result<u16, Error> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    // Random, so that processes that run side by side seldom ask for the same.
    let random = || {
        let random = RandomState::new().hash_one(0_u8) % u64::from(COUNT);
        FIRST.saturating_add(u16::try_from(random).unwrap_or(0))
    };
    first_free((0..TRIES).map(|_| random()), given).ok_or_else(|| {
        Error::new("no free port between 15000 and 32000: stop servers that nobody needs")
    })
}

/// The first of them that can be reserved.
fn first_free(
    ports: impl Iterator<Item = u16>,
    given: &mut HashMap<u16, Reservation>,
) -> Option<u16> {
    for port in ports {
        if !given.contains_key(&port)
            && let Some(reservation) = Reservation::of(port)
        {
            given.insert(port, reservation);
            return Some(port);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ() {
        let ports: std::collections::HashSet<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
    }

    /// Says nothing of ports that others may take meanwhile: those in question are ours.
    #[test]
    fn a_port_with_a_listener_and_one_given_elsewhere_are_not_given() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listened = listener.local_addr().unwrap().port();
        // As another process's testbed holds it.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let elsewhere = socket.local_addr().unwrap().port();
        let mut given = HashMap::new();
        assert_eq!(first_free([listened, elsewhere].into_iter(), &mut given), None);
        let others = (FIRST..).take(usize::from(COUNT));
        let port = first_free([listened, elsewhere].into_iter().chain(others), &mut given);
        let port = port.unwrap();
        assert!(port != listened && port != elsewhere);
        assert_ne!(first_free((FIRST..).take(usize::from(COUNT)), &mut given), Some(port));
    }

    #[test]
    fn a_port_is_kept_until_its_reservation_goes() {
        let mut given = HashMap::new();
        let port = first_free((FIRST..).take(usize::from(COUNT)), &mut given).unwrap();
        assert!(Reservation::of(port).is_none());
        assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_err());
    }
}
