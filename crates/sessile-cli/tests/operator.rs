//! The command line as a person on call uses it: asked before sessions end, told what is meant.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod program;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use program::sessile;
use program::shop::{KEY, json, run_in, shop, sqlite};

/// Made by Flask 3.1.3 with SECRET_KEY "dev-secret" at 2026-01-02T03:04:05Z.
const FLASK: &str = "eyJhIjoiYiJ9.aVc1pQ.-b8MXY1lwl_oYHhsYyoGdqsL7tc";

/// The program on a terminal, with these keys pressed; what it shows, and its exit code.
fn on_a_terminal(dir: &Path, words: &[&str], keys: &str) -> (String, i32) {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("{} {}", env!("CARGO_BIN_EXE_sessile"), quoted.join(" "));
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(dir).env("SECRET_KEY", KEY);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = script.spawn().unwrap();
    script.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap())
}

fn has_script() -> bool {
    let tried = Command::new("script").args(["-q", "-e", "-c", "true", "/dev/null"]).output();
    tried.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn u11_ending_asks_and_refuses_where_nobody_can_answer() {
    let dir = tempfile::tempdir().unwrap();
    let url = sqlite(dir.path(), "a.db");
    let site = shop(&[("SESSION_URL", &url)]).await;
    site.put(1, "word", "ada", 3600).await;
    site.put(2, "word", "bob", 3600).await;
    site.put(3, "word", "", 3600).await;
    let handle = site.key(3).handle().to_string();
    let live = || json(&run_in(dir.path(), &["stats", "--json", "--store", &url]))["live"].clone();
    let whose = [&["--everyone"][..], &["--user", "ada"], &["--session", &handle]];
    for (whose, would) in whose.iter().zip([3, 1, 1]) {
        let words = [&["end", "--store", &url], *whose].concat();
        let refused = run_in(dir.path(), &words);
        assert!(refused.code == 2 && refused.err.contains("--yes"), "{words:?}: {}", refused.err);
        let dry = run_in(dir.path(), &[&words[..], &["--dry-run", "--json"]].concat());
        assert_eq!(json(&dry)["ended"], would, "{words:?}: {}{}", dry.out, dry.err);
        assert_eq!(live(), 3, "{words:?}");
        if has_script() {
            for keys in ["n\n", "\n", "\u{4}"] {
                let (shown, code) = on_a_terminal(dir.path(), &words, keys);
                assert!(shown.contains("[y/N]") && code == 1, "{words:?} {keys:?}: {shown}");
            }
            assert_eq!(live(), 3, "{words:?}");
        }
    }
    // An anonymous one, by its handle alone.
    let words = ["end", "--store", &url, "--session", &handle];
    match has_script() {
        true => {
            let (shown, code) = on_a_terminal(dir.path(), &words, "y\n");
            assert!(code == 0 && shown.contains("1 session ended"), "{shown}");
        }
        false => assert_eq!(run_in(dir.path(), &[&words[..], &["--yes"]].concat()).code, 0),
    }
    assert_eq!(live(), 2);
    let again = run_in(dir.path(), &[&words[..], &["--yes"]].concat());
    assert!(again.code == 1 && again.err.contains("no live session"), "{}", again.err);
    if !has_script() {
        sessile_conformance::not_run!("no `script`: nobody was asked on a terminal");
    }
}

#[tokio::test]
async fn u11_a_user_written_otherwise_is_pointed_out() {
    let dir = tempfile::tempdir().unwrap();
    let files = format!("file:{}", dir.path().join("files").display());
    for (url, profile) in [(sqlite(dir.path(), "a.db"), "native"), (files, "django")] {
        let pairs = [("SESSION_URL", &*url), ("SESSION_PROFILE", profile), ("SECRET_KEY", KEY)];
        shop(&pairs).await.put(1, "word", "ada", 3600).await;
        let store = ["--store", &url, "--profile", profile];
        let ended = run_in(dir.path(), &[&["end", "--yes", "--user", "Ada"][..], &store].concat());
        assert_eq!((ended.code, &*ended.out), (1, "0 sessions ended\n"), "{}", ended.err);
        assert!(ended.err.contains("ada has"), "{}", ended.err);
        let listed = run_in(dir.path(), &[&["list", "--user", "Ada"][..], &store].concat());
        assert!(listed.err.contains("ada has"), "{}", listed.err);
        let nobody = run_in(dir.path(), &[&["end", "--yes", "--user", "eve"][..], &store].concat());
        assert_eq!((nobody.code, &*nobody.out), (0, "0 sessions ended\n"), "{}", nobody.err);
        assert!(nobody.err.contains("eve has no session"), "{}", nobody.err);
    }
}

#[test]
fn u11_spans_are_words_and_faults_are_plain() {
    let verify = |age: &str| {
        let words =
            ["cookie", "verify", "-f", "flask", "--now", "1767400000", "--max-age", age, FLASK];
        sessile(&words).env("SECRET_KEY", "dev-secret").run("")
    };
    for (age, code) in [("31d", 0), ("1h", 1), ("80000", 0), ("2 days", 0), ("soon", 2), ("", 2)] {
        let ran = verify(age);
        assert_eq!(ran.code, code, "{age}: {}{}", ran.out, ran.err);
    }
    let zero = sessile(&["list", "--limit", "0", "--store", "sqlite:a.db"]).run("");
    assert!(zero.code == 2 && zero.err.contains("--limit"), "{}", zero.err);
    for format in
        ["flask", "django", "starlette", "itsdangerous", "flask-session-sid", "django-session"]
    {
        for value in ["nonsense", "a.b.c", "a:b:c", "eyJhIjoiYiJ9", "."] {
            let words = ["cookie", "decode", "-f", format, value];
            let ran = sessile(&words).env("SECRET_KEY", "dev-secret").run("");
            assert!(ran.code == 1 || ran.code == 3, "{format} {value}: {}", ran.err);
            assert!(!ran.err.contains("b'") && !ran.err.contains("unpack"), "{}", ran.err);
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        }
    }
}

/// The new store takes the connection and never answers; in the meantime somebody presses Ctrl-C.
#[tokio::test]
async fn u11_ctrl_c_in_a_move_leaves_the_terminal_clean_and_says_how_to_go_on() {
    if !has_script() {
        return sessile_conformance::not_run!("no `script`, so no terminal");
    }
    let dir = tempfile::tempdir().unwrap();
    let url = sqlite(dir.path(), "a.db");
    shop(&[("SESSION_URL", &url)]).await.put(1, "word", "ada", 3600).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("redis://{}", silent.local_addr().unwrap());
    let line = format!("{} migrate --from {url} --to {to}", env!("CARGO_BIN_EXE_sessile"));
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(dir.path());
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _taken = silent.accept().unwrap();
    script.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let mut shown = String::new();
    script.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    let code = script.wait().unwrap().code();
    assert_eq!(code, Some(130), "{shown}");
    assert!(shown.contains("\r\x1b[2Ksessile: stopped. Nothing is lost"), "{shown:?}");
}

#[tokio::test]
async fn u03_a_move_says_what_the_application_needs_and_what_changes() {
    let dir = tempfile::tempdir().unwrap();
    let from = sqlite(dir.path(), "old.db");
    for (profile, cookie, days, keeps) in [
        ("flask_session", "session", "31 days", "PERMANENT_SESSION_LIFETIME=\"31 days\""),
        ("django", "sessionid", "14 days", "SESSION_IDLE_TIMEOUT=\"14 days\""),
    ] {
        let pairs = [("SESSION_URL", &*from), ("SESSION_PROFILE", profile), ("SECRET_KEY", KEY)];
        shop(&pairs).await.put(1, "word", "ada", 14 * 86_400).await;
        let to = sqlite(dir.path(), &format!("{profile}.db"));
        let state = format!("--state={profile}.state");
        let words = ["migrate", "--from", &from, "--from-profile", profile, "--to", &to, &state];
        let dry = json(&run_in(dir.path(), &[&words[..], &["--dry-run", "--json"]].concat()));
        assert_eq!(dry["application"]["settings"]["SESSION_FORMER_IDS"], profile, "{dry}");
        let ran = run_in(dir.path(), &words);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let needs =
            [format!("SESSION_FORMER_IDS={profile}"), format!("SESSION_COOKIE_NAME={cookie}")];
        for needed in &needs {
            assert!(ran.out.contains(needed), "{needed}: {}", ran.out);
        }
        assert!(ran.out.contains(&format!("before: {days}")), "{}", ran.out);
        assert!(ran.out.contains(keeps), "{}", ran.out);
        // As it says: then the browser's old cookie is somebody, and lives as long as before.
        let mut settings = sessile::Settings::new().with("SESSION_URL", to.as_str());
        for needed in &needs {
            let (name, value) = needed.split_once('=').unwrap();
            settings.set(name, value);
        }
        let header = format!("{cookie}={:0>32}", 1);
        assert!(is_live(settings, &header).await, "{profile}");
        // And without them nobody.
        let settings = sessile::Settings::new().with("SESSION_URL", to.as_str());
        assert!(!is_live(settings, &header).await, "{profile}");
        let mut all = words.to_vec();
        let given: Vec<_> = needs.iter().flat_map(|it| ["--to-set", it]).collect();
        all.extend(given);
        let again = run_in(dir.path(), &all);
        assert!(!again.out.contains("SESSION_FORMER_IDS"), "{}{}", again.out, again.err);
    }
}

/// Whether a browser with this `Cookie` has a session.
async fn is_live(settings: sessile::Settings, cookie: &str) -> bool {
    let word = async |session: sessile::Session| session.get::<String>("word").unwrap_or_default();
    let app = axum::Router::new()
        .route("/", axum::routing::get(word))
        .layer(sessile::SessionLayer::connect(settings).await.unwrap());
    let request = axum::http::Request::get("https://shop.example/").header("cookie", cookie);
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    body == "word"
}

#[test]
fn u09_a_pasted_cookie_is_read_and_how_it_was_made_is_named() {
    for pasted in [
        FLASK.to_owned(),
        format!("session={FLASK}"),
        format!("session={FLASK}; Path=/"),
        format!("Set-Cookie: session={FLASK}; HttpOnly; Path=/"),
        format!("cookie: theme=dark; session={FLASK}; _ga=GA1.2"),
        format!("-H 'Cookie: session={FLASK}'"),
        format!(" \"session={FLASK}\"\n"),
    ] {
        for words in [&["cookie", "decode"][..], &["cookie", "decode", "-f", "flask"]] {
            let ran = sessile(words).env("SECRET_KEY", "dev-secret").run(&pasted);
            assert_eq!((ran.code, &*ran.out), (0, "{\"a\":\"b\"}\n"), "{pasted}: {}", ran.err);
            let ran = sessile(&[words, &["--unverified"]].concat()).run(&pasted);
            assert_eq!((ran.code, &*ran.out), (0, "{\"a\":\"b\"}\n"), "{pasted}: {}", ran.err);
        }
    }
    let encode = |format: &str, salt: &[&str], payload: &str| {
        let words = [&["cookie", "encode", "-f", format, payload], salt].concat();
        sessile(&words).env("SECRET_KEY", KEY).run("").out.trim_end().to_owned()
    };
    let salt = "django.contrib.sessions.backends.signed_cookies";
    let django = encode("django-session", &["--salt", salt], "{\"x\":1}");
    let native = encode("native", &["--name", "sid"], "{\"x\":1}");
    // Without its salt, with its name in the header, and with no format at all.
    for (words, pasted, named) in [
        (&["-f", "django-session"][..], format!("sessionid={django}"), salt),
        (&["-f", "django"], format!("sessionid={django}"), salt),
        (&[], format!("sessionid={django}"), salt),
        (&["-f", "native"], format!("sid={native}"), "sid"),
        (&[], format!("Cookie: sid={native}"), "--format native"),
    ] {
        let words = [&["cookie", "decode"], words].concat();
        let ran = sessile(&words).env("SECRET_KEY", KEY).run(&pasted);
        assert_eq!((ran.code, &*ran.out), (0, "{\"x\":1}\n"), "{words:?}: {}", ran.err);
        assert!(ran.err.contains(named), "{words:?}: {}", ran.err);
    }
    // Of another format than was said.
    let ran = sessile(&["cookie", "decode", "-f", "flask"]).env("SECRET_KEY", KEY).run(&django);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains(&format!("give --format django-session --salt {salt}")),
        "{}",
        ran.err
    );
    let ran = sessile(&["cookie", "decode"]).env("SECRET_KEY", "another").run(FLASK);
    assert!(ran.code == 1 && ran.err.contains("no known format"), "{}", ran.err);
}
