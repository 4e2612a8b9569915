//! Free loopback ports.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// Below the ports that systems hand to outgoing connections (from 32768 on Linux), so that a
/// server finds its port free again after a restart; from 15000, so that `port + 10000`, which
/// Redis likes for its cluster bus, is a port too.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port on which nobody listens, given to nobody else in this process.
///
/// # Errors
/// When none of 2000 tried is free.
pub fn free() -> Result<u16, Error> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    for _ in 0..2000 {
        // A random start keeps processes that run side by side apart.
        let random = RandomState::new().hash_one(0_u8) % u64::from(COUNT);
        let port = FIRST.saturating_add(u16::try_from(random).unwrap_or(0));
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && given.insert(port) {
            return Ok(port);
        }
    }
    Err(Error::new("no free port found between 15000 and 32000: stop servers that nobody needs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_are_free() {
        let ports: HashSet<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }
}
