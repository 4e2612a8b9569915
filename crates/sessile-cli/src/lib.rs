//! What the `sessile` command does, as a library, so that it can be tested.
//!
//! ```text
//! sessile demo               a small site that shows sessions at work
//! sessile list               who is logged in
//! sessile end                sessions ended by an operator
//! sessile sweep              expired sessions removed
//! sessile stats              what a store holds
//! sessile doctor             what is wrong with a store
//! sessile migrate            sessions moved to another store
//! sessile key generate       a new secret key
//! sessile cookie decode      what a session cookie holds
//! sessile cookie verify      whether its signature is right
//! sessile cookie encode      a cookie of one's own
//! sessile completions        completions for a shell
//! sessile man                manual pages
//! ```
//!
//! Exit codes: 0 done; 1 a cookie's signature is wrong or it is too old, a store
//! has something bad about it, or sessions could not be moved; 2 the command
//! cannot be carried out as given (arguments, keys, files, ports, stores); 3 a cookie is rightly signed but its payload cannot be
//! read; 130 it was stopped by Ctrl-C.

mod args;
mod ask;
mod cookie;
mod demo;
mod doctor;
mod human;
mod keys;
mod manual;
mod migrate;
mod open_store;
mod other_layout;
mod outcome;
mod progress;
mod sessions;
mod stats;
mod sweep;
mod walk;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command, KeyCommand};
use crate::outcome::Failure;

/// Runs one command line; the first word is the program's name.
pub fn run<I, T>(words: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are errors to clap, too: those go to stdout and are fine.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { outcome::USAGE } else { 0 });
        }
    };
    match carry_out(args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn carry_out(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(options) => demo::run(&options),
        Command::List(options) => sessions::list(&options),
        Command::End(options) => sessions::end(&options),
        Command::Sweep(options) => sweep::run(&options),
        Command::Stats(options) => stats::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Migrate(options) => migrate::run(&options),
        Command::Key(KeyCommand::Generate(options)) => keys::generate(&options),
        Command::Cookie(command) => cookie::run(&command),
        Command::Completions(options) => manual::completions(&options),
        Command::Man(options) => manual::pages(&options),
    }
}
