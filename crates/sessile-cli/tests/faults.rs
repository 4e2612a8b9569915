//! The demo site while the clock is set and while keys are changed over several processes.
#![cfg(all(unix, feature = "faults"))]
// The lints know tests by #[test], not their helpers.
#![allow(clippy::unwrap_used)]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use program::site::{Site, cookie};
use program::{Program, sessile};

/// A clock for one process, ahead of the machine's by as many seconds as its file says.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn new(name: &str) -> Self {
        let clock = Self { file: program::file(&format!("clock-{name}"), "") };
        clock.set(0);
        clock
    }

    fn set(&self, seconds: i64) {
        // Renamed into place: the process reads it at any time.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    fn over(&self, program: Program) -> Program {
        let script = "faketime -f +0s printenv LD_PRELOAD";
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        let library = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "faketime is missing: `cargo xtask faults` installs it");
        program
            .env("LD_PRELOAD", library.trim())
            .env("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap())
            .env("FAKETIME_NO_CACHE", "1")
            // Timers are not to go off; a real step of the clock leaves them alone too.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    fn site(&self, name: &str, options: &[&str]) -> Site {
        let folder = program::scratch().join(name);
        Site::run(self.over(sessile(&["demo", "--port", "0"])), folder, options)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn is_logged_in(site: &Site, cookie: &str) -> bool {
    let page = site.send("GET", "/", cookie, "");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    page.contains("Hello, ada.")
}

const MINUTES: i64 = 60;
const IN_A_STORE: [&str; 3] = ["sqlite", "file", "memory"];
const IN_COOKIES: [&str; 2] = ["cookie", "encrypted-cookie"];

#[test]
fn f21_a_clock_that_steps_five_minutes_logs_nobody_out() {
    for store in IN_A_STORE {
        let clock = Clock::new("steps");
        let site = clock.site("steps", &["--store", store]);
        // As many as one user may have.
        let before: Vec<String> = (0..5).map(|_| site.log_in()).collect();
        // Ahead, back over where it was, and home again.
        for step in [5 * MINUTES, -5 * MINUTES, 0] {
            clock.set(step);
            let kept = before.iter().filter(|cookie| is_logged_in(&site, cookie)).count();
            println!("{store}: clock at {step:+} s: {kept} of {} still logged in", before.len());
            assert_eq!(kept, before.len());
        }
        for step in [5 * MINUTES, -5 * MINUTES, 0] {
            clock.set(step);
            assert!(is_logged_in(&site, &site.log_in()), "{store}: no login at {step} s");
        }
    }
}

/// R21 refuses a cookie from the future. A clock that goes back makes some: what was made within
/// the step waits until the clock has caught up, and is not deleted meanwhile.
#[test]
fn f21_cookies_wait_for_a_clock_that_stepped_back() {
    for store in IN_COOKIES {
        let clock = Clock::new("cookies");
        let site = clock.site("cookies", &["--store", store]);
        // The first page's forms put their secret into the session.
        let cookie = cookie(&site.send("GET", "/", &site.log_in(), ""));
        for (step, logged_in) in [(5 * MINUTES, true), (-5 * MINUTES, false), (0, true)] {
            clock.set(step);
            let page = site.send("GET", "/", &cookie, "");
            assert!(!page.contains("set-cookie: id="), "{store}: {page}");
            assert_eq!(page.contains("Hello, ada."), logged_in, "{store} at {step} s");
        }
        clock.set(-30);
        assert!(is_logged_in(&site, &cookie), "{store}: clocks may differ by a minute");
        println!("{store}: anonymous while the clock is 5 minutes behind, logged in again after");
    }
}

#[test]
fn f21_no_session_outlives_its_limit_by_more_than_the_step() {
    for store in IN_A_STORE.into_iter().chain(IN_COOKIES) {
        let clock = Clock::new("eternal");
        let site = clock.site("eternal", &["--store", store, "--seconds-idle", "120"]);
        clock.set(5 * MINUTES);
        let ahead = site.log_in();
        clock.set(-5 * MINUTES);
        let behind = site.log_in();
        assert!(is_logged_in(&site, &behind), "{store}");
        is_logged_in(&site, &ahead);
        // Two minutes after the latest moment that either of them can have seen.
        clock.set(5 * MINUTES + 120 + 30);
        for (cookie, when) in [(&ahead, "ahead"), (&behind, "behind")] {
            assert!(!is_logged_in(&site, cookie), "{store}: logged in while the clock was {when}");
        }
        println!("{store}: both sessions ended");
    }
}

/// Three processes with the same keys; a visitor's requests go to one after the other.
struct Fleet {
    sites: Vec<Site>,
    data: PathBuf,
    cookie: String,
    visits: usize,
}

impl Fleet {
    fn site(data: &Path, keys: &[&str]) -> Site {
        let (newest, older) = keys.split_first().unwrap();
        let mut older: Vec<String> = older.iter().map(|key| format!("{key:?}")).collect();
        older.reverse(); // "oldest first"
        let program = sessile(&["demo", "--port", "0"]).env("SECRET_KEY", newest);
        let program = program.env("SECRET_KEY_FALLBACKS", &format!("[{}]", older.join(",")));
        Site::run(program, data.to_owned(), &["--store", "encrypted-cookie"])
    }

    /// Replaces one process after the other; the visitor goes on all the while.
    fn deploy(&mut self, keys: &[&str]) {
        for index in 0..self.sites.len() {
            self.sites[index] = Self::site(&self.data, keys);
            for _ in 0..self.sites.len() {
                self.visit();
            }
        }
    }

    fn visit(&mut self) {
        self.visits += 1;
        let site = &self.sites[self.visits % self.sites.len()];
        assert!(is_logged_in(site, &self.cookie), "logged out by visit {}", self.visits);
        let changed = site.send("POST", "/cart", &self.cookie, "name=mussel");
        assert!(changed.starts_with("HTTP/1.1 303"), "{changed}");
        self.cookie = cookie(&changed);
    }
}

#[test]
fn f24_a_new_key_over_three_processes_logs_nobody_out() {
    let (old, new) = ("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94", "d02c4f8a7b1e4935a6c0f2d18e5b7394");
    let data = program::scratch().join("fleet");
    let sites: Vec<Site> = (0..3).map(|_| Fleet::site(&data, &[old])).collect();
    let cookie = sites[0].log_in();
    let mut fleet = Fleet { sites, data, cookie, visits: 0 };
    // Every process has to know the new key before the first one signs with it.
    for keys in [&[old, new][..], &[new, old], &[new]] {
        fleet.deploy(keys);
    }
    println!("{} visits over three deployments, never logged out", fleet.visits);
    // The old key is gone: what it signed opens nothing.
    let with_the_old_key = Fleet::site(&fleet.data, &[old]).log_in();
    assert!(!is_logged_in(&fleet.sites[0], &with_the_old_key));
}

#[test]
fn f24_keys_that_cannot_be_read_refuse_the_start() {
    let key = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";
    for (newest, older) in [("short", "[]"), (key, "not a list"), (key, "[\"short\"]")] {
        let program = sessile(&["demo", "--port", "0", "--store", "cookie"]);
        let ran = program.env("SECRET_KEY", newest).env("SECRET_KEY_FALLBACKS", older).run("");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{newest:?} {older:?}: {}", ran.err);
        assert!(ran.err.contains("SECRET_KEY"), "{}", ran.err);
        println!("{}", ran.err.lines().next().unwrap_or_default());
    }
}
