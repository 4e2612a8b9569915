//! Runs vector files: `vectors [--only FAMILY[/OP],…] PATH…`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use std::path::PathBuf;
use std::process::ExitCode;

use sessile_interop::case::load;
use sessile_interop::run::{Only, run};

const USAGE: &str = "usage: vectors [--only FAMILY[/OP],...] PATH...

Runs the cases of vector files (a file, or a directory of *.json) and prints,
for each family, how many agree with the original and each one that does not.
Exit code 1 if any does not, 2 if the cases cannot be read.";

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
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only = Only::parse(&arguments.next().ok_or(USAGE)?),
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
    let (mut passed, mut failed) = (0, 0);
    for (family, tally) in run(&cases) {
        println!("{family}: {} passed, {} failed", tally.passed, tally.failures.len());
        for failure in &tally.failures {
            println!("  {failure}");
        }
        passed += tally.passed;
        failed += tally.failures.len();
    }
    println!("total: {passed} passed, {failed} failed");
    Ok(failed == 0)
}
