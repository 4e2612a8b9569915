//! A test that could not be tried says so, whoever runs it.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use sessile_conformance::not_run;

#[test]
#[ignore = "a process that another test starts"]
fn without_a_printer() {
    not_run!("no printer at {}", 12);
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn without_a_printer_asynchronously() {
    not_run!("no printer");
}

#[test]
fn a_test_that_could_not_be_tried_says_so_past_libtests_capture() {
    for (test, line) in [
        ("without_a_printer", "[not run] not_run::without_a_printer: no printer at 12\n"),
        (
            "without_a_printer_asynchronously",
            "[not run] not_run::without_a_printer_asynchronously: no printer\n",
        ),
    ] {
        let mut program = Command::new(std::env::current_exe().unwrap());
        let output = program.args(["--ignored", "--exact", test]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains(line), "{said}");
    }
}
