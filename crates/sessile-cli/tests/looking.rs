//! Looking at a store: nothing of it is written, and what it holds is said.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use program::shop::{KEY, json, run_in, shop, sqlite};
use program::{Ran, sessile};

/// Every file below a folder: what is in it, and when it was written.
fn everything(folder: &Path) -> BTreeMap<String, (Vec<u8>, Option<SystemTime>)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.metadata().unwrap();
        if meta.is_dir() {
            all.extend(everything(&path));
            all.insert(path.display().to_string(), (Vec::new(), meta.modified().ok()));
        } else {
            let content = std::fs::read(&path).unwrap();
            all.insert(path.display().to_string(), (content, meta.modified().ok()));
        }
    }
    all
}

const LOOKS: [&[&str]; 6] = [
    &["list"],
    &["list", "--user", "ann"],
    &["sweep", "--dry-run"],
    &["doctor"],
    &["stats"],
    &["end", "--dry-run", "--everyone"],
];

/// Each way to look, at a store with this profile.
fn looks(dir: &Path, url: &str, profile: &str) -> Vec<(String, Ran)> {
    let mut ran: Vec<_> = LOOKS
        .iter()
        .map(|words| {
            let words = [words, &["--store", url, "--profile", profile][..]].concat();
            (words.join(" "), run_in(dir, &words))
        })
        .collect();
    let to = ["migrate", "--dry-run", "--to", "sqlite:elsewhere/new.db"];
    let words = [&to[..], &["--from", url, "--from-profile", profile]].concat();
    ran.push((words.join(" "), run_in(dir, &words)));
    ran
}

#[tokio::test]
async fn u01_looking_writes_nothing_on_any_store_whatever_the_profile() {
    for theirs in ["django", "flask_session", "native"] {
        for (kind, given) in
            ["file", "sqlite"].map(|kind| ["native", "django"].map(|it| (kind, it))).concat()
        {
            let dir = tempfile::tempdir().unwrap();
            let url = match kind {
                "sqlite" => sqlite(dir.path(), "site.db"),
                _ => format!("file:{}", dir.path().join("site").display()),
            };
            let pairs = [("SESSION_URL", &*url), ("SESSION_PROFILE", theirs), ("SECRET_KEY", KEY)];
            let site = shop(&pairs).await;
            for (number, ends) in [(1, 3600), (2, 3600), (3, -3600)] {
                site.put(number, "word", "ann", ends).await;
            }
            drop(site);
            if kind == "file" && theirs != "native" {
                // As Django and cachelib have it alone.
                std::fs::remove_dir_all(dir.path().join("site/.sessile-locks.__wz_cache")).unwrap();
            }
            settle(dir.path(), &url).await;
            let before = everything(dir.path());
            for (words, ran) in looks(dir.path(), &url, given) {
                let said = format!("{}{}", ran.out, ran.err);
                assert!(everything(dir.path()) == before, "{words} wrote to {theirs}: {said}");
                if given != theirs {
                    let option =
                        if words.starts_with("migrate") { "--from-profile" } else { "--profile" };
                    let hint = format!("{option} {theirs}");
                    let lines: Vec<_> = said.split_whitespace().collect();
                    assert!(lines.join(" ").contains(&hint), "{words} at {theirs}: {said}");
                    assert!(!said.contains("All is well"), "{words} at {theirs}: {said}");
                } else {
                    assert_eq!(ran.code, 0, "{words} at {theirs}: {said}");
                }
            }
        }
    }
}

