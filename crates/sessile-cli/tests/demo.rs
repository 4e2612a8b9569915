//! The demo site as a process: started, asked, stopped.
#![cfg(unix)]
// The lints know tests by #[test], not their helpers.
#![allow(clippy::unwrap_used)]

mod program;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use program::sessile;
use program::site::{Site, cookie};

#[test]
fn f27_requests_in_flight_are_finished_after_sigterm() {
    let mut site = Site::start("flight", &["--store", "memory"]);
    let (cookies, token) = site.token("");
    let form = format!("username=ada&password=engine&csrf_token={token}");
    let mut stream = site.connect();
    write!(
        stream,
        "POST /login HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\n\
         Cookie: {cookies}\r\nExpect: 100-continue\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        site.address,
        form.len(),
    )
    .unwrap();
    // "Go on" comes when the handler waits for the form: the request is in flight.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    site.signal("TERM");
    // It has stopped listening when the next connection is refused.
    while TcpStream::connect(&site.address).is_ok() {}
    stream.write_all(form.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 303"), "{response}");
    assert!(cookie(&response).starts_with("id="));
    assert_eq!(site.wait().0, Some(0));
}

#[test]
fn ctrl_c_stops_it_though_a_browser_keeps_a_connection_open() {
    let mut site = Site::start("idle", &["--store", "memory"]);
    let _idle = site.connect();
    site.signal("INT");
    let (code, err) = site.wait();
    assert_eq!(code, Some(0));
    assert!(err.contains("plain http"), "{err}");
}

#[test]
fn sessions_in_files_and_sqlite_survive_a_restart() {
    use std::os::unix::fs::PermissionsExt as _;
    for store in ["sqlite", "file"] {
        let mut site = Site::start(store, &["--store", store]);
        let cookie = site.log_in();
        let mode = std::fs::metadata(&site.folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{store}");
        site.signal("TERM");
        assert_eq!(site.wait().0, Some(0), "{store}");
        let again = Site::start_in(site.folder.clone(), &["--store", store]);
        assert!(again.send("GET", "/", &cookie, "").contains("Hello, ada."), "{store}");
        again.send("POST", "/logout", &cookie, "");
        assert!(!again.send("GET", "/", &cookie, "").contains("ada"), "{store}");
    }
}

#[test]
fn cookies_that_hold_the_session_are_shown_as_what_they_are() {
    for (options, seen, unseen) in [
        (&["--store", "cookie"][..], "Read without any key", "What it reads with the key"),
        (&["--store", "encrypted-cookie"], "What it reads with the key", "Read without any key"),
        (&["--profile", "flask"], "HMAC-SHA1 of all before it", "What it reads with the key"),
    ] {
        let site = Site::start("held", options);
        let cookie = site.log_in();
        let page = site.send("GET", "/inside", &cookie, "");
        assert!(page.contains(seen) && !page.contains(unseen), "{options:?}: {page}");
        assert!(page.contains("&quot;ada&quot;"), "{options:?}: {page}");
        let value = cookie.split_once('=').unwrap().1;
        assert!(!page.contains(value), "{options:?}: the page would be a login");
        assert!(site.send("GET", "/sessions", &cookie, "").contains("no list of them"));
        // One flipped character, and nobody is logged in.
        let (head, last) = cookie.split_at(cookie.len() - 12);
        let flipped =
            format!("{head}{}{}", if last.starts_with('A') { 'B' } else { 'A' }, &last[1..]);
        let page = site.send("GET", "/inside", &flipped, "");
        assert!(page.contains("opens nothing") && !page.contains("ada"), "{options:?}: {page}");
        assert!(!site.folder.exists(), "no folder where none is needed");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_will_not_do_is_refused_before_it_is_made() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mut program = sessile(&["demo", "--port", "0", "--data"]);
    program.0.arg(std::ffi::OsStr::from_bytes(b"\xff")).current_dir(dir.path());
    let ran = program.run("");
    assert!(ran.code == 2 && ran.err.contains("not UTF-8"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_taken_port_is_told_with_a_way_out() {
    let site = Site::start("taken", &["--store", "memory"]);
    let port = site.address.rsplit(':').next().unwrap();
    let ran = sessile(&["demo", "--store", "memory", "--port", port]).run("");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--port 0"), "{}", ran.err);
}

#[test]
fn the_hostile_site_has_a_port_of_its_own_where_nobody_else_reaches_it() {
    let site = Site::start("hostile", &["--store", "memory"]);
    let hostile = site.hostile.as_deref().unwrap();
    assert_ne!(hostile, site.address);
    assert!(site.send("GET", "/unprotected/bank", "", "").contains("Left unprotected on purpose"));
    let port = hostile.rsplit(':').next().unwrap();
    let options = ["demo", "--store", "memory", "--port", "0", "--hostile-port", port];
    let ran = sessile(&options).run("");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("is taken"), "{}", ran.err);

    let seen = Site::start("reached", &["--store", "memory", "--host", "0.0.0.0"]);
    assert_eq!(seen.hostile, None);
    assert!(seen.send("GET", "/unprotected/bank", "", "").starts_with("HTTP/1.1 404"));
}

#[test]
fn sessions_end_when_idle_as_long_as_told() {
    let site = Site::start("idle-limit", &["--store", "memory", "--seconds-idle", "7200"]);
    let cookie = site.log_in();
    assert!(site.send("GET", "/", &cookie, "").contains("2 hours without a click"));
    assert!(site.send("GET", "/inside", &cookie, "").contains(">in 2 hours<"));
}

#[test]
fn the_store_is_found_by_its_address_and_shared_by_its_profile() {
    let folder = program::scratch().join("address");
    let database = format!("sqlite:{}.db", folder.display());
    let site = Site::start_in(folder.clone(), &["--url", &database]);
    let cookie = site.log_in();
    assert!(site.send("GET", "/sessions", &cookie, "").contains("this one"));
    // In the environment, where no other user reads its password.
    let program = sessile(&["demo", "--port", "0"]).env("SESSION_URL", &database);
    let site = Site::run(program, folder.clone(), &[]);
    assert!(site.send("GET", "/", &cookie, "").contains("Hello, ada."));
    std::fs::remove_file(format!("{}.db", folder.display())).unwrap();

    let address = format!("file:{}", folder.display());
    let site = Site::start_in(folder, &["--profile", "flask-session", "--url", &address]);
    let cookie = site.log_in();
    assert!(cookie.starts_with("session="), "{cookie}");
    assert!(site.send("GET", "/", &cookie, "").contains("Hello, ada."));
    assert!(site.send("GET", "/sessions", &cookie, "").contains("knows no list"));
}

#[test]
fn r16_an_address_that_will_not_do_is_refused_without_its_password() {
    for (options, says) in [
        (&["--url", "redis://:hunter2@127.0.0.1:port"][..], "no Redis URL"),
        (&["--url", "gopher://:hunter2@127.0.0.1/"], "--store takes the store's address"),
        (&["--profile", "flask", "--url", "redis://:hunter2@127.0.0.1/"], "flask-session"),
        (&["--profile", "django"], "SECRET_KEY"),
    ] {
        let ran = sessile(&[&["demo", "--port", "0"], options].concat()).run("");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options:?}: {}", ran.err);
        assert!(ran.err.contains(says) && !ran.err.contains("hunter2"), "{}", ran.err);
    }
}
