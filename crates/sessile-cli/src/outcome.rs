//! How a command ends: exit codes, and one line that a person understands.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The command cannot be carried out as given: arguments, keys, files, ports.
pub(crate) const USAGE: u8 = 2;

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

    /// The same, with more to say.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.line.push_str(more);
        self
    }

    /// Tells the person and gives the exit code. Failing without a word is for broken pipes.
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
