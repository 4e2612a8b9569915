//! Going through all sessions by the servers' own lists of their keys.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sessile_conformance::faults::{create, is_live, key, record};
use sessile_conformance::outages::cut_off;
use sessile_core::store::{Cursor, Layout};
use sessile_core::{SessionStore, StoreError, StoreErrorKind, StoreKey};
use sessile_memcached::{MemcachedStore, Options};
use sessile_testbed::memcached::{self, Memcached, MemcachedOptions};
use sessile_testbed::proxy::{Faults, Proxy};

fn start(count: usize) -> Vec<Memcached> {
    Memcached::several(count, &MemcachedOptions::default()).unwrap()
}

fn open(url: &str, layout: Layout) -> MemcachedStore {
    MemcachedStore::at(url, Options { layout, ..Options::default() }).unwrap()
}

/// Says something to a server, past the store, and reads its answer to the end.
fn say(server: &Memcached, words: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(words.as_bytes()).unwrap();
    let (mut answer, mut some) = (String::new(), [0; 4096]);
    while !answer.ends_with(end) {
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    answer
}

/// The keys of all pages, and how many entries that were.
async fn all(
    store: &MemcachedStore,
    limit: usize,
) -> Result<(BTreeSet<StoreKey>, usize), StoreError> {
    let (mut keys, mut entries, mut after) = (BTreeSet::new(), 0, None::<Cursor>);
    loop {
        let page = store.capabilities().scan.unwrap().scan(after.as_ref(), limit).await?;
        entries += page.entries.len();
        keys.extend(page.entries.into_iter().map(|(key, _)| key));
        after = page.next;
        if after.is_none() {
            return Ok((keys, entries));
        }
    }
}

/// More than are remembered of one list.
#[tokio::test]
async fn seventy_thousand_sessions_are_each_seen_once() {
    const SESSIONS: usize = 70_000;
    let servers = start(1);
    let mut words = String::new();
    for number in 0..SESSIONS {
        words += &format!("set session:{number:05} 0 600 1 noreply\r\n.\r\n");
    }
    say(&servers[0], &(words + "mn\r\n"), "MN\r\n");
    let store = open(&memcached::url(&servers), Layout::FlaskSession);
    let (keys, entries) = all(&store, 1000).await.unwrap();
    assert_eq!((keys.len(), entries), (SESSIONS, SESSIONS));
}

#[tokio::test]
async fn only_sessions_are_listed_and_only_where_they_would_be_found() {
    let servers = start(3);
    let url = memcached::url(&servers);
    let (flask, ours) = (open(&url, Layout::FlaskSession), open(&url, Layout::Native));
    let keys: BTreeSet<_> =
        (0..30).map(|number| StoreKey::from_text(format!("session:ü{number}"))).collect();
    for key in &keys {
        flask.create(key, &record(10)).await.unwrap();
        ours.create(key, &record(10)).await.unwrap();
    }
    for server in &servers {
        // Somebody's cache; a session of before a server was added; one that has ended.
        for (name, flags, life) in
            [("view//page", 0, 60), ("session:astray", 0, 60), ("session:ended", 0, -1)]
        {
            say(server, &format!("set {name} {flags} {life} 1\r\n.\r\n"), "STORED\r\n");
        }
    }
    let (found, entries) = all(&flask, 7).await.unwrap();
    assert!(found.is_superset(&keys));
    assert_eq!((found.len(), entries), (31, 31), "one of the three that went astray is in place");
    let (found, _) = all(&ours, 7).await.unwrap();
    assert!(found == keys);
    // What its flags say is no session of Flask-Session's is passed over.
    flask.delete(&StoreKey::from_text("session:astray")).await.unwrap();
    for server in &servers {
        say(server, "set session:pickle 1 60 1\r\n.\r\n", "STORED\r\n");
    }
    let (found, _) = all(&flask, 1000).await.unwrap();
    assert!(found == keys);
}

/// A list is remembered between pages; who begins anew is shown what is there.
#[tokio::test]
async fn whoever_begins_again_is_shown_what_came_and_went() {
    let servers = start(2);
    let store = open(&memcached::url(&servers), Layout::Native);
    for number in 0..40 {
        create(&store, number).await.unwrap();
    }
    let scan = store.capabilities().scan.unwrap();
    let first = scan.scan(None, 10).await.unwrap();
    let kept = Cursor::from_bytes(first.next.unwrap().as_bytes());
    for number in 40..50 {
        create(&store, number).await.unwrap();
    }
    assert_eq!(all(&store, 10).await.unwrap().0.len(), 50);
    // Where one stopped another goes on, who knows nothing of the list.
    let other = open(&memcached::url(&servers), Layout::Native);
    let (mut rest, mut after) = (BTreeSet::new(), Some(kept));
    while let Some(cursor) = after {
        let page = other.capabilities().scan.unwrap().scan(Some(&cursor), 10).await.unwrap();
        rest.extend(page.entries.into_iter().map(|(key, _)| key));
        after = page.next;
    }
    let seen: BTreeSet<_> = first.entries.into_iter().map(|(key, _)| key).collect();
    assert!(seen.is_disjoint(&rest), "in order, so none comes twice");
    assert!((0..40).map(key).all(|key| seen.contains(&key) || rest.contains(&key)));
}

#[tokio::test]
async fn a_server_that_lists_nothing_says_what_to_do() {
    for (more, advice) in [(["-o", "no_lru_crawler"].as_slice(), "enable"), (&["-X"], "-X")] {
        let more = more.iter().map(|&word| word.to_owned()).collect();
        let options = MemcachedOptions { more, ..MemcachedOptions::default() };
        let servers = [Memcached::start(&options).unwrap()];
        let store = open(&memcached::url(&servers), Layout::Native);
        create(&store, 1).await.unwrap();
        let error = all(&store, 10).await.expect_err(advice);
        assert_eq!(error.kind(), StoreErrorKind::Unsupported, "{error}");
        let text = error.to_string();
        assert!(text.contains(advice) && text.contains("127.0.0.1:"), "{text}");
        assert!(is_live(&store, 1).await.unwrap());
    }
    // As it says: then it works, without a new store.
    let servers = start(1);
    let store = open(&memcached::url(&servers), Layout::Native);
    create(&store, 1).await.unwrap();
    say(&servers[0], "lru_crawler disable\r\n", "OK\r\n");
    let error = all(&store, 10).await.expect_err("it is off");
    assert!(error.to_string().contains("lru_crawler enable"), "{error}");
    // It refuses until the crawler has stopped.
    while say(&servers[0], "lru_crawler enable\r\n", "\r\n") != "OK\r\n" {
        tokio::task::yield_now().await;
    }
    assert_eq!(all(&store, 10).await.unwrap().1, 1);
}

/// A server lists its keys for one client at a time: the others wait their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_each_see_everything() {
    let servers = start(1);
    let url = memcached::url(&servers);
    let store = open(&url, Layout::Native);
    for number in 0..300 {
        create(&store, number).await.unwrap();
    }
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = open(&url, Layout::Native);
            tokio::spawn(async move { all(&store, 100).await.map(|(keys, _)| keys.len()) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 300);
    }
}

