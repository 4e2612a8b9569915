//! Fuzzing with libFuzzer, and the replay of what earlier runs found.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::counts::Counts;
use crate::debian;
use sessile_testbed::find;

use crate::process::{quiet, stream};
use crate::report::{Done, Failure, Report};
use crate::suites::worth_showing;
use crate::workspace::Workspace;

const USAGE: &str = "usage: cargo xtask fuzz [--seconds N] [TARGET…]";

/// Runs the targets for a while each, starting from the committed corpora.
///
/// New inputs go to `.cache/fuzz/TARGET`, so that a run does not change the checkout.
pub(crate) fn run(
    workspace: &Workspace,
    report: &mut Report,
    arguments: &[String],
) -> Result<(), Failure> {
    let (seconds, mut targets) = parse(arguments)?;
    let known = target_names(&workspace.root);
    if let Some(unknown) = targets.iter().find(|it| !known.contains(it)) {
        let remedy = format!("one of: {}", known.join(", "));
        return Err(Failure::new(format!("there is no fuzz target `{unknown}`"), remedy));
    }
    if targets.is_empty() {
        targets = known;
    }
    report.step("fuzz", || {
        prepare(workspace)?;
        let runs = targets.iter().map(|target| one(workspace, target, seconds));
        let failures: Vec<_> = runs.filter_map(Result::err).collect();
        let failed = failures.len() as u64;
        let passed = (targets.len() as u64).saturating_sub(failed);
        let counts = Counts { passed, failed, ..Counts::default() };
        match Failure::all(failures) {
            Some(failure) => Err(failure.with_tests(counts.into())),
            None => Ok(Done::from(counts).and(format!("{seconds} s a target"))),
        }
    });
    Ok(())
}

fn one(workspace: &Workspace, target: &str, seconds: u64) -> Result<(), Failure> {
    println!("-- fuzz {target}: {seconds} s");
    let found = workspace.root.join(".cache/fuzz").join(target);
    fs::create_dir_all(&found).map_err(|error| {
        Failure::new(format!("could not make {}: {error}", found.display()), "free the disk")
    })?;
    let mut fuzz = nightly(workspace, &["fuzz", "run", target]);
    fuzz.arg(&found).arg(Path::new("fuzz/corpus").join(target)).arg("--");
    fuzz.args([format!("-max_total_time={seconds}")]);
    fuzz.args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"]);
    let remedy = format!(
        "the input is in fuzz/artifacts/{target}; mend the cause, then add it to \
         fuzz/corpus/{target}, so that it is replayed for ever"
    );
    // Not libFuzzer's list of events, of start-up facts, and of words it learnt.
    let shown = |line: &str| {
        line.contains("pulse") || !line.starts_with(['#', '"', '\t']) && !line.starts_with("INFO:")
    };
    stream(&mut fuzz, shown, &remedy).map(|_| ())
}

/// Replays the committed corpora with the stable compiler.
pub(crate) fn replay(workspace: &Workspace, report: &mut Report) {
    report.step("corpora", || {
        let mut test = workspace.cargo(&["test", "-p", "sessile-oracles", "--no-fail-fast"]);
        let remedy = "the failing input is named above; mend what it shows";
        stream(&mut test, worth_showing, remedy).map(Done::from)
    });
}

/// cargo-fuzz, a nightly compiler and a C++ compiler.
fn prepare(workspace: &Workspace) -> Result<(), Failure> {
    let remedy = "install a nightly toolchain: rustup toolchain install nightly";
    quiet(&mut nightly(workspace, &["--version"]), remedy)?;
    debian::need(&[("c++", "g++")], "libFuzzer")?;
    if find("cargo-fuzz").is_none() {
        println!("installing cargo-fuzz; about a minute, once");
        let mut install = workspace.cargo(&["install", "cargo-fuzz", "--locked"]);
        stream(&mut install, |line| line.contains("Installed"), "install cargo-fuzz by hand")?;
    }
    Ok(())
}

/// `cargo +nightly` through rustup, whatever toolchain started us.
fn nightly(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(arguments).current_dir(&workspace.root);
    command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC");
    command
}

/// A target is a file in `fuzz/fuzz_targets`.
fn target_names(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

fn parse(arguments: &[String]) -> Result<(u64, Vec<String>), Failure> {
    let (mut seconds, mut targets) = (60, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let number = rest.next().and_then(|it| it.parse().ok());
            seconds = number.ok_or_else(|| Failure::new("--seconds takes a number", USAGE))?;
        } else if argument.starts_with('-') {
            return Err(Failure::new(format!("there is no option `{argument}`"), USAGE));
        } else {
            targets.push(argument.clone());
        }
    }
    Ok((seconds, targets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn seconds_and_targets_come_in_any_order() {
        let parsed = parse(&words("msgpack --seconds 5 tagged_json")).unwrap();
        assert_eq!(parsed, (5, words("msgpack tagged_json")));
        assert_eq!(parse(&[]).unwrap(), (60, vec![]));
        assert!(parse(&words("--seconds")).is_err());
        assert!(parse(&words("--second 5")).is_err());
    }
}
