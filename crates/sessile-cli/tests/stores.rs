//! The commands that look after stores, run as a person runs them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod program;

use program::shop::{KEY, json, now, run_in, shop, sqlite};
use serde_json::Value;
use sessile::store::Entry;
use sessile::{SessionStore as _, Subject};

#[tokio::test]
async fn sweep_removes_what_has_ended_and_says_how_many() {
    let dir = tempfile::tempdir().unwrap();
    let url = sqlite(dir.path(), "a.db");
    let shop = shop(&[("SESSION_URL", &url)]).await;
    for number in 0..7 {
        shop.put(number, "x", "ann", if number < 5 { -660 } else { 600 }).await;
    }
    let ran = run_in(dir.path(), &["sweep", "--store", &url, "--batch", "2", "--json"]);
    assert_eq!((ran.code, json(&ran)["removed"].as_u64()), (0, Some(5)), "{}", ran.err);
    let again = run_in(dir.path(), &["sweep", "--store", "sqlite:a.db"]);
    assert!(again.out.contains("0 expired sessions removed"), "{}", again.out);
    assert!(shop.at(&shop.key(5)).await.is_some());
}

/// For the clocks of other servers, as the application's own sweep does.
#[tokio::test]
async fn s12_a_sweep_by_hand_waits_for_other_clocks_as_the_sites_own_does() {
    let dir = tempfile::tempdir().unwrap();
    let files = format!("file:{}", dir.path().join("files").display());
    let theirs = format!("file:{}", dir.path().join("theirs").display());
    for (url, profile) in [
        (sqlite(dir.path(), "ours.db"), "native"),
        (sqlite(dir.path(), "flask.db"), "flask_session"),
        (sqlite(dir.path(), "django.db"), "django"),
        (files, "native"),
        (theirs, "django"),
    ] {
        let pairs = [("SESSION_URL", &*url), ("SESSION_PROFILE", profile), ("SECRET_KEY", KEY)];
        let shop = shop(&pairs).await;
        let before = now();
        shop.put(1, "x", "ann", -3).await;
        let after = now();
        // What a store keeps of the end may be whole seconds.
        for (clock, removed) in [
            (before.as_secs() - 4 + 599, 0),
            (before.as_secs() - 4 + 600, 0),
            (after.as_secs() + 601, 1),
        ] {
            let clock = clock.to_string();
            let words = ["sweep", "--store", &url, "--profile", profile, "--now", &clock, "--json"];
            let swept = run_in(dir.path(), &words);
            let found = json(&swept)["removed"].as_u64();
            assert_eq!(found, Some(removed), "{url}, {profile} at {clock}: {}", swept.err);
        }
    }
}

#[tokio::test]
async fn list_and_end_know_users_by_their_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let url = sqlite(dir.path(), "a.db");
    let files = format!("file:{}", dir.path().join("files").display());
    let native = [("SESSION_URL", url.as_str())];
    let django =
        [("SESSION_URL", files.as_str()), ("SESSION_PROFILE", "django"), ("SECRET_KEY", KEY)];
    for (pairs, profile) in [(&native[..], "native"), (&django[..], "django")] {
        let shop = shop(pairs).await;
        shop.put(1, "x", "ann", 600).await;
        shop.put(2, "x", "ann", 600).await;
        shop.put(3, "x", "bob", 600).await;
        shop.put(4, "x", "ann", -600).await;
        let store = ["--store", pairs[0].1, "--profile", profile];
        let run = |words: &[&str]| run_in(dir.path(), &[words, &store].concat());
        let all = run(&["list"]);
        assert_eq!(all.out.lines().count(), 4, "{}{}", all.out, all.err);
        let ann = run(&["list", "--user", "ann", "--json"]);
        let lines: Vec<Value> =
            ann.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{profile} {}", ann.out);
        assert!(lines.iter().all(|line| line["user"] == "ann"));
        // Handles, never keys: in a foreign layout those are the ids.
        assert!(
            !ann.out.contains("00000000000000000001") && !all.out.contains("00000000000000000001")
        );

        let one = lines[0]["session"].as_str().unwrap();
        let ended = run(&["end", "--yes", "--user", "ann", "--session", one]);
        assert_eq!((ended.code, ended.out.as_str()), (0, "1 session ended\n"), "{}", ended.err);
        assert_eq!(run(&["end", "--yes", "--user", "nobody"]).out, "0 sessions ended\n");
        assert_eq!(run(&["end"]).code, 2);
        assert!(shop.at(&shop.key(3)).await.is_some());
        assert_eq!(run(&["end", "--yes", "--everyone"]).code, 0);
        assert_eq!(run(&["list"]).out, "no live sessions\n");
    }
}

