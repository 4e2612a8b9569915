//! The list of a server's keys: `lru_crawler metadump`.
//!
//! It is asked for by the server's hash table (`hash`), not by its LRU lists
//! (`all`): an item that is read meanwhile moves from one of those to another
//! and may be passed over, and so is one that is just being read (seen with
//! 1.6.18: 35 of 300 000 in a quiet server). In the hash table each has its
//! place, and the server locks that while it looks.

use crate::connection::{Connection, refusal};
use crate::fault::Fault;

impl Connection {
    /// Tells `each` every key there is. [`Fault::Listing`] says that nothing was told.
    pub(crate) async fn list(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), Fault> {
        self.send(b"lru_crawler metadump hash\r\n").await?;
        let mut key = Vec::with_capacity(256);
        loop {
            let line = self.raw_line().await?;
            if read(&line, &mut key) {
                each(&key);
                continue;
            }
            match &*line {
                b"END\r" => break,
                // Which old servers say before the list.
                b"OK\r" => {}
                other => return Err(refused(other)),
            }
        }
        // When we read too slowly the server says things twice, or after the end.
        self.send(b"mn\r\n").await?;
        if &*self.line().await? == b"MN" { Ok(()) } else { Err(Fault::Strange) }
    }
}

/// What a server says that makes no list.
fn refused(line: &[u8]) -> Fault {
    let says = |what: &str| memchr::memmem::find(line, what.as_bytes()).is_some();
    match line {
        _ if line.starts_with(b"BUSY") => Fault::Listing,
        // While the crawler is stopping, "an unknown error happened".
        _ if says("crawler disabled") || line.starts_with(b"ERROR an unknown") => Fault::NoList(
            "its LRU crawler is off; send it `lru_crawler enable`, or start it without -o \
             no_lru_crawler",
        ),
        _ if says("not allowed") => Fault::NoList("start it without -X, which forbids it"),
        _ if line.starts_with(b"BADCLASS") => {
            Fault::NoList("it does not know `lru_crawler metadump hash`; 1.6.18 does")
        }
        _ if line.starts_with(b"ERROR ") => Fault::Failed,
        _ => refusal(line.strip_suffix(b"\r").unwrap_or(line)),
    }
}

/// Reads the key of a line such as
/// `key=session%3Aabc exp=1795265465 la=1795265405 cas=1 fetch=no cls=1 size=74`.
/// More fields may follow; what does not look like one was torn.
fn read(line: &[u8], key: &mut Vec<u8>) -> bool {
    let mut fields = line.split(|byte| *byte == b' ');
    let told = fields.next().and_then(|field| field.strip_prefix(b"key="));
    let Some(told) = told.filter(|told| unescaped(told, key)) else { return false };
    let mut ends = false;
    for field in fields {
        let Some(at) = memchr::memchr(b'=', field) else { return false };
        let (name, value) = field.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        let word = |text: &[u8]| {
            !text.is_empty() && text.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'-')
        };
        if name == b"key" || !word(name) || !word(value) {
            return false;
        }
        ends |= name == b"exp";
    }
    !told.is_empty() && ends
}

/// Undoes percent-encoding; whether it was one.
fn unescaped(text: &[u8], key: &mut Vec<u8>) -> bool {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    key.clear();
    let mut rest = text;
    loop {
        match rest {
            [] => return true,
            [b'%', high, low, after @ ..] => {
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return false };
                key.push(high << 4 | low);
                rest = after;
            }
            [b'%' | b'=' | b'\r', ..] => return false,
            [byte, after @ ..] => {
                key.push(*byte);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sessile_core::{StoreError, StoreErrorKind};

    use super::*;

    const REST: &str = "exp=-1 la=1795265405 cas=18446744073709551615 fetch=no cls=1 size=74";

    fn key(line: &str) -> Option<Vec<u8>> {
        let mut key = b"before".to_vec();
        read(line.as_bytes(), &mut key).then_some(key)
    }

    #[test]
    fn keys_are_read_as_the_server_spells_them() {
        for (told, wanted) in [
            ("session%3Aabc", &b"session:abc"[..]),
            ("%3A1%3Adjango.contrib.sessions.cache0a_-~", b":1:django.contrib.sessions.cache0a_-~"),
            ("%C3%BC%25%3D%20", "ü%= ".as_bytes()),
            ("%c3%bc", "ü".as_bytes()),
        ] {
            assert_eq!(key(&format!("key={told} {REST}")).as_deref(), Some(wanted), "{told}");
        }
        // "The exact keys available are subject to change."
        assert!(key(&format!("key=a {REST} new=17")).is_some());
        assert!(key("key=a exp=-1").is_some());
    }

    /// A server that waits too long for us to read says again what it has said.
    #[test]
    fn a_line_that_was_torn_is_none() {
        let whole = format!("key=session%3Aabc {REST}");
        for at in 1..whole.len() {
            let (head, tail) = whole.split_at(at);
            assert!(key(&format!("{head}{whole}")).is_none(), "{head}|");
            assert!(key(tail).is_none(), "|{tail}");
            assert!(key(&format!("{head}END\r")).is_none(), "{head}|END");
        }
        for line in ["END\r", "OK\r", "", "key=", "key=%", "key=%4 exp=1", "key= exp=1", "key=a"] {
            assert!(key(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_server_that_makes_no_list_is_told_from_a_busy_one() {
        for (line, kind, advice) in [
            ("CLIENT_ERROR lru crawler disabled\r", StoreErrorKind::Unsupported, "enable"),
            ("ERROR metadump not allowed\r", StoreErrorKind::Unsupported, "-X"),
            ("BADCLASS invalid class id\r", StoreErrorKind::Unsupported, "1.6.18"),
            ("ERROR\r", StoreErrorKind::Unsupported, "1.6"),
            ("ERROR an unknown error happened\r", StoreErrorKind::Unsupported, "enable"),
            ("ERROR something else\r", StoreErrorKind::Unavailable, "error"),
            ("CLIENT_ERROR unauthenticated\r", StoreErrorKind::Unavailable, "password"),
            ("what\r", StoreErrorKind::Unavailable, "understood"),
        ] {
            let error = StoreError::from(refused(line.as_bytes()));
            assert_eq!(error.kind(), kind, "{line}");
            assert!(error.to_string().contains(advice), "{line}: {error}");
        }
        let busy = refused(b"BUSY currently processing crawler request\r");
        assert!(matches!(busy, Fault::Listing));
    }
}
