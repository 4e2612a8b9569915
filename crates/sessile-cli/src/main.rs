//! The `sessile` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    sessile_cli::run(std::env::args_os())
}
