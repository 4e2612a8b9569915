//! Findings as a person reads them, and as a program does.

use std::io::{self, IsTerminal as _};

use serde_json::json;
use sessile::store::{Finding, Level};

use crate::progress::counted;

/// Where a line ends.
const WIDTH: usize = 98;
const INDENT: &str = "                             ";

pub(super) fn text(place: &str, layout: &str, findings: &[Finding]) -> String {
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = format!("{place} · {layout}\n\n");
    for finding in findings {
        let (mark, colour) = match finding.level {
            Level::Good => ("✓", "32"),
            Level::Note => ("·", "36"),
            Level::Warning => ("!", "33"),
            Level::Bad => ("✗", "31"),
        };
        let mark = if colours { format!("\x1b[{colour}m{mark}\x1b[0m") } else { mark.to_owned() };
        let head = format!("  {mark} {:<7} {:<16} ", finding.level.name(), finding.check);
        text.push_str(&head);
        text.push_str(&wrapped(&finding.found));
        if let Some(advice) = &finding.advice {
            text.push_str(INDENT);
            text.push_str(&wrapped(&format!("→ {advice}")));
        }
    }
    text.push('\n');
    text.push_str(&summary(findings));
    text.push('\n');
    text
}

/// Broken into lines; the first one stands behind a head as wide as the indent.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut column = INDENT.len();
    for (at, word) in text.split_whitespace().enumerate() {
        let long = word.chars().count();
        if at > 0 && column + 1 + long > WIDTH {
            lines.push('\n');
            lines.push_str(INDENT);
            column = INDENT.len();
        } else if at > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += long;
    }
    lines.push('\n');
    lines
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    match (count(Level::Bad), count(Level::Warning)) {
        (0, 0) => "All is well.".to_owned(),
        (0, warnings) => format!("{}; nothing is bad.", counted(warnings, "warning")),
        (bad, 0) => format!("{} bad.", is(bad)),
        (bad, warnings) => format!("{} bad; {} besides.", is(bad), counted(warnings, "warning")),
    }
}

fn is(count: u64) -> String {
    if count == 1 { "1 thing is".to_owned() } else { format!("{count} things are") }
}

pub(super) fn json(place: &str, layout: &str, findings: &[Finding]) -> String {
    let each = findings.iter().map(|finding| {
        json!({
            "level": finding.level.name(),
            "check": finding.check,
            "found": finding.found,
            "advice": finding.advice,
        })
    });
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
    let all = json!({
        "store": place,
        "layout": layout.replace('’', "'"),
        "worst": worst.name(),
        "findings": each.collect::<Vec<_>>(),
    });
    format!("{all}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_broken_into_lines_of_a_terminal() {
        let findings = [
            Finding::good("reads", "0.1 ms usually"),
            Finding::bad("eviction policy", "allkeys-lru").advise("word ".repeat(60)),
        ];
        let text = text("redis://h", "native layout", &findings);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let head = text.lines().find(|line| line.contains("reads")).unwrap();
        assert_eq!(head.find("0.1 ms").map(|at| head[..at].chars().count()), Some(INDENT.len()));
        assert!(text.contains("→ word") && text.ends_with("1 thing is bad.\n"), "{text}");
    }
}
