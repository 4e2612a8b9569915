//! The tests proper: Rust's, the vectors of the originals, live servers, the browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::backends::{self, Ledger};
use crate::check::collect_sources;
use crate::counts::DOES_NOT_APPLY;
use crate::debian;
use crate::process::{is_build_progress, stream};
use crate::python;
use crate::report::{Done, Failure, Report};
use crate::servers::{FEATURE, Servers};
use crate::workspace::{Workspace, read};

/// `cargo test --workspace`; with servers, the tests that need them too.
pub(crate) fn unit(workspace: &Workspace, report: &mut Report, servers: Option<&Servers>) {
    let mut ledger = Ledger::new(servers.map_or(&[], |it| it.running.as_slice()));
    let features = servers.map_or_else(String::new, |it| served(workspace, report, it).join(","));
    report.step("unit", || {
        let mut test = workspace.cargo(&["test", "--workspace", "--no-fail-fast"]);
        test.args(["--features", &features]);
        servers.inspect(|it| it.tell(&mut test));
        *workspace.tested.borrow_mut() = Some(features);
        let remedy = "run the named test alone: `cargo test -p CRATE NAME`; one that needs servers: \
                      `cargo xtask servers -- cargo test -p CRATE --features servers NAME`";
        let shown = |line: &str| {
            ledger.line(line);
            worth_showing(line)
        };
        stream(&mut test, shown, remedy).map(Done::from)
    });
    if servers.is_some() {
        reached(workspace, report, &ledger, true);
    }
}

/// The tests of the stores that need servers, and what else is in their crates.
pub(crate) fn stores(workspace: &Workspace, report: &mut Report, servers: &Servers) {
    let mut ledger = Ledger::new(&servers.running);
    let features = served(workspace, report, servers);
    report.step("stores", || {
        let mut test = workspace.cargo(&["test", "--no-fail-fast"]);
        test.args(["--features", &features.join(",")]);
        test.args(workspace.declaring(FEATURE).flat_map(|it| ["-p", &it.name]));
        servers.tell(&mut test);
        let remedy = "run the named test alone: \
                      `cargo xtask servers -- cargo test -p CRATE --features servers NAME`";
        let shown = |line: &str| {
            ledger.line(line);
            worth_showing(line)
        };
        stream(&mut test, shown, remedy).map(Done::from)
    });
    reached(workspace, report, &ledger, false);
}

/// The features that let in the tests of crates whose servers all run; the others' are not run.
fn served(workspace: &Workspace, report: &mut Report, servers: &Servers) -> Vec<String> {
    let mut features = Vec::new();
    for member in workspace.declaring(FEATURE) {
        let (name, mut files) = (&member.name, Vec::new());
        collect_sources(&member.folder, &mut files);
        let sources: String = files.iter().filter_map(|it| read(it).ok()).collect();
        let missing = servers.missing.iter().map(|(backend, _)| backend);
        let missing: Vec<_> = missing
            .filter(|it| sources.contains(&it.variable()))
            .map(|backend| backend.name())
            .collect();
        if missing.is_empty() {
            features.push(format!("{name}/{FEATURE}"));
        } else {
            let why = format!("{} did not start", missing.join(", "));
            report.not_run(&format!("{name}: all its tests that need servers"), &why);
        }
    }
    features
}

/// A step that fails if nothing ran against one of the backends, and their table for the end.
fn reached(workspace: &Workspace, report: &mut Report, ledger: &Ledger<'_>, embedded: bool) {
    let (lines, untested) = backends::table(workspace, ledger, embedded);
    report.at_the_end(lines);
    report.step("backends", || backends::all_tested(&untested));
}

/// What goes wrong in other session layers, by the scripts that show it absent
/// here. `bench/` is a workspace of its own, for it pulls in every peer.
pub(crate) fn defects(workspace: &Workspace, report: &mut Report) {
    report.step("defects", || {
        let mut test =
            workspace.cargo(&["test", "--no-fail-fast", "--manifest-path", "bench/Cargo.toml"]);
        let remedy = "a defect gone from a peer is good news: correct bench/tests/defects; one \
                      that appears in ours is not";
        stream(&mut test, worth_showing, remedy).map(Done::from)
    });
}

