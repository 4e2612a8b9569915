//! What can be said of the sources without running them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::quiet;
use crate::report::{Done, Failure, Report};
use crate::workspace::{Workspace, read};
use crate::{api, faults, requirements, servers};

/// Crates that would give the pure crates a clock, randomness, sockets, a runtime or a framework.
/// A trailing `*` stands for any ending.
const BANNED: &[&str] = &[
    "actix*",
    "async-std",
    "axum*",
    "chrono",
    "getrandom",
    "http",
    "hyper*",
    "mio",
    "rand",
    "smol",
    "tokio*",
    "tower*",
];
/// Calls that would give it a clock or a socket without any crate.
const BANNED_CALLS: &[&str] = &["SystemTime::now", "Instant::now", "std::net::"];
/// The crates that must have none of this.
const PURE: [&str; 2] = ["sessile-formats", "sessile-core"];

/// Every check, cheapest first, each of them whatever came of the others.
pub(crate) fn all(workspace: &Workspace, report: &mut Report) {
    report.step("format", || format(workspace));
    report.step("requirements", || requirements::check(&workspace.root));
    report.step("purity", || purity(workspace));
    report.step("clippy", || clippy(workspace));
    report.step("features", || features(workspace));
    report.step("rustdoc", || rustdoc(workspace));
    report.step("configuration", || configuration(workspace, false));
    report.step("api", || api::check(workspace, false));
}

/// Compares the tables of `docs/configuration.md` with those of settings, or writes them.
pub(crate) fn configuration(workspace: &Workspace, write: bool) -> Result<Done, Failure> {
    let document = workspace.root.join("docs/configuration.md");
    let mut made = workspace.cargo(&["run", "-q", "-p", "sessile-connect"]);
    made.args(["--example", "configuration", "--"]).arg(document);
    made.args(write.then_some("--write"));
    let remedy = "run `cargo xtask configuration --write` and commit docs/configuration.md";
    quiet(&mut made, remedy).map(|_| Done::default())
}

/// Well done, or all that failed.
fn outcome(failures: Vec<Failure>, done: Done) -> Result<Done, Failure> {
    Failure::all(failures).map_or(Ok(done), Err)
}

fn format(workspace: &Workspace) -> Result<Done, Failure> {
    let mut fmt = workspace.cargo(&["fmt", "--all", "--check"]);
    let mut failures: Vec<_> = quiet(&mut fmt, "run `cargo fmt --all`").err().into_iter().collect();
    for other in ["fuzz", "bench"] {
        let manifest = format!("{other}/Cargo.toml");
        if workspace.root.join(&manifest).is_file() {
            let mut fmt = workspace.cargo(&["fmt", "--manifest-path", &manifest, "--check"]);
            let remedy = format!("run `cargo fmt --manifest-path {manifest}`");
            failures.extend(quiet(&mut fmt, &remedy).err());
        }
    }
    outcome(failures, Done::default())
}

fn clippy(workspace: &Workspace) -> Result<Done, Failure> {
    println!("compiling everything that is depended on; minutes when nothing is cached");
    let mut clippy = workspace.cargo(&["clippy", "--workspace", "--all-targets", "--keep-going"]);
    // Whole test files stand behind these.
    for feature in [servers::FEATURE, faults::FEATURE] {
        clippy.args(["--features", &workspace.everywhere(feature)]);
    }
    quiet(clippy.args(["--", "-D", "warnings"]), "mend what clippy says above")?;
    Ok(Done::default())
}