/// The threads of a store that was dropped close its files a little later.
async fn settle(dir: &Path, url: &str) {
    if !url.starts_with("sqlite") {
        return;
    }
    let open = || dir.join("site.db-wal").exists() || dir.join("site.db-journal").exists();
    for _ in 0..2000 {
        if !open() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the store did not close");
}

/// With a write-ahead log, the application running and stopped.
#[tokio::test]
async fn u01_a_running_sites_write_ahead_log_is_read_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let url = sqlite(dir.path(), "site.db");
    let site = shop(&[("SESSION_URL", &url)]).await;
    site.put(1, "word", "ann", 3600).await;
    let before = everything(dir.path());
    assert!(before.keys().any(|name| name.ends_with("-wal")));
    for (words, ran) in looks(dir.path(), &url, "native") {
        assert_eq!(ran.code, 0, "{words}: {}{}", ran.out, ran.err);
        assert!(everything(dir.path()) == before, "{words}");
    }
    let listed = run_in(dir.path(), &["list", "--json", "--store", &url]);
    assert_eq!(json(&listed)["user"], "ann", "what is in the log alone is seen");
    site.put(2, "word", "bob", 3600).await;
    let listed = run_in(dir.path(), &["list", "--json", "--store", &url]);
    assert_eq!(listed.out.lines().count(), 2, "{}{}", listed.out, listed.err);
    // A copy without the log's index cannot be read without making one.
    let copy = dir.path().join("copy.db");
    std::fs::copy(dir.path().join("site.db"), &copy).unwrap();
    std::fs::copy(dir.path().join("site.db-wal"), dir.path().join("copy.db-wal")).unwrap();
    let before = everything(dir.path());
    let ran = run_in(dir.path(), &["list", "--store", "sqlite:copy.db"]);
    assert!(ran.code == 2 && ran.err.contains("-shm"), "{}", ran.err);
    assert!(everything(dir.path()) == before);
}

#[tokio::test]
async fn u07_a_mistyped_folder_makes_no_store_in_the_command_and_in_an_application() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = || std::fs::read_dir(dir.path()).unwrap().next().is_none();
    let here = |name: &str| dir.path().join(name).display().to_string();
    for url in [format!("sqlite:{}", here("typo/x.db")), format!("file:{}", here("typo/x"))] {
        for profile in ["native", "django", "flask_session"] {
            for words in [&["doctor"][..], &["doctor", "--create"], &["doctor", "--write"]] {
                let words = [words, &["--store", &url, "--profile", profile]].concat();
                let ran = run_in(dir.path(), &words);
                let said: Vec<_> = ran.out.split_whitespace().collect();
                assert!(said.join(" ").contains("there is no"), "{words:?} {}", ran.out);
                assert_eq!(ran.code, 1, "{words:?}");
                assert!(nothing(), "{words:?} made something");
            }
            let settings = sessile::Settings::new()
                .with("SESSION_URL", url.as_str())
                .with("SESSION_PROFILE", profile)
                .with("SECRET_KEY", KEY);
            let Err(error) = sessile_connect::connect(settings).await else { panic!("{url}") };
            assert!(error.to_string().contains("there is no folder"), "{error}");
            assert!(error.to_string().contains("typo"), "{error}");
            assert!(nothing(), "an application made something at {url}");
        }
    }
}

#[tokio::test]
async fn u06_what_cannot_be_opened_is_named_in_an_application_and_secrets_are_not() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes"), "no database").unwrap();
    let file = dir.path().join("notes").display().to_string();
    for (url, named) in [
        ("redis://me:hunter2@127.0.0.1:1/3".to_owned(), "redis://127.0.0.1:1/3"),
        ("memcached://127.0.0.1:1".to_owned(), "memcached://127.0.0.1:1"),
        ("postgres://me:hunter2@127.0.0.1:1/shop".to_owned(), "postgres://127.0.0.1:1/shop"),
        ("mysql://me:hunter2@127.0.0.1:1/shop".to_owned(), "mysql://127.0.0.1:1/shop"),
        ("sqlite:/proc/sessions.db".to_owned(), "sqlite:/proc/sessions.db"),
        (format!("sqlite:{file}"), &*file),
        (format!("file:{file}"), &*file),
    ] {
        let settings = sessile::Settings::new().with("SESSION_URL", url.as_str());
        let Err(error) = sessile_connect::connect(settings).await else { panic!("{url}") };
        let said = error.to_string();
        assert!(said.contains(named), "{url}: {said}");
        assert!(!format!("{said} {error:?}").contains("hunter2"), "{said}");
        assert_eq!(said.matches(named).count(), 1, "{said}");
    }
}

