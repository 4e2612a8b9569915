//! How a command ends: exit codes, and one line that a person understands.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The command cannot be carried out as given: arguments, keys, files, ports.
pub(crate) const USAGE: u8 = 2;

/// A cookie's signature is wrong, or it is too old; a store or a move is not as it should be.
const REFUSED: u8 = 1;

/// A cookie is rightly signed, but its payload cannot be read.
const UNREADABLE: u8 = 3;

/// Ctrl-C, as shells count it: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    line: String,
}

impl Failure {
    /// The command cannot be carried out as given.
    pub(crate) fn usage(line: impl fmt::Display) -> Self {
        Self { code: USAGE, line: line.to_string() }
    }

    /// A cookie's signature is wrong, or it is too old.
    pub(crate) fn refused(line: impl fmt::Display) -> Self {
        Self { code: REFUSED, line: line.to_string() }
    }

    /// What was found is bad, and has been said.
    pub(crate) fn found() -> Self {
        Self { code: REFUSED, line: String::new() }
    }

    /// A cookie is rightly signed, but its payload cannot be read.
    pub(crate) fn unreadable(line: impl fmt::Display) -> Self {
        Self { code: UNREADABLE, line: line.to_string() }
    }

    /// Somebody pressed Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Self { code: INTERRUPTED, line: "stopped".to_owned() }
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// The same, with more to say.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.line.push_str(more);
        self
    }

    /// Tells the person and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.line.is_empty() {
            let _ = writeln!(io::stderr(), "sessile: {}", self.line);
        }
        ExitCode::from(self.code)
    }
}

/// Writes to stdout. Whoever stopped reading, such as `head`, has seen enough:
/// that is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::usage(format!("cannot write the output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes a line to stderr.
pub(crate) fn remark(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "sessile: {line}");
}
