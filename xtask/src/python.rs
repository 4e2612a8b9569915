//! The virtual environment with the originals (Flask, Django and so on) in pinned versions.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian;
use crate::process::{quiet, stream};
use crate::report::Failure;
use crate::workspace::{Workspace, read};

/// The interpreter of `.cache/venv`, made or brought up to `interop/requirements.txt`.
pub(crate) fn environment(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let requirements = workspace.root.join("interop/requirements.txt");
    made(&workspace.root.join(".cache/venv"), &requirements)
}

/// The interpreter of a virtual environment, made or brought up to a file of requirements.
pub(crate) fn made(folder: &Path, requirements: &Path) -> Result<PathBuf, Failure> {
    let wanted = read(requirements)?;
    let python = folder.join("bin/python");
    let stamp = folder.join("installed-requirements.txt");
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|it| it == wanted) {
        return Ok(python);
    }
    let (place, file) = (folder.display(), requirements.display());
    println!("making {place} with the versions in {file}; about a minute");
    create(folder)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--requirement"]);
    install.arg(requirements);
    let remedy = "check that pip reaches its package index and that python3 is 3.10 or newer";
    let shown = |line: &str| line.starts_with("Successfully") || line.starts_with("ERROR");
    stream(&mut install, shown, remedy)?;
    fs::write(&stamp, wanted).map_err(|error| {
        Failure::new(format!("could not write {}: {error}", stamp.display()), "free the disk")
    })?;
    Ok(python)
}

fn create(folder: &Path) -> Result<(), Failure> {
    let base = std::env::var_os("PYTHON").unwrap_or_else(|| OsString::from("python3"));
    debian::need(&[("python3", "python3")], "the tests in Python")?;
    let make =
        |remedy| quiet(Command::new(&base).args(["-m", "venv", "--clear"]).arg(folder), remedy);
    // Debian's python3 comes without ensurepip; the package that has it is separate.
    if quiet(Command::new(&base).args(["-c", "import ensurepip"]), "").is_err() {
        debian::install(&["python3-venv"], "the tests in Python")?;
    }
    make("install Python 3.10 or newer with its venv module, or name one in $PYTHON").map(|_| ())
}

/// The `unittest` run of the files matching `pattern` in `folder` of the repository.
pub(crate) fn unittest(
    workspace: &Workspace,
    python: &PathBuf,
    folder: &str,
    pattern: &str,
) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "unittest", "discover", "--verbose", "--start-directory", folder]);
    command.args(["--pattern", pattern]).current_dir(&workspace.root);
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
