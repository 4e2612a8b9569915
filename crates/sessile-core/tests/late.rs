//! What comes too late, and what must not come along.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fake;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake::{Fake, START, done};
use sessile_core::ResponsePlan;
use sessile_core::store::{
    CreateOutcome, Entry, Record, SessionStore, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::transaction;
use sessile_core::{
    CommitError, Config, Engine, Expiry, KeyRing, MemoryStore, SecretKey, Session, Storage,
    StoreError, StoreErrorKind, StoreKey, Timestamp,
};

fn value(committed: &ResponsePlan) -> Vec<u8> {
    let cookie = committed.cookie.as_ref().unwrap().as_bytes();
    let start = cookie.iter().position(|byte| *byte == b'=').unwrap() + 1;
    cookie[start..].split(|byte| *byte == b';').next().unwrap().to_vec()
}

struct Site<S> {
    engine: Engine,
    store: S,
    world: Fake,
}

impl Site<MemoryStore> {
    fn new(config: Config) -> Self {
        Self {
            engine: Engine::new(config).unwrap(),
            store: MemoryStore::new(),
            world: Fake::at(START),
        }
    }
}

impl<S: SessionStore> Site<S> {
    fn open(&mut self, cookie: Option<&[u8]>) -> Session {
        done(transaction::open(&self.engine, &self.store, cookie, &self.world.context())).unwrap()
    }

    fn commit(&mut self, session: &Session) -> Result<ResponsePlan, CommitError> {
        done(transaction::commit(&self.engine, &self.store, session, false, &self.world.context()))
    }

    /// One request without a cookie; the cookie it gets.
    fn visit(&mut self, handler: impl FnOnce(&Session)) -> Vec<u8> {
        let session = self.open(None);
        handler(&session);
        value(&self.commit(&session).unwrap())
    }

    fn pass(&mut self, secs: u64) {
        self.world.0 = self.world.0 + Duration::from_secs(secs);
    }
}

fn held() -> Config {
    let mut config = Config::native();
    config.storage = Storage::SignedCookie;
    config.cookie_sessions_cannot_be_revoked = true;
    config.keys = Some(KeyRing::new(SecretKey::allow_weak([7; 32]).unwrap()));
    config
}

/// Loaded a second before its idle limit, renewed a second after: another
/// request may have found it expired between.
#[test]
fn inv07_a_renewal_does_not_revive_what_expired_while_the_handler_ran() {
    for config in [Config::native(), held()] {
        let mut site = Site::new(config);
        let cookie = site.visit(|session| session.insert("a", 1));
        site.pass(3599);
        let slow = site.open(Some(&cookie));
        assert_eq!(slow.get::<i64>("a"), Some(1));
        site.pass(2);
        assert!(site.open(Some(&cookie)).is_new());
        assert!(site.commit(&slow).unwrap().cookie.is_none());
        assert!(site.open(Some(&cookie)).is_new(), "it lives again");
    }
}

#[test]
fn inv07_a_change_does_not_revive_what_expired_while_the_handler_ran() {
    for config in [Config::native(), held()] {
        let mut site = Site::new(config);
        let cookie = site.visit(|session| session.insert("a", 1));
        site.pass(3599);
        let slow = site.open(Some(&cookie));
        slow.insert("b", 2);
        site.pass(2);
        assert!(matches!(site.commit(&slow), Err(CommitError::Ended)));
        // Who logs in needs nothing of what was before.
        let login = site.open(Some(&cookie));
        login.log_in("alice");
        let cookie = value(&site.commit(&login).unwrap());
        assert_eq!(site.open(Some(&cookie)).subject().unwrap().as_str(), "alice");
    }
}

/// One asked to be remembered for a month; the other, at the same computer, did not.
#[test]
fn the_next_user_is_not_remembered_because_the_former_asked_for_it() {
    for config in [Config::native(), held()] {
        let mut site = Site::new(config);
        let cookie = site.visit(|session| {
            session.log_in("alice");
            session.set_permanent(true);
        });
        let session = site.open(Some(&cookie));
        assert!(session.is_permanent());
        session.log_in("alice");
        assert!(session.is_permanent(), "the same user again");
        session.log_in("bob");
        assert!(!session.is_permanent());
        let committed = site.commit(&session).unwrap();
        let text = String::from_utf8_lossy(committed.cookie.as_ref().unwrap().as_bytes());
        assert!(!text.contains("Max-Age"), "{text}");
        let cookie = value(&committed);
        site.pass(3600);
        assert!(site.open(Some(&cookie)).is_new());
    }
}

/// Flask-Login writes the user into the session under the same id.
#[test]
fn a_login_that_loses_against_another_users_takes_nothing_over() {
    let mut site = Site::new(Config::flask_session(None));
    let cookie = site.visit(|session| session.insert("cart", "apples"));
    let ours = site.open(Some(&cookie));
    ours.log_in("bob");
    let theirs = site.open(Some(&cookie));
    theirs.insert("_user_id", "alice");
    theirs.insert("secret", "of alice");
    site.commit(&theirs).unwrap();
    let cookie = value(&site.commit(&ours).unwrap());
    let session = site.open(Some(&cookie));
    assert_eq!(session.subject().unwrap().as_str(), "bob");
    assert_eq!((session.contains_key("secret"), session.contains_key("cart")), (false, false));
}

/// Django takes 0 seconds for "until the browser closes", which on the server is two weeks.
#[test]
fn less_than_a_second_is_not_until_the_browser_closes_in_djangos_profile() {
    let mut site = Site::new(Config::django(KeyRing::new(SecretKey::allow_weak([7; 50]).unwrap())));
    let cookie = site.visit(|session| {
        session.insert("a", 1);
        session.set_expiry(Expiry::After(Duration::from_millis(10)));
    });
    site.pass(1);
    assert!(site.open(Some(&cookie)).is_new());
}

/// A logout that meets a change of id and then an error: whoever tries again
/// with the cookie they have must not find the way to the session gone.
#[test]
fn an_end_that_fails_half_way_can_be_tried_again_by_the_old_id() {
    let mut site = Site::new(Config::native());
    let old = site.visit(|session| session.log_in("alice"));
    let failing = Failing { store: site.store.clone(), loads_left: 2.into() };
    let logout = site.open(Some(&old));
    logout.flush();
    let rotate = site.open(Some(&old));
    rotate.cycle_id();
    let new = value(&site.commit(&rotate).unwrap());
    // Loses against the rotation, finds the pointer, and then the store fails.
    let world = Fake::at(START);
    let failed =
        done(transaction::commit(&site.engine, &failing, &logout, false, &world.context()));
    assert!(matches!(failed, Err(CommitError::Store(_))));
    let again = site.open(Some(&old));
    assert!(!again.is_new(), "the way to the session is gone");
    again.flush();
    site.commit(&again).unwrap();
    assert!(site.open(Some(&new)).is_new());
    assert!(site.open(Some(&old)).is_new());
}

/// Its second load from now on fails.
struct Failing {
    store: MemoryStore,
    loads_left: AtomicUsize,
}

impl SessionStore for Failing {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        if self.loads_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Err(StoreError::new("failing", StoreErrorKind::Unavailable));
        }
        self.store.load(key).await
    }
    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.store.create(key, record).await
    }
    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.store.update(key, record, expected).await
    }
    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.store.touch(key, seen, idle).await
    }
    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.store.replace(old_key, expected, new_key, record, pointer_until).await
    }
    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.store.delete(key).await
    }
}
