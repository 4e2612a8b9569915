//! Which of several servers has a key, as the Python clients choose it.

use crate::address::Address;
use crate::keys::WireKey;

/// How one of several servers is chosen for a key.
///
/// It must be what the other side does, server names included: these are
/// compared as text, so `localhost` is another server than `127.0.0.1`.
///
/// A server that is down is not stood in for by another, as some of these
/// clients do: a session that was ended on the other would be live again when
/// it comes back. Its calls fail, and the other servers' go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerChoice {
    /// pymemcache's `HashClient`, which is Django's `PyMemcacheCache`: rendezvous
    /// hashing by murmur3. Of n servers, one more or less moves one in n keys.
    #[default]
    Pymemcache,
    /// pylibmc as it is by default, which is Django's `PyLibMCCache` and the first
    /// choice of Flask-Session: libmemcached's Jenkins hash modulo the number of servers.
    Pylibmc,
    /// pylibmc with the behaviour `ketama`: libmemcached's consistent hashing by 100
    /// points a server.
    PylibmcKetama,
    /// python-memcached: CRC-32 modulo the number of servers.
    PythonMemcached,
}

/// A choice among certain servers.
pub(crate) enum Ring {
    /// The names of the servers, `host:port`.
    Rendezvous(Vec<String>),
    Jenkins(usize),
    /// Points on a circle of 2³², in their order, each with its server.
    Ketama(Vec<(u32, usize)>),
    Crc(usize),
}

impl Ring {
    pub(crate) fn new(choice: ServerChoice, servers: &[Address]) -> Self {
        match choice {
            ServerChoice::Pymemcache => Self::Rendezvous(
                servers.iter().map(|server| format!("{}:{}", server.host, server.port)).collect(),
            ),
            ServerChoice::Pylibmc => Self::Jenkins(servers.len()),
            ServerChoice::PylibmcKetama => Self::Ketama(points(servers)),
            ServerChoice::PythonMemcached => Self::Crc(servers.len()),
        }
    }

    /// The place of the key's server among those it was made of.
    pub(crate) fn server(&self, key: &WireKey) -> usize {
        let key = key.as_str();
        let modulo = |hash: u32, servers: usize| {
            usize::try_from(hash).unwrap_or_default().checked_rem(servers).unwrap_or_default()
        };
        match self {
            Self::Rendezvous(names) => rendezvous(names, key),
            Self::Jenkins(servers) => modulo(one_at_a_time(key.as_bytes()), *servers),
            Self::Crc(servers) => modulo(crc32(key.as_bytes()) >> 16 & 0x7fff, *servers),
            Self::Ketama(points) => {
                let hash = one_at_a_time(key.as_bytes());
                let next = points.partition_point(|(point, _)| *point < hash);
                points.get(next).or(points.first()).map_or(0, |(_, server)| *server)
            }
        }
    }
}

/// pymemcache's `RendezvousHash.get_node`: the highest hash of `node-key` wins,
/// and of equal ones the greater name.
fn rendezvous(names: &[String], key: &str) -> usize {
    if names.len() < 2 {
        return 0;
    }
    let of = |name: &String| murmur3(name.chars().chain(['-']).chain(key.chars()));
    let best = names.iter().enumerate().max_by_key(|(_, name)| (of(name), name.as_str()));
    best.map_or(0, |(at, _)| at)
}

/// pymemcache's `murmur3_32` with seed 0: of each character the low eight bits.
fn murmur3(text: impl Iterator<Item = char>) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |block: u32| block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (mut hash, mut length, mut block) = (0_u32, 0_u32, 0_u32);
    for character in text {
        block |= (u32::from(character) & 0xff) << (8 * (length % 4));
        length = length.wrapping_add(1);
        if length % 4 == 0 {
            hash ^= scramble(block);
            hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
            block = 0;
        }
    }
    hash ^= scramble(block) ^ length;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// Bob Jenkins's one-at-a-time, libmemcached's default. It adds C's `char`, which has a sign