#[tokio::test]
async fn the_doctor_tries_a_store_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    for (store, profile) in [
        ("sqlite:a.db", "native"),
        ("file:native", "native"),
        ("file:flask_session", "flask-session"),
        ("file:django", "django"),
        ("memory", "native"),
    ] {
        let words = ["doctor", "--write", "--create", "--store", store, "--profile", profile];
        let ran = run_in(dir.path(), &words);
        assert_eq!(ran.code, 0, "{store} {}{}", ran.out, ran.err);
        for check in ["opens", "reads", "writes"] {
            assert!(ran.out.contains(&format!("✓ good    {check}")), "{store} {}", ran.out);
        }
        assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
        let again = json(&run_in(dir.path(), &[&words[..], &["--json"]].concat()));
        let worst = again["worst"].as_str().unwrap();
        assert_eq!(worst == "warning", store == "memory", "{again}");
        assert_ne!(worst, "bad", "{again}");
        let findings = again["findings"].as_array().unwrap();
        let entries = findings.iter().find(|finding| finding["check"] == "entries").unwrap();
        // Names of cachelib's files are hashes of its keys, so nobody can list them.
        let listed = if profile == "flask-session" { "cannot list" } else { "0 in all" };
        assert!(entries["found"].as_str().unwrap().contains(listed), "{entries}");
    }
    // A password is in nothing it says.
    let words = ["doctor", "--json", "--store", "redis://me:hunter2@127.0.0.1:1"];
    let ran = run_in(dir.path(), &words);
    assert_eq!((ran.code, json(&ran)["worst"].as_str()), (1, Some("bad")));
    assert!(!format!("{}{}", ran.out, ran.err).contains("hunter2"));
}

#[tokio::test]
async fn a_mistyped_path_makes_no_store() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = || std::fs::read_dir(dir.path()).unwrap().next().is_none();
    let from = ["migrate", "--to", "sqlite:new.db", "--from"];
    let dry = ["migrate", "--dry-run", "--from", "sqlite:///typo.db", "--to", "file:typo"];
    for words in [
        &["list", "--store", "sqlite:typo.db"][..],
        &["sweep", "--store", "file:typo"],
        &["end", "--yes", "--everyone", "--store", "sqlite:///typo.db"],
        &[&from[..], &["sqlite:typo.db"]].concat(),
        &dry,
    ] {
        let ran = run_in(dir.path(), words);
        assert_eq!(ran.code, 2, "{words:?} {}", ran.err);
        assert!(ran.err.contains("there is no typo"), "{words:?} {}", ran.err);
        assert!(nothing(), "{words:?}");
    }
    let ran = run_in(dir.path(), &["doctor", "--write", "--store", "sqlite:typo.db"]);
    assert!(ran.code == 1 && ran.out.contains("there is no typo.db") && nothing(), "{}", ran.out);
    let ran = run_in(dir.path(), &["doctor", "--store", "sqlite:typo.db"]);
    assert!(ran.code == 1 && ran.out.contains("--create") && nothing(), "{}", ran.out);
    let ran = run_in(dir.path(), &["doctor", "--create", "--store", "sqlite:typo.db"]);
    assert!(ran.out.contains("! warning new") && !ran.out.contains("All is well"), "{}", ran.out);
}

/// A Django with `USE_TZ = False` in Chicago writes 08:52 for 14:52 (SQLite, MySQL).
#[tokio::test]
async fn the_doctor_finds_a_django_that_writes_local_times() {
    let dir = tempfile::tempdir().unwrap();
    let key = format!("SECRET_KEY={KEY}");
    for (name, off, worst) in [("utc.db", 0, "note"), ("local.db", -6 * 3600, "bad")] {
        let url = sqlite(dir.path(), name);
        let pairs = [("SESSION_URL", &*url), ("SESSION_PROFILE", "django"), ("SECRET_KEY", KEY)];
        let django = shop(&pairs).await;
        for number in 0..5 {
            django.put(number, "word", "ann", 14 * 86_400 + off).await;
        }
        let words = ["doctor", "--json", "--store", &url, "--profile", "django", "--set", &key];
        let said = json(&run_in(dir.path(), &words));
        assert_eq!(said["worst"], worst, "{said}");
        let findings = said["findings"].as_array().unwrap();
        let ends = findings.iter().find(|finding| finding["check"] == "ends");
        assert_eq!(ends.is_some(), off != 0, "{said}");
    }
}

