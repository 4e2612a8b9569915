//! One master, its replicas and three sentinels that watch them.

use std::time::Duration;

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process::{self, wait_until};
use crate::redis::resp::{Connection, Reply, info_field};
use crate::redis::{Redis, RedisOptions};
use crate::server::{Plan, Server, on_a_free_port};

/// The name under which the sentinels know the master.
const MASTER: &str = "mymaster";

/// How a trio is set up.
#[derive(Clone, Debug)]
pub struct SentinelOptions {
    /// How many replicas follow the master.
    pub replicas: usize,
    /// How each Redis is set up.
    pub redis: RedisOptions,
    /// Silence of the master, in milliseconds, after which a sentinel takes it for dead.
    pub down_after_ms: u32,
}

impl Default for SentinelOptions {
    fn default() -> Self {
        Self { replicas: 2, redis: RedisOptions::default(), down_after_ms: 1000 }
    }
}

/// A master with replicas and three sentinels.
#[derive(Debug)]
pub struct RedisSentinel {
    /// The Redis servers; the first was the master at the start.
    pub redis: Vec<Redis>,
    /// The three sentinels.
    pub sentinels: Vec<Server>,
}

impl RedisSentinel {
    /// Starts all and waits until the replicas follow and the sentinels agree.
    ///
    /// # Errors
    /// When Redis is not installed, does not start, or the sentinels find no agreement.
    pub fn start(options: SentinelOptions) -> Result<Self, Error> {
        let mut redis = vec![Redis::start(options.redis.clone())?];
        let master = redis.first().map_or(0, |it| it.port());
        for _ in 0..options.replicas {
            let mut replica = options.redis.clone();
            replica.more.push(format!("replicaof 127.0.0.1 {master}"));
            redis.push(Redis::start(replica)?);
        }
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(on_a_free_port(|port| sentinel(port, master, &options))?);
        }
        let trio = Self { redis, sentinels };
        trio.wait_until_agreed(options.replicas)?;
        Ok(trio)
    }

    /// `redis+sentinel://HOST:PORT,HOST:PORT,HOST:PORT/mymaster`.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|it| it.address().to_string()).collect();
        format!("redis+sentinel://{}/{MASTER}", hosts.join(","))
    }

    /// The Redis that the sentinels take for the master now.
    ///
    /// # Errors
    /// When no sentinel answers or they name a server that is not ours.
    pub fn master(&mut self) -> Result<&mut Redis, Error> {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
        let mut last = Error::new("there is no sentinel");
        let mut port = None;
        for sentinel in self.sentinels.iter().filter(|it| it.is_running()) {
            match Connection::open(sentinel.address(), None).and_then(|mut it| it.command(&words)) {
                Ok(reply) => port = reply.row().get(1).and_then(Reply::number),
                Err(error) => last = error,
            }
            if port.is_some() {
                break;
            }
        }
        let Some(port) = port else { return Err(last) };
        let found = self.redis.iter_mut().find(|it| i64::from(it.port()) == port);
        found.ok_or_else(|| Error::new(format!("the master on port {port} is none of ours")))
    }

    /// Waits until every replica follows and each sentinel knows all the others.
    ///
    /// # Errors
    /// When that has not come about after 30 seconds.
    pub fn wait_until_agreed(&self, replicas: usize) -> Result<(), Error> {
        let agreed = || {
            let follow = self.redis.iter().filter(|it| follows(it)).count() >= replicas;
            follow && self.sentinels.iter().all(|it| knows_all(it, replicas))
        };
        if wait_until(Duration::from_secs(30), agreed) {
            return Ok(());
        }
        let logs: Vec<String> = self.sentinels.iter().map(Server::log).collect();
        Err(Error::new(format!("the sentinels do not agree; they said:\n{}", logs.join("\n"))))
    }
}

/// Whether a replica has a live link to its master.
fn follows(redis: &Redis) -> bool {
    let info = redis.command(&["INFO", "replication"]);
    let text = info.as_ref().ok().and_then(Reply::text).unwrap_or_default();
    info_field(text, "master_link_status") == Some("up")
}

/// Whether a sentinel would find a majority and knows every replica.
fn knows_all(sentinel: &Server, replicas: usize) -> bool {
    let Ok(mut connection) = Connection::open(sentinel.address(), None) else { return false };
    let field = |row: &[Reply], name: &str| -> Option<i64> {
        let at = row.iter().position(|it| it.text() == Some(name))?;
        row.get(at.checked_add(1)?)?.number()
    };
    let Ok(reply) = connection.command(&["SENTINEL", "MASTER", MASTER]) else { return false };
    let replicas_known = field(reply.row(), "num-slaves").unwrap_or(0);
    field(reply.row(), "num-other-sentinels") == Some(2)
        && usize::try_from(replicas_known).is_ok_and(|known| known >= replicas)
        && connection.command(&["SENTINEL", "CKQUORUM", MASTER]).is_ok()
}

fn sentinel(port: u16, master: u16, options: &SentinelOptions) -> Result<Plan, Error> {
    let folder = Folder::new("sentinel")?;
    let mut lines = vec![
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("dir {}", folder.path().display()),
        format!("sentinel monitor {MASTER} 127.0.0.1 {master} 2"),
        format!("sentinel down-after-milliseconds {MASTER} {}", options.down_after_ms),
        format!("sentinel failover-timeout {MASTER} 5000"),
        format!("sentinel parallel-syncs {MASTER} 2"),
    ];
    lines.extend(
        options.redis.password.iter().map(|it| format!("sentinel auth-pass {MASTER} {it}")),
    );
    let configuration = folder.write("sentinel.conf", &(lines.join("\n") + "\n"))?;
    Ok(Plan {
        name: "Redis Sentinel".to_owned(),
        program: process::need("redis-sentinel", "redis-sentinel")?,
        arguments: vec![configuration.display().to_string()],
        user: None,
        port,
        folder,
        ping: Box::new(|stream| {
            let mut connection = Connection::over(stream, None)?;
            Ok(connection.command(&["PING"])? == Reply::Text("PONG".to_owned()))
        }),
        farewell: Signal::TERM,
    })
}
