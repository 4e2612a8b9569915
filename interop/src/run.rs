//! Running cases and comparing.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

use crate::case::{Case, NOTES, Out};
use crate::ops::{self, Raised};

/// How much of an expected or actual value a failure shows, in characters.
const SHOWN: usize = 200;

/// A choice of families and operations: `FAMILY` or `FAMILY/OP`, several with commas.
#[derive(Clone, Debug, Default)]
pub struct Only(Vec<(String, Option<String>)>);

impl Only {
    /// Reads the choice from its text; the empty text chooses everything.
    pub fn parse(text: &str) -> Self {
        let names = text.split(',').filter(|name| !name.is_empty());
        Self(
            names
                .map(|name| match name.split_once('/') {
                    Some((family, op)) => (family.into(), Some(op.into())),
                    None => (name.into(), None),
                })
                .collect(),
        )
    }

    /// Whether the case is chosen.
    pub fn covers(&self, case: &Case) -> bool {
        self.0.is_empty() || self.names(&case.family, &case.op)
    }

    /// Whether the operation, or its whole family, is among those named.
    pub fn names(&self, family: &str, op: &str) -> bool {
        self.0.iter().any(|(named, its_op)| {
            named == family && its_op.as_ref().is_none_or(|its_op| its_op == op)
        })
    }
}

/// What came of a family's cases.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many agreed.
    pub passed: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
    /// Parts of cases that agreed which no operation looked at, and how often.
    pub unread: BTreeMap<String, usize>,
}

/// A case that did not agree with its original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The case's operation.
    pub op: String,
    /// One line: id, operation, expected, got.
    line: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// Runs the cases, by family in alphabetical order.
pub fn run(cases: &[Case]) -> BTreeMap<String, Tally> {
    let mut families: BTreeMap<String, Tally> = BTreeMap::new();
    for case in cases {
        let tally = families.entry(case.family.clone()).or_default();
        match check(case) {
            Ok(unread) => {
                tally.passed += 1;
                // What raises may do so before it looks at everything.
                let is_answer = matches!(case.out, Out::Ok { .. });
                let unread = unread.into_iter().filter(|_| is_answer);
                for name in unread {
                    *tally.unread.entry(format!("{}: {name}", case.op)).or_default() += 1;
                }
            }
            Err(failure) => tally.failures.push(failure),
        }
    }
    families
}

/// Runs one case. Returns the parts of it that nobody looked at: it may be that they mean nothing.
///
/// # Errors
/// The disagreement.
pub fn check(case: &Case) -> Result<Vec<String>, Failure> {
    let (got, mut unread) = ops::perform(case);
    let rest = case.rest.keys().filter(|name| !NOTES.contains(&name.as_str()));
    unread.extend(rest.map(|name| format!("{name} of the case")));
    if agrees(case, &got) {
        return Ok(unread);
    }
    let expected = match &case.out {
        Out::Ok { ok } => ok.to_string(),
        Out::Error { error, message: Some(message) } => format!("{error}: {message}"),
        Out::Error { error, message: None } => error.clone(),
    };
    let got = match got {
        Ok(value) => value.to_string(),
        Err(Raised::Exception { class, message }) => format!("{class}: {message}"),
        Err(Raised::Unsupported(what)) => format!("not supported yet: {what}"),
    };
    let Case { id, op, .. } = case;
    let mut line = format!("{id} ({op}): expected {}, got {}", shorten(&expected), shorten(&got));
    if !unread.is_empty() {
        line += &format!("; not looked at: {}", unread.join(", "));
    }
    Err(Failure { op: op.clone(), line })
}

fn agrees(case: &Case, got: &Result<Json, Raised>) -> bool {
    match (&case.out, got) {
        (Out::Ok { ok }, Ok(value)) if ok == value => true,
        (Out::Ok { ok }, Ok(value)) if case.zlib && !cfg!(feature = "c-zlib") => {
            // Another deflate writes other bytes; what they inflate to must be the same.
            let (theirs, ours) = (ops::reread(case, ok), ops::reread(case, value));
            theirs.is_some() && theirs == ours
        }
        (Out::Error { error, message }, Err(Raised::Exception { class, message: ours })) => {
            error == class && message.as_ref().is_none_or(|message| message == ours)
        }
        _ => false,
    }
}

fn shorten(text: &str) -> String {
    let length = text.chars().count();
    if length <= SHOWN {
        return text.into();
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}… ({length} characters)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(op: &str, input: Json, out: Json) -> Case {
        let case = serde_json::json!({
            "id": "x", "family": "flask-session", "op": op, "in": input, "out": out
        });
        serde_json::from_value(case).unwrap()
    }

    #[test]
    fn results_and_exceptions_are_compared() {
        let good = serde_json::json!({"length_bytes": 3, "random_hex": "001083"});
        assert_eq!(
            check(&case("fs_sid", good.clone(), serde_json::json!({"ok": "ABCD"}))),
            Ok(vec![])
        );
        assert!(check(&case("fs_sid", good, serde_json::json!({"ok": "ABCE"}))).is_err());
        let cut = serde_json::json!({"format": "msgpack", "data": "c1"});
        let out = |class| serde_json::json!({"error": class});
        assert_eq!(check(&case("fs_decode", cut.clone(), out("UnpicklingError"))), Ok(vec![]));
        assert!(check(&case("fs_decode", cut, out("TypeError"))).is_err());
    }

    #[test]
    fn an_unknown_operation_fails() {
        let failure = check(&case("nonsense", Json::Null, serde_json::json!({"ok": null})));
        assert!(failure.unwrap_err().to_string().contains("not supported yet"));
    }

    #[test]
    fn what_nobody_looks_at_is_named() {
        let input = serde_json::json!({"length_bytes": 1, "random_hex": "00", "loud": true});
        let out = serde_json::json!({"ok": "AA"});
        assert_eq!(check(&case("fs_sid", input.clone(), out)), Ok(vec!["loud".to_owned()]));
        let failure = check(&case("fs_sid", input, serde_json::json!({"ok": "AB"}))).unwrap_err();
        assert!(failure.to_string().ends_with("not looked at: loud"), "{failure}");
    }

    #[test]
    fn a_choice_names_families_and_operations() {
        let case = case("fs_sid", Json::Null, serde_json::json!({"ok": null}));
        for (choice, covered) in [
            ("", true),
            ("flask-session", true),
            ("django,flask-session/fs_sid", true),
            ("flask-session/fs_decode", false),
            ("flask", false),
        ] {
            assert_eq!(Only::parse(choice).covers(&case), covered, "{choice}");
        }
    }
}
