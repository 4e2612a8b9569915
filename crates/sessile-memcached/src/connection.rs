//! One connection: meta commands out, one reply each in.
//!
//! A connection is good for another call only when the whole reply to the last
//! one was read. [`Server`](crate::server::Server) sees to that.

use std::io::ErrorKind;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::address::Address;
use crate::fault::Fault;
use crate::keys::WireKey;

/// No line of a reply is longer: a status line holds numbers and flags.
const MAX_LINE: usize = 2048;

/// Memcached keeps a header, the key and links beside a value within its bound for an item.
const BESIDE_VALUE: usize = 512;

/// No server is asked to keep, or believed to send, larger items than this (`-I` allows 1 GiB).
const MAX_ITEM: usize = 64 << 20;

/// No server says more of itself.
const MAX_STATS: usize = 1000;

/// What a server says of itself, by name.
#[derive(Debug, Default)]
pub(crate) struct Stats(pub(crate) Vec<(String, String)>);

impl Stats {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

/// A version that the server gives every write, unlike that of any other write
/// to it, before a restart of it included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(pub(crate) u64);

/// An item as `mg` finds it.
pub(crate) struct Item {
    pub(crate) value: Bytes,
    pub(crate) flags: u32,
    pub(crate) stamp: Stamp,
    /// The seconds it has left; `None` is for ever.
    pub(crate) left: Option<u32>,
}

/// What `ms` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Yes(Stamp),
    /// There is another item under that key, or an older one is expected.
    Taken,
    /// There is none.
    Missing,
}

/// When a `set` may write.
#[derive(Clone, Copy)]
pub(crate) enum Only {
    IfMissing,
    IfStill(Stamp),
}

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    /// A server counts its writes from 1 when it starts; with this they differ
    /// from those before.
    start: u64,
    max_value: usize,
}

impl Connection {
    pub(crate) async fn open(address: &Address) -> Result<Self, Fault> {
        let unreachable = |error: std::io::Error| Fault::Unreachable(error.kind());
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
        let stream = stream.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let buffer = BytesMut::with_capacity(4096);
        let mut this = Self { stream, buffer, start: 0, max_value: 0 };
        // One that was started with -S closes at the first word that is no binary one.
        this.introduce(address).await.map_err(|fault| match fault {
            Fault::Broken(ErrorKind::UnexpectedEof) if address.login.is_some() => Fault::Sasl,
            fault => fault,
        })?;
        Ok(this)
    }

    async fn introduce(&mut self, address: &Address) -> Result<(), Fault> {
        if let Some(login) = &address.login {
            // A server without -Y would keep the password as an item, for everybody to read.
            self.send(b"version\r\n").await?;
            if self.line().await?.starts_with(b"VERSION") {
                return Err(Fault::NoLogin);
            }
            let text = format!("{} {}", login.user, login.password);
            self.send(format!("set auth 0 0 {}\r\n{text}\r\n", text.len()).as_bytes()).await?;
            if &*self.line().await? != b"STORED" {
                return Err(Fault::Unauthenticated);
            }
        }
        self.send(b"stats\r\nstats settings\r\n").await?;
        let (mut ends, mut lines) = (0, 0);
        let (mut pid, mut time, mut uptime, mut largest) = (None, None, None, None);
        while ends < 2 {
            let line = self.line().await?;
            lines += 1;
            if &*line == b"END" {
                ends += 1;
                continue;
            }
            let stat = line.strip_prefix(b"STAT ").ok_or_else(|| refusal(&line))?;
            let (name, value) = split(stat);
            let slot = match name {
                b"pid" => &mut pid,
                b"time" => &mut time,
                b"uptime" => &mut uptime,
                b"item_size_max" => &mut largest,
                _ if lines > MAX_STATS => return Err(Fault::Strange),
                _ => continue,
            };
            *slot = number(value);
        }
        let (Some(pid), Some(time), Some(uptime)) = (pid, time, uptime) else {
            return Err(Fault::TooOld);
        };
        // Which life of the server it is: who it is and when it started.
        self.start = mixed(time.wrapping_sub(uptime) << 32 ^ pid);
        let largest = largest.and_then(|it| usize::try_from(it).ok()).unwrap_or(1 << 20);
        self.max_value = largest.min(MAX_ITEM).saturating_sub(BESIDE_VALUE);
        Ok(())
    }