/// Leaves out the lines that say a test passed or that nothing happened.
pub(crate) fn worth_showing(line: &str) -> bool {
    let passed = line.starts_with("test ") && line.ends_with(" ... ok");
    let empty = line.is_empty()
        || line.contains(DOES_NOT_APPLY)
        || line.starts_with("running ")
        || line.starts_with("test result: ok. 0 passed");
    !passed && !empty && !is_build_progress(line)
}

/// The vectors that the originals made, from the paths given or the usual places.
/// With `excuse`, what `interop/later.txt` lists may fail.
pub(crate) fn vectors(
    workspace: &Workspace,
    report: &mut Report,
    given: Vec<PathBuf>,
    excuse: bool,
) {
    let paths = if given.is_empty() { usual_vectors(workspace) } else { given };
    if paths.is_empty() {
        report.not_run("vectors", "no path given, no $SESSILE_VECTORS, no ../shared/vectors");
        return;
    }
    report.step("vectors", || {
        let mut run = Command::new(workspace.program("sessile-interop", "vectors")?);
        if excuse {
            run.arg("--later").arg(workspace.root.join("interop/later.txt"));
        }
        run.args(&paths);
        let remedy =
            "each case names its operation and inputs; one file alone: `cargo xtask vectors FILE`";
        let counts = stream(&mut run, |_| true, remedy)?;
        let names: Vec<_> = paths.iter().map(|it| it.display().to_string()).collect();
        Ok(Done::from(counts).and(names.join(" ")))
    });
}

fn usual_vectors(workspace: &Workspace) -> Vec<PathBuf> {
    if let Some(path) = std::env::var_os("SESSILE_VECTORS") {
        return vec![path.into()];
    }
    let beside = workspace.root.join("../shared/vectors");
    if beside.is_dir() { vec![beside] } else { Vec::new() }
}

/// Our demo site beside a real Flask and a real Django: cookies passed from one to the other,
/// stores that they share.
pub(crate) fn interop(workspace: &Workspace, report: &mut Report, servers: &Servers) {
    report.step("interop", || {
        let python = python::environment(workspace)?;
        let mut run = python::unittest(workspace, &python, "interop", "test_*.py");
        beside_the_demo(workspace, &mut run)?;
        servers.tell(&mut run);
        let vectors = workspace.program("sessile-interop", "vectors")?;
        run.env("SESSILE_VECTORS_PROGRAM", vectors);
        let remedy = "run one: SESSILE=target/debug/sessile cargo xtask servers -- \
                      .cache/venv/bin/python -m unittest -v interop/FILE.py -k NAME";
        stream(&mut run, |line| !line.ends_with(" ... ok"), remedy).map(Done::from)
    });
}

/// The demo site as a person would use it.
pub(crate) fn browser(workspace: &Workspace, report: &mut Report) {
    report.step("browser", || {
        let needed = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];
        debian::need(&needed, "the browser test")?;
        let python = python::environment(workspace)?;
        let mut run = python::unittest(workspace, &python, "interop/browser", "test_*.py");
        let pictures = workspace.target().join("screenshots");
        run.env("SESSILE_SCREENSHOTS", &pictures);
        beside_the_demo(workspace, &mut run)?;
        let counts = stream(&mut run, |_| true, "look at the pictures in target/screenshots")?;
        Ok(Done::from(counts).and(relative(&pictures, &workspace.root)))
    });
}

/// Tells the test where the `sessile` program is.
fn beside_the_demo(workspace: &Workspace, run: &mut Command) -> Result<(), Failure> {
    run.env("SESSILE", workspace.program("sessile-cli", "sessile")?);
    Ok(())
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
