//! The memory store under the suite.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sessile_conformance::{Capabilities, Open, store_tests};
use sessile_core::store::{AtBound, CreateOutcome, Entry, Record, SessionStore, WriteOutcome};
use sessile_core::{MemoryStore, StoreErrorKind, StoreKey, Timestamp};

fn memory() -> impl Open {
    let store = MemoryStore::new();
    move || {
        let store = store.clone();
        async move { Ok(store) }
    }
}

store_tests!(memory(), Capabilities::all());

mod with_foreign_keys_behind_any_store {
    use sessile_conformance::Keys;
    use sessile_core::AnyStore;

    use super::*;

    fn any() -> impl Open {
        let store = AnyStore::new(MemoryStore::new());
        move || {
            let store = store.clone();
            async move { Ok(store) }
        }
    }

    store_tests!(any(), Capabilities { keys: Keys::Text("session:"), ..Capabilities::all() });
}

/// Its futures never wait, so one poll is the whole of them.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a memory store waited"),
    }
}

fn key(number: u32) -> StoreKey {
    let mut hash = [0; 32];
    for (at, chunk) in hash.chunks_mut(4).enumerate() {
        let mixed = number.wrapping_mul(0x9e37_79b9).rotate_left(at as u32 * 5) ^ number;
        chunk.copy_from_slice(&mixed.to_be_bytes());
    }
    StoreKey::from_hash(hash)
}

fn ending(secs: i64) -> Record {
    Record::ending("data", Some(Timestamp::from_secs(secs)))
}

#[test]
fn at_the_bound_the_store_never_grows_and_the_new_session_lives() {
    for bound in [1, 2, 10, 1000] {
        let store = MemoryStore::bounded(bound, AtBound::Evict);
        for number in 0..3000 {
            let made = ready(store.create(&key(number), &ending(i64::from(number)))).unwrap();
            assert!(matches!(made, CreateOutcome::Created(_)));
            assert!(ready(store.load(&key(number))).unwrap().is_some(), "evicted itself");
            assert!(store.len() <= bound);
        }
        assert_eq!(store.len(), bound);
        let there = (0..3000).filter(|n| ready(store.load(&key(*n))).unwrap().is_some());
        assert_eq!(there.count(), bound, "the count and the entries differ");
    }
}

#[test]
fn eviction_takes_what_ends_soonest_in_the_shard() {
    let store = MemoryStore::bounded(3, AtBound::Evict);
    // Hashes that begin alike lie in one shard.
    let same_shard =
        |number: u8| StoreKey::from_hash([&[0; 31][..], &[number]].concat().try_into().unwrap());
    for (number, end) in [(1, 300), (2, 100), (3, 200), (4, 50)] {
        ready(store.create(&same_shard(number), &ending(end))).unwrap();
    }
    let there = |number| ready(store.load(&same_shard(number))).unwrap().is_some();
    assert!(there(1) && !there(2) && there(3) && there(4));
}

#[test]
fn a_store_that_refuses_at_its_bound_keeps_every_session_and_still_rotates() {
    let store = MemoryStore::bounded(1, AtBound::Refuse);
    let CreateOutcome::Created(version) = ready(store.create(&key(1), &ending(1))).unwrap() else {
        panic!("the first was refused");
    };
    let error = ready(store.create(&key(2), &ending(2))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    let grace = Some(Timestamp::from_secs(9));
    let moved = ready(store.replace(&key(1), &version, &key(2), &ending(1), grace));
    assert_eq!(moved.unwrap_err().kind(), StoreErrorKind::Full, "a pointer needs room");
    assert!(matches!(ready(store.load(&key(1))).unwrap(), Some(Entry::Live(..))));
    let moved = ready(store.replace(&key(1), &version, &key(2), &ending(1), None)).unwrap();
    assert!(matches!(moved, WriteOutcome::Written(_)));
    ready(store.delete(&key(2))).unwrap();
    assert!(store.is_empty());
    ready(store.create(&key(3), &ending(1))).unwrap();
}

#[test]
fn text_keys_spread_over_shards_and_are_scanned_after_hashes() {
    let store = MemoryStore::new();
    let texts: Vec<_> = (0..100).map(|n| StoreKey::from_text(format!("session:{n:03}"))).collect();
    let hashes: Vec<_> = (0..100).map(key).collect();
    for key in texts.iter().chain(&hashes) {
        ready(store.create(key, &ending(1))).unwrap();
    }
    let mut wanted: Vec<_> = texts.into_iter().chain(hashes).collect();
    wanted.sort();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = ready(store.capabilities().scan.unwrap().scan(after.as_ref(), 7)).unwrap();
        found.extend(page.entries.into_iter().map(|(key, _)| key));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(found == wanted);
}
