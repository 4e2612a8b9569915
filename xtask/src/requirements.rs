//! `docs/requirements.md` names a test for each requirement, `docs/past-failures.md` for each of
//! others' failures: are all there, and do the tests exist?

use std::collections::HashMap;
use std::path::Path;

use crate::report::{Done, Failure};
use crate::workspace::read;

const TABLE: &str = "docs/requirements.md";
const FAILURES: &str = "docs/past-failures.md";
/// Cases and scripts of the suite, each in a folder, are tests once the file beside it lists them.
const LISTS: [(&str, &str); 2] = [
    ("crates/sessile-conformance/src/http/", "crates/sessile-conformance/src/http/mod.rs"),
    ("crates/sessile-conformance/src/cases/", "crates/sessile-conformance/src/cases.rs"),
];

/// Every line is there and every test it names exists.
pub(crate) fn check(root: &Path) -> Result<Done, Failure> {
    let mut sources = HashMap::new();
    let lists = LISTS.map(|(_, list)| read(&root.join(list)));
    let lists = lists.into_iter().collect::<Result<String, _>>()?;
    let (mut lines, mut failures) = (0, Vec::new());
    for (table, wanted) in [(TABLE, wanted()), (FAILURES, wanted_failures())] {
        let text = read(&root.join(table))?;
        let mut found = faults(&text, &wanted, &lists, |file| {
            let text =
                sources.entry(file.to_owned()).or_insert_with(|| read(&root.join(file)).ok());
            text.clone()
        });
        if table == FAILURES {
            found.extend(unknown_tests(&text, &all_sources(root)?));
        }
        if !found.is_empty() {
            let remedy = "mend the table, or bring the test back under that name";
            failures.push(Failure::new(format!("{table}:\n  {}", found.join("\n  ")), remedy));
        }
        lines += wanted.len();
    }
    Failure::all(failures).map_or_else(|| Ok(Done::note(format!("{lines} lines"))), Err)
}

/// The lines there must be.
fn wanted() -> Vec<String> {
    let invariants = (1..=12).map(|number| format!("inv{number:02}"));
    let requirements = (1..=53).map(|number| format!("R{number:02}"));
    let faults = (1..=29).map(|number| format!("F{number:02}"));
    let bad_input = (1..=7).map(|number| format!("B{number:02}"));
    invariants.chain(requirements).chain(faults).chain(bad_input).collect()
}

/// The groups of failures that touch sessions, cookies, CSRF and templates.
fn wanted_failures() -> Vec<String> {
    (1..=28).map(|number| format!("P{number:02}")).collect()
}

/// Names of tests that stand in a table without a path and are those of no function.
fn unknown_tests(document: &str, sources: &str) -> Vec<String> {
    let lines = document.lines().filter(|line| line.starts_with("| "));
    let last = lines.filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "));
    let quoted = last.flat_map(|(_, tests)| tests.split('`').skip(1).step_by(2));
    quoted
        .filter(|name| is_plain(name) && name.matches('_').count() > 1)
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .filter(|name| !sources.contains(&format!("fn {name}<")))
        .map(|name| format!("`{name}` is nowhere"))
        .collect()
}

/// Every source of the crates and of the benchmarks, one after another.
fn all_sources(root: &Path) -> Result<String, Failure> {
    let mut files = Vec::new();
    for folder in ["crates", "bench/src", "bench/tests"] {
        crate::check::collect_sources(&root.join(folder), &mut files);
    }
    files.iter().map(|file| read(file)).collect()
}

/// What is wrong with a table, given a way to read sources by their path.
fn faults(
    table: &str,
    wanted: &[String],
    lists: &str,
    mut source: impl FnMut(&str) -> Option<String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let rows: Vec<(&str, &str)> = table.lines().filter_map(row).collect();
    for id in wanted {
        let count = rows.iter().filter(|(found, _)| found == id).count();
        if count != 1 {
            faults.push(format!("{id} has {count} lines"));
        }
    }
    for (id, tests) in rows {
        let mut file = None;
        let mut shown = 0;
        for quoted in tests.split('`').skip(1).step_by(2) {
            if quoted.ends_with(".rs") {
                file = Some(quoted);
            } else if is_test_name(quoted, lists) || file.is_some() && id.starts_with('P') {
                shown += 1;
                let fault = match file {
                    None => Some("stands in no file".to_owned()),
                    Some(file) => absence(quoted, file, lists, source(file)),
                };
                faults.extend(fault.map(|fault| format!("{id}: `{quoted}` {fault}")));
            }
        }
        if shown == 0 {
            faults.push(format!("{id}: no test shows it"));
        }
    }
    faults
}

