//! Rows that the layout does not write, and ids that no row can have.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use http::{HeaderValue, Method, Request, header};
use sessile_conformance::cases::hostile_moments::a_hostile_moment_harms_nobody;
use sessile_conformance::cases::unreadable::an_unreadable_entry_is_nobodys_session;
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Clock, Stage};
use sessile_conformance::{Capabilities, Keys, Suite, passed};
use sessile_core::store::Layout;
use sessile_core::{AnyStore, Config, EventKind, KeyRing, SecretKey, StoreError, StoreKey};
use sessile_sql::{ConnectError, Options, SqlStore};
use tempfile::TempDir;

async fn open(url: String, layout: Layout) -> Result<SqlStore, StoreError> {
    SqlStore::connect(&url, Options::of(layout)).await.map_err(|error| match error {
        ConnectError::Store(error) => error,
        other => unreachable!("{other}"),
    })
}

/// Changes the row of a key, as somebody with access to the file does.
fn change(file: &Path, table: &str, set: &str, at: &str, key: &StoreKey) {
    let sql = format!("UPDATE {table} SET {set} WHERE {at} = ?1");
    let other = rusqlite::Connection::open(file).unwrap();
    let changed = match key.hash() {
        Some(hash) => other.execute(&sql, [&hash[..]]),
        None => other.execute(&sql, [key.to_text()]),
    };
    assert_eq!(changed.unwrap(), 1);
}

/// The table is strict, so little can be wrong in it: see `f23_rows_and_files_…` for the rest.
#[test]
fn s13_an_unreadable_row_is_nobodys_session() {
    for set in ["version = -7", "version = -7, permanent = -1, payload = x'00'"] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("sessions.db");
        let url = format!("sqlite:{}", file.display());
        let suite = Suite::new(move || open(url.clone(), Layout::Native), Capabilities::all());
        let damage = async |key: &StoreKey| change(&file, "sessile_sessions", set, "key", key);
        let case = an_unreadable_entry_is_nobodys_session(&suite, damage);
        passed(case).unwrap_or_else(|failure| panic!("{set}: {failure}"));
    }
}

fn foreign(layout: Layout, prefix: &'static str) -> Capabilities {
    Capabilities {
        directory: false,
        grace: false,
        metadata: false,
        two_deadlines: false,
        fresh_versions: false,
        binary_payloads: layout != Layout::Django,
        keys: Keys::Text(prefix),
        ..Capabilities::all()
    }
}

#[test]
fn s13_an_unreadable_row_of_others_is_nobodys_session() {
    let flask = ("sessions", "session_id", Layout::FlaskSession, "session:");
    let django = ("django_session", "session_key", Layout::Django, "");
    for ((table, column, layout, prefix), set) in [
        (flask, "data = NULL"),
        (flask, "data = 12"),
        (flask, "data = x'81', expiry = 'one day'"),
        (flask, "data = x'81', expiry = '9223372036854775807-01-01 00:00:00'"),
        (django, "session_data = x'ff'"),
        (django, "session_data = 'x', expire_date = 'soon'"),
    ] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("site.db");
        let url = format!("sqlite:{}", file.display());
        let can = foreign(layout, prefix);
        let suite = Suite::new(move || open(url.clone(), layout), can);
        let damage = async |key: &StoreKey| change(&file, table, set, column, key);
        let case = an_unreadable_entry_is_nobodys_session(&suite, damage);
        passed(case).unwrap_or_else(|failure| panic!("{table}, {set}: {failure}"));
    }
}

const EXTREMES: [&str; 6] =
    ["-9223372036854775808", "9223372036854775807", "-1", "0", "253402300800000", "NULL"];

#[test]
fn s14_a_hostile_moment_in_a_row_harms_nobody() {
    let moments = ["created", "seen", "rotated", "authenticated", "idle_span", "absolute_until"];
    let one = moments.into_iter().flat_map(|it| EXTREMES.map(|value| format!("{it} = {value}")));
    // With the smallest number for both the table refuses the row: their sum is none of its.
    let sums = [(i64::MAX, i64::MAX), (i64::MIN, i64::MAX), (i64::MAX, -1)]
        .map(|(seen, span)| format!("seen = {seen}, idle_span = {span}"));
    let pointers = EXTREMES.map(|it| format!("absolute_until = {it}, moved_to = zeroblob(32)"));
    for set in one.chain(sums).chain(pointers) {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("sessions.db");
        let url = format!("sqlite:{}", file.display());
        let suite = Suite::new(move || open(url.clone(), Layout::Native), Capabilities::all());
        let plant = async |key: &StoreKey| change(&file, "sessile_sessions", &set, "key", key);
        let case = a_hostile_moment_harms_nobody(&suite, plant);
        passed(case).unwrap_or_else(|failure| panic!("{set}: {failure}"));
    }
}

