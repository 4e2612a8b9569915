//! The servers that tests of stores need, kept by a process of their own.
//!
//! That process, the keeper, ends when its stdin does. However we end, by Ctrl-C, by `kill -9` or
//! in good order, it stops the servers and removes their folders.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use sessile_testbed::Backend;

use crate::debian;
use crate::report::{Done, Failure, Report};

/// The feature of a crate whose tests need servers.
pub(crate) const FEATURE: &str = "servers";
/// The keeper's command, for us alone.
const KEEPER: &str = "servers-keeper";
const USAGE: &str = "usage: cargo xtask servers [--only NAME,NAME…] [-- COMMAND…]";

/// One backend that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) backend: Backend,
    pub(crate) variable: String,
    pub(crate) url: String,
    /// What it is, in words.
    pub(crate) what: String,
}

/// The servers, stopped when this value goes.
pub(crate) struct Servers {
    keeper: Option<Child>,
    pub(crate) running: Vec<Running>,
    /// Those that should run and do not.
    pub(crate) missing: Vec<(Backend, Failure)>,
}

/// `cargo xtask servers`, or the keeper; `None` for any other command.
pub(crate) fn command(command: &str, arguments: &[String]) -> Option<ExitCode> {
    let outcome = match command {
        "servers" => serve(arguments),
        KEEPER => keep(arguments),
        _ => return None,
    };
    Some(outcome.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        ExitCode::FAILURE
    }))
}

/// Every backend, as a step of a run. It fails if one does not start; the others are there.
pub(crate) fn all(report: &mut Report) -> Servers {
    let mut servers = Servers { keeper: None, running: Vec::new(), missing: Vec::new() };
    report.step("servers", || {
        servers = Servers::start(&Backend::ALL);
        let failures = servers.missing.iter().map(|(backend, failure)| {
            Failure::new(format!("{}: {}", backend.name(), failure.what()), failure.remedy())
        });
        let done = Done::note("they run until the end");
        Failure::all(failures.collect()).map_or(Ok(done), Err)
    });
    servers
}

impl Servers {
    /// Starts the backends, having installed what they need.
    pub(crate) fn start(backends: &[Backend]) -> Self {
        let needed: Vec<_> = backends.iter().flat_map(|it| it.programs()).copied().collect();
        let mut missing = Vec::new();
        let mut startable = backends.to_vec();
        if debian::need(&needed, "the servers").is_err() {
            startable.retain(|backend| match debian::need(backend.programs(), "the server") {
                Ok(()) => true,
                Err(failure) => {
                    missing.push((*backend, failure));
                    false
                }
            });
        }
        let started = Instant::now();
        let mut servers = match Self::keep(&startable) {
            Ok(servers) => servers,
            Err(error) => {
                let failed = || {
                    Failure::new(format!("could not start the servers: {error}"), "run it again")
                };
                missing.extend(startable.into_iter().map(|it| (it, failed())));
                Self { keeper: None, running: Vec::new(), missing: Vec::new() }
            }
        };
        servers.missing.append(&mut missing);
        eprintln!("servers started in {:.1} s", started.elapsed().as_secs_f64());
        servers
    }

    /// Starts the keeper and reads what it has to say of each backend.
    fn keep(backends: &[Backend]) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(KEEPER).args(backends.iter().map(|it| it.name()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is for us: the keeper hears of our end through its stdin.
        let mut keeper = command.process_group(0).spawn()?;
        let lines = keeper.stdout.take().map(|out| BufReader::new(out).lines());
        let mut lines = lines.into_iter().flatten().map_while(Result::ok);
        let (mut running, mut missing) = (Vec::new(), Vec::new());
        for backend in backends {
            let line = lines.next().unwrap_or_default();
            match line.split_once('\t') {
                Some((url, what)) => running.push(Running {
                    backend: *backend,
                    variable: backend.variable(),
                    url: url.to_owned(),
                    what: what.to_owned(),
                }),
                None => {
                    let what = format!("did not start. {}", line.trim());
                    let remedy = "mend what is said above, or leave it out of \
                        `cargo xtask servers` with --only";
                    missing.push((*backend, Failure::new(what.trim_end(), remedy)));
                }
            }
        }
        Ok(Self { keeper: Some(keeper), running, missing })
    }

    /// Puts the URLs into a command's environment.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.envs(self.running.iter().map(|it| (&it.variable, &it.url)));
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        drop(keeper.stdin.take());
        let _ = keeper.wait();
    }
}

fn serve(arguments: &[String]) -> Result<ExitCode, Failure> {
    let (options, command) = match arguments.iter().position(|it| it == "--") {
        Some(at) => (arguments.get(..at), arguments.get(at.saturating_add(1)..)),
        None => (Some(arguments), None),
    };
    let backends = match options.unwrap_or_default() {
        [] => Backend::ALL.to_vec(),
        [only, names] if only == "--only" => {
            names.split(',').map(named).collect::<Result<_, _>>()?
        }
        _ => return Err(Failure::new("these arguments are not understood", USAGE)),
    };
    let mut servers = Servers::start(&backends);
    let missing = std::mem::take(&mut servers.missing).into_iter().map(|(_, failure)| failure);
    if let Some(failure) = Failure::all(missing.collect()) {
        return Err(failure);
    }
    let Some([program, rest @ ..]) = command else {
        for Running { variable, url, what, .. } in &servers.running {
            println!("export {variable}='{url}' # {what}");
        }
        let _ = io::stdout().flush();
        eprintln!("they run until stdin ends or Ctrl-C");
        wait_for_the_end_of_stdin();
        return Ok(ExitCode::SUCCESS);
    };
    let mut command = Command::new(program);
    servers.tell(command.args(rest));
    let status = command.status().map_err(|error| {
        Failure::new(format!("could not run {program}: {error}"), "check that it is on the PATH")
    })?;
    let code = status.code().and_then(|it| u8::try_from(it).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn keep(names: &[String]) -> Result<ExitCode, Failure> {
    let backends = names.iter().map(|it| named(it)).collect::<Result<Vec<_>, _>>()?;
    let servers = sessile_testbed::start(&backends);
    for server in &servers {
        match server {
            Ok(server) => println!("{}\t{}", server.url, server.what),
            // One line without a tab.
            Err(error) => println!("{}", error.to_string().replace(['\n', '\t'], " ")),
        }
    }
    let _ = io::stdout().flush();
    wait_for_the_end_of_stdin();
    Ok(ExitCode::SUCCESS)
}

fn named(name: &str) -> Result<Backend, Failure> {
    Backend::from_name(name).ok_or_else(|| {
        let names = Backend::ALL.map(Backend::name).join(", ");
        Failure::new(format!("there is no backend `{name}`"), format!("the names are {names}"))
    })
}

fn wait_for_the_end_of_stdin() {
    let mut buffer = [0; 256];
    // An error ends the waiting like the end itself.
    while matches!(io::stdin().lock().read(&mut buffer), Ok(1..)) {}
}
