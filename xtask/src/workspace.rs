//! Where things are: the root, the member crates and their features, the built programs.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::quiet;
use crate::report::Failure;

/// One crate of the workspace.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// The names under `[features]`, `default` left out.
    pub(crate) features: Vec<String>,
    /// Whether others can depend on it.
    pub(crate) is_published: bool,
}

/// The repository and its crates.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) members: Vec<Member>,
    /// The features with which the unit tests have been built in this run, if they have.
    pub(crate) tested: RefCell<Option<String>>,
}

impl Workspace {
    /// The one that this program was built in.
    pub(crate) fn find() -> Result<Self, Failure> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::at(here.parent().unwrap_or(here))
    }

    /// The one in this folder.
    pub(crate) fn at(root: &Path) -> Result<Self, Failure> {
        let root = root.to_owned();
        let mut tree = cargo();
        // One line a member: `name vVERSION (FOLDER)`.
        tree.args(["tree", "--workspace", "--depth", "0", "--prefix", "none", "--format", "{p}"]);
        let listing = quiet(tree.current_dir(&root), "mend the Cargo.toml that cargo names")?;
        let mut members: Vec<Member> = Vec::new();
        for line in listing.lines() {
            let (Some(name), Some(folder)) = (line.split(' ').next(), parenthesised(line)) else {
                continue;
            };
            if members.iter().any(|it| it.name == name) {
                continue;
            }
            let manifest = read(&folder.join("Cargo.toml"))?;
            members.push(Member {
                name: name.to_owned(),
                folder: folder.to_owned(),
                features: feature_names(&manifest),
                is_published: !manifest.lines().any(|line| line == "publish = false"),
            });
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { root, members, tested: RefCell::default() })
    }

    /// The crates that declare a feature.
    pub(crate) fn declaring(&self, feature: &str) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |it| it.features.iter().any(|name| name == feature))
    }

    /// The feature of every crate that declares it, as cargo's `--features` takes it.
    pub(crate) fn everywhere(&self, feature: &str) -> String {
        let names: Vec<_> =
            self.declaring(feature).map(|it| format!("{}/{feature}", it.name)).collect();
        names.join(",")
    }

    /// `cargo ARGS` run in the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), Into::into)
    }

    /// Builds a program and returns its path.
    ///
    /// After the unit tests it is built in the shape they left: with `--tests` cargo unifies
    /// features as `cargo test` does, so that nothing is compiled a second time.
    pub(crate) fn program(&self, package: &str, name: &str) -> Result<PathBuf, Failure> {
        let remedy = "mend what cargo says above";
        let whole = self.tested.borrow().as_deref().map(|features| {
            let mut build = self.cargo(&["build", "--workspace", "--bins", "--tests"]);
            quiet(build.args(["--features", features]), remedy)
        });
        // Where another crate does not compile, the program may all the same.
        if !matches!(whole, Some(Ok(_))) {
            let mut build = self.cargo(&["build", "--package", package, "--bin", name]);
            quiet(&mut build, remedy)?;
        }
        Ok(self.target().join("debug").join(name))
    }
}

/// The cargo that started us.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Reads a text file of the repository.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::new(
            format!("could not read {}: {error}", path.display()),
            "run from a complete checkout",
        )
    })
}

/// The folder in `name v1 (proc-macro) (/folder)`.
fn parenthesised(line: &str) -> Option<&Path> {
    line.split(['(', ')']).map(Path::new).find(|it| it.is_absolute())
}

/// The keys of a manifest's `[features]` table.
fn feature_names(manifest: &str) -> Vec<String> {
    let table = manifest.lines().skip_while(|line| line.trim() != "[features]").skip(1);
    table
        .take_while(|line| !line.starts_with('['))
        // Lines inside a value's list start with a quotation mark or a bracket.
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()))
        .filter(|name| name != "default")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_names_are_the_keys_of_their_table_only() {
        let manifest = "[package]\nname = \"a\"\n[features]\ndefault = [\"x\"]\n# why\n\
            x = []\nc-zlib = [\n    \"flate2/zlib\",\n]\n\n[dependencies]\nserde = \"1\"\n";
        assert_eq!(feature_names(manifest), ["x", "c-zlib"]);
        assert!(feature_names("[dependencies]\nserde = \"1\"\n").is_empty());
    }

    #[test]
    fn a_member_line_gives_its_folder() {
        assert_eq!(parenthesised("a v1.0.0 (/r/a)"), Some(Path::new("/r/a")));
        assert_eq!(parenthesised("a v1.0.0 (proc-macro) (/r/a)"), Some(Path::new("/r/a")));
        assert_eq!(parenthesised("a v1.0.0"), None);
    }
}