/// SQLite holds any value in any column of theirs.
#[test]
fn s14_a_hostile_moment_in_a_row_of_others_harms_nobody() {
    let flask = ("sessions", "session_id", "expiry", Layout::FlaskSession, "session:");
    let django = ("django_session", "session_key", "expire_date", Layout::Django, "");
    let texts = [
        "",
        " ",
        "infinity",
        "2026-01-02",
        "2026-02-31 00:00:00",
        "0000-00-00 00:00:00",
        "9999-12-31 23:59:60.999999",
        "10000-01-01 00:00:00",
        "-2026-01-02 03:04:05",
        "9223372036854775807-01-01 00:00:00",
        "2026-9223372036854775807-01 00:00:00",
        "2026-01-9223372036854775807 00:00:00",
        "2026-01-01 9223372036854775807:00:00",
        "2026-01-01 153722867280912931:00:00",
        "2026-01-01 00:9223372036854775807:00",
        "2026-01-01 00:00:9223372036854775807",
        "2026-01-01 00:00:9223372036854776",
        "2026-01-01 00:00:00.9223372036854775807",
        "2026-01-01 00:00:99999999999999999999999",
        "2026-01-01 00:00:00:00",
    ];
    let others = ["x'ffff'", "1e300", "-1e300", "9e999", "1767323045.678"];
    let texts = texts.map(|text| format!("'{text}'"));
    let values: Vec<_> =
        texts.into_iter().chain(EXTREMES.into_iter().chain(others).map(str::to_owned)).collect();
    for (table, column, moment, layout, prefix) in [flask, django] {
        // Django's column takes no NULL.
        for value in values.iter().filter(|it| layout == Layout::FlaskSession || *it != "NULL") {
            let folder = TempDir::new().unwrap();
            let file = folder.path().join("site.db");
            let url = format!("sqlite:{}", file.display());
            let suite = Suite::new(move || open(url.clone(), layout), foreign(layout, prefix));
            let set = format!("{moment} = {value}");
            let plant = async |key: &StoreKey| change(&file, table, &set, column, key);
            let case = a_hostile_moment_harms_nobody(&suite, plant);
            passed(case).unwrap_or_else(|failure| panic!("{table}, {set}: {failure}"));
        }
    }
}

/// A cookie tossed by a sister site does not keep its victim out: the visitor is a new one,
/// and what they do next replaces it.
#[tokio::test]
async fn s03_a_hostile_id_in_a_cookie_is_a_new_visitor() {
    let keys = || KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap());
    let flask = (Layout::FlaskSession, "session", Config::flask_session(None));
    for (layout, cookie, config) in [(Layout::Django, "sessionid", Config::django(keys())), flask] {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("site.db").display());
        let store = open(url, layout).await.unwrap();
        let stage = Stage::over(AnyStore::new(store), config, Clock::default()).unwrap();
        let lengths = (1..=300).chain([1000, 4000]).map(|length| "k".repeat(length));
        let texts = ["%00", "a%20b", "..", "A", "a'--", "\u{fc}", "名", "*"].map(str::to_owned);
        for id in lengths.chain(texts) {
            let ask = async |method: Method, target: &str| {
                let mut request = Request::new(String::new());
                (*request.method_mut(), *request.uri_mut()) = (method, target.parse().unwrap());
                let value = HeaderValue::from_bytes(format!("{cookie}={id}").as_bytes());
                request.headers_mut().append(header::COOKIE, value.unwrap());
                InMemory::site(stage.app()).answer(request).await.unwrap()
            };
            let read = ask(Method::GET, "/get?k=a").await;
            assert_eq!((read.status, &*read.body), (200, "-"), "{layout:?}, {id:?}");
            let written = ask(Method::POST, "/set?k=a&v=1").await;
            assert_eq!(written.status, 200, "{layout:?}, {id:?}");
            let cookies = written.set_cookies();
            let own = cookies.iter().any(|it| it.starts_with(&format!("{cookie}=")));
            assert!(own, "{layout:?}, {id:?}: the visitor gets no id: {cookies:?}");
            assert!(!stage.kinds().contains(&EventKind::StoreFailed), "{layout:?}, {id:?}");
        }
    }
}