/// A server that goes by its LRU lists passes over what is just being read, or
/// moves from one of them to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_in_use_are_listed_too() {
    const SESSIONS: u32 = 3000;
    let servers = start(1);
    let store = open(&memcached::url(&servers), Layout::Native);
    for number in 0..SESSIONS {
        create(&store, number).await.unwrap();
    }
    let busy: Vec<_> = (0..4)
        .map(|visitor| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in (0..SESSIONS).cycle().skip(visitor * 700) {
                    store.load(&key(number)).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(all(&store, 1000).await.unwrap().1, SESSIONS as usize);
    }
    for visitor in busy {
        visitor.abort();
    }
}

/// Never a short list that looks whole.
#[tokio::test]
async fn f04_a_list_that_is_cut_off_is_an_error() {
    let servers = start(1);
    let proxy = Proxy::start(servers[0].address()).unwrap();
    let store = open(&proxy.instead_of(&memcached::url(&servers)), Layout::Native);
    for number in 0..200 {
        create(&store, number).await.unwrap();
    }
    for length in [6000, 10_000, 15_000] {
        proxy.set(Faults { truncate_replies: Some(length), ..Faults::default() });
        let error = all(&store, 1000).await.expect_err("the list is cut off");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{length}: {error}");
    }
    proxy.set(Faults { slice: 7, ..Faults::default() });
    assert_eq!(all(&store, 1000).await.unwrap().1, 200);
}

#[tokio::test]
async fn f02_a_frozen_server_costs_a_list_the_time_allowed_and_no_more() {
    let servers = start(1);
    let (listing, timeout) = (Duration::from_millis(300), Duration::from_millis(300));
    let options = Options { listing, timeout, ..Options::default() };
    let store = MemcachedStore::at(&memcached::url(&servers), options).unwrap();
    create(&store, 1).await.unwrap();
    servers[0].freeze();
    let error = all(&store, 10).await.expect_err("it stands still");
    assert_eq!(error.kind(), StoreErrorKind::Timeout, "{error}");
    servers[0].thaw();
}

/// Its connection is nobody else's: no visitor is told a line of it.
#[tokio::test]
async fn f06_a_list_that_nobody_waits_for_reaches_no_other_call() {
    let servers = start(1);
    let store = open(&memcached::url(&servers), Layout::Native);
    for number in 0..300 {
        create(&store, number).await.unwrap();
    }
    let mut dropped = 0;
    for round in 0..200 {
        let scan = store.capabilities().scan.unwrap();
        dropped += u32::from(cut_off(scan.scan(None, 1000), 1 + round as usize % 40).await);
        assert!(is_live(&store, round).await.unwrap(), "{round}");
    }
    assert!(dropped > 0, "all had ended before");
    assert_eq!(all(&store, 1000).await.unwrap().1, 300);
}
