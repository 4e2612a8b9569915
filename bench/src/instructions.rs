//! Instructions per request, counted by callgrind: the same number on a busy machine as on a
//! quiet one.

use crate::Result;
use crate::contenders::Contender;
use std::process::Command;

/// Two runs that differ by `LONG - SHORT` answered requests and nothing else.
const SHORT: u64 = 500;
const LONG: u64 = 1500;

/// Instructions per request, in the order of the contenders, or why there are none.
pub(crate) enum Counts {
    Counted(Vec<f64>),
    Skipped(String),
}

/// Counts for every contender, unless valgrind is not installed.
pub(crate) fn count(contenders: &[Contender]) -> Result<Counts> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        let reason = "valgrind not found; install the package `valgrind` to count instructions";
        eprintln!("{reason}");
        return Ok(Counts::Skipped(reason.to_owned()));
    }
    let mut counts = Vec::with_capacity(contenders.len());
    for contender in contenders {
        eprintln!("counting instructions of {}", contender.name);
        let (short, long) = (collect(contender.name, SHORT)?, collect(contender.name, LONG)?);
        counts.push((long as f64 - short as f64) / (LONG - SHORT) as f64);
    }
    Ok(Counts::Counted(counts))
}

/// All instructions of one run that builds `LONG` requests and answers `run` of them.
fn collect(name: &str, run: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["one", name, &run.to_string(), &LONG.to_string()])
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let counted = log.lines().find_map(|line| line.split("Collected :").nth(1));
    match (output.status.success(), counted) {
        (true, Some(number)) => Ok(number.trim().parse()?),
        _ => Err(format!("callgrind failed on {name}:\n{log}").into()),
    }
}
