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
    keeper: Child,
    pub(crate) running: Vec<Running>,
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

/// Every backend, as a step of a run.
pub(crate) fn all(report: &mut Report) -> Result<Servers, Failure> {
    let mut servers = None;
    report.step("servers", || {
        servers = Some(Servers::start(&Backend::ALL)?);
        Ok(Done::note("they run until the end"))
    })?;
    servers.ok_or_else(|| Failure::new("no server started", "run it again"))
}

impl Servers {
    /// Starts the backends, having installed what they need.
    pub(crate) fn start(backends: &[Backend]) -> Result<Self, Failure> {
        let needed: Vec<_> = backends.iter().flat_map(|it| it.programs()).copied().collect();
        debian::need(&needed, "the servers")?;
        let started = Instant::now();
        let failed = |error: io::Error| {
            Failure::new(format!("could not start the servers: {error}"), "run it again")
        };
        let ourselves = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(ourselves);
        command.arg(KEEPER).args(backends.iter().map(|it| it.name()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is for us: the keeper hears of our end through its stdin.
        let mut keeper = command.process_group(0).spawn().map_err(failed)?;
        let mut running = Vec::new();
        if let Some(out) = keeper.stdout.take() {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            for (backend, line) in backends.iter().zip(lines) {
                let Some((url, what)) = line.split_once('\t') else { break };
                running.push(Running {
                    backend: *backend,
                    variable: backend.variable(),
                    url: url.to_owned(),
                    what: what.to_owned(),
                });
            }
        }
        let servers = Self { keeper, running };
        if servers.running.len() < backends.len() {
            let remedy = "mend what is said above, or leave a server out with --only";
            return Err(Failure::new("not every server started", remedy));
        }
        eprintln!("servers started in {:.1} s", started.elapsed().as_secs_f64());
        Ok(servers)
    }

    /// Puts the URLs into a command's environment.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.envs(self.running.iter().map(|it| (&it.variable, &it.url)));
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
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
    let servers = Servers::start(&backends)?;
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
    let servers = sessile_testbed::start(&backends)
        .map_err(|error| Failure::new(error.to_string(), "see above; then run it again"))?;
    for server in &servers {
        println!("{}\t{}", server.url, server.what);
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
