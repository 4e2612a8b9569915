//! `redis-server`: one, a Sentinel trio, a cluster.

mod cluster;
mod resp;
mod sentinel;

use std::ops::{Deref, DerefMut};
use std::path::Path;

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process;
use crate::server::{Plan, Server, on_a_free_port};
use crate::tls::Certificates;

pub use cluster::RedisCluster;
pub use resp::{Connection, Reply};
pub use sentinel::{RedisSentinel, SentinelOptions};

/// The package with the program, on Debian.
const PACKAGE: &str = "redis-server";

/// How one Redis is set up. The default keeps everything in memory, unlimited, without password.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Keeps an append-only file, synced before each answer (`appendfsync always`): what was
    /// acknowledged survives a `kill -9`.
    pub appendonly: bool,
    /// The limit of memory, as Redis spells it: `2mb`. The eviction policy stays `noeviction`.
    pub maxmemory: Option<String>,
    /// The password of the default user (`requirepass`).
    pub password: Option<String>,
    /// Listens on a second port with TLS, its certificate made anew.
    pub tls: bool,
    /// More lines for the configuration file.
    pub more: Vec<String>,
}

/// One `redis-server`.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    password: Option<String>,
    tls: Option<(u16, Certificates)>,
}

impl Redis {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not start; the text says which.
    pub fn start(options: RedisOptions) -> Result<Self, Error> {
        let mut tls = None;
        let server = on_a_free_port(|port| {
            let folder = Folder::new("redis")?;
            tls = if options.tls {
                Some((crate::free_port()?, Certificates::make(&folder)?))
            } else {
                None
            };
            plan(port, folder, "Redis", &options, tls.as_ref())
        })?;
        Ok(Self { server, password: options.password, tls })
    }

    /// `redis://127.0.0.1:PORT`, with the password if there is one.
    pub fn url(&self) -> String {
        format!("redis://{}127.0.0.1:{}", self.credentials(), self.port())
    }

    /// `rediss://127.0.0.1:PORT` of its TLS port, and the certificates it presents.
    pub fn tls(&self) -> Option<(String, &Certificates)> {
        let (port, certificates) = self.tls.as_ref()?;
        Some((format!("rediss://{}127.0.0.1:{port}", self.credentials()), certificates))
    }

    /// A connection that has given the password.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn connect(&self) -> Result<Connection, Error> {
        Connection::open(self.address(), self.password.as_deref())
    }

    /// Sends one command over a connection of its own: `&["CONFIG", "SET", "maxmemory", "2mb"]`.
    ///
    /// # Errors
    /// When the connection fails or the reply is an error.
    pub fn command(&self, words: &[&str]) -> Result<Reply, Error> {
        self.connect()?.command(words)
    }

    /// One number of `INFO`, such as `total_commands_processed`.
    ///
    /// # Errors
    /// When Redis does not answer or the field is missing or no number.
    pub fn info(&self, field: &str) -> Result<u64, Error> {
        self.connect()?.info(field)
    }

    /// The port by which the nodes of a cluster know it.
    fn cluster_port(&self) -> u16 {
        self.tls.as_ref().map_or(self.port(), |(port, _)| *port)
    }

    fn credentials(&self) -> String {
        self.password.as_ref().map_or_else(String::new, |it| format!(":{it}@"))
    }
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

fn plan(
    port: u16,
    folder: Folder,
    name: &str,
    options: &RedisOptions,
    tls: Option<&(u16, Certificates)>,
) -> Result<Plan, Error> {
    let mut lines = vec![
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("dir {}", folder.path().display()),
        "save \"\"".to_owned(),
        "daemonize no".to_owned(),
        "repl-diskless-sync-delay 0".to_owned(),
    ];
    if options.appendonly {
        lines.extend(["appendonly yes", "appendfsync always"].map(str::to_owned));
    }
    lines.extend(options.maxmemory.iter().map(|limit| format!("maxmemory {limit}")));
    if let Some(password) = &options.password {
        lines.push(format!("requirepass \"{password}\""));
        lines.push(format!("masterauth \"{password}\""));
    }
    if let Some((port, certificates)) = tls {
        let file = |path: &Path| path.display().to_string();
        lines.push(format!("tls-port {port}"));
        lines.push(format!("tls-cert-file {}", file(&certificates.certificate)));
        lines.push(format!("tls-key-file {}", file(&certificates.key)));
        lines.push(format!("tls-ca-cert-file {}", file(&certificates.authority)));
        lines.push("tls-auth-clients no".to_owned());
    }
    lines.extend(options.more.iter().cloned());
    let configuration = folder.write("redis.conf", &(lines.join("\n") + "\n"))?;
    let password = options.password.clone();
    Ok(Plan {
        name: name.to_owned(),
        program: process::need("redis-server", PACKAGE)?,
        arguments: vec![configuration.display().to_string()],
        user: None,
        port,
        folder,
        ping: Box::new(move |stream| {
            let mut connection = Connection::over(stream, password.as_deref())?;
            Ok(connection.command(&["PING"])? == Reply::Text("PONG".to_owned()))
        }),
        farewell: Signal::TERM,
    })
}
