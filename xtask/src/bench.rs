//! Ours and the peers, side by side; and a million sessions, ours and Flask-Session's.

use std::fs;
use std::path::Path;
use std::process::Command;

use sessile_testbed::Folder;
use sessile_testbed::redis::{Redis, RedisOptions};

use crate::debian;
use crate::process::stream;
use crate::python;
use crate::report::{Done, Failure, Report};
use crate::workspace::Workspace;

/// `bench/` is a workspace of its own, for it pulls in every peer.
pub(crate) fn run(workspace: &Workspace, report: &mut Report, arguments: &[String]) {
    if let Some((first, rest)) = arguments.split_first()
        && first == "million"
    {
        return report.step("bench million", || million(workspace, rest));
    }
    report.step("bench", || {
        if !workspace.root.join("bench/Cargo.toml").is_file() {
            return Err(Failure::new("there is no bench/", "run from a complete checkout"));
        }
        if debian::need(&[("valgrind", "valgrind")], "instruction counts").is_err() {
            println!("valgrind is not installed: times only, no instruction counts");
        }
        println!("building every peer with optimisation; minutes when nothing is cached");
        let mut run = workspace.cargo(&["run", "--release", "--manifest-path", "bench/Cargo.toml"]);
        run.arg("--").args(arguments);
        stream(&mut run, |_| true, "mend what is said above").map(Done::from)
    });
}

/// A million sessions (or as many as are asked for) in SQLite and in Redis: loads, bytes, and whom
/// a sweep keeps waiting, beside Flask-Session's own loads of the same rows and keys.
fn million(workspace: &Workspace, arguments: &[String]) -> Result<Done, Failure> {
    let sessions = arguments.first().map_or("1000000", String::as_str);
    let failed = |error: sessile_testbed::Error| Failure::new(error.to_string(), "see above");
    debian::need(&[("redis-server", "redis-server")], "the sessions in Redis")?;
    let python = python::environment(workspace)?;
    let folder = Folder::new("million").map_err(failed)?;
    let redis = Redis::start(RedisOptions::default()).map_err(failed)?;
    let (folder, url) = (folder.path().display().to_string(), redis.url());
    println!("building with optimisation; minutes when nothing is cached");
    let bench = |package: &str, last: &str| {
        let arguments = ["bench", "-p", package, "--bench", "million", "--", sessions, last];
        workspace.cargo(&arguments)
    };
    let original = |script: &str, argument: &str| {
        let mut command = Command::new(&python);
        command.arg(Path::new("bench").join(script)).arg(argument).current_dir(&workspace.root);
        command
    };
    let steps = [
        bench("sessile-sql", &folder),
        original("flask_session_sqlite.py", &format!("{folder}/flasksession.db")),
        bench("sessile-redis", &url),
        original("flask_session_redis.py", &url),
    ];
    let (mut rows, mut sweeps) = (String::new(), String::new());
    for mut step in steps {
        let shown = |line: &str| {
            let kept = match line.get(..2) {
                Some("| ") => &mut rows,
                Some("- ") => &mut sweeps,
                _ => return true,
            };
            kept.push_str(line);
            kept.push('\n');
            true
        };
        stream(&mut step, shown, "mend what is said above")?;
    }
    let table = format!(
        "# {sessions} sessions\n\nCommand: `cargo xtask bench million`; 86 bytes of data each, loads \
         at random, one after the other.\n\n\
         | store | who loads | p50, µs | p99, µs | bytes a session |\n|---|---|--:|--:|--:|\n\
         {rows}\n{sweeps}"
    );
    println!("\n{table}");
    let file = workspace.root.join("bench/results-million.md");
    fs::write(&file, table).map_err(|error| {
        Failure::new(format!("could not write {}: {error}", file.display()), "free the disk")
    })?;
    Ok(Done::from(crate::counts::Counts::default()))
}
