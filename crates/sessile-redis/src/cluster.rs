//! Which server of a cluster holds a key, and following it when it moves.
//!
//! A command goes to the server that owned the key's slot when the map was
//! last read. What comes back decides: `MOVED` and `ASK` name another server;
//! some errors say that it was not done and may be done later. Nothing is sent
//! twice that may have been carried out.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, ServerErrorKind, Value, cmd};
use tokio::time::{Instant, sleep_until};

use crate::Options;
use crate::address::at;
use crate::fault::Fault;
use crate::near::Near;
use crate::node::{Node, Reply, Request, SendOptions};
use crate::server::Effect;
use crate::target::Target;

const SLOTS: usize = 16384;

/// Between two readings of the map, and before trying again.
const PAUSE: Duration = Duration::from_millis(50);

/// Redirections followed for one command.
const MAX_STEPS: usize = 16;

/// How long one server may take to name the others.
const ASKING: Duration = Duration::from_millis(700);

type Address = (String, u16);

/// The servers of a cluster. Clones share them.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Inner>);

struct Inner {
    seeds: Vec<Address>,
    /// How to speak to each.
    like: ConnectionInfo,
    options: Options,
    near: Option<Arc<Near>>,
    map: RwLock<Arc<Map>>,
    nodes: Mutex<HashMap<Address, Arc<Node>>>,
    /// Held while the map is read; when that was last.
    reading: tokio::sync::Mutex<Option<Instant>>,
}

/// Who owns which slot.
#[derive(Default)]
pub(crate) struct Map {
    owners: Vec<Option<u16>>,
    /// In the order of their addresses.
    pub(crate) masters: Vec<Arc<Node>>,
    /// Differs when anything else does.
    pub(crate) mark: u64,
}

impl Map {
    fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        let index = (*self.owners.get(usize::from(slot))?)?;
        self.masters.get(usize::from(index))
    }
}