#[tokio::test]
async fn the_doctor_finds_a_cache_that_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let key = format!("SECRET_KEY={KEY}");
    // Visitors of ours are read from behind it; Django goes on with what it has there.
    for (kind, profile, level) in [
        ("SESSION_TYPE=cached", "native", "warning"),
        ("SESSION_ENGINE=cached_db", "django", "bad"),
    ] {
        let url = sqlite(dir.path(), &format!("{profile}.db"));
        shop(&[("SESSION_URL", &url), ("SESSION_PROFILE", profile), ("SECRET_KEY", KEY)]).await;
        let words = ["doctor", "--json", "--store", &url, "--set", kind];
        let cache = ["--set", "SESSION_CACHE_URL=redis://127.0.0.1:1", "--set", &key];
        let ran =
            run_in(dir.path(), &[&words[..], &cache[..], &["--profile", profile][..]].concat());
        let said = json(&ran);
        let finding = said["findings"].as_array().unwrap().iter().find(|it| it["check"] == "cache");
        assert_eq!(finding.unwrap()["level"], level, "{said}");
        assert_eq!(ran.code, i32::from(level == "bad"), "{said} {}", ran.err);
        assert!(said["findings"].as_array().unwrap().iter().any(|it| it["check"] == "journal"));
    }
}

/// Whether they were all ended or the old store was lost cannot be told, so it is not guessed.
#[tokio::test]
async fn s05_an_old_store_that_was_emptied_since_fails_the_move_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (sqlite(dir.path(), "old.db"), sqlite(dir.path(), "new.db"));
    let old = shop(&[("SESSION_URL", &from)]).await;
    for number in 0..3 {
        old.put(number, "cart", "ann", 3600).await;
    }
    let migrate = || run_in(dir.path(), &["migrate", "--from", &from, "--to", &to]);
    assert_eq!(migrate().code, 0);
    let ended = run_in(dir.path(), &["end", "--yes", "--everyone", "--store", &from]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let again = migrate();
    assert_ne!(again.code, 0, "{}", again.out);
    assert!(again.err.contains("3 sessions were moved from it before"), "{}", again.err);
    assert!(again.err.contains("sessile end --everyone"), "{}", again.err);
    // As it says.
    assert_eq!(run_in(dir.path(), &["end", "--yes", "--everyone", "--store", &to]).code, 0);
    assert!(run_in(dir.path(), &["list", "--store", &to]).out.starts_with("no live"));
}

#[tokio::test]
async fn sessions_move_between_stores_and_layouts_and_what_ended_stays_ended() {
    let dir = tempfile::tempdir().unwrap();
    let files = format!("file:{}", dir.path().join("old").display());
    let url = sqlite(dir.path(), "new.db");
    let django = [("SESSION_URL", &*files), ("SESSION_PROFILE", "django"), ("SECRET_KEY", KEY)];
    let old = shop(&django).await;
    let new = shop(&[("SESSION_URL", &url)]).await;
    // As Django writes them: two weeks from the last write.
    const WEEKS: i64 = 14 * 86_400;
    for number in 0..1200 {
        old.put(number, "old", "ann", if number == 9 { -60 } else { WEEKS - 100 }).await;
    }
    let words = ["migrate", "--from", &files, "--from-profile", "django", "--to", &url];
    let run = |more: &[&str]| run_in(dir.path(), &[&words[..], more].concat());

    let dry = json(&run(&["--dry-run", "--json"]));
    assert_eq!((dry["moved"].as_u64(), dry["written"].as_u64()), (Some(1199), None), "{dry}");
    assert!(run_in(dir.path(), &["list", "--store", &url]).out.starts_with("no live"));

    let first = run(&["--json"]);
    let said = json(&first);
    assert_eq!(said["moved"].as_u64(), Some(1199), "{said} {}", first.err);
    assert_eq!(said["verified"], said["moved"]);
    let hashed =
        |number: u32| sessile_core::SessionId::foreign(format!("{number:0>32}")).store_key();
    assert_eq!(new.at(&hashed(5)).await.as_deref(), Some("old"));
    assert_eq!(new.at(&hashed(9)).await, None);
    let Some(Entry::Live(record, _)) = new.store.load(&hashed(5)).await.unwrap() else { panic!() };
    assert_eq!(record.subject.as_ref().map(Subject::as_str), Some("ann"));

    // One logs out at the new side, one changes there, one changes at the old side.
    new.store.delete(&hashed(1)).await.unwrap();
    let Some(Entry::Live(mut there, version)) = new.store.load(&hashed(2)).await.unwrap() else {
        panic!()
    };
    there.payload = new.record("new", "ann", now()).payload;
    there.seen = Some(now());
    new.store.update(&hashed(2), &there, &version).await.unwrap();
    old.change(3, "changed", WEEKS).await;
    let second = json(&run(&["--json"]));
    assert_eq!(second["moved"].as_u64(), Some(0), "{second}");
    assert_eq!(second["updated"].as_u64(), Some(1), "{second}");
    assert_eq!(second["ended_in_new"].as_u64(), Some(1), "{second}");
    assert_eq!(new.at(&hashed(1)).await, None);
    assert_eq!(new.at(&hashed(2)).await.as_deref(), Some("new"));
    assert_eq!(new.at(&hashed(3)).await.as_deref(), Some("changed"));

    let other = run_in(dir.path(), &["migrate", "--from", &url, "--to", "sqlite:other.db"]);
    assert_eq!(other.code, 2);
    assert!(other.err.contains("of another move"), "{}", other.err);
    let back = ["migrate", "--from", &url, "--to", "file:back", "--to-profile", "flask_session"];
    let impossible = run_in(dir.path(), &back);
    assert!(impossible.code == 2 && impossible.err.contains("hash"), "{}", impossible.err);
}