#[tokio::test]
async fn u10_a_key_that_does_not_fit_is_said_and_nobody_is_taken_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let key = format!("SECRET_KEY={}", KEY.replace('3', "4"));
    for (name, url) in [
        ("sqlite", sqlite(dir.path(), "a.db")),
        ("file", format!("file:{}", dir.path().join("files").display())),
    ] {
        let pairs = [("SESSION_URL", &*url), ("SESSION_PROFILE", "django"), ("SECRET_KEY", KEY)];
        let site = shop(&pairs).await;
        site.put(1, "word", "ann", 3600).await;
        site.put(2, "word", "ann", 3600).await;
        let store = ["--store", &url, "--profile", "django"];
        for words in [&["list"][..], &["list", "--user", "ann"], &["end", "--yes", "--user", "ann"]]
        {
            let wrong = run_in(dir.path(), &[words, &store, &["--set", &key]].concat());
            assert_eq!(wrong.code, 1, "{name} {words:?}: {}{}", wrong.out, wrong.err);
            let told = "SECRET_KEY does not fit 2 of 2 sessions";
            assert!(wrong.err.contains(told), "{name} {words:?}: {}", wrong.err);
        }
        let right = run_in(dir.path(), &[&["list"][..], &store].concat());
        assert!(right.code == 0 && right.out.contains("ann") && right.err.is_empty());
        assert!(site.at(&site.key(1)).await.is_some(), "nothing was ended");
    }
}

/// The store has only so much looked at, and says so.
#[tokio::test]
async fn stats_say_what_a_store_holds_and_look_at_no_more_than_told() {
    let dir = tempfile::tempdir().unwrap();
    let url = sqlite(dir.path(), "a.db");
    let site = shop(&[("SESSION_URL", &url)]).await;
    for number in 0..1200 {
        site.put(number, "word", "ann", 3600).await;
    }
    for number in 1200..1210 {
        site.put(number, "word", "", 3600).await;
        site.put(number + 100, "word", "bob", -3600).await;
    }
    let all = json(&run_in(dir.path(), &["stats", "--json", "--store", &url]));
    let number = |name: &str| all[name].as_u64();
    assert_eq!((number("live"), number("with_user")), (Some(1210), Some(1200)), "{all}");
    assert_eq!((number("without_user"), number("ended")), (Some(10), Some(10)), "{all}");
    assert_eq!(all["began_within"]["hour"].as_u64(), Some(1210), "{all}");
    assert_eq!(all["bytes_up_to"]["1kb"].as_u64(), Some(1210), "{all}");
    assert_eq!(all["all"], true);
    let some = run_in(dir.path(), &["stats", "--most", "500", "--store", &url]);
    assert!(some.out.contains("Only 500 stored sessions looked at"), "{}", some.out);
    assert!(some.out.lines().all(|line| line.chars().count() <= 100), "{}", some.out);
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = sessile(&["completions", shell]).run("");
        assert!(ran.code == 0 && ran.out.contains("doctor"), "{shell}: {}", ran.err);
    }
    let bash = sessile(&["completions", "bash"]).run("").out;
    let script = program::file("completions.bash", &bash);
    let checked = std::process::Command::new("bash").arg("-n").arg(script).status();
    assert!(checked.is_ok_and(|status| status.success()));
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("man");
    let ran = sessile(&["man", folder.to_str().unwrap()]).run("");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    for page in ["sessile.1", "sessile-list.1", "sessile-end.1", "sessile-cookie-decode.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
}
