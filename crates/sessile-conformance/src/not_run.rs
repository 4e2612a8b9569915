//! How a test says that it could not be tried, so that nobody takes it for one that passed.

use std::fmt::Display;
use std::io::Write as _;

/// Says that the test around it could not be tried, and why:
/// `not_run!("no mount: {error}")`. The test should return then.
///
/// It prints `[not run] TEST: WHY` past libtest's capture, so that it is seen without
/// `--nocapture` too. `cargo xtask test` lists these lines at its end and does not count
/// the tests as passed.
#[macro_export]
macro_rules! not_run {
    ($($why:tt)+) => {
        $crate::not_run($crate::test_name!(), format_args!($($why)+))
    };
}

/// The path of the function around it, which may be async: `program::module::test`.
#[doc(hidden)]
#[macro_export]
macro_rules! test_name {
    () => {{
        fn here() {}
        $crate::outer_name(std::any::type_name_of_val(&here))
    }};
}

/// What [`not_run!`] prints, for a test whose name is at hand.
pub fn not_run(test: &str, why: impl Display) {
    say("not run", test, &why);
}

/// Says that the store does not claim what a case tests.
#[doc(hidden)]
pub fn does_not_apply(test: &str, why: impl Display) {
    say("does not apply", test, &why);
}

fn say(what: &str, test: &str, why: &dyn Display) {
    // One write, so that other threads' lines do not come between. Without stderr there is
    // nobody to tell.
    let _ = std::io::stderr().write_all(format!("[{what}] {test}: {why}\n").as_bytes());
}

/// `program::test` for `program::test::{{closure}}::here`.
#[doc(hidden)]
pub fn outer_name(here: &'static str) -> &'static str {
    let mut name = here.strip_suffix("::here").unwrap_or(here);
    while let Some(outer) = name.strip_suffix("::{{closure}}") {
        name = outer;
    }
    name
}
