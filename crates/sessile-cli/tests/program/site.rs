//! The demo site as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{Program, scratch, sessile};

/// One process of the demo site, killed when this value goes.
pub(crate) struct Site {
    pub(crate) process: Child,
    pub(crate) address: String,
    /// Where the hostile site is, if there is one.
    pub(crate) hostile: Option<String>,
    pub(crate) folder: PathBuf,
}

impl Site {
    pub(crate) fn start(name: &str, options: &[&str]) -> Self {
        let folder = scratch().join(name);
        Self::start_in(folder, options)
    }

    pub(crate) fn start_in(folder: PathBuf, options: &[&str]) -> Self {
        Self::run(sessile(&["demo", "--port", "0"]), folder, options)
    }

    /// Starts a program whose environment has been set.
    pub(crate) fn run(mut program: Program, folder: PathBuf, options: &[&str]) -> Self {
        let command = program.0.args(options).arg("--data").arg(&folder);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut listening = || {
            let line = lines.next()?.unwrap();
            Some(line.split_once("http://").unwrap().1.to_owned())
        };
        let address = listening().unwrap();
        let local = address.starts_with("127.0.0.1:");
        let hostile = if local { listening() } else { None };
        Self { process, address, hostile, folder }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// The whole response to a request on a connection of its own. A form is sent
    /// with its token, as a page's would be.
    pub(crate) fn send(&self, method: &str, path: &str, cookie: &str, form: &str) -> String {
        if method == "GET" {
            return self.send_bare(method, path, cookie, form);
        }
        let (cookie, token) = self.token(cookie);
        self.send_bare(method, path, &cookie, &format!("{form}&csrf_token={token}"))
    }

    /// The cookies to send a form with, those given among them, and its token.
    pub(crate) fn token(&self, cookie: &str) -> (String, String) {
        let page = self.send_bare("GET", "/api/csrf", cookie, "");
        let name = |pair: &str| pair.split('=').next().unwrap().to_owned();
        let mut cookies: Vec<String> = cookie.split("; ").map(str::to_owned).collect();
        for line in page.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let set = line.split(';').next().unwrap().to_owned();
            cookies.retain(|pair| name(pair) != name(&set));
            cookies.push(set);
        }
        let token = page.rsplit('"').nth(1).unwrap_or_default().to_owned();
        (cookies.join("; "), token)
    }

    fn send_bare(&self, method: &str, path: &str, cookie: &str, form: &str) -> String {
        let mut stream = self.connect();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\n\
             Cookie: {cookie}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.address,
            form.len(),
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    pub(crate) fn log_in(&self) -> String {
        cookie(&self.send("POST", "/login", "", "username=ada&password=engine"))
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// The exit code, and what it said on stderr.
    pub(crate) fn wait(&mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.process.wait().unwrap().code(), err)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The `NAME=VALUE` of the cookie that a response sets.
pub(crate) fn cookie(response: &str) -> String {
    let line = response.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    line.unwrap_or_else(|| unreachable!("no cookie: {response}")).split(';').next().unwrap().into()
}
