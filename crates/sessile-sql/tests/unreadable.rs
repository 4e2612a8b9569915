//! Rows that the layout does not write, and ids that no row can have.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use http::{HeaderValue, Method, Request, header};
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
        let can = Capabilities {
            directory: false,
            grace: false,
            metadata: false,
            two_deadlines: false,
            fresh_versions: false,
            binary_payloads: layout != Layout::Django,
            keys: Keys::Text(prefix),
            ..Capabilities::all()
        };
        let suite = Suite::new(move || open(url.clone(), layout), can);
        let damage = async |key: &StoreKey| change(&file, table, set, column, key);
        let case = an_unreadable_entry_is_nobodys_session(&suite, damage);
        passed(case).unwrap_or_else(|failure| panic!("{table}, {set}: {failure}"));
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