#[tokio::test]
async fn inv04_a_move_goes_on_where_it_stopped_and_undoes_no_logout() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (sqlite(dir.path(), "a.db"), sqlite(dir.path(), "b.db"));
    let old = shop(&[("SESSION_URL", &from)]).await;
    for number in 0..1500 {
        old.put(number, "old", "ann", 600).await;
    }
    let words = ["migrate", "--from", &from, "--to", &to];
    assert_eq!(run_in(dir.path(), &words).code, 0);
    let path = dir.path().join("sessile-migrate.state");
    let whole = std::fs::read_to_string(&path).unwrap();
    // As if it had been killed in the second page, while it wrote that down: one of its
    // sessions is moved, and its visitor logs out before the next run.
    let lines: Vec<_> = whole.lines().collect();
    let page = lines.iter().position(|line| line.contains("\"next\":\"")).unwrap();
    let first =
        lines[page..].iter().position(|line| line.contains("\"moved\":[\"")).unwrap() + page;
    let cut = format!("{}\n{}", lines[..=first].join("\n"), &lines[first + 1][..20]);
    std::fs::write(&path, cut).unwrap();
    let new = shop(&[("SESSION_URL", &to)]).await;
    let out = (0..1500).map(|number| new.key(number));
    let out = out.filter(|key| lines[first].contains(&key.handle().to_string()));
    let out: Vec<_> = out.collect();
    assert_eq!(out.len(), 1);
    new.store.delete(&out[0]).await.unwrap();
    let ran = run_in(dir.path(), &[&words[..], &["--json"]].concat());
    let said = json(&ran);
    assert_eq!((ran.code, said["total"].as_u64()), (0, Some(1000)), "{said} {}", ran.err);
    assert_eq!((said["kept"].as_u64(), said["moved"].as_u64()), (Some(999), Some(0)), "{said}");
    assert_eq!(said["ended_in_new"].as_u64(), Some(1), "{said}");
    assert_eq!(new.at(&out[0]).await, None, "a logout is not undone by the next run");
    #[cfg(unix)]
    {
        let mode = std::fs::metadata(&path).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    }
    let live = (0..1500).map(|number| new.key(number)).find(|key| *key != out[0]).unwrap();
    assert_eq!(new.at(&live).await.as_deref(), Some("old"));
}

/// As `strace` sees it: what is about to be moved is written down and on the disk before the new
/// store has any of it.
#[tokio::test]
async fn a_moves_state_is_on_the_disk_before_what_it_speaks_of() {
    use std::process::Command;

    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return sessile_conformance::not_run!("no strace, or none that may watch a program");
    }
    let dir = tempfile::tempdir().unwrap();
    let [from, to] = ["old", "new"].map(|name| format!("file:{}", dir.path().join(name).display()));
    let old = shop(&[("SESSION_URL", &from)]).await;
    for number in 0..3 {
        old.put(number, "old", "ann", 600).await;
    }
    let trace = dir.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "300", "-e", "trace=write,fsync,fdatasync,rename,renameat,renameat2"]);
    strace.arg("-o").arg(&trace).arg(env!("CARGO_BIN_EXE_sessile"));
    strace.args(["migrate", "--from", &from, "--to", &to]).current_dir(dir.path());
    let ran = strace.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let trace = std::fs::read_to_string(trace).unwrap();
    let lines: Vec<_> = trace.lines().collect();
    let after = |from: usize, what: &[&str]| {
        let hit = lines[from..].iter().position(|line| what.iter().all(|word| line.contains(word)));
        hit.map(|hit| hit + from).unwrap_or_else(|| panic!("no {what:?} in\n{trace}"))
    };
    let told = after(0, &["write(", r#"\"moving\":[\""#]);
    let lasts = after(told, &["fdatasync", "= 0"]);
    let placed = after(0, &["rename", "/new/sessions/.new-"]);
    assert!(told < lasts && lasts < placed, "{told}, {lasts}, {placed}:\n{trace}");
}
