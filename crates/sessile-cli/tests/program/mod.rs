//! Running the program and seeing how it ends.
#![allow(dead_code, clippy::panic, clippy::unwrap_used)] // Each test file uses a part, and may unwrap.

pub(crate) mod shop;
#[cfg(unix)]
pub(crate) mod site;

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sessile_testbed::Folder;

/// How a run ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) struct Program(pub(crate) Command);

/// The program with these arguments, and no keys in its environment.
pub(crate) fn sessile(words: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessile"));
    command.args(words).current_dir(scratch());
    let settings = ["SESSION_URL", "SESSION_TYPE", "SESSION_ALLOW_WEAK_KEY"];
    for name in ["SECRET_KEY", "SECRET_KEY_FALLBACKS"].into_iter().chain(settings) {
        command.env_remove(name);
    }
    Program(command)
}

impl Program {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end with this on stdin.
    pub(crate) fn run(&mut self, stdin: &str) -> Ran {
        let command = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It need not read: then the pipe is broken, which is fine.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it with a stdout nobody reads.
    pub(crate) fn run_with_closed_stdout(mut self) -> (i32, String) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = self.0.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (child.wait().unwrap().code().unwrap_or(-1), err)
    }
}

/// A folder of this process's own, so that nothing that others left in the system's is read.
/// A later run of any tests removes it.
pub(crate) fn scratch() -> &'static Path {
    static FOLDER: OnceLock<Folder> = OnceLock::new();
    FOLDER.get_or_init(|| Folder::new("cli").unwrap()).path()
}

/// A file of this content, for one test.
pub(crate) fn file(name: &str, content: &str) -> PathBuf {
    let path = scratch().join(name);
    std::fs::write(&path, content).unwrap();
    path
}
