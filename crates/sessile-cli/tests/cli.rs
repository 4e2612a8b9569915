//! The program as a person runs it: output, exit codes, keys that stay secret.

mod program;

use program::{Ran, sessile};

/// Made by Flask 3.1.3 with SECRET_KEY "dev-secret" at 2026-01-02T03:04:05Z.
const FLASK: &str = "eyJhIjoiYiJ9.aVc1pQ.-b8MXY1lwl_oYHhsYyoGdqsL7tc";
const KEY: &str = "dev-secret";
const AT: &str = "1767323045";

fn with_key(words: &[&str]) -> Ran {
    sessile(words).env("SECRET_KEY", KEY).run("")
}

#[test]
fn cookies_of_the_originals_are_read() {
    let cases = [
        ("flask", "dev-secret", FLASK, "{\"a\":\"b\"}\n", &[][..]),
        (
            "starlette",
            "dev-secret",
            "eyJhIjogMX0=.aVc1pQ.O1L1CY0bLUrFudwZxS0aGWQr98Q",
            "{\"a\":1}\n",
            &[],
        ),
        (
            "django",
            "dj-secret",
            "ImhlbGxvIg:1vbVSP:APF1Df44ZabSfEgB9_AOjIR22DDoND_zwwj_6PyLyrU",
            "\"hello\"\n",
            &["--salt", "my.salt"],
        ),
        (
            "django-session",
            "dj-secret",
            "eyJ4IjoxfQ:1vbVSP:qNBsZGIh5gw7Os3AjM7VEdck_upy5i2cHz7-y4twe54",
            "{\"x\":1}\n",
            &[],
        ),
        (
            // Flask-WTF's token is one of these.
            "itsdangerous",
            "dev-secret",
            "ImFhYmJjY2RkZWVmZjAwMTEyMjMzNDQ1NTY2Nzc4ODk5YWFiYmNjZGQi.aVc1pQ.dzXvCf4e6aOXEUN7haJl28bEcL8",
            "\"aabbccddeeff00112233445566778899aabbccdd\"\n",
            &["--salt", "wtf-csrf-token"],
        ),
    ];
    for (format, key, cookie, payload, more) in cases {
        let mut words = vec!["cookie", "decode", "--format", format, cookie];
        words.extend(more);
        let ran = sessile(&words).env("SECRET_KEY", key).run("");
        assert_eq!((ran.code, ran.out.as_str()), (0, payload), "{format}: {}", ran.err);
        assert!(ran.err.contains("signature good; signed 2026-01-02T03:04:05Z"), "{}", ran.err);
        // Whatever the key, it can be looked at, and it says so.
        let mut words = vec!["cookie", "decode", "-f", format, "--unverified", cookie];
        words.extend(more);
        let ran = sessile(&words).run("");
        assert_eq!((ran.code, ran.out.as_str()), (0, payload), "{format}: {}", ran.err);
        assert!(ran.err.contains("not checked"), "{}", ran.err);
        // With another key it is refused.
        let mut words = vec!["cookie", "verify", "-f", format, cookie];
        words.extend(more);
        let ran = sessile(&words).env("SECRET_KEY", "another").run("");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{format}");
        assert_eq!(ran.err, "sessile: the signature matches no key\n");
    }
}

#[test]
fn what_is_encoded_is_decoded_in_every_format() {
    let payload = r#"{"n":1,"text":"Zo\u00eb","list":[1.5,null,true]}"#;
    for format in [
        "flask",
        "starlette",
        "django",
        "django-session",
        "itsdangerous",
        "native",
        "native-encrypted",
    ] {
        let made = with_key(&["cookie", "encode", "-f", format, payload]);
        assert_eq!(made.code, 0, "{format}: {}", made.err);
        let read =
            sessile(&["cookie", "decode", "-f", format]).env("SECRET_KEY", KEY).run(&made.out);
        assert_eq!(read.code, 0, "{format}: {}", read.err);
        // Flask sorts the keys.
        let sorted = r#"{"list":[1.5,null,true],"n":1,"text":"Zo\u00eb"}"#;
        let wanted = if format == "flask" { sorted } else { payload };
        assert_eq!(read.out.trim_end(), wanted, "{format}");
    }
    let made = with_key(&["cookie", "encode", "-f", "flask-session-sid", "an-id"]);
    let read = with_key(&["cookie", "decode", "-f", "flask-session-sid", made.out.trim_end()]);
    assert_eq!((read.code, read.out.as_str()), (0, "an-id\n"), "{}", read.err);
}

