//! A server that speaks MongoDB's wire protocol.
//!
//! MongoDB itself is in no Debian package. In this order: the server that
//! `SESSILE_TEST_MONGODB_URL` names; FerretDB with SQLite, built from `interop/ferretdb` where
//! `go` is present.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process;
use crate::server::{Plan, Server, on_a_free_port};

/// The variable that names a server to use instead.
pub const GIVEN: &str = "SESSILE_TEST_MONGODB_URL";

/// A server that speaks MongoDB's protocol: one of ours, or one that was given.
#[derive(Debug)]
pub struct MongoDb {
    url: String,
    what: String,
    server: Option<Server>,
}

/// Starts what there is and waits until it answers.
///
/// # Errors
/// When nothing can be started; the text says what to install or set.
pub fn start() -> Result<MongoDb, Error> {
    match std::env::var(GIVEN) {
        Ok(url) => Ok(MongoDb { url, what: format!("the server in {GIVEN}"), server: None }),
        Err(_) => start_ours(),
    }
}

/// Starts one of ours, whatever is given: for tests that kill it.
///
/// # Errors
/// As [`start`].
pub fn start_ours() -> Result<MongoDb, Error> {
    let go = process::find("go").ok_or_else(|| {
        Error::new(format!("no MongoDB: install go for FerretDB, or name a server in {GIVEN}"))
    })?;
    let program = build_ferretdb(&go)?;
    let server = on_a_free_port(|port| {
        let folder = Folder::new("ferretdb")?;
        let listen = format!("127.0.0.1:{port}");
        let data = folder.path().display().to_string();
        Ok(Plan {
            name: "FerretDB".to_owned(),
            program: program.clone(),
            arguments: ["--listen", &listen, "--data", &data].map(str::to_owned).into(),
            user: None,
            port,
            folder,
            ping: Box::new(hello),
            farewell: Signal::TERM,
        })
    })?;
    let url = format!("mongodb://127.0.0.1:{}", server.port());
    let what = "FerretDB 1.24 with SQLite, one command at a time and without a TTL monitor \
                (interop/ferretdb)"
        .to_owned();
    Ok(MongoDb { url, what, server: Some(server) })
}

impl MongoDb {
    /// `mongodb://HOST:PORT`, or what was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which server it is, for the report of a test run.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The process, if it is ours, to be killed, frozen and so on.
    pub fn server(&mut self) -> Option<&mut Server> {
        self.server.as_mut()
    }
}

/// Builds the program of `interop/ferretdb` into `.cache/`, unless it is there and no older than
/// its sources. Any number of processes may do it at once.
fn build_ferretdb(go: &Path) -> Result<PathBuf, Error> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().unwrap_or(here);
    let (sources, folder) = (root.join("interop/ferretdb"), root.join(".cache/ferretdb"));
    let program = folder.join("ferretdb");
    let failed = |error: io::Error| Error::io("could not build FerretDB", &error);
    if is_newer(&program, &sources).map_err(failed)? {
        return Ok(program);
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    // Another process may be running the old one, or building too.
    let made = folder.join(format!("made-by-{}", std::process::id()));
    let mut build = Command::new(go);
    build.args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath"]);
    // Without its other backend, which takes a third of the time and the size.
    build.args(["-tags", "ferretdb_no_postgresql", "-ldflags", "-s -w", "-o"]);
    build.arg(&made).arg(".").current_dir(sources).env("GOTOOLCHAIN", "local");
    process::output(&mut build)?;
    std::fs::rename(made, &program).map_err(failed)?;
    Ok(program)
}

/// Whether the program is there and newer than every file in the folder.
fn is_newer(program: &Path, sources: &Path) -> io::Result<bool> {
    let Ok(built) = program.metadata().and_then(|it| it.modified()) else { return Ok(false) };
    for source in std::fs::read_dir(sources)? {
        if source?.metadata()?.modified()? >= built {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The driver's first command, `{hello: 1, $db: "admin"}` as an `OP_MSG`; any reply will do.
fn hello(mut stream: TcpStream) -> io::Result<bool> {
    let document = b"\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
    let length = |extra: usize| {
        u32::try_from(document.len().saturating_add(extra)).unwrap_or(0).to_le_bytes()
    };
    let mut message = Vec::new();
    // Header: length, request 1, in answer to nothing, OP_MSG; then no flags, a body.
    message.extend_from_slice(&length(25));
    message.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0xdd, 0x07, 0, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(&length(4));
    message.extend_from_slice(document);
    stream.write_all(&message)?;
    let mut header = [0; 16];
    stream.read_exact(&mut header)?;
    Ok(header.get(12..14) == Some(&[0xdd, 0x07]))
}
