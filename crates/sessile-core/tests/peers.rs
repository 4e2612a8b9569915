//! What went wrong elsewhere (`docs/past-failures.md`), where no other test tries it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use sessile_core::cookie::{self, Pick};
use sessile_formats::flask::TaggedJson;
use sessile_formats::itsdangerous::Codec as _;

/// Rack CVE-2013-0263, rack-protection CVE-2018-1000119: `==` stops at the first byte that
/// differs. What is signed, sealed or guessed goes through `subtle` or the primitive's own check.
#[test]
fn peer19_nothing_secret_is_compared_byte_by_byte() {
    const SECRET: [&str; 10] = [
        "mac",
        "tag_bytes",
        "signature",
        "presented",
        "digest",
        "secret",
        "token",
        "expected_mac",
        "sig",
        "hmac",
    ];
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for name in ["sessile-formats", "sessile-core"] {
        collect(&crates.join(name).join("src"), &mut files);
    }
    assert!(files.len() > 80, "{} files", files.len());
    let mut compared = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // Unit tests compare what they like.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        compared += code.matches(".ct_eq(").count();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for operator in ["==", "!="] {
                for (at, _) in line.match_indices(operator) {
                    let (left, right) = (line[..at].trim_end(), line[at + 2..].trim_start());
                    // A variant, such as `Credential::Dead`, is no secret.
                    if right.starts_with(|c: char| c.is_ascii_uppercase()) {
                        continue;
                    }
                    let ident = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let before = left.rsplit(|c| !ident(c)).next().unwrap_or_default();
                    let path = right.trim_start_matches(['*', '&']);
                    let after = path
                        .split(|c| !ident(c) && c != '.' && c != ':')
                        .next()
                        .unwrap_or_default();
                    let after = after.rsplit(['.', ':']).next().unwrap_or_default();
                    for name in [before, after] {
                        assert!(!SECRET.contains(&name), "{}: {}", file.display(), line.trim());
                    }
                }
            }
        }
    }
    assert!(compared >= 5, "{compared} comparisons in constant time");
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|it| it == "rs") {
            into.push(path);
        }
    }
}

/// `time` RUSTSEC-2026-0009: nested comments overflow the stack.
#[test]
fn peer24_nested_comments_in_a_date_cost_no_stack() {
    let read = |date: &str| TaggedJson::IN_APP.loads(format!(r#"{{" d":"{date}"}}"#).as_bytes());
    for depth in [1, 1000, 100_000] {
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        let dates = [
            format!("{open}x{close} Fri, 02 Jan 2026 03:04:05 GMT"),
            format!("Fri, 02 Jan 2026 03:04:05 GMT {open}x{close}"),
            format!("Fri, {open} 02 Jan 2026 03:04:05 GMT"),
        ];
        // What is read of them does not matter; that it is read in bounded stack does.
        let small = std::thread::Builder::new().stack_size(128 << 10);
        let done = small.spawn(move || dates.map(|date| read(&date).is_ok()).len());
        assert_eq!(done.unwrap().join().unwrap(), 3);
    }
}

/// Django CVE-2016-7401: a parser that lets a cookie begin anywhere takes what another site put
/// into its own cookie for ours.
#[test]
fn peer25_no_cookie_plants_another_in_its_value() {
    for joint in ["]", "[", ",", " ", "\t", "\"", "\\", "&", "=", "?", "\u{a0}", "\u{2028}"] {
        let header = format!("__utmz=x{joint}csrftoken=evil; csrftoken=good");
        for pick in [Pick::First, Pick::Last] {
            let found = cookie::find([header.as_bytes()], "csrftoken", pick);
            assert_eq!((found.text(), found.count), (Some("good"), 1), "{header:?}");
        }
    }
}
