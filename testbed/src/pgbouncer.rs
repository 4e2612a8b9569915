//! PgBouncer, the pooler that stands before many a PostgreSQL.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use std::io::{Read, Write};

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::postgres::startup;
use crate::process;
use crate::server::{Plan, Server, on_a_free_port};

/// The user that runs it when we are root, which it refuses to be run by.
const USER: &str = "postgres";

/// For how long a client keeps a connection of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As long as its own.
    Session,
    /// For a transaction.
    Transaction,
    /// For a statement; transactions are refused.
    Statement,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Session, Self::Transaction, Self::Statement];

    /// What its configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}

/// One PgBouncer: its defaults, but for the mode and what is given.
#[derive(Debug)]
pub struct PgBouncer {
    server: Server,
}

impl PgBouncer {
    /// Starts it before the server at `upstream` and waits until it answers. Any role may pass
    /// that is named in `roles`, besides `postgres`; `more` are lines of its configuration.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(
        upstream: SocketAddr,
        mode: Mode,
        roles: &[&str],
        more: &[&str],
    ) -> Result<Self, Error> {
        let server = on_a_free_port(|port| plan(port, upstream, mode, roles, more))?;
        Ok(Self { server })
    }

    /// `postgres://postgres@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port())
    }
}

impl Deref for PgBouncer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for PgBouncer {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

fn plan(
    port: u16,
    upstream: SocketAddr,
    mode: Mode,
    roles: &[&str],
    more: &[&str],
) -> Result<Plan, Error> {
    let folder = Folder::new("pgbouncer")?;
    let names = ["postgres"].iter().chain(roles);
    let users: String = names.map(|name| format!("\"{name}\" \"\"\n")).collect();
    let users = folder.write("users.txt", &users)?;
    let mut lines = vec![
        "[databases]".to_owned(),
        format!("* = host={} port={}", upstream.ip(), upstream.port()),
        "[pgbouncer]".to_owned(),
        "listen_addr = 127.0.0.1".to_owned(),
        format!("listen_port = {port}"),
        "unix_socket_dir =".to_owned(),
        "auth_type = trust".to_owned(),
        format!("auth_file = {}", users.display()),
        format!("pool_mode = {}", mode.name()),
    ];
    lines.extend(more.iter().map(|line| (*line).to_owned()));
    let configuration = folder.write("pgbouncer.ini", &(lines.join("\n") + "\n"))?;
    folder.give_to(Some(USER).filter(|_| process::is_root()))?;
    Ok(Plan {
        name: "PgBouncer".to_owned(),
        program: process::need("pgbouncer", "pgbouncer")?,
        arguments: vec![configuration.display().to_string()],
        user: Some(USER),
        port,
        folder,
        ping: Box::new(|mut stream| {
            stream.write_all(&startup())?;
            let mut kind = [0];
            stream.read_exact(&mut kind)?;
            Ok(&kind == b"R")
        }),
        farewell: Signal::INT,
    })
}
