//! `cargo xtask`: every check and test of this repository, starting what they need.

// A command-line program talks to its user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod api;
mod backends;
mod bench;
mod check;
mod counts;
mod debian;
mod faults;
mod figures;
mod fuzz;
mod package;
mod process;
mod python;
mod report;
mod requirements;
mod servers;
mod suites;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::report::{Done, Failure, Report};
use crate::workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [PATH…]        every check and test; PATH… as for `vectors`
  check               formatting, lints, documentation, each feature alone, purity, public items,
                      the documented settings
  servers [--only NAME,NAME…] [-- COMMAND…]
                      Redis (one, Sentinel, Cluster), memcached, PostgreSQL, MariaDB and MongoDB
                      on free ports, their URLs printed, until stdin ends or Ctrl-C; or for as
                      long as COMMAND runs, which finds the URLs in its environment
  tools               what tests need besides: strace, curl, openssl; nginx, Caddy and systemd-tmpfiles,
                      unpacked into .cache/debian
  unit                cargo test --workspace, the fuzz corpora included, without servers
  stores              the crates of stores with the tests that need servers, which it starts
  faults              kills, stops, full disks and failing networks; what was lost, how long
                      recovery took
  vectors [PATH…]     compare with vector files made by Flask, Django and the others; without
                      a path: $SESSILE_VECTORS, else ../shared/vectors when it exists
  defects             what goes wrong in other session layers, by the scripts that ours pass
  interop             live tests beside a real Flask and Django, in .cache/venv, with all servers
  browser             the demo site in headless Chromium; pictures in target/screenshots
  python              the Python package, built as `pip install .` does, with its tests; in target/python
  upstream [NAME]     the suites of the packages that it stands in for, run with its code in their
                      place, and how often that was Rust
  api [--write]       the public items of each crate against docs/api; --write rewrites these
  configuration [--write]
                      the tables of docs/configuration.md against those of settings; --write
                      rewrites them
  figures [ROOT]      lines, public items and files in import circles of each crate, here or in
                      another checkout
  corpora             only the replay of fuzz/corpus
  fuzz [--seconds N] [TARGET…]   fresh fuzzing, 60 s a target unless told; needs nightly Rust
  bench [ARG…]        ours and the peers side by side; ARG… go to the benchmark
  bench million [N]   a million sessions in SQLite and Redis, ours and Flask-Session's; 5 minutes

Environment: SESSILE_VECTORS (a folder or file of vectors), PYTHON (the interpreter that makes
the virtual environment, python3 unless set), CARGO_TARGET_DIR as always.";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(command) = arguments.next() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let rest: Vec<String> = arguments.collect();
    if matches!(command.as_str(), "-h" | "--help" | "help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if let Some(code) = servers::command(&command, &rest) {
        return code;
    }
    let mut report = Report::new();
    match Workspace::find().and_then(|it| dispatch(&it, &mut report, &command, rest)) {
        Ok(()) => report.close(),
        // A mistyped command, or no checkout: there is no step to show.
        Err(failure) => {
            println!("{failure}\n\n0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

/// Programs that tests watch by, ask with and stand behind.
fn tools() -> Result<(), Failure> {
    debian::need(&[("strace", "strace"), ("curl", "curl"), ("openssl", "openssl")], "tests")?;
    debian::unpack(&[("nginx", "nginx"), ("caddy", "caddy")], "tests behind a proxy")?;
    // Alone, it needs nothing of systemd.
    let tmpfiles = ("systemd-tmpfiles", "systemd-standalone-tmpfiles");
    debian::unpack(&[tmpfiles], "tests beside what removes old files")
}

/// Runs the steps of a command. Their failures are in the report; an error is one of ours.
fn dispatch(
    workspace: &Workspace,
    report: &mut Report,
    command: &str,
    rest: Vec<String>,
) -> Result<(), Failure> {
    let paths = || rest.iter().map(PathBuf::from).collect::<Vec<_>>();
    if !rest.is_empty()
        && !matches!(
            command,
            "test"
                | "vectors"
                | "fuzz"
                | "upstream"
                | "bench"
                | "api"
                | "configuration"
                | "figures"
        )
    {
        return Err(Failure::new(format!("`{command}` takes no arguments"), USAGE));
    }
    match command {
        "test" => {
            check::all(workspace, report);
            let servers = servers::all(report);
            // Tests that do not find one of these say that they are not run.
            report.step("tools", || tools().map(|()| Done::default()));
            suites::unit(workspace, report, Some(&servers));
            suites::defects(workspace, report);
            suites::vectors(workspace, report, paths(), true);
            suites::interop(workspace, report, &servers);
            package::tests(workspace, report);
            package::upstream(workspace, report, None)?;
            suites::browser(workspace, report);
        }
        "python" => package::tests(workspace, report),
        "upstream" => match rest.as_slice() {
            [] => package::upstream(workspace, report, None)?,
            [name] => package::upstream(workspace, report, Some(name))?,
            _ => return Err(Failure::new("`upstream` takes one name or nothing", USAGE)),
        },
        "vectors" => suites::vectors(workspace, report, paths(), false),
        "fuzz" => fuzz::run(workspace, report, &rest)?,
        "bench" => bench::run(workspace, report, &rest),
        "check" => check::all(workspace, report),
        "api" => match rest.as_slice() {
            [] => report.step("api", || api::check(workspace, false)),
            [write] if write == "--write" => report.step("api", || api::check(workspace, true)),
            _ => return Err(Failure::new("`api` takes --write or nothing", USAGE)),
        },
        "configuration" => match rest.as_slice() {
            [] => report.step("configuration", || check::configuration(workspace, false)),
            [write] if write == "--write" => {
                report.step("configuration", || check::configuration(workspace, true))
            }
            _ => return Err(Failure::new("`configuration` takes --write or nothing", USAGE)),
        },
        "figures" => {
            let other = rest.first().map(|root| Workspace::at(root.as_ref())).transpose()?;
            let workspace = other.as_ref().unwrap_or(workspace);
            report.step("figures", || figures::print(workspace).map(|()| Done::default()));
        }
        "tools" => report.step("tools", || tools().map(|()| Done::default())),
        "unit" => suites::unit(workspace, report, None),
        "stores" => {
            let servers = servers::all(report);
            suites::stores(workspace, report, &servers);
        }
        "faults" => faults::run(workspace, report),
        "defects" => suites::defects(workspace, report),
        "interop" => {
            let servers = servers::all(report);
            suites::interop(workspace, report, &servers);
        }
        "browser" => suites::browser(workspace, report),
        "corpora" => fuzz::replay(workspace, report),
        _ => return Err(Failure::new(format!("there is no command `{command}`"), USAGE)),
    }
    Ok(())
}
