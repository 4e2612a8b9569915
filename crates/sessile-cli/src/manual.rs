//! Completions for shells, and manual pages: made from the command line's own description.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::{Args, Completions, Man};
use crate::outcome::{Failure, print};

pub(crate) fn completions(options: &Completions) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut Args::command(), "sessile", &mut text);
    print(&String::from_utf8_lossy(&text))
}

pub(crate) fn pages(options: &Man) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("cannot write {}: {error}", path.display()))
    };
    let folder = &options.folder;
    if !folder.is_dir() {
        std::fs::create_dir(folder).map_err(|error| failed(folder, error))?;
    }
    clap_mangen::generate_to(Args::command(), folder).map_err(|error| failed(folder, error))
}
