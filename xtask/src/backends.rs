//! What ran against each backend: the lines with which a run of all tests ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::counts::{Counts, Tally};
use crate::servers::Servers;
use crate::workspace::Workspace;

/// The backends that need no server, and the words by which a test shows that it uses one.
const EMBEDDED: [(&str, &str, &[&str]); 3] = [
    ("memory", "in the process", &["MemoryStore"]),
    ("sqlite", "in the process", &["SqlStore", "sqlite:"]),
    ("file", "in the file system", &["FileStore"]),
];

/// Which test files ran, and how their tests ended, as read off cargo's output.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    package: String,
    /// The file of the test program that runs now.
    file: Option<String>,
    /// By package (as rustc spells it, `sessile_sql`) and file (`tests/http.rs`).
    ran: BTreeMap<(String, String), Counts>,
}

impl Ledger {
    /// Takes one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim();
        if let Some(running) = line.strip_prefix("Running ") {
            let Some((file, program)) = running.split_once(" (") else { return };
            // A package's own program comes before those of its tests, and has its name.
            if let Some(source) = file.strip_prefix("unittests ") {
                let name = program.rsplit('/').next().unwrap_or_default();
                let package = name.rsplit_once('-').map_or(name, |it| it.0);
                package.clone_into(&mut self.package);
                self.file = Some(source.to_owned());
            } else {
                self.file = Some(file.to_owned());
            }
        } else if line.starts_with("Doc-tests ") {
            self.file = None;
        } else if line.starts_with("test result: ")
            && let Some(file) = self.file.take()
        {
            let mut tally = Tally::default();
            tally.line(line);
            *self.ran.entry((self.package.clone(), file)).or_default() += tally.counts();
        }
    }

    /// `sessile-sql: http.rs 12, sqlite.rs 30` of the test files that hold all `words`.
    fn where_used(&self, workspace: &Workspace, words: &[&str]) -> Option<String> {
        let mut packages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((package, file), counts) in &self.ran {
            let same = |name: &str| name.replace('-', "_") == *package;
            let member = workspace.members.iter().find(|it| same(&it.name));
            let Some(member) = member.filter(|_| counts.passed > 0) else { continue };
            let text = source(&member.folder.join(file));
            if file.starts_with("tests/") && words.iter().all(|word| text.contains(word)) {
                let name = file.trim_start_matches("tests/");
                packages.entry(&member.name).or_default().push(format!("{name} {}", counts.passed));
            }
        }
        let parts: Vec<_> =
            packages.iter().map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// One line for each backend: its name, what ran, and the test files with their numbers of tests.
///
/// `embedded` is whether the tests ran of those that need no server.
pub(crate) fn table(
    workspace: &Workspace,
    servers: &Servers,
    ledger: &Ledger,
    embedded: bool,
) -> Vec<String> {
    let mut lines = vec!["tests that ran against each backend:".to_owned()];
    let mut add = |name: &str, what: &str, words: &[&str]| {
        let used = ledger.where_used(workspace, words);
        let used = used.as_deref().unwrap_or("NOTHING RAN AGAINST IT");
        lines.push(format!("  {name:<14} ({what}) {used}"));
    };
    for (name, what, words) in EMBEDDED.into_iter().filter(|_| embedded) {
        add(name, what, words);
    }
    for server in &servers.running {
        add(server.name, &server.what, &[&server.variable]);
    }
    lines.push(String::new());
    lines
}

/// The text of a test file and of the modules it is made of.
fn source(file: &Path) -> String {
    let mut text = fs::read_to_string(file).unwrap_or_default();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let Some(folder) = file.parent() else { return text };
    // A test program and a `mod.rs` have their modules beside them, others in a folder.
    let beside = folder.ends_with("tests") || stem == "mod" || stem == "main";
    let folder = if beside { folder.to_owned() } else { folder.join(stem) };
    let modules: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    for module in modules {
        let places = [folder.join(format!("{module}.rs")), folder.join(&module).join("mod.rs")];
        if let Some(place) = places.iter().find(|it| it.is_file()) {
            text += &source(place);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_lines_are_read_by_package_and_file() {
        let mut ledger = Ledger::default();
        let output = "     Running unittests src/lib.rs (target/debug/deps/sessile_sql-0a1b)\n\
            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
                 Running tests/http.rs (target/debug/deps/http-0a1b)\n\
            test a ... ok\n\
            test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
               Doc-tests sessile_sql\n\
            test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        output.lines().for_each(|line| ledger.line(line));
        let passed: Vec<_> =
            ledger.ran.iter().map(|((a, b), it)| (a.as_str(), b.as_str(), it.passed)).collect();
        let wanted = [("sessile_sql", "src/lib.rs", 1), ("sessile_sql", "tests/http.rs", 7)];
        assert_eq!(passed, wanted);
    }

    #[test]
    fn a_test_file_is_read_with_its_modules() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let text = source(&root.join("crates/sessile-cli/tests/demo.rs"));
        assert!(
            text.len()
                > fs::read_to_string(root.join("crates/sessile-cli/tests/demo.rs")).unwrap().len()
        );
    }
}
