//! Ours and the peers, side by side.

use crate::debian;
use crate::process::stream;
use crate::report::{Done, Failure, Report};
use crate::workspace::Workspace;

/// `bench/` is a workspace of its own, for it pulls in every peer.
pub(crate) fn run(
    workspace: &Workspace,
    report: &mut Report,
    arguments: &[String],
) -> Result<(), Failure> {
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
    })
}
