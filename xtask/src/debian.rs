//! Programs that Debian packages, installed when that is possible.

use std::path::Path;
use std::process::Command;

use sessile_testbed::{UNPACKED, find};

use crate::process::{quiet, stream};
use crate::report::Failure;

/// Sees to it that each program is there. `needed` pairs a program with the package it is in.
///
/// On Debian as root missing packages are installed; elsewhere they are named and it fails.
pub(crate) fn need(needed: &[(&str, &str)], purpose: &str) -> Result<(), Failure> {
    let mut missing: Vec<&str> =
        needed.iter().filter(|(program, _)| find(program).is_none()).map(|it| it.1).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing, purpose)
}

/// Installs packages with apt-get.
pub(crate) fn install(packages: &[&str], purpose: &str) -> Result<(), Failure> {
    let list = packages.join(" ");
    let is_debian = Path::new("/etc/debian_version").is_file() && find("apt-get").is_some();
    if !is_debian || !is_root() {
        return Err(Failure::new(
            format!("{purpose}: not installed: {list}"),
            format!("install them; on Debian, as root: apt-get install {list}"),
        ));
    }
    println!("{purpose}: installing {list} with apt-get; a minute or two, once");
    let remedy = format!("install by hand: apt-get update && apt-get install {list}");
    quiet(Command::new("apt-get").arg("update"), &remedy)?;
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    // In single-user mode the servers among them are not started.
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    let shown = |line: &str| line.starts_with("Setting up ") || line.starts_with("E: ");
    stream(&mut command, shown, &remedy).map(|_| ())
}

/// Sees to it that each program is there, as [`need`] does, but unpacks missing packages into
/// `.cache/debian` without installing them: servers that would start with the machine.
pub(crate) fn unpack(needed: &[(&str, &str)], purpose: &str) -> Result<(), Failure> {
    let missing: Vec<&str> =
        needed.iter().filter(|(program, _)| find(program).is_none()).map(|it| it.1).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let remedy = format!("install them by hand: {list}");
    if find("apt-get").is_none() || find("dpkg-deb").is_none() {
        return Err(Failure::new(format!("{purpose}: not installed: {list}"), remedy));
    }
    println!("{purpose}: unpacking {list} into .cache/debian, once");
    let folder = Path::new(UNPACKED);
    let archives = folder.join("archives");
    std::fs::create_dir_all(&archives).map_err(|error| {
        Failure::new(format!("could not make {}: {error}", archives.display()), "free the disk")
    })?;
    let download = || {
        let mut command = Command::new("apt-get");
        quiet(command.arg("download").args(&missing).current_dir(&archives), &remedy)
    };
    if download().is_err() {
        // Its lists are missing or old.
        quiet(Command::new("apt-get").arg("update"), &remedy)?;
        download()?;
    }
    for entry in std::fs::read_dir(&archives).into_iter().flatten().flatten() {
        quiet(Command::new("dpkg-deb").arg("-x").arg(entry.path()).arg(folder), &remedy)?;
    }
    let _ = std::fs::remove_dir_all(&archives);
    need(needed, purpose)
}

fn is_root() -> bool {
    quiet(Command::new("id").arg("-u"), "install coreutils").is_ok_and(|it| it.trim() == "0")
}
