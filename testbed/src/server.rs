//! One server process: started, stopped, killed, frozen and started again on its port and data.

use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process::{self, wait_until};

/// How long a server may take until it answers, and until it is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the server answers a client; errors of the connection count as not yet.
type Ping = Box<dyn Fn(TcpStream) -> std::io::Result<bool> + Send + Sync>;

/// How a server is run.
pub(crate) struct Plan {
    /// What people call it.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The user it runs as when we are root.
    pub(crate) user: Option<&'static str>,
    pub(crate) port: u16,
    pub(crate) folder: Folder,
    pub(crate) ping: Ping,
    /// The signal that makes it end in good order.
    pub(crate) farewell: Signal,
}

/// A server process with its port and its data, stopped when this value goes.
pub struct Server {
    plan: Plan,
    child: Option<Child>,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start(plan: Plan) -> Result<Self, Error> {
        let mut server = Self { plan, child: None };
        server.run()?;
        Ok(server)
    }

    /// Starts it again on the same port and data, and waits until it answers.
    ///
    /// Nothing happens when it runs.
    ///
    /// # Errors
    /// When it ends at once or does not answer within a minute; its last words are in the text.
    pub fn run(&mut self) -> Result<(), Error> {
        self.launch()?;
        self.wait_until_ready()
    }

    /// Starts it without waiting for an answer, for a test that watches it come back.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn launch(&mut self) -> Result<(), Error> {
        if self.child.is_some() {
            return Ok(());
        }
        let user = self.plan.user.filter(|_| process::is_root());
        let mut command = process::guarded(&self.plan.program, user);
        let log = self.log_file()?;
        let again = log.try_clone().map_err(|error| self.failed("open its log", &error))?;
        command.args(&self.plan.arguments).current_dir(self.plan.folder.path());
        command.stdin(Stdio::null()).stdout(log).stderr(again);
        let child = process::spawn(command).map_err(|error| self.failed("be run", &error))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it answers a client.
    ///
    /// # Errors
    /// When it has ended or does not answer within a minute.
    pub fn wait_until_ready(&mut self) -> Result<(), Error> {
        let address = self.address();
        let mut ended = None;
        let child = &mut self.child;
        let ping = &self.plan.ping;
        let ready = wait_until(PATIENCE, || {
            ended = child.as_mut().and_then(|it| it.try_wait().ok()).flatten();
            ended.is_some() || answers(address, ping)
        });
        if let Some(status) = ended {
            self.child = None;
            return Err(self.complain(&format!("ended at its start ({status})")));
        }
        if ready { Ok(()) } else { Err(self.complain("does not answer")) }
    }

    /// Whether it answers a client right now.
    pub fn is_ready(&self) -> bool {
        answers(self.address(), &self.plan.ping)
    }

    /// Ends it in good order and waits until it is gone; kills it after a minute.
    pub fn stop(&mut self) {
        let Some(child) = &mut self.child else { return };
        // A frozen process would not hear of it.
        process::signal(child.id(), Signal::CONT);
        process::signal(child.id(), self.plan.farewell);
        if wait_until(PATIENCE, || !matches!(child.try_wait(), Ok(None))) {
            self.child = None;
        } else {
            self.kill();
        }
    }

    /// Kills it and every process it started (`kill -9`), and waits until all are gone.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let family = process::descendants(child.id());
        let _ = child.kill();
        let _ = child.wait();
        for process in &family {
            process::signal(*process, Signal::KILL);
        }
        wait_until(PATIENCE, || !family.iter().any(|it| process::is_alive(*it)));
    }

    /// Freezes it and every process it started (`SIGSTOP`); returns when all stand still.
    pub fn freeze(&self) {
        wait_until(PATIENCE, || {
            // Anew each time: until it stands still it may start another process.
            let moving = |it: &u32| !matches!(process::state(*it), None | Some('T' | 'Z'));
            let moving: Vec<u32> = self.family().into_iter().filter(moving).collect();
            for process in &moving {
                process::signal(*process, Signal::STOP);
            }
            moving.is_empty()
        });
    }

    /// Lets a frozen server go on (`SIGCONT`).
    pub fn thaw(&self) {
        for process in self.family() {
            process::signal(process, Signal::CONT);
        }
    }

    /// Ends it in good order and starts it again on the same port and data.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop();
        self.run()
    }

    /// Whether its process runs.
    pub fn is_running(&self) -> bool {
        self.child.as_ref().is_some_and(|it| process::is_alive(it.id()))
    }

    /// Its process id while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its port on 127.0.0.1; the same over its whole life.
    pub fn port(&self) -> u16 {
        self.plan.port
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.plan.port).into()
    }

    /// The folder of its data, configuration and log.
    pub fn folder(&self) -> &Path {
        self.plan.folder.path()
    }

    /// Everything it has printed so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn family(&self) -> Vec<u32> {
        let Some(child) = &self.child else { return Vec::new() };
        let mut family = vec![child.id()];
        family.extend(process::descendants(child.id()));
        family
    }

    fn log_file(&self) -> Result<File, Error> {
        let mut options = fs::OpenOptions::new();
        let path = self.folder().join("log");
        options.create(true).append(true).open(path).map_err(|it| self.failed("open its log", &it))
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> Error {
        Error::io(format!("{} could not {what}", self.plan.name), error)
    }

    fn complain(&self, what: &str) -> Error {
        let log = self.log();
        let mut last: Vec<&str> = log.lines().rev().take(12).collect();
        last.reverse();
        let (name, port) = (&self.plan.name, self.plan.port);
        Error::new(format!("{name} on port {port} {what}; it said:\n{}", last.join("\n")))
    }
}

impl Drop for Server {
    /// Kills it: its data goes with it, so good order would be wasted time.
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { name, port, .. } = &self.plan;
        write!(f, "{name} on port {port} (process {:?})", self.process_id())
    }
}

/// One try at `ping` with bounded patience.
fn answers(address: SocketAddr, ping: &Ping) -> bool {
    let patience = Duration::from_secs(2);
    let Ok(stream) = TcpStream::connect_timeout(&address, patience) else { return false };
    let timed = stream.set_read_timeout(Some(patience)).is_ok()
        && stream.set_write_timeout(Some(patience)).is_ok();
    timed && ping(stream).unwrap_or(false)
}

/// Starts with new ports when the port was taken between our looking and the server's.
pub(crate) fn on_a_free_port(
    mut plan: impl FnMut(u16) -> Result<Plan, Error>,
) -> Result<Server, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match Server::start(plan(crate::ports::free()?)?) {
            Err(error) if tries < 3 && error.to_string().to_lowercase().contains("in use") => {}
            outcome => return outcome,
        }
    }
}

/// A command for tests: `program` with `arguments`, run to its end; what it wrote to stdout.
pub(crate) fn client(program: &Path, arguments: &[&str]) -> Result<String, Error> {
    process::output(Command::new(program).args(arguments))
}
