//! A new store beside the one it takes over from, under the suite.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, UNIX_EPOCH};

use sessile_conformance::faults::record;
use sessile_conformance::{Capabilities, Open, block_on, http_tests, store_tests};
use sessile_connect::{MigratingOptions, MigratingStore};
use sessile_core::store::{CreateOutcome, Entry, Record, TouchOutcome, WriteOutcome};
use sessile_core::{AnyStore, MemoryStore, SessionStore, StoreKey, Timestamp};
use sessile_sql::{Options, SqlStore};
use tempfile::TempDir;

fn options() -> MigratingOptions {
    MigratingOptions::new(|| Timestamp::from_secs(0) + UNIX_EPOCH.elapsed().unwrap_or_default())
}

fn both_in_memory() -> impl Open {
    let (new, old) = (MemoryStore::new(), MemoryStore::new());
    move || {
        let (new, old) = (new.clone(), old.clone());
        async move { Ok(MigratingStore::new(new, old, options())) }
    }
}

fn sqlite_after_memory() -> impl Open {
    let (folder, old) = (TempDir::new().unwrap(), MemoryStore::new());
    move || {
        let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
        let old = old.clone();
        async move {
            let new = SqlStore::connect(&url, Options::default()).await.unwrap();
            Ok(MigratingStore::new(new, old, options()))
        }
    }
}

mod memory_after_memory {
    use super::*;

    store_tests!(both_in_memory(), Capabilities::all());
}

mod sqlite_after_a_memory_store {
    use super::*;

    store_tests!(sqlite_after_memory(), Capabilities::all());
    http_tests!(sqlite_after_memory(), Capabilities::all());
}

/// The suite with every session made in the old store.
mod sessions_from_before {
    use super::*;

    /// Creates in the old store, as the deployment before did.
    struct Before(MigratingStore<MemoryStore, MemoryStore>, MemoryStore);

    impl SessionStore for Before {
        async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, sessile_core::StoreError> {
            self.0.load(key).await
        }

        async fn create(
            &self,
            key: &StoreKey,
            record: &sessile_core::store::Record,
        ) -> Result<CreateOutcome, sessile_core::StoreError> {
            if self.0.load(key).await?.is_some() {
                return Ok(CreateOutcome::Exists);
            }
            match self.1.create(key, record).await? {
                CreateOutcome::Exists => Ok(CreateOutcome::Exists),
                // The version by which the new deployment knows it.
                CreateOutcome::Created(_) => match self.0.load(key).await? {
                    Some(Entry::Live(_, version)) => Ok(CreateOutcome::Created(version)),
                    // The mark of a logout lies there.
                    _ => {
                        self.1.delete(key).await?;
                        self.0.create(key, record).await
                    }
                },
            }
        }

        async fn update(
            &self,
            key: &StoreKey,
            record: &sessile_core::store::Record,
            expected: &sessile_core::store::Version,
        ) -> Result<WriteOutcome, sessile_core::StoreError> {
            self.0.update(key, record, expected).await
        }

        async fn touch(
            &self,
            key: &StoreKey,
            seen: Timestamp,
            idle: Option<std::time::Duration>,
        ) -> Result<TouchOutcome, sessile_core::StoreError> {
            self.0.touch(key, seen, idle).await
        }

        async fn replace(
            &self,
            old_key: &StoreKey,
            expected: &sessile_core::store::Version,
            new_key: &StoreKey,
            record: &sessile_core::store::Record,
            pointer_until: Option<Timestamp>,
        ) -> Result<WriteOutcome, sessile_core::StoreError> {
            self.0.replace(old_key, expected, new_key, record, pointer_until).await
        }

        async fn delete(&self, key: &StoreKey) -> Result<(), sessile_core::StoreError> {
            self.0.delete(key).await
        }

        fn capabilities(&self) -> sessile_core::store::Capabilities<'_> {
            self.0.capabilities()
        }
    }

    fn before() -> impl Open {
        let (new, old) = (MemoryStore::new(), MemoryStore::new());
        move || {
            let (new, old) = (new.clone(), old.clone());
            async move { Ok(Before(MigratingStore::new(new, old.clone(), options()), old)) }
        }
    }

    store_tests!(before(), Capabilities::all());
}

