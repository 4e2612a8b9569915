//! What ran against each backend: the lines with which a run of all tests ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sessile_testbed::Backend;

use crate::counts::{Counts, Tally};
use crate::report::{Done, Failure};
use crate::servers::Running;
use crate::workspace::Workspace;

/// The backends that need no server, and the words by which a test shows that it uses one.
const EMBEDDED: [(&str, &str, &[&str]); 3] = [
    ("memory", "in the process", &["MemoryStore"]),
    ("sqlite", "in the process", &["SqlStore", "sqlite:"]),
    ("file", "in the file system", &["FileStore"]),
];

/// Which test programs ran, how their tests ended and which servers they reached.
#[derive(Debug, Default)]
pub(crate) struct Ledger<'a> {
    servers: &'a [Running],
    package: String,
    /// The file of the test program that runs now.
    file: Option<String>,
    /// Connections that each server had counted when the last program ended.
    counted: Vec<Option<u64>>,
    /// By package (as rustc spells it, `sessile_sql`) and file (`tests/http.rs`).
    ran: BTreeMap<(String, String), Ran>,
}

/// What one test program did.
#[derive(Debug, Default)]
struct Ran {
    counts: Counts,
    /// Connections to each server; `None` where that is not known.
    connections: Vec<Option<u64>>,
}

impl<'a> Ledger<'a> {
    /// For a run of tests beside these servers.
    pub(crate) fn new(servers: &'a [Running]) -> Self {
        Self { servers, counted: servers.iter().map(count).collect(), ..Self::default() }
    }

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
            let before = std::mem::take(&mut self.counted);
            self.counted = self.servers.iter().map(count).collect();
            let made = self.counted.iter().zip(before).zip(self.servers);
            let ran = Ran {
                counts: tally.tests().counts,
                connections: made.map(|((now, then), it)| made_by_it(*now, then, it)).collect(),
            };
            self.ran.insert((self.package.clone(), file), ran);
        }
    }

    /// `sessile-sql: http.rs 12, sqlite.rs 30`: the test programs whose source holds all `words`
    /// and that connected to the server, if it is one, by the server's own count.
    fn where_used(&self, all: &Workspace, words: &[&str], server: Option<usize>) -> Option<String> {
        let mut packages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((package, file), ran) in &self.ran {
            let same = |name: &str| name.replace('-', "_") == *package;
            let Some(member) = all.members.iter().find(|it| same(&it.name)) else { continue };
            let connections = server.and_then(|it| ran.connections.get(it).copied().flatten());
            if ran.counts.passed == 0 || connections == Some(0) || !file.starts_with("tests/") {
                continue;
            }
            let text = source(&member.folder.join(file));
            if words.iter().all(|word| text.contains(word)) {
                let name = file.trim_start_matches("tests/");
                let passed = ran.counts.passed;
                packages.entry(&member.name).or_default().push(format!("{name} {passed}"));
            }
        }
        let parts: Vec<_> =
            packages.iter().map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

fn count(server: &Running) -> Option<u64> {
    sessile_testbed::connections(server.backend, &server.url)
}

/// Connections between two counts, without those that counting made.
fn made_by_it(now: Option<u64>, then: Option<u64>, server: &Running) -> Option<u64> {
    let ours = match server.backend {
        // Each of its servers was asked.
        Backend::Postgres | Backend::MySql | Backend::MongoDb => 1,
        _ => u64::try_from(server.url.split(',').count()).unwrap_or(1),
    };
    // PostgreSQL counts a connection late: the question before may be among these too.
    let late = u64::from(server.backend == Backend::Postgres);
    Some(now?.saturating_sub(then?).saturating_sub(ours.saturating_add(late)))
}

/// One line for each backend: its name, what ran, and the test files with their numbers of tests.
///
/// `embedded` is whether the tests ran of those that need no server. Also says
/// against which of them nothing ran.
pub(crate) fn table(
    workspace: &Workspace,
    ledger: &Ledger<'_>,
    embedded: bool,
) -> (Vec<String>, Vec<String>) {
    let mut lines = vec!["tests that ran against each backend:".to_owned()];
    let mut untested = Vec::new();
    let mut add = |name: &str, what: &str, words: &[&str], server: Option<usize>| {
        let used = ledger.where_used(workspace, words, server);
        if used.is_none() {
            untested.push(name.to_owned());
        }
        let used = used.as_deref().unwrap_or("NOTHING RAN AGAINST IT");
        lines.push(format!("  {name:<14} ({what}) {used}"));
    };
    for (name, what, words) in EMBEDDED.into_iter().filter(|_| embedded) {
        add(name, what, words, None);
    }
    for (index, server) in ledger.servers.iter().enumerate() {
        add(server.backend.name(), &server.what, &[&server.variable], Some(index));
    }
    lines.push(String::new());
    (lines, untested)
}

/// That something ran against every backend.
pub(crate) fn all_tested(untested: &[String]) -> Result<Done, Failure> {
    if untested.is_empty() {
        return Ok(Done::default());
    }
    Err(Failure::new(
        format!("no test ran against {}", untested.join(", ")),
        "see whether its test files in crates/*/tests still name its variable, as \
         `cargo xtask servers -- env` shows it, and reach the server",
    ))
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
        let mut ledger = Ledger::new(&[]);
        let output = "     Running unittests src/lib.rs (target/debug/deps/sessile_sql-0a1b)\n\
            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
                 Running tests/http.rs (target/debug/deps/http-0a1b)\n\
            test a ... ok\n\
            test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
               Doc-tests sessile_sql\n\
            test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        output.lines().for_each(|line| ledger.line(line));
        let passed: Vec<_> = ledger
            .ran
            .iter()
            .map(|((a, b), it)| (a.as_str(), b.as_str(), it.counts.passed))
            .collect();
        let wanted = [("sessile_sql", "src/lib.rs", 1), ("sessile_sql", "tests/http.rs", 7)];
        assert_eq!(passed, wanted);
    }

    #[test]
    fn a_backend_that_no_test_reached_fails_the_run() {
        let workspace = Workspace::find().unwrap();
        let mut ledger = Ledger::new(&[]);
        let (lines, untested) = table(&workspace, &ledger, true);
        assert_eq!(untested, ["memory", "sqlite", "file"], "{lines:?}");
        assert!(all_tested(&untested).unwrap_err().to_string().contains("memory, sqlite, file"));
        let output = "     Running unittests src/lib.rs (target/debug/deps/sessile_file-0a1b)\n\
            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
                 Running tests/files.rs (target/debug/deps/files-0a1b)\n\
            test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n";
        output.lines().for_each(|line| ledger.line(line));
        let (lines, untested) = table(&workspace, &ledger, true);
        assert_eq!(untested, ["memory", "sqlite"], "{lines:?}");
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