/// on some machines; we take it to be as on this one.
fn one_at_a_time(bytes: &[u8]) -> u32 {
    let mut hash = 0_u32;
    for byte in bytes {
        #[allow(clippy::cast_possible_wrap, reason = "the sign is what is wanted")]
        let letter = i32::from(*byte as std::ffi::c_char);
        hash = hash.wrapping_add(letter.cast_unsigned());
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

/// The CRC-32 of zlib, bit by bit: keys are short.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// libmemcached's `update_continuum`: a hundred points a server.
fn points(servers: &[Address]) -> Vec<(u32, usize)> {
    let mut points = Vec::with_capacity(servers.len() * 100);
    for (at, Address { host, port, .. }) in servers.iter().enumerate() {
        for point in 0..100 {
            let name = match port {
                11211 => format!("{host}-{point}"),
                _ => format!("{host}:{port}-{point}"),
            };
            points.push((one_at_a_time(name.as_bytes()), at));
        }
    }
    points.sort_unstable();
    points
}

#[cfg(test)]
mod tests {
    use sessile_core::StoreKey;

    use super::*;

    fn places(
        choice: ServerChoice,
        servers: &[(&str, u16)],
        key: impl Fn(usize) -> String,
    ) -> String {
        let address =
            |&(host, port): &(&str, u16)| Address { host: host.to_owned(), port, login: None };
        let ring = Ring::new(choice, &servers.iter().map(address).collect::<Vec<_>>());
        let place = |number| {
            let key = WireKey::new(&StoreKey::from_text(key(number)), None).unwrap();
            char::from_digit(u32::try_from(ring.server(&key)).unwrap(), 10).unwrap()
        };
        (0..60).map(place).collect()
    }

    /// Where pymemcache 4.0.0, pylibmc 1.6.3 with libmemcached 1.0.18 and
    /// python-memcached 1.62 put these keys on three real servers.
    #[test]
    fn keys_lie_where_the_python_clients_put_them() {
        let servers = [("127.0.0.1", 21101), ("127.0.0.1", 21102), ("127.0.0.1", 20211)];
        for (choice, wanted) in [
            (
                ServerChoice::Pymemcache,
                "211222211212021220102102011111122022221102121101121211222222",
            ),
            (ServerChoice::Pylibmc, "200000000010000002012111121122122222222221121211210221210112"),
            (
                ServerChoice::PylibmcKetama,
                "210112012200102121012000010122210122102000211120000102201210",
            ),
            (
                ServerChoice::PythonMemcached,
                "202211202002010211020200011022202221120110010001112002200110",
            ),
        ] {
            let found = places(choice, &servers, |number| format!("session:{number}"));
            assert_eq!(found, wanted, "{choice:?}");
        }
    }

    #[test]
    fn pymemcache_goes_by_names_and_by_characters() {
        let servers = [("cache1", 11211), ("cache2", 11212), ("10.0.0.3", 11211)];
        let found =
            places(ServerChoice::Pymemcache, &servers, |number| format!("session:{number}"));
        assert_eq!(found, "000000201102210122120101012221020110111021021120102000200222");
        let found = places(ServerChoice::Pymemcache, &servers, |number| format!("größe–{number}"));
        assert_eq!(found, "102000221202022121022100200210020212001110012000000100112002");
    }

    /// From the same clients and servers as above.
    #[test]
    fn keys_beyond_ascii_lie_where_the_python_clients_put_them() {
        let servers = [("127.0.0.1", 21101), ("127.0.0.1", 21102), ("127.0.0.1", 20211)];
        let places = |choice| places(choice, &servers, |number| format!("größe–{number}"));
        assert_eq!(
            places(ServerChoice::PythonMemcached),
            "100011112001112201021021201112020001011100211000222201100200"
        );
        // They were made where a `char` of C has a sign.
        if std::ffi::c_char::MIN < 0 {
            assert_eq!(
                places(ServerChoice::Pylibmc),
                "211222222210111122222211222222001111112020211211101122220011"
            );
            assert_eq!(
                places(ServerChoice::PylibmcKetama),
                "021100120110221111011102222010111111000111122101122110022212"
            );
        }
    }
}