    /// Whether it is still open, and silent as it has to be, as far as can be told at once.
    pub(crate) fn is_idle(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        self.buffer.is_empty() && read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    pub(crate) async fn get(&mut self, key: &str) -> Result<Option<Item>, Fault> {
        self.send(format!("mg {key} v f c t\r\n").as_bytes()).await?;
        self.item().await
    }

    /// The items of a few keys, in their order and in one trip.
    pub(crate) async fn get_each(&mut self, keys: &[WireKey]) -> Result<Vec<Option<Item>>, Fault> {
        let requests: String =
            keys.iter().map(|key| format!("mg {} v f c t\r\n", key.as_str())).collect();
        self.send(requests.as_bytes()).await?;
        let mut items = Vec::with_capacity(keys.len());
        for _ in keys {
            items.push(self.item().await?);
        }
        Ok(items)
    }

    async fn item(&mut self) -> Result<Option<Item>, Fault> {
        let line = self.line().await?;
        let (code, rest) = split(&line);
        match code {
            b"EN" => return Ok(None),
            b"VA" => {}
            _ => return Err(refusal(&line)),
        }
        let (size, flags) = split(rest);
        let size = number(size).and_then(|it| usize::try_from(it).ok()).ok_or(Fault::Strange)?;
        if size > MAX_ITEM {
            return Err(Fault::Strange);
        }
        let mut value = self.take(size + 2).await?;
        if value.split_off(size) != b"\r\n"[..] {
            return Err(Fault::Strange);
        }
        let (stamp, left) = (self.stamp(flags)?, flag(flags, b't').ok_or(Fault::Strange)?);
        Ok(Some(Item {
            value,
            flags: number(flag(flags, b'f').ok_or(Fault::Strange)?)
                .and_then(|it| u32::try_from(it).ok())
                .ok_or(Fault::Strange)?,
            stamp,
            left: match left {
                b"-1" => None,
                left => Some(
                    number(left)
                        .map(|it| u32::try_from(it).unwrap_or(u32::MAX))
                        .ok_or(Fault::Strange)?,
                ),
            },
        }))
    }

    pub(crate) async fn set(
        &mut self,
        key: &str,
        value: &[u8],
        flags: u32,
        expiry: i64,
        only: Only,
    ) -> Result<Stored, Fault> {
        // The server itself would delete what is stored there (1.6.18, process_mset_command).
        if value.len() > self.max_value {
            return Err(Fault::TooLarge);
        }
        let only = match only {
            Only::IfMissing => "ME".to_owned(),
            Only::IfStill(stamp) => format!("C{}", stamp.0.wrapping_sub(self.start)),
        };
        let head = format!("ms {key} {} c T{expiry} F{flags} {only}\r\n", value.len());
        let mut request = Vec::with_capacity(head.len() + value.len() + 2);
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
        self.send(&request).await?;
        let line = self.line().await?;
        let (code, flags) = split(&line);
        match code {
            b"HD" => Ok(Stored::Yes(self.stamp(flags)?)),
            b"NS" | b"EX" => Ok(Stored::Taken),
            b"NF" => Ok(Stored::Missing),
            _ => Err(refusal(&line)),
        }
    }

    /// Whether it was deleted; `None` if there is another than the expected.
    pub(crate) async fn delete(
        &mut self,
        key: &str,
        expected: Option<Stamp>,
    ) -> Result<Option<bool>, Fault> {
        let expected = match expected {
            Some(stamp) => format!(" C{}", stamp.0.wrapping_sub(self.start)),
            None => String::new(),
        };
        self.send(format!("md {key}{expected}\r\n").as_bytes()).await?;
        let line = self.line().await?;
        match split(&line).0 {
            b"HD" => Ok(Some(true)),
            b"NF" => Ok(Some(false)),
            b"EX" => Ok(None),
            _ => Err(refusal(&line)),
        }
    }

    /// Sets the end and nothing else; whether there is an item.
    pub(crate) async fn touch(&mut self, key: &str, expiry: i64) -> Result<bool, Fault> {
        self.send(format!("mg {key} T{expiry}\r\n").as_bytes()).await?;
        let line = self.line().await?;
        match split(&line).0 {
            b"HD" => Ok(true),
            b"EN" => Ok(false),
            _ => Err(refusal(&line)),
        }
    }

    /// What the server says of itself: `stats`, or a group of them.
    pub(crate) async fn stats(&mut self, group: &str) -> Result<Stats, Fault> {
        let command = if group.is_empty() { "stats\r\n" } else { &*format!("stats {group}\r\n") };
        self.send(command.as_bytes()).await?;
        let mut stats = Vec::new();
        loop {
            let line = self.line().await?;
            if &*line == b"END" {
                return Ok(Stats(stats));
            }
            if stats.len() >= MAX_STATS {
                return Err(Fault::Strange);
            }
            let stat = line.strip_prefix(b"STAT ").ok_or_else(|| refusal(&line))?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (name, value) = split(stat);
            stats.push((text(name), text(value)));
        }
    }

    fn stamp(&self, flags: &[u8]) -> Result<Stamp, Fault> {
        // Servers before 1.6.10 or so do not say it after a write.
        let cas = flag(flags, b'c').and_then(number).ok_or(Fault::TooOld)?;
        Ok(Stamp(cas.wrapping_add(self.start)))
    }

    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(request).await.map_err(|error| Fault::Broken(error.kind()))
    }

