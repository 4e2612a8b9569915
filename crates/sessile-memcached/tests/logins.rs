//! Names and passwords, where the server wants them, others, or none.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use sessile_conformance::faults::{create, is_live};
use sessile_core::StoreErrorKind;
use sessile_memcached::{ConnectError, MemcachedStore, Options};
use sessile_testbed::Folder;
use sessile_testbed::memcached::{Memcached, MemcachedOptions};

fn start(more: &[&str]) -> Memcached {
    let more = more.iter().map(|it| (*it).to_owned()).collect();
    Memcached::start(&MemcachedOptions { more, ..MemcachedOptions::default() }).unwrap()
}

fn at(server: &Memcached, login: &str) -> String {
    format!("memcached://{login}{}", server.address())
}

async fn refused(url: &str) -> String {
    match MemcachedStore::connect(url, Options::default()).await {
        Err(ConnectError::Store(error)) => {
            assert!(!error.to_string().contains("hunter2"), "{error}");
            format!("{:?}: {error}", error.kind())
        }
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d09_a_password_that_nobody_asks_for_is_refused_and_is_never_sent() {
    let server = start(&[]);
    let said = refused(&at(&server, "me:hunter2@")).await;
    assert!(said.starts_with(&format!("{:?}", StoreErrorKind::Unsupported)), "{said}");
    assert!(said.contains("leave them out") && said.contains("-Y"), "{said}");
    // Nothing is kept there, above all not the password.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"get auth\r\nquit\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "END\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_a_wrong_or_missing_password_is_said_in_words() {
    let folder = Folder::new("logins").unwrap();
    let file = folder.write("logins", "me:hunter1\n").unwrap();
    let arguments = ["-Y", file.to_str().unwrap()];
    let more = arguments.map(str::to_owned).into();
    let server =
        Memcached::start(&MemcachedOptions { more, ..MemcachedOptions::default() }).unwrap();
    for login in ["", "me:hunter2@", "you:hunter1@"] {
        let said = refused(&at(&server, login)).await;
        assert!(said.contains("a server wants a name and a password"), "{login:?}: {said}");
    }
    let url = at(&server, "me:hunter1@");
    let store = MemcachedStore::connect(&url, Options::default()).await.unwrap();
    create(&store, 1).await.unwrap();
    assert!(is_live(&store, 1).await.unwrap());
}
