//! The Python package: its wheel, its own tests, and the suites of the packages that it stands in
//! for, run with its code in their place.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian;
use crate::process::{quiet, stream, tried};
use crate::python;
use crate::report::{Done, Failure, Report};
use crate::workspace::Workspace;

const TESTS: &str = "crates/sessile-py/tests";
const FETCH: &str = "check that pip reaches its package index";

/// A package whose own suite runs on our code.
struct Original {
    name: &'static str,
    version: &'static str,
    /// How often Rust is taken at least.
    rust: u64,
}

const ORIGINALS: &[Original] = &[
    Original { name: "itsdangerous", version: "2.2.0", rust: 600 },
    Original { name: "Flask", version: "3.1.3", rust: 100 },
];

impl Original {
    /// As its archive and the folder in it are called.
    fn file(&self) -> String {
        format!("{}-{}", self.name.to_lowercase().replace('-', "_"), self.version)
    }
}

/// The tests of the package itself, on the wheel that `pip install .` makes.
pub(crate) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("python", || {
        debian::need(&[("redis-server", "redis-server")], "the tests of the Python package")?;
        let python = installed(workspace)?;
        let folder = workspace.root.join("crates/sessile-py/python/sessile");
        let mut types = Command::new(&python);
        types.args(["-m", "mypy", "--strict", "--config-file="]).arg(folder);
        // Not the installed one, whose types it would take for another's.
        quiet(types.current_dir(&workspace.root), "mend the types that mypy names")?;
        let mut stubs = Command::new(&python);
        stubs.args(["-m", "mypy.stubtest", "sessile._sessile"]).current_dir(workspace.target());
        quiet(&mut stubs, "bring _sessile.pyi in line with the compiled part")?;
        let mut run = pytest(workspace, &python);
        run.args(["-p", "counted"]).arg(workspace.root.join(TESTS)).current_dir(workspace.target());
        let remedy = "run one: target/python/bin/python -m pytest crates/sessile-py/tests -k NAME";
        stream(&mut run, worth_showing, remedy).map(Done::from)
    });
}

/// The originals' own suites; `only` one of them if named.
pub(crate) fn upstream(
    workspace: &Workspace,
    report: &mut Report,
    only: Option<&str>,
) -> Result<(), Failure> {
    let names: Vec<_> = ORIGINALS.iter().map(|it| it.name).collect();
    if let Some(unknown) = only.filter(|it| !names.contains(it)) {
        let known = format!("name one of: {}", names.join(", "));
        return Err(Failure::new(format!("there is no suite of `{unknown}` here"), known));
    }
    for original in ORIGINALS.iter().filter(|it| only.is_none_or(|name| name == it.name)) {
        report.step("upstream", || suite(workspace, original));
    }
    Ok(())
}

/// A suite on its own code, then with ours in its place: nothing may fail that passes alone.
fn suite(workspace: &Workspace, original: &Original) -> Result<Done, Failure> {
    let python = installed(workspace)?;
    let sources = fetched(workspace, &python, original)?;
    let mut run = pytest(workspace, &python);
    let alone = tried(run.args(["-p", "counted", "tests"]).current_dir(&sources))?;
    let mut run = pytest(workspace, &python);
    run.args(["-p", "sessile_in_place", "-p", "counted", "tests"]).current_dir(sources);
    run.env("SESSILE_IN_PLACE", original.name);
    for name in &alone.failed {
        // What is no test is a file that cannot be read at all.
        let option = if name.contains("::") { "--deselect" } else { "--ignore" };
        run.args([option, name]);
    }
    let (mut rust, mut python_too) = (0, 0);
    let remedy = "see what differs from the original, on whose own code it passes";
    let counted = |line: &str| {
        if let Some((here, there)) = taken(line) {
            rust += here;
            python_too += there;
        }
        worth_showing(line)
    };
    let tests = stream(&mut run, counted, remedy)?;
    let Original { name, version, rust: least } = original;
    let passes = alone.counts.passed;
    if tests.counts.passed < passes || rust < *least {
        let what = format!(
            "{} of the {passes} tests of {name} {version} ran, and Rust was taken {rust} times of \
             {least}",
            tests.counts.passed
        );
        let remedy = "a suite that passes without asking Rust shows nothing: see \
                      crates/sessile-py/tests/upstream";
        return Err(Failure::new(what, remedy).with_tests(tests));
    }
    let mut note = format!("{name} {version}: {rust} in Rust, {python_too} in Python");
    for failed in &alone.failed {
        note.push_str("; fails on its own code as well: ");
        note.push_str(failed);
    }
    Ok(Done::from(tests).and(note))
}

/// The numbers in `taken: OPERATION: N in Rust, N in Python`.
fn taken(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("taken: ")?.rsplit_once(": ")?;
    let (rust, python) = counts.split_once(" in Rust, ")?;
    Some((rust.parse().ok()?, python.strip_suffix(" in Python")?.parse().ok()?))
}

fn worth_showing(line: &str) -> bool {
    !line.is_empty() && !line.ends_with("%]")
}

fn pytest(workspace: &Workspace, python: &Path) -> Command {
    let mut run = Command::new(python);
    run.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    let tests = workspace.root.join(TESTS);
    let plugins = [tests.join("upstream"), tests];
    run.env("PYTHONPATH", std::env::join_paths(plugins).unwrap_or_default());
    run.env("PYTHONDONTWRITEBYTECODE", "1");
    run
}

/// The interpreter of `target/python`, with what the tests need and the package as it is now.
fn installed(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.target().join("python");
    let python = python::made(&folder, &workspace.root.join(TESTS).join("requirements.txt"))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]);
    // The development build: its dependencies are compiled already.
    install.args(["--no-build-isolation", "--force-reinstall"]);
    // And of the stores by address those that the tests use.
    let build = "build-args=--profile=dev --no-default-features --features=redis,file";
    install.args(["--config-settings", build, "."]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::iter::once(folder.join("bin")).chain(std::env::split_paths(&path));
    install.env("PATH", std::env::join_paths(tools).unwrap_or(OsString::from(&path)));
    quiet(install.current_dir(&workspace.root), "mend what maturin says above")?;
    Ok(python)
}

/// The folder of an original's sources, downloaded once into `target/upstream`.
fn fetched(workspace: &Workspace, python: &Path, it: &Original) -> Result<PathBuf, Failure> {
    let folder = workspace.target().join("upstream");
    let sources = folder.join(it.file());
    if sources.join("tests").is_dir() {
        return Ok(sources);
    }
    let failure = |error| Failure::new(format!("{}: {error}", folder.display()), "free the disk");
    fs::create_dir_all(&folder).map_err(failure)?;
    let mut download = Command::new(python);
    download.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]);
    download.args(["--no-binary", ":all:", "--dest"]).arg(&folder);
    quiet(download.arg(format!("{}=={}", it.name, it.version)), FETCH)?;
    let mut unpack = Command::new(python);
    unpack.args(["-m", "tarfile", "-e"]);
    unpack.arg(folder.join(format!("{}.tar.gz", it.file()))).arg(&folder);
    quiet(&mut unpack, "remove target/upstream and try again")?;
    Ok(sources)
}

#[cfg(test)]
mod tests {
    #[test]
    fn how_often_rust_was_taken_is_read() {
        let line = "taken: serializer dumps: 206 in Rust, 76 in Python";
        assert_eq!(super::taken(line), Some((206, 76)));
        assert_eq!(super::taken("206 in Rust, 76 in Python"), None);
    }
}