#[test]
fn a_session_from_before_moves_with_its_next_change_and_a_logout_ends_it_in_both() {
    let (new, old) = (MemoryStore::new(), MemoryStore::new());
    let store = MigratingStore::new(new.clone(), old.clone(), options());
    let (key, other) = (StoreKey::from_hash([1; 32]), StoreKey::from_hash([2; 32]));
    block_on(async {
        for key in [&key, &other] {
            old.create(key, &record(10)).await.unwrap();
        }
        let Some(Entry::Live(found, version)) = store.load(&key).await.unwrap() else { panic!() };
        assert!(new.is_empty(), "reading moves nothing");
        let written = store.update(&key, &found, &version).await.unwrap();
        assert!(matches!(written, WriteOutcome::Written(_)));
        assert_eq!((old.len(), new.len()), (1, 1));
        // Of two changes that loaded it in the old store, the second must look again.
        let again = store.update(&key, &found, &version).await.unwrap();
        assert_eq!(again, WriteOutcome::Conflict);

        let Some(Entry::Live(found, late)) = store.load(&other).await.unwrap() else { panic!() };
        store.delete(&other).await.unwrap();
        store.delete(&key).await.unwrap();
        for key in [&key, &other] {
            assert_eq!(store.update(key, &found, &late).await.unwrap(), WriteOutcome::Gone);
            assert_eq!(store.load(key).await.unwrap(), None);
        }
        // A mover that had looked before the logout finds its place taken.
        assert_eq!(new.create(&other, &found).await.unwrap(), CreateOutcome::Exists);
    })
    .unwrap();
}

/// `sessile migrate` copies, so that both stores have the session; or a move was cut short.
#[test]
fn inv04_an_id_that_was_changed_is_not_found_again_in_the_old_store() {
    let (new, old) = (MemoryStore::new(), MemoryStore::new());
    let store = MigratingStore::new(new.clone(), old.clone(), options());
    let [first, second] = [1, 2].map(|number| StoreKey::from_hash([number; 32]));
    block_on(async {
        for side in [&old, &new] {
            side.create(&first, &record(10)).await.unwrap();
        }
        let Some(Entry::Live(found, version)) = store.load(&first).await.unwrap() else { panic!() };
        let moved = store.replace(&first, &version, &second, &found, None).await.unwrap();
        assert!(matches!(moved, WriteOutcome::Written(_)));
        assert_eq!(store.load(&first).await.unwrap(), None);
        assert!(matches!(store.load(&second).await.unwrap(), Some(Entry::Live(..))));
        assert_eq!(store.update(&first, &found, &version).await.unwrap(), WriteOutcome::Gone);
    })
    .unwrap();
}

/// `sessile migrate` copies, so that both stores have the session. In the new one it is made to
/// end sooner, ends, and is swept: the copy would live on for as long as the old one said.
#[test]
fn s08_a_session_that_was_shortened_does_not_live_on_in_the_old_store() {
    let key = StoreKey::from_hash([1; 32]);
    let at =
        |secs| Timestamp::from_secs(0) + UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(secs);
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("old.db").display());
    let test = async {
        let (new, old) = (MemoryStore::new(), MemoryStore::new());
        let sqlite = SqlStore::connect(&url, Options::default()).await.unwrap();
        for old in [AnyStore::new(old), AnyStore::new(sqlite)] {
            for side in [&old, &AnyStore::new(new.clone())] {
                side.create(&key, &Record::ending(&b"a"[..], Some(at(3600)))).await.unwrap();
            }
            let store = MigratingStore::new(new.clone(), old.clone(), options());
            let Some(Entry::Live(_, version)) = store.load(&key).await.unwrap() else { panic!() };
            let shorter = Record::ending(&b"b"[..], Some(at(60)));
            let written = store.update(&key, &shorter, &version).await.unwrap();
            assert!(matches!(written, WriteOutcome::Written(_)));
            assert_eq!(old.load(&key).await.unwrap(), None, "the copy stays");
            assert_eq!(new.capabilities().sweep.unwrap().sweep(at(120), 10).await.unwrap(), 1);
            assert_eq!(store.load(&key).await.unwrap(), None);
            let late = store.update(&key, &shorter, &version).await.unwrap();
            assert_eq!(late, WriteOutcome::Gone);
            assert_eq!(store.touch(&key, at(1), None).await.unwrap(), TouchOutcome::Gone);
        }
    };
    block_on(test).unwrap();
}
