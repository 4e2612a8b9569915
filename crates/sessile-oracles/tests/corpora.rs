//! Replays `fuzz/corpus` with the stable compiler, each input as it is and a little damaged.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sessile_oracles::{TARGETS, Target};

/// What a checkout should not grow beyond.
const CORPUS_BYTES: usize = 200 * 1024;
/// Damaged copies of one input.
const MUTANTS: usize = 400;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files(&fuzz_folder().join("corpus").join(target.name));
    assert!(!files.is_empty(), "{} has no corpus", target.name);
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn run(target: &Target, path: &Path, what: &str, bytes: &[u8]) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    assert!(
        outcome.is_ok(),
        "{}: {} ({what}): {}",
        target.name,
        path.display(),
        bytes.escape_ascii()
    );
}

#[test]
fn every_input_of_the_corpora_holds() {
    for target in TARGETS {
        for (path, bytes) in corpus(target) {
            run(target, &path, "as it is", &bytes);
        }
    }
}

#[test]
fn damaged_inputs_hold() {
    for target in TARGETS {
        for (path, bytes) in corpus(target) {
            // The fuzzer's own inputs are damaged enough.
            if !path.file_name().unwrap().to_string_lossy().starts_with("seed-") {
                continue;
            }
            // Spread over the input, the same ones every time.
            let step = (bytes.len() * 4).div_ceil(MUTANTS).max(1);
            for number in (0..bytes.len() * 4).step_by(step) {
                let (at, kind) = (number / 4, number % 4);
                let mut mutant = bytes.clone();
                match kind {
                    0 => mutant.truncate(at),
                    1 => mutant[at] ^= 1 << (at % 8),
                    2 => mutant.insert(at, mutant[at]),
                    _ => mutant[at] = [0x00, 0x22, 0x3b, 0x5c, 0x7f, 0x80, 0xc1, 0xff][at % 8],
                }
                run(target, &path, &format!("mutant {number}"), &mutant);
            }
        }
    }
}

#[test]
fn each_oracle_has_a_fuzz_target_and_a_small_corpus() {
    let names = |folder: &str| -> Vec<String> {
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        files(&fuzz_folder().join(folder)).into_iter().map(stem).collect()
    };
    let mut oracles: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    oracles.sort_unstable();
    assert_eq!(names("fuzz_targets"), oracles);
    assert_eq!(names("corpus"), oracles);
    let total: usize = TARGETS.iter().flat_map(corpus).map(|(_, bytes)| bytes.len()).sum();
    assert!(total < CORPUS_BYTES, "{total} bytes: minimise with `cargo fuzz cmin`");
}
