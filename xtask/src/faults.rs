//! Kills, stops, full disks and failing networks: the tests behind the feature `faults`.
//!
//! They start servers of their own, for they break them, and run one after the other, for they
//! measure how long recovery takes.

use std::fs;

use crate::counts::Tests;
use crate::debian;
use crate::process::stream;
use crate::report::{Done, Failure, Report};
use crate::workspace::{Member, Workspace};
use sessile_testbed::Backend;

/// The feature of a crate that has such tests.
pub(crate) const FEATURE: &str = "faults";

/// Runs them, crate by crate, and shows what each printed.
pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("faults", || {
        let needed: Vec<_> = Backend::ALL.iter().flat_map(|it| it.programs()).copied().collect();
        debian::need(&needed, "the servers that are to fail")?;
        debian::need(
            &[("faketime", "faketime"), ("prlimit", "util-linux")],
            "faults of the clock",
        )?;
        let (mut all, mut failures) = (Tests::default(), Vec::new());
        for member in workspace.declaring(FEATURE) {
            match of(workspace, member) {
                Ok(tests) => all += tests,
                Err(failure) => failures.push(failure),
            }
        }
        match Failure::all(failures) {
            Some(failure) => Err(failure.and_tests(all)),
            None => Ok(Done::from(all)),
        }
    });
}

/// Those of one crate: its test files that ask for the feature.
fn of(workspace: &Workspace, member: &Member) -> Result<Tests, Failure> {
    let mut test = workspace.cargo(&["test", "-p", &member.name, "--features", FEATURE]);
    test.arg("--no-fail-fast");
    for file in files(member) {
        test.args(["--test", &file]);
    }
    test.args(["--", "--test-threads=1", "--show-output"]);
    let remedy =
        format!("run one: `cargo test -p {} --features {FEATURE} --test FILE NAME`", member.name);
    // What tests printed comes between `---- NAME stdout ----` and the list of their names.
    let mut inside = false;
    let shown = move |line: &str| {
        if line.starts_with("---- ") || line.is_empty() {
            inside |= !line.is_empty();
            return false;
        }
        if line == "successes:" || line == "failures:" || line.starts_with("test result: ") {
            inside = false;
        }
        inside || line.starts_with("test ")
    };
    stream(&mut test, shown, &remedy)
}

/// The names of the test programs whose source asks for the feature.
fn files(member: &Member) -> Vec<String> {
    let asks = format!("feature = \"{FEATURE}\"");
    let entries = fs::read_dir(member.folder.join("tests")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let source = if path.is_dir() { path.join("main.rs") } else { path.clone() };
            let asks = fs::read_to_string(source).is_ok_and(|text| text.contains(&asks));
            asks.then(|| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        })
        .collect();
    names.sort();
    names
}
