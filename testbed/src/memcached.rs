//! `memcached`, any number of them.

use std::io::{Read, Write};
use std::ops::{Deref, DerefMut};

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process;
use crate::server::{Plan, Server, on_a_free_port};

/// How one memcached is set up.
#[derive(Clone, Debug, Default)]
pub struct MemcachedOptions {
    /// Its memory in mebibytes (`-m`); 64 unless given.
    pub memory: Option<u32>,
    /// The largest item in bytes (`-I`), at least 1024; 1 MiB unless given.
    pub largest_item: Option<u32>,
    /// More arguments.
    pub more: Vec<String>,
}

/// One `memcached`.
#[derive(Debug)]
pub struct Memcached {
    server: Server,
}

impl Memcached {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(options: &MemcachedOptions) -> Result<Self, Error> {
        let server = on_a_free_port(|port| {
            let mut arguments: Vec<String> =
                ["-l", "127.0.0.1", "-U", "0", "-p"].map(str::to_owned).into();
            arguments.push(port.to_string());
            if process::is_root() {
                // It wants to be told by whom it may be run.
                arguments.extend(["-u", "root"].map(str::to_owned));
            }
            let memory = options.memory.map(|it| ["-m".to_owned(), it.to_string()]);
            arguments.extend(memory.into_iter().flatten());
            if let Some(bytes) = options.largest_item {
                // An item may be made of two chunks, and of no larger ones.
                let chunk = format!("slab_chunk_max={}", bytes / 2);
                arguments.extend(["-I".to_owned(), bytes.to_string(), "-o".to_owned(), chunk]);
            }
            arguments.extend(options.more.iter().cloned());
            Ok(Plan {
                name: "memcached".to_owned(),
                program: process::need("memcached", "memcached")?,
                arguments,
                user: None,
                port,
                folder: Folder::new("memcached")?,
                ping: Box::new(|mut stream| {
                    stream.write_all(b"version\r\n")?;
                    let mut answer = [0; 8];
                    stream.read_exact(&mut answer)?;
                    // One that wants a password first answers, too.
                    Ok(&answer == b"VERSION " || &answer == b"CLIENT_E")
                }),
                farewell: Signal::TERM,
            })
        })?;
        Ok(Self { server })
    }

    /// Starts `count` of them.
    ///
    /// # Errors
    /// As [`Memcached::start`].
    pub fn several(count: usize, options: &MemcachedOptions) -> Result<Vec<Self>, Error> {
        (0..count).map(|_| Self::start(options)).collect()
    }
}

/// `memcached://HOST:PORT,HOST:PORT,…`.
pub fn url(servers: &[Memcached]) -> String {
    let hosts: Vec<String> = servers.iter().map(|it| it.address().to_string()).collect();
    format!("memcached://{}", hosts.join(","))
}

impl Deref for Memcached {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Memcached {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}
