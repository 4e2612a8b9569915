//! Starting programs so that none outlives us, and sending them signals.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};

use crate::error::Error;

type Order = (Command, Sender<io::Result<Child>>);

/// Where packages of Debian's are unpacked that tests need and nobody wants installed, such as a
/// web server that would start with the machine.
pub const UNPACKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/debian");

/// Where a program is: on the PATH, where Debian keeps servers, or among what was unpacked.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    // Debian leaves PostgreSQL's server programs off the PATH, one folder a version.
    let mut postgres: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    postgres.sort();
    std::env::split_paths(&path)
        .chain(usual)
        .chain(postgres.into_iter().rev())
        .chain(["usr/sbin", "usr/bin", "bin"].map(|folder| Path::new(UNPACKED).join(folder)))
        .map(|folder| folder.join(program))
        .find(|it| it.is_file())
}

/// The program, or an error that names the package it is in.
pub(crate) fn need(program: &str, package: &str) -> Result<PathBuf, Error> {
    find(program).ok_or_else(|| {
        Error::new(format!(
            "{program} is not installed; on Debian, as root: apt-get install {package}"
        ))
    })
}

/// Whether we are root: some servers refuse to be.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// The command that runs `program` as `user` and dies when this process does.
///
/// On Linux the kernel sees to the latter, through util-linux's `setpriv`; elsewhere a process
/// that is killed leaves its servers behind.
pub(crate) fn guarded(program: &Path, user: Option<&str>) -> Command {
    let Some(setpriv) = find("setpriv") else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    if let Some(user) = user {
        command.arg(format!("--reuid={user}")).arg(format!("--regid={user}"));
        command.arg("--init-groups");
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts a server.
///
/// All are started by one thread that lives as long as the process: Linux would otherwise take
/// the end of the thread that started a server for the end of its parent.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in received {
                // Whoever asked may have given up; then the server goes at once.
                if let Err(mpsc::SendError(Ok(mut child))) = answer.send(command.spawn()) {
                    let _ = child.kill();
                }
            }
        });
        Mutex::new(orders)
    });
    // A group of its own: Ctrl-C at the terminal is for us to handle.
    command.process_group(0);
    let (answer, answered) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts servers is gone");
    let sent = starter.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer));
    sent.map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// Runs a program to its end and returns what it wrote to stdout.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let name = Path::new(command.get_program()).display().to_string();
    let output =
        command.output().map_err(|error| Error::io(format!("could not run {name}"), &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = crate::process::typed(command);
    Err(Error::new(format!("`{line}` failed ({}): {}", output.status, said.trim())))
}

/// The command as one would type it.
fn typed(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let words = std::iter::once(program).chain(command.get_args().map(|it| it.to_string_lossy()));
    words.collect::<Vec<_>>().join(" ")
}

/// Sends a signal; whether the process was there to get it.
pub(crate) fn signal(process: u32, signal: Signal) -> bool {
    pid(process).is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// Whether the process runs; one that ended and was not waited for does not.
pub(crate) fn is_alive(process: u32) -> bool {
    // One that belongs to another user is alive too, though we may not signal it.
    let known = pid(process)
        .is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)));
    known && state(process) != Some('Z')
}

/// The letter for its state in Linux's /proc: R, S, D, T (stopped), Z (ended).
pub(crate) fn state(process: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it stands in parentheses and may hold anything.
    text.rsplit(')').next()?.trim_start().chars().next()
}

/// A process's children and their children, as Linux's /proc knows them.
pub(crate) fn descendants(process: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![process];
    while let Some(parent) = open.pop() {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children: Vec<u32> =
                text.split_whitespace().filter_map(|it| it.parse().ok()).collect();
            found.extend(&children);
            open.extend(children);
        }
    }
    found
}

/// Asks `question` every few milliseconds until it says yes; whether it did in time.
pub fn wait_until(limit: Duration, mut question: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if question() {
            return true;
        }
        if started.elapsed() >= limit {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn pid(process: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process).ok()?)
}