fn rustdoc(workspace: &Workspace) -> Result<Done, Failure> {
    // Libraries only: the command `sessile` would write over the documentation of the crate.
    let mut doc = workspace.cargo(&["doc", "--workspace", "--no-deps", "--lib", "--keep-going"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    quiet(&mut doc, "mend what rustdoc says above")?;
    Ok(Done::default())
}

/// Each crate without features, and with each of its features alone that its own code asks about.
/// One that only hands on to another crate is tried there.
fn features(workspace: &Workspace) -> Result<Done, Failure> {
    let (mut sets, mut failures) = (0, Vec::new());
    // Clippy has seen those that nobody else can depend on, as they are used.
    for member in workspace.members.iter().filter(|it| it.is_published) {
        let mut files = Vec::new();
        collect_sources(&member.folder.join("src"), &mut files);
        let sources: String = files.iter().filter_map(|it| fs::read_to_string(it).ok()).collect();
        // Those that only let tests in change nothing here; clippy has seen them.
        let tests = [servers::FEATURE, faults::FEATURE];
        let features =
            member.features.iter().map(String::as_str).filter(|it| {
                !tests.contains(it) && sources.contains(&format!("feature = \"{it}\""))
            });
        for feature in std::iter::once("").chain(features) {
            println!("{} --no-default-features --features '{feature}'", member.name);
            let mut check =
                workspace.cargo(&["check", "-p", &member.name, "--no-default-features"]);
            let remedy = "this set of features does not compile by itself: mend what cargo says";
            sets += 1;
            let output = match quiet(check.args(["--features", feature]), remedy) {
                Ok(output) => output,
                Err(failure) => {
                    failures.push(failure);
                    continue;
                }
            };
            let warned = format!("warning: `{}` ", member.name);
            if output.lines().any(|line| line.starts_with(&warned)) {
                println!("{output}");
                failures.push(Failure::new(
                    format!("{} with features '{feature}' compiles with warnings", member.name),
                    "mend the warnings above",
                ));
            }
        }
    }
    outcome(failures, Done::note(format!("{sets} feature sets")))
}

/// The core and the formats have no clock, randomness source, socket, runtime or framework.
fn purity(workspace: &Workspace) -> Result<Done, Failure> {
    let (mut files, mut failures) = (0, Vec::new());
    for name in PURE {
        let Some(member) = workspace.members.iter().find(|it| it.name == name) else {
            let remedy = "correct the list in xtask/src/check.rs";
            failures.push(Failure::new(format!("there is no crate {name}"), remedy));
            continue;
        };
        let remedy = format!(
            "take what it gives (time, random bytes) as an argument, or move the code that needs \
             it to another crate; `cargo tree -p {name} -i CRATE` says who asked for it"
        );
        let mut tree = workspace.cargo(&["tree", "-p", name, "--edges", "normal"]);
        tree.args(["--all-features", "--prefix", "none", "--format", "{p}"]);
        let listing = quiet(&mut tree, "mend what cargo says above")?;
        let mut names: Vec<_> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
        names.sort_unstable();
        names.dedup();
        let banned = names.into_iter().filter(|name| is_banned(name));
        failures
            .extend(banned.map(|it| Failure::new(format!("{name} depends on `{it}`"), &remedy)));
        let mut sources = Vec::new();
        collect_sources(&member.folder.join("src"), &mut sources);
        for source in &sources {
            let place = source.strip_prefix(&workspace.root).unwrap_or(source).display();
            let calls = banned_calls(&read(source)?);
            failures.extend(calls.into_iter().map(|(line, call)| {
                Failure::new(format!("{place}:{line}: {name} names {call}"), &remedy)
            }));
        }
        files += sources.len();
    }
    outcome(failures, Done::note(format!("{files} source files")))
}

/// The lines, counted from one, that name a clock or a socket outside of comments.
fn banned_calls(text: &str) -> Vec<(usize, &'static str)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|(index, line)| {
            let calls = BANNED_CALLS.iter().filter(|it| line.contains(**it));
            calls.map(move |call| (index + 1, *call))
        })
        .collect()
}

fn is_banned(name: &str) -> bool {
    BANNED.iter().any(|banned| match banned.strip_suffix('*') {
        Some(start) => name == start || name.starts_with(&format!("{start}-")),
        None => name == *banned,
    })
}

pub(crate) fn collect_sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_sources(&path, into);
        } else if path.extension().is_some_and(|it| it == "rs") {
            into.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frameworks_and_their_families_are_banned_and_lookalikes_are_not() {
        for name in ["tokio", "tokio-util", "rand", "http", "tower-service", "actix-web"] {
            assert!(is_banned(name), "{name}");
        }
        for name in ["rand_core", "httpdate", "tokiox", "towering", "time", "serde"] {
            assert!(!is_banned(name), "{name}");
        }
    }

    #[test]
    fn every_line_that_names_a_clock_or_a_socket_is_found() {
        let text = "use std::net::IpAddr;\n// SystemTime::now\nlet at = Instant::now();";
        assert_eq!(banned_calls(text), [(1, "std::net::"), (3, "Instant::now")]);
    }
}
