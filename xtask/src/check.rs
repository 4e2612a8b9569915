//! What can be said of the sources without running them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::quiet;
use crate::report::{Done, Failure, Report};
use crate::workspace::{Workspace, read};
use crate::{faults, requirements, servers};

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
/// What must stay free of them.
const PURE: [&str; 2] = ["sessile-formats", "sessile-core"];

/// Every check, cheapest first.
pub(crate) fn all(workspace: &Workspace, report: &mut Report) -> Result<(), Failure> {
    report.step("format", || format(workspace))?;
    report.step("requirements", || requirements::check(&workspace.root))?;
    report.step("purity", || purity(workspace))?;
    report.step("clippy", || clippy(workspace))?;
    report.step("features", || features(workspace))?;
    report.step("rustdoc", || rustdoc(workspace))
}

fn format(workspace: &Workspace) -> Result<Done, Failure> {
    quiet(&mut workspace.cargo(&["fmt", "--all", "--check"]), "run `cargo fmt --all`")?;
    for other in ["fuzz", "bench"] {
        let manifest = format!("{other}/Cargo.toml");
        if workspace.root.join(&manifest).is_file() {
            let mut fmt = workspace.cargo(&["fmt", "--manifest-path", &manifest, "--check"]);
            quiet(&mut fmt, &format!("run `cargo fmt --manifest-path {manifest}`"))?;
        }
    }
    Ok(Done::default())
}

fn clippy(workspace: &Workspace) -> Result<Done, Failure> {
    println!("compiling everything that is depended on; minutes when nothing is cached");
    let mut clippy = workspace.cargo(&["clippy", "--workspace", "--all-targets"]);
    // Whole test files stand behind these.
    for feature in [servers::FEATURE, faults::FEATURE] {
        clippy.args(["--features", &workspace.everywhere(feature)]);
    }
    quiet(clippy.args(["--", "-D", "warnings"]), "mend what clippy says above")?;
    Ok(Done::default())
}

fn rustdoc(workspace: &Workspace) -> Result<Done, Failure> {
    // Libraries only: the command `sessile` would write over the documentation of the crate.
    let mut doc = workspace.cargo(&["doc", "--workspace", "--no-deps", "--lib"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    quiet(&mut doc, "mend what rustdoc says above")?;
    Ok(Done::default())
}

/// Each crate without features, and with each of its features alone.
fn features(workspace: &Workspace) -> Result<Done, Failure> {
    let mut sets = 0;
    for member in &workspace.members {
        // Those that only let tests in change nothing here; clippy has seen them.
        let tests = [servers::FEATURE, faults::FEATURE];
        let features = member.features.iter().map(String::as_str).filter(|it| !tests.contains(it));
        for feature in std::iter::once("").chain(features) {
            println!("{} --no-default-features --features '{feature}'", member.name);
            let mut check =
                workspace.cargo(&["check", "-p", &member.name, "--no-default-features"]);
            let remedy = "this set of features does not compile by itself: mend what cargo says";
            let output = quiet(check.args(["--features", feature]), remedy)?;
            let warned = format!("warning: `{}` ", member.name);
            if output.lines().any(|line| line.starts_with(&warned)) {
                println!("{output}");
                return Err(Failure::new(
                    format!("{} with features '{feature}' compiles with warnings", member.name),
                    "mend the warnings above",
                ));
            }
            sets += 1;
        }
    }
    Ok(Done::note(format!("{sets} feature sets")))
}

/// The core and the formats have no clock, randomness source, socket, runtime or framework.
fn purity(workspace: &Workspace) -> Result<Done, Failure> {
    let mut files = 0;
    for name in PURE {
        files += pure_crate(workspace, name)?;
    }
    Ok(Done::note(format!("{files} source files")))
}

/// How many source files the crate `name` has, if all is as it must be.
fn pure_crate(workspace: &Workspace, name: &str) -> Result<usize, Failure> {
    let mut tree = workspace.cargo(&["tree", "-p", name, "--edges", "normal", "--all-features"]);
    tree.args(["--prefix", "none", "--format", "{p}"]);
    let listing = quiet(&mut tree, "mend what cargo says above")?;
    let remedy = format!(
        "take what it gives (time, random bytes) as an argument, or move the code that needs it \
         to another crate; `cargo tree -p {name} -i CRATE` says who asked for it"
    );
    let depends = listing.lines().filter_map(|line| line.split(' ').next());
    if let Some(banned) = depends.into_iter().find(|it| is_banned(it)) {
        return Err(Failure::new(format!("{name} depends on `{banned}`"), remedy));
    }
    let mut sources = Vec::new();
    collect_sources(&workspace.root.join("crates").join(name).join("src"), &mut sources);
    for source in &sources {
        let text = read(source)?;
        for (index, line) in text.lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//");
            if let Some(call) = BANNED_CALLS.iter().find(|it| !is_comment && line.contains(**it)) {
                let place = source.strip_prefix(&workspace.root).unwrap_or(source);
                let what = format!("{}:{}: {name} names {call}", place.display(), index + 1);
                return Err(Failure::new(what, remedy));
            }
        }
    }
    if sources.is_empty() {
        return Err(Failure::new(format!("{name} has no sources"), "run from a complete checkout"));
    }
    Ok(sources.len())
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
}
