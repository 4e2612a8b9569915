//! Running other programs: output passed on line by line, counted, or kept for a failure.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::counts::{Tally, Tests};
use crate::report::Failure;

/// How long a step may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// The command as one would type it.
pub(crate) fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Runs to the end, showing each line that `shown` accepts as it comes and counting tests.
pub(crate) fn stream(
    command: &mut Command,
    mut shown: impl FnMut(&str) -> bool,
    remedy: &str,
) -> Result<Tests, Failure> {
    println!("$ {}", typed(command));
    let mut tally = Tally::default();
    let ok = each_line(command, |line| {
        tally.line(line);
        let show = shown(line);
        if show {
            println!("{line}");
        }
        show
    })?;
    let tests = tally.tests();
    if ok && tests.counts.failed == 0 {
        Ok(tests)
    } else {
        Err(Failure::new(typed(command), remedy).with_tests(tests))
    }
}

/// Runs to the end in silence and counts tests, whether they pass or not.
pub(crate) fn tried(command: &mut Command) -> Result<Tests, Failure> {
    println!("$ {}", typed(command));
    let mut tally = Tally::default();
    each_line(command, |line| {
        tally.line(line);
        false
    })?;
    Ok(tally.tests())
}

/// Runs to the end in silence and returns stdout and stderr, mixed; prints them on failure.
pub(crate) fn quiet(command: &mut Command, remedy: &str) -> Result<String, Failure> {
    let mut output = String::new();
    let ok = each_line(command, |line| {
        output.push_str(line);
        output.push('\n');
        false
    })?;
    if ok {
        return Ok(output);
    }
    println!("$ {}", typed(command));
    output.lines().filter(|line| !is_build_progress(line)).for_each(|line| println!("{line}"));
    Err(Failure::new(typed(command), remedy))
}

/// `Compiling serde v1.0.1` and the like.
pub(crate) fn is_build_progress(line: &str) -> bool {
    let verbs = ["Checking", "Compiling", "Documenting", "Downloaded", "Downloading"];
    line.trim_start().split_once(' ').is_some_and(|(verb, _)| verbs.contains(&verb))
}

/// Every line of stdout and stderr in the order they come; whether the program exited with 0.
///
/// `take` says whether it printed the line: after a long silence we print a sign of life.
fn each_line(command: &mut Command, mut take: impl FnMut(&str) -> bool) -> Result<bool, Failure> {
    // One pipe for both, or their order would be lost.
    let (out, into) = io::pipe().map_err(|error| not_run(command, &error))?;
    let again = into.try_clone().map_err(|error| not_run(command, &error))?;
    command.stdin(Stdio::null()).stdout(into).stderr(again);
    let child = command.spawn();
    // The command holds the pipe's other end: while it does, there is no end of the output.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child.map_err(|error| not_run(command, &error))?;
    let (lines, received) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || send_lines(out, &lines));
        let (started, mut spoke, mut last) = (Instant::now(), Instant::now(), String::new());
        loop {
            match received.recv_timeout(SILENCE) {
                Ok(line) if take(&line) => spoke = Instant::now(),
                Ok(line) => last = line,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if spoke.elapsed() >= SILENCE {
                println!("   … {} s: {}", started.elapsed().as_secs(), last.trim());
                spoke = Instant::now();
            }
        }
    });
    Ok(child.wait().map_err(|error| not_run(command, &error))?.success())
}

fn not_run(command: &Command, error: &io::Error) -> Failure {
    Failure::new(
        format!("could not run `{}`: {error}", typed(command)),
        "check that the program is installed and on the PATH",
    )
}

fn send_lines(from: impl Read, to: &mpsc::Sender<String>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    // Programs may print anything; a broken pipe ends the output like its end does.
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if to.send(text).is_err() {
            return;
        }
        line.clear();
    }
}
