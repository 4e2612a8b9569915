//! Runs vector files: `vectors [--only FAMILY[/OP],…] [--later FILE] PATH…`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use std::path::PathBuf;
use std::process::ExitCode;

use sessile_interop::case::load;
use sessile_interop::run::{Only, run};

const USAGE: &str = "usage: vectors [--only FAMILY[/OP],...] [--later FILE] PATH...

Runs the cases of vector files (a file, or a directory of *.json) and prints,
for each family, how many agree with the original and each one that does not.
FILE lists families and operations that are not built yet, a line each: their
failures are counted and excused, and a line that has none is an error.
Exit code 1 if any does not agree, 2 if the cases cannot be read.";

fn main() -> ExitCode {
    match vectors() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn vectors() -> Result<bool, String> {
    let mut only = Only::default();
    let mut later = Vec::new();
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only = Only::parse(&arguments.next().ok_or(USAGE)?),
            "--later" => later = read_later(&arguments.next().ok_or(USAGE)?)?,
            option if option.starts_with('-') => return Err(USAGE.into()),
            path => paths.push(path.into()),
        }
    }
    if paths.is_empty() {
        return Err(USAGE.into());
    }
    let mut cases = Vec::new();
    for path in &paths {
        cases.extend(load(path).map_err(|error| error.to_string())?);
    }
    cases.retain(|case| only.covers(case));
    if cases.is_empty() {
        return Err("no case is chosen".into());
    }
    let (mut passed, mut failed, mut excused) = (0, 0, vec![0; later.len()]);
    for (family, tally) in run(&cases) {
        println!("{family}: {} passed, {} failed", tally.passed, tally.failures.len());
        for (name, count) in &tally.unread {
            println!("  nobody looked at {name} ({count} cases, which agree)");
        }
        for failure in &tally.failures {
            match later.iter().position(|(only, _)| only.names(&family, &failure.op)) {
                Some(at) => excused[at] += 1,
                None => println!("  {failure}"),
            }
        }
        passed += tally.passed;
        failed += tally.failures.len();
    }
    let mut unexcused = failed;
    for ((_, line), count) in later.iter().zip(&excused) {
        println!("  not built yet: {line} ({count} failed)");
        unexcused -= count;
        if *count == 0 {
            println!("  …and yet nothing of it failed: take the line out");
            unexcused += 1;
        }
    }
    if failed > unexcused {
        println!("of what is not built yet, {} failed", failed - unexcused);
    }
    println!("total: {passed} passed, {unexcused} failed");
    Ok(unexcused == 0)
}

/// The lines of a file of what is not built yet, each with its choice.
fn read_later(path: &str) -> Result<Vec<(Only, String)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(|line| (Only::parse(line), line.to_owned()))
        .collect())
}