/// The id and the last cell of a line of the table.
fn row(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.splitn(3, " | ");
    let (id, _, tests) = (cells.next()?, cells.next()?, cells.next()?);
    let numbered = id.trim_start_matches("inv").trim_start_matches(['R', 'F', 'B', 'P']);
    numbered.parse::<u8>().is_ok().then_some((id, tests))
}

/// `inv01_…`, `r01_…`, `f01_…`, `b01_…`, or the name of a case or script.
fn is_test_name(quoted: &str, lists: &str) -> bool {
    let numbered = quoted.starts_with("inv")
        || quoted
            .strip_prefix(['r', 'f', 'b'])
            .is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()));
    (numbered || is_listed(quoted, lists)) && quoted.contains('_') && is_plain(quoted)
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_listed(test: &str, lists: &str) -> bool {
    lists.lines().any(|line| line.trim().ends_with(&format!("::{test}")))
}

/// How a test is missing, if it is.
fn absence(test: &str, file: &str, lists: &str, source: Option<String>) -> Option<String> {
    let Some(source) = source else { return Some(format!("stands in {file}, which is not there")) };
    let lines: Vec<&str> = source.lines().collect();
    let starts = [format!("fn {test}("), format!("fn {test}<")];
    let Some(at) = lines.iter().position(|line| starts.iter().any(|start| line.contains(start)))
    else {
        return Some(format!("is not in {file}"));
    };
    let runs = if LISTS.iter().any(|(folder, _)| file.starts_with(folder)) {
        is_listed(test, lists)
    } else {
        let before = lines.iter().take(at).rev().take_while(|line| line.trim() != "}").take(4);
        before.into_iter().any(|line| line.contains("test"))
    };
    (!runs).then(|| format!("is in {file}, but nothing runs it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_has_a_line_and_every_test_of_the_table_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        if let Err(failure) = check(root) {
            panic!("{failure:?}");
        }
    }

    #[test]
    fn missing_lines_and_tests_are_found() {
        let one = "| R01 | ids | `a.rs`: `r01_there`, `r01_gone`, `r01_idle`; `no.rs`: `r01_x` |";
        let table = wanted()
            .into_iter()
            .skip(1)
            .filter(|id| id != "R01")
            .fold(one.to_owned(), |table, id| {
                table + &format!("\n| {id} | what | `a.rs`: `r01_there` |")
            });
        let source = "#[test]\nfn r01_there() {}\n\n}\n\nfn r01_idle() {}\n";
        let found =
            faults(&table, &wanted(), "", |file| (file == "a.rs").then(|| source.to_owned()));
        let expected = [
            "inv01 has 0 lines",
            "R01: `r01_gone` is not in a.rs",
            "R01: `r01_idle` is in a.rs, but nothing runs it",
            "R01: `r01_x` stands in no.rs, which is not there",
        ];
        assert_eq!(found, expected);
        let none = table.replace("| R43 | what | `a.rs`: `r01_there` |", "| R43 | what | later |");
        let found = faults(&none, &wanted(), "", |_| Some(source.to_owned()));
        assert!(found.contains(&"R43: no test shows it".to_owned()), "{found:?}");
    }

    #[test]
    fn tests_that_are_nowhere_are_found_and_prose_is_none() {
        let table = "| what | `subtle` | `a_test_there`, `a_test_gone`; `SESSION_A`, `x_y` |\n`not_in_a_table`";
        let sources = "fn a_test_there() {}";
        assert_eq!(unknown_tests(table, sources), ["`a_test_gone` is nowhere"]);
    }
}
