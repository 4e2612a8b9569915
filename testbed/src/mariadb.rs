//! MariaDB, with data of its own made by `mariadb-install-db`.

use std::io::Read;
use std::ops::{Deref, DerefMut};
use std::process::Command;

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process;
use crate::server::{Plan, Server, client, on_a_free_port};
use crate::tls::Certificates;

/// The package with the programs, on Debian.
const PACKAGE: &str = "mariadb-server";
/// The user that runs it when we are root.
const USER: &str = "mysql";

/// How one MariaDB is set up.
#[derive(Clone, Debug, Default)]
pub struct MariaDbOptions {
    /// Waits for the disk at each commit: needed where a test kills the server, slower elsewhere.
    pub durable: bool,
    /// How many connections it takes; 200 unless given.
    pub max_connections: Option<u32>,
    /// Speaks TLS to those who ask, with a certificate of an authority made for it.
    pub tls: bool,
    /// More arguments of `mariadbd`: `--wait-timeout=5`.
    pub more: Vec<String>,
}

/// One MariaDB with the database `sessile` and a user of that name and password, who may do all.
#[derive(Debug)]
pub struct MariaDb {
    server: Server,
    certificates: Option<Certificates>,
}

impl MariaDb {
    /// Makes its data, starts it and waits until it greets.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(options: &MariaDbOptions) -> Result<Self, Error> {
        let mut certificates = None;
        let server = on_a_free_port(|port| {
            let folder = Folder::new("mariadb")?;
            certificates = options.tls.then(|| Certificates::make(&folder)).transpose()?;
            plan(port, folder, options, certificates.as_ref())
        })?;
        Ok(Self { server, certificates })
    }

    /// What it shows with [`MariaDbOptions::tls`].
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// `mysql://sessile:sessile@127.0.0.1:PORT/sessile`.
    pub fn url(&self) -> String {
        self.url_of("sessile")
    }

    /// The URL of a database that [`MariaDb::query`] may have made.
    pub fn url_of(&self, database: &str) -> String {
        format!("mysql://sessile:sessile@127.0.0.1:{}/{database}", self.port())
    }

    /// Runs SQL through `mariadb`; rows come one a line, columns separated by tabs.
    ///
    /// # Errors
    /// When `mariadb` is missing or the server refuses; the text is the server's.
    pub fn query(&self, sql: &str) -> Result<String, Error> {
        query(self.port(), sql)
    }
}

/// Runs SQL on the server at a port through `mariadb`.
pub(crate) fn query(port: u16, sql: &str) -> Result<String, Error> {
    let program = process::need("mariadb", "mariadb-client")?;
    let port = format!("--port={port}");
    let fixed = ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", &port];
    let login = ["--user=sessile", "--password=sessile", "--batch", "--skip-column-names"];
    client(&program, &[&fixed[..], &login, &["--execute", sql, "sessile"]].concat())
}

impl Deref for MariaDb {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for MariaDb {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

fn plan(
    port: u16,
    folder: Folder,
    options: &MariaDbOptions,
    certificates: Option<&Certificates>,
) -> Result<Plan, Error> {
    let path = folder.path().display().to_string();
    let user = Some(USER).filter(|_| process::is_root());
    let data = format!("--datadir={path}/data");
    // One that starts removes the temporary tables of all others that share the place.
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary)
        .map_err(|error| Error::io(format!("could not make {}", temporary.display()), &error))?;
    folder.give_to(user)?;
    let temporary = format!("--tmpdir={}", temporary.display());
    let mut install = Command::new(process::need("mariadb-install-db", PACKAGE)?);
    install.args(["--no-defaults", &data, &temporary, "--auth-root-authentication-method=normal"]);
    install.args(["--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M"]);
    install.arg("--innodb-flush-method=nosync");
    install.args(user.map(|it| format!("--user={it}")));
    process::output(install.current_dir(folder.path()))?;
    let init = folder.write(
        "init.sql",
        "CREATE DATABASE IF NOT EXISTS sessile;\n\
         CREATE USER IF NOT EXISTS 'sessile'@'127.0.0.1' IDENTIFIED BY 'sessile';\n\
         GRANT ALL ON *.* TO 'sessile'@'127.0.0.1' WITH GRANT OPTION;\n",
    )?;
    folder.give_to(user)?;
    let connections = options.max_connections.unwrap_or(200);
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        data,
        temporary,
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--socket={path}/socket"),
        format!("--pid-file={path}/pid"),
        format!("--init-file={}", init.display()),
        format!("--max-connections={connections}"),
        "--skip-name-resolve".to_owned(),
        "--innodb-buffer-pool-size=64M".to_owned(),
        "--innodb-log-file-size=48M".to_owned(),
    ];
    arguments.push(if options.durable {
        "--innodb-flush-log-at-trx-commit=1".to_owned()
    } else {
        "--innodb-flush-log-at-trx-commit=0".to_owned()
    });
    if let Some(certificates) = certificates {
        arguments.push(format!("--ssl-cert={}", certificates.certificate.display()));
        arguments.push(format!("--ssl-key={}", certificates.key.display()));
    }
    arguments.extend(options.more.iter().cloned());
    Ok(Plan {
        name: "MariaDB".to_owned(),
        program: process::need("mariadbd", PACKAGE)?,
        arguments,
        user: Some(USER),
        port,
        folder,
        ping: Box::new(|mut stream| {
            // Three bytes of length, a number, then the protocol's version: the greeting.
            let mut greeting = [0; 5];
            stream.read_exact(&mut greeting)?;
            Ok(greeting.last() == Some(&10))
        }),
        farewell: Signal::TERM,
    })
}