    /// A line without its end.
    pub(crate) async fn line(&mut self) -> Result<Bytes, Fault> {
        let mut line = self.raw_line().await?;
        if line.last() != Some(&b'\r') {
            return Err(Fault::Strange);
        }
        line.truncate(line.len() - 1);
        Ok(line)
    }

    /// What comes before a line feed.
    pub(crate) async fn raw_line(&mut self) -> Result<Bytes, Fault> {
        let mut seen = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', self.buffer.get(seen..).unwrap_or_default()) {
                let line = self.buffer.split_to(seen + at).freeze();
                self.buffer.advance(1);
                return Ok(line);
            }
            seen = self.buffer.len();
            if seen > MAX_LINE {
                return Err(Fault::Strange);
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Bytes, Fault> {
        self.buffer.reserve(length.saturating_sub(self.buffer.len()));
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        if self.buffer.capacity() == self.buffer.len() {
            self.buffer.reserve(4096);
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Fault::Broken(ErrorKind::UnexpectedEof)),
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Broken(error.kind())),
        }
    }
}

/// The first word of a line, and the others.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', line) {
        Some(at) => {
            let (word, rest) = line.split_at(at);
            (word, rest.get(1..).unwrap_or_default())
        }
        None => (line, &[]),
    }
}

/// The token of a flag in a reply: `c17` is 17 for `c`.
fn flag(flags: &[u8], name: u8) -> Option<&[u8]> {
    flags.split(|byte| *byte == b' ').find_map(|flag| flag.strip_prefix(&[name]))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What a reply other than those of the command means. Its words are not repeated:
/// they may hold a key.
pub(crate) fn refusal(line: &[u8]) -> Fault {
    let says = |what: &str| memchr::memmem::find(line, what.as_bytes()).is_some();
    match split(line).0 {
        b"SERVER_ERROR" if says("too large") => Fault::TooLarge,
        b"SERVER_ERROR" if says("out of memory") => Fault::Full,
        b"SERVER_ERROR" => Fault::Failed,
        b"CLIENT_ERROR" if says("unauthenticated") || says("authentication") => {
            Fault::Unauthenticated
        }
        b"ERROR" => Fault::TooOld,
        _ => Fault::Strange,
    }
}

/// Spreads numbers that are close to each other (splitmix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