#[test]
fn types_beyond_json_are_flasks_tags() {
    let payload =
        r#"{"b":{" b":"AP/+"},"d":{" d":"Fri, 02 Jan 2026 03:04:05 GMT"},"t":{" t":[1]}}"#;
    for format in ["flask", "native"] {
        let made = with_key(&["cookie", "encode", "-f", format, payload]);
        let read = with_key(&["cookie", "decode", "-f", format, made.out.trim_end()]);
        assert_eq!(read.out.trim_end(), payload, "{format}");
    }
    let refused = with_key(&["cookie", "encode", "-f", "django", payload]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("does not fit this format"), "{}", refused.err);
}

#[test]
fn encoding_at_a_given_time_is_exact() {
    let made = with_key(&["cookie", "encode", "-f", "flask", "--now", AT, r#"{"a":"b"}"#]);
    assert_eq!(made.out.trim_end(), FLASK);
    let at = ["cookie", "encode", "-f", "flask", "--now", "2026-01-02T03:04:05Z", "-"];
    let made = sessile(&at).env("SECRET_KEY", KEY).run("{\"a\":\"b\"}\n");
    assert_eq!(made.out.trim_end(), FLASK);
}

#[test]
fn r21_too_old_and_from_the_future_exit_with_1() {
    let age = |now: &str, max: &str| {
        with_key(&["cookie", "verify", "-f", "flask", "--now", now, "--max-age", max, FLASK])
    };
    assert_eq!(age("1767323055", "10").code, 0);
    let old = age("1767323056", "10");
    assert_eq!(old.code, 1);
    assert_eq!(old.err, "sessile: too old: 11 seconds, and at most 10 are allowed\n");
    let early = age("1767323044", "10");
    assert_eq!((early.code, early.err.contains("1 seconds in the future")), (1, true));
    let native = with_key(&["cookie", "encode", "-f", "native", "--now", AT, "{}"]);
    let ended = with_key(&["cookie", "decode", "-f", "native", native.out.trim_end()]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(ended.err.contains("ended"), "{}", ended.err);
}

#[test]
fn a_signed_but_unreadable_payload_exits_with_3() {
    // A signed id looks like a cookie of Flask's with another salt, but is no JSON.
    let sid = with_key(&["cookie", "encode", "-f", "flask-session-sid", "bm90IGpzb24.aVc1pQ"]);
    let same_key = ["cookie", "verify", "-f", "flask", "--salt", "flask-session"];
    let read = sessile(&same_key).env("SECRET_KEY", KEY).run(&sid.out);
    assert_eq!(read.code, 3, "{}", read.err);
    assert!(read.err.contains("rightly signed"), "{}", read.err);
}

#[test]
fn r22_native_cookies_are_bound_to_name_and_audience() {
    let bound = ["--name", "cart", "--audience", "shop"];
    let made = with_key(&[&["cookie", "encode", "-f", "native", "{\"a\":1}"], &bound[..]].concat());
    let value = made.out.trim_end();
    let read = |more: &[&str]| {
        with_key(&[&["cookie", "verify", "-f", "native", value], more].concat()).code
    };
    assert_eq!(read(&bound), 0);
    assert_eq!(read(&["--name", "cart"]), 1);
    assert_eq!(read(&["--name", "other", "--audience", "shop"]), 1);
    assert_eq!(read(&[]), 1);
}

#[test]
fn r23_old_keys_still_read_and_are_pointed_out() {
    let new = "the-new-key";
    let decode = ["cookie", "decode", "-f", "flask", "--json", FLASK];
    let fallbacks = format!("[\"older\", \"{KEY}\"]");
    let ran =
        sessile(&decode).env("SECRET_KEY", new).env("SECRET_KEY_FALLBACKS", &fallbacks).run("");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("\"signature\":\"good\",\"key\":3,\"keys\":3"), "{}", ran.out);
    let lines = format!("older\n{KEY}\n");
    let ran = sessile(&decode).env("SECRET_KEY", new).env("SECRET_KEY_FALLBACKS", &lines).run("");
    assert!(ran.out.contains("\"key\":3,\"keys\":3"), "{}{}", ran.out, ran.err);
    let file = program::file("keys", &format!("{new}\r\n{KEY}\n\n"));
    let path = file.to_str().unwrap();
    let ran = sessile(&["cookie", "verify", "-f", "flask", "--key-file", path, FLASK]).run("");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("with an old key (2 of 2, newest first)"), "{}", ran.out);
    let from_stdin = ["cookie", "verify", "-f", "flask", "--key-file", "-", FLASK];
    assert_eq!(sessile(&from_stdin).run("dev-secret").code, 0);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn inv11_keys_are_never_printed_and_never_arguments() {
    let key = "a-key-that-must-not-be-seen";
    for words in [
        &["cookie", "verify", "-f", "flask", FLASK][..],
        &["cookie", "decode", "-f", "flask", FLASK, "--json"],
        &["cookie", "encode", "-f", "flask", "{}"],
        &["cookie", "encode", "-f", "flask", "{"],
        &["demo", "--profile", "flask", "--port", "0"],
    ] {
        let fallbacks = format!("[\"{key}\", 7]");
        for fallbacks in ["[]", "nonsense", &fallbacks] {
            let mut run =
                sessile(words).env("SECRET_KEY", key).env("SECRET_KEY_FALLBACKS", fallbacks);
            // The demo must refuse such a short key rather than serve.
            let ran = run.run("");
            assert!(!ran.out.contains("must-not"), "{words:?}: {}", ran.out);
            assert!(!ran.err.contains("must-not"), "{words:?}: {}", ran.err);
        }
    }
    for option in ["--key", "--secret-key"] {
        assert_eq!(
            sessile(&["cookie", "verify", "-f", "flask", option, key, FLASK]).run("").code,
            2
        );
    }
}

#[test]
fn mistakes_are_told_in_one_line_and_exit_with_2() {
    let cases: [(&[&str], &str); 13] = [
        (&["cookie", "decode", "-f", "flask", FLASK], "no key: set SECRET_KEY"),
        (&["list"], "Give --store and its address"),
        (&["list", "--store", "nonsense"], "--store takes the store's address: sqlite:"),
        (&["migrate", "--from", "x", "--to", "sqlite:new.db"], "--from takes the store's address"),
        (&["sweep", "--store", "memory"], "its own process alone"),
        (&["cookie", "decode", "-f", "flask", "--unverified"], "no cookie: give it"),
        (&["cookie", "verify", "-f", "flask", "--key-file", "/nonexistent", FLASK], "/nonexistent"),
        (&["cookie", "verify", "-f", "flask", "--key-file", "/dev/null", FLASK], "is empty"),
        (&["cookie", "verify", "-f", "flask", "--key-file", "-"], "stdin holds the key"),
        (&["cookie", "decode", "-f", "flask", "--unverified", "--name", "x", FLASK], "native"),
        (&["cookie", "decode", "-f", "native-encrypted", "--unverified", "e1x"], "without its key"),
        (&["demo", "--profile", "flask", "--store", "memory"], "leave --store away"),
        (&["demo", "--host", "192.0.2.1", "--store", "memory"], "an address of this machine"),
    ];
    for (words, told) in cases {
        let ran = sessile(words).run("");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{words:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{words:?}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{words:?}: {}", ran.err);
    }
    assert_eq!(with_key(&["cookie", "verify", "-f", "native", "--salt", "x", "s1"]).code, 2);
    assert_eq!(with_key(&["cookie", "encode", "-f", "flask", "[1]"]).code, 2);
}

#[test]
fn a_native_cookie_that_does_not_fit_may_have_another_name() {
    let ran = with_key(&["cookie", "verify", "-f", "native", "s1AAAA"]);
    assert!(ran.err.contains("--name and --audience"), "{}", ran.err);
}

#[test]
fn r01_generated_keys_are_long_and_new() {
    let keys = [0; 2].map(|_| sessile(&["key", "generate"]).run("").out);
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[0].trim_end().len(), 64);
    assert!(keys[0].trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()));
    let short = sessile(&["key", "generate", "--base64url"]).run("").out;
    assert_eq!(short.trim_end().len(), 43);
    assert_eq!(sessile(&["key", "generate", "--bytes", "31"]).run("").code, 2);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (code, err) = sessile(&["key", "generate"]).run_with_closed_stdout();
    assert_eq!((code, err.as_str()), (0, ""));
    let (code, err) = sessile(&["--help"]).run_with_closed_stdout();
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn r16_what_is_shown_of_a_cookie_never_holds_its_signature() {
    let ran = sessile(&["cookie", "verify", "-f", "flask", FLASK]).env("SECRET_KEY", "x").run("");
    assert!(!ran.err.contains("b8MXY1"), "{}", ran.err);
}