impl Cluster {
    /// `None` without a seed.
    pub(crate) fn new(
        seeds: &[ConnectionInfo],
        options: &Options,
        near: Option<Arc<Near>>,
    ) -> Option<Self> {
        let (like, options) = (seeds.first()?.clone(), options.clone());
        let seeds = seeds.iter().filter_map(|seed| match seed.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some((host.clone(), *port))
            }
            _ => None,
        });
        let seeds = seeds.collect();
        let (map, nodes, reading) = (RwLock::default(), Mutex::default(), Default::default());
        Some(Self(Arc::new(Inner { seeds, like, options, near, map, nodes, reading })))
    }

    /// The map, read if it never was.
    pub(crate) async fn map(&self, deadline: Instant) -> Result<Arc<Map>, Fault> {
        let map = self.known();
        if !map.masters.is_empty() {
            return Ok(map);
        }
        self.read_map(Instant::now(), deadline).await?;
        Ok(self.known())
    }

    fn known(&self) -> Arc<Map> {
        Arc::clone(&self.0.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn send(
        &self,
        key: &[u8],
        request: Request<'_>,
        effect: Effect,
        slow: bool,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        let slot = slot_of(key);
        let mut manner = SendOptions { slow, asking: false, deadline };
        let mut next: Option<Arc<Node>> = None;
        let mut refused = false;
        for _ in 0..MAX_STEPS {
            let node = match next.take() {
                Some(node) => node,
                None => {
                    let map = self.map(deadline).await?;
                    let unowned = Fault::NotConnected("no server owns the key's slot");
                    Arc::clone(map.owner(slot).ok_or(unowned)?)
                }
            };
            let reply = node.send(request, manner).await.and_then(Reply::redirected);
            manner.asking = false;
            let fault = match reply {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            match fault.server() {
                Some(ServerErrorKind::Moved) => {
                    next = self.named_by(&fault);
                    self.read_map_soon();
                }
                Some(ServerErrorKind::Ask) => {
                    next = self.named_by(&fault);
                    manner.asking = true;
                }
                _ if fault.was_not_done() => {
                    let later = Instant::now() + PAUSE;
                    if later >= deadline {
                        return Err(fault);
                    }
                    sleep_until(later).await;
                    self.read_map(later, deadline).await?;
                }
                // The server is gone; perhaps another one has its slots already.
                _ if matches!(fault, Fault::NotConnected(_))
                    || (fault.is_lost_connection() && effect == Effect::Reads) =>
                {
                    let asked = Instant::now();
                    self.read_map(asked, deadline).await.map_err(|_| fault.clone())?;
                    let owner = self.known().owner(slot).map(Arc::clone);
                    let same = owner.is_some_and(|owner| Arc::ptr_eq(&owner, &node));
                    if same && refused {
                        return Err(fault);
                    }
                    refused = same;
                }
                _ => {
                    if matches!(fault, Fault::Timeout) {
                        // It may stand still, and another one have its slots.
                        self.read_map_soon();
                    }
                    return Err(fault);
                }
            }
        }
        Err(Fault::NotConnected("its servers send us from one to the other"))
    }

    fn named_by(&self, fault: &Fault) -> Option<Arc<Node>> {
        let Fault::Redis(error) = fault else { return None };
        let (address, _) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // An empty name is the server's that answered, which the map tells.
        (!host.is_empty()).then_some(())?;
        Some(self.node((host.to_owned(), port.parse().ok()?)))
    }

    fn node(&self, address: Address) -> Arc<Node> {
        let inner = &*self.0;
        let mut nodes = inner.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let (host, port) = address.clone();
        let node = nodes.entry(address).or_insert_with(|| {
            let target = || Target::Server(Box::new(at(&host, port, &inner.like)));
            Arc::new(Node::new(&inner.options, inner.near.as_ref(), target))
        });
        Arc::clone(node)
    }

    fn read_map_soon(&self) {
        let cluster = self.clone();
        tokio::spawn(async move {
            let now = Instant::now();
            let deadline = now + cluster.0.options.timeout;
            // Whoever needs it meanwhile reads it then.
            let _ = cluster.read_map(now, deadline).await;
        });
    }

    /// Reads the map unless that was done since `asked`.
    async fn read_map(&self, asked: Instant, deadline: Instant) -> Result<(), Fault> {
        let held = tokio::time::timeout_at(deadline, self.0.reading.lock()).await;
        let mut last = held.map_err(|_| Fault::Timeout)?;
        if last.is_some_and(|last| last >= asked || last.elapsed() < PAUSE) {
            return Ok(());
        }
        let mut fault = Fault::NotConnected("no server of the cluster can be reached");
        let known = self.known().masters.clone();
        let seeds = self.0.seeds.iter().map(|seed| self.node(seed.clone()));
        for node in known.into_iter().chain(seeds).collect::<Vec<_>>() {
            let until = deadline.min(Instant::now() + ASKING);
            let manner = SendOptions { slow: false, asking: false, deadline: until };
            let command = cmd("CLUSTER").arg("SLOTS").take();
            let answer = node.send(Request::One(&command), manner).await.and_then(Reply::one);
            match answer.and_then(|answer| ranges(answer, &self.host_of(&node))) {
                Ok(ranges) => {
                    self.take_over(&ranges);
                    *last = Some(Instant::now());
                    return Ok(());
                }
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    fn host_of(&self, node: &Arc<Node>) -> String {
        let nodes = self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = nodes.iter().find(|(_, other)| Arc::ptr_eq(other, node));
        found.map(|((host, _), _)| host.clone()).unwrap_or_default()
    }

    fn take_over(&self, ranges: &[Range]) {
        let mut addresses: Vec<_> = ranges.iter().map(|range| range.owner.clone()).collect();
        addresses.sort();
        addresses.dedup();
        let mut owners = vec![None; SLOTS];
        for range in ranges {
            let index = addresses.binary_search(&range.owner).ok();
            let index = index.and_then(|index| u16::try_from(index).ok());
            if let Some(slots) = owners.get_mut(range.first..=range.last) {
                slots.fill(index);
            }
        }
        let mark = BuildHasherDefault::<DefaultHasher>::default().hash_one((&owners, &addresses));
        let masters = addresses.iter().map(|address| self.node(address.clone())).collect();
        let map = Arc::new(Map { owners, masters, mark });
        let before = std::mem::replace(
            &mut *self.0.map.write().unwrap_or_else(PoisonError::into_inner),
            map,
        );
        if let Some(near) = self.0.near.as_ref().filter(|_| before.mark != mark) {
            // Who owned a slot before may not say what becomes of its keys.
            near.empty();
        }
        // Servers that left are forgotten; calls under way still hold theirs.
        let mut nodes = self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|address, _| addresses.binary_search(address).is_ok());
    }
}

struct Range {
    first: usize,
    last: usize,
    owner: Address,
}

/// What `CLUSTER SLOTS` says: first, last, the master, replicas.
fn ranges(answer: Value, asked: &str) -> Result<Vec<Range>, Fault> {
    let Value::Array(rows) = answer else { return Err(Fault::Strange) };
    let mut ranges = Vec::with_capacity(rows.len());
    for row in rows {
        let Value::Array(row) = row else { return Err(Fault::Strange) };
        let [Value::Int(first), Value::Int(last), Value::Array(owner), ..] = row.as_slice() else {
            return Err(Fault::Strange);
        };
        let [host, Value::Int(port), ..] = owner.as_slice() else { return Err(Fault::Strange) };
        let host = match host {
            Value::BulkString(host) if !host.is_empty() && host != b"?" => {
                String::from_utf8_lossy(host).into_owned()
            }
            _ => asked.to_owned(),
        };
        let range = (usize::try_from(*first), usize::try_from(*last), u16::try_from(*port));
        let (Ok(first), Ok(last), Ok(port)) = range else { return Err(Fault::Strange) };
        if first > last || last >= SLOTS {
            return Err(Fault::Strange);
        }
        ranges.push(Range { first, last, owner: (host, port) });
    }
    if ranges.is_empty() { Err(Fault::NotConnected("no server owns a slot")) } else { Ok(ranges) }
}

/// The slot of a key: CRC-16/XMODEM of it, or of what stands in its first braces.
fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = key.get(open + 1..)?;
        let close = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..close).filter(|tag| !tag.is_empty())
    });
    let crc = tag.unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        let index = usize::from((crc >> 8) as u8 ^ byte);
        (crc << 8) ^ CRC.get(index).copied().unwrap_or_default()
    });
    crc % 16384
}

const CRC: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // The CRC-16's check value, and keys whose slots `CLUSTER KEYSLOT` names.
        assert_eq!(slot_of(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(slot_of(b"foo{}{bar}"), 8363);
        assert_eq!(slot_of(b"foo{{bar}}zap"), 4015);
        assert_eq!(slot_of(b""), 0);
    }
}
