//! Temporary folders of servers, swept when a killed process could not remove its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::error::Error;
use crate::process;

const PREFIX: &str = "sessile-testbed-";

/// A folder that goes when this value does.
#[derive(Debug)]
pub struct Folder {
    dir: TempDir,
}

impl Folder {
    /// A new folder in the system's place for temporary files.
    ///
    /// The name holds our process id: folders of processes that are gone are removed first,
    /// for a process that was killed could not do it.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(name: &str) -> Result<Self, Error> {
        sweep(&std::env::temp_dir());
        let prefix = format!("{PREFIX}{}-{name}-", std::process::id());
        let dir = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir()
            .map_err(|error| Error::io(format!("could not make a folder for {name}"), &error))?;
        // Servers run as users of their own must be able to pass through.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))
            .map_err(|error| Error::io(format!("could not open the folder of {name}"), &error))?;
        Ok(Self { dir })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into it and returns its path.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path().join(name);
        fs::write(&path, text)
            .map_err(|error| Error::io(format!("could not write {}", path.display()), &error))?;
        Ok(path)
    }

    /// Gives the folder to a user, if servers are run as one.
    pub(crate) fn give_to(&self, user: Option<&str>) -> Result<(), Error> {
        let Some(user) = user else { return Ok(()) };
        let mut chown = Command::new("chown");
        process::output(chown.args(["-R", user]).arg(self.path())).map(|_| ())
    }
}

/// Removes what processes left that are gone.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next()?.parse().ok());
        if owner.is_some_and(|owner| !process::is_alive(owner)) {
            // Another process may be sweeping too, or it may be someone else's: then it stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_living_stay_and_those_of_the_dead_go() {
        let parent = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let dead = parent.path().join(format!("{PREFIX}{}-a-x", child.id()));
        let ours = parent.path().join(format!("{PREFIX}{}-a-x", std::process::id()));
        let other = parent.path().join("something-else-1-a");
        for folder in [&dead, &ours, &other] {
            fs::create_dir(folder).unwrap();
        }
        sweep(parent.path());
        assert!(!dead.exists());
        assert!(ours.exists() && other.exists());
    }
}
