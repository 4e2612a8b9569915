//! PostgreSQL, a cluster of its own made by `initdb`.

use std::io::{Read, Write};
use std::ops::{Deref, DerefMut};

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process;
use crate::server::{Plan, Server, client, on_a_free_port};
use crate::tls::Certificates;

/// The package with the programs, on Debian.
const PACKAGE: &str = "postgresql";
/// The user that runs it when we are root, which it refuses to be run by.
const USER: &str = "postgres";

/// How one PostgreSQL is set up.
#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    /// Waits for the disk at each commit: needed where a test kills the server, slower elsewhere.
    pub durable: bool,
    /// How many connections it takes; 200 unless given.
    pub max_connections: Option<u32>,
    /// Speaks TLS to those who ask, with a certificate of an authority made for it.
    pub tls: bool,
    /// More settings, as on a line of `postgresql.conf`: `statement_timeout=1000`.
    pub more: Vec<String>,
}

/// One PostgreSQL with the superuser `postgres`, no password.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    certificates: Option<Certificates>,
}

impl Postgres {
    /// Makes its data, starts it and waits until it takes a login.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(options: &PostgresOptions) -> Result<Self, Error> {
        Self::made(options, None)
    }

    /// A hot standby that follows this one; `SELECT pg_promote()` makes it a primary.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn standby(&self, options: &PostgresOptions) -> Result<Self, Error> {
        Self::made(options, Some(self.port()))
    }

    fn made(options: &PostgresOptions, source: Option<u16>) -> Result<Self, Error> {
        let mut certificates = None;
        let server = on_a_free_port(|port| {
            let folder = Folder::new("postgres")?;
            certificates = options.tls.then(|| Certificates::make(&folder)).transpose()?;
            plan(port, folder, options, source, certificates.as_ref())
        })?;
        Ok(Self { server, certificates })
    }

    /// What it shows with [`PostgresOptions::tls`].
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// `postgres://postgres@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of a database that [`Postgres::query`] may have made.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// Runs SQL through `psql`; rows come one a line, columns separated by `|`.
    ///
    /// # Errors
    /// When `psql` is missing or the server refuses; the text is the server's.
    pub fn query(&self, sql: &str) -> Result<String, Error> {
        query(&self.url(), sql)
    }
}

/// Runs SQL on the server of a URL through `psql`.
pub(crate) fn query(url: &str, sql: &str) -> Result<String, Error> {
    let psql = process::need("psql", "postgresql-client")?;
    let arguments = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, url];
    client(&psql, &arguments)
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Postgres {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

fn plan(
    port: u16,
    folder: Folder,
    options: &PostgresOptions,
    source: Option<u16>,
    certificates: Option<&Certificates>,
) -> Result<Plan, Error> {
    let user = Some(USER).filter(|_| process::is_root());
    folder.give_to(user)?;
    let data = folder.path().join("data").display().to_string();
    let mut make = match source {
        Some(source) => {
            let mut copy = process::guarded(&process::need("pg_basebackup", PACKAGE)?, user);
            let source = source.to_string();
            copy.args(["-D", &data, "-U", "postgres", "-h", "127.0.0.1", "-p", &source]);
            copy.args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]);
            copy
        }
        None => {
            let mut initdb = process::guarded(&process::need("initdb", PACKAGE)?, user);
            initdb.args(["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]);
            initdb.args(["--locale=C.UTF-8", "--no-sync", "--no-instructions"]);
            initdb
        }
    };
    process::output(make.current_dir(folder.path()))?;
    let durable = if options.durable { "on" } else { "off" };
    let connections = options.max_connections.unwrap_or(200);
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        // Nobody needs the socket, and its usual folder belongs to the machine's own server.
        "unix_socket_directories=".to_owned(),
        format!("max_connections={connections}"),
        format!("fsync={durable}"),
        format!("synchronous_commit={durable}"),
        format!("full_page_writes={durable}"),
    ];
    if let Some(certificates) = certificates {
        settings.push("ssl=on".to_owned());
        settings.push(format!("ssl_cert_file={}", certificates.certificate.display()));
        settings.push(format!("ssl_key_file={}", certificates.key.display()));
    }
    settings.extend(options.more.iter().cloned());
    let mut arguments = vec!["-D".to_owned(), data];
    arguments.extend(settings.into_iter().flat_map(|it| ["-c".to_owned(), it]));
    Ok(Plan {
        name: "PostgreSQL".to_owned(),
        program: process::need("postgres", PACKAGE)?,
        arguments,
        user: Some(USER),
        port,
        folder,
        ping: Box::new(|mut stream| {
            stream.write_all(&startup())?;
            // `R` asks for no password or has let us in, `E` says it is still starting.
            let mut kind = [0];
            stream.read_exact(&mut kind)?;
            Ok(&kind == b"R")
        }),
        // Ends sessions at once, in good order; SIGTERM would wait for the clients to leave.
        farewell: Signal::INT,
    })
}

/// The first message of the frontend/backend protocol, version 3.0.
pub(crate) fn startup() -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    body.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
    let length = u32::try_from(body.len()).unwrap_or(0).saturating_add(4);
    let mut message = length.to_be_bytes().to_vec();
    message.append(&mut body);
    message
}
