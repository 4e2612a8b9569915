//! A store that stops answering: stopped process, cut network, lost reply.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::time::Duration;

use sessile::store::{
    Capabilities, CreateOutcome, Entry, Record, SessionStore, StoreError, TouchOutcome, Version,
    WriteOutcome,
};
use sessile::{AnyStore, Cached, CachedOptions, Config, MemoryStore, StoreKey, Timestamp};
use sessile_conformance::http::{Clock, Stage};
use tokio::time::Instant;

const ANSWERS: u8 = 0;
/// What is asked never arrives.
const LOSES_CALLS: u8 = 1;
/// What is written is written, and nobody hears of it.
const LOSES_REPLIES: u8 = 2;
/// Of a change of id only the first half is carried out: the session is under both ids.
const STOPS_HALF_WAY: u8 = 3;

#[derive(Clone, Default)]
struct Hanging {
    inner: MemoryStore,
    mode: Arc<AtomicU8>,
}

impl Hanging {
    async fn through<T>(&self, call: impl Future<Output = T>) -> T {
        match self.mode.load(SeqCst) {
            LOSES_CALLS => pending().await,
            LOSES_REPLIES => {
                call.await;
                pending().await
            }
            _ => call.await,
        }
    }
}

impl SessionStore for Hanging {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        match self.mode.load(SeqCst) {
            LOSES_CALLS => pending().await,
            _ => self.inner.load(key).await,
        }
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.through(self.inner.create(key, record)).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.through(self.inner.update(key, record, expected)).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.through(self.inner.touch(key, seen, idle)).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        if self.mode.load(SeqCst) == STOPS_HALF_WAY {
            self.inner.create(new_key, record).await?;
            return pending().await;
        }
        self.through(self.inner.replace(old_key, expected, new_key, record, pointer_until)).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.through(self.inner.delete(key)).await
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { directory: self.inner.capabilities().directory, ..Capabilities::default() }
    }
}

fn stage(limit: Duration) -> (Stage, Arc<AtomicU8>) {
    let store = Hanging::default();
    let mode = store.mode.clone();
    let mut config = Config::native();
    config.store_timeout = limit;
    (Stage::over(AnyStore::new(store), config, Clock::default()).unwrap(), mode)
}

/// The clock of tokio jumps to the next timer, so nobody waits.
#[tokio::test(start_paused = true)]
async fn f02_a_store_that_hangs_is_503_in_time_and_the_cookie_stays() {
    let limit = Duration::from_secs(3);
    let (stage, mode) = stage(limit);
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    let jar = browser.jar().clone();
    for path in ["/get?k=user", "/set?k=a&v=1", "/rotate", "/logout"] {
        mode.store(LOSES_CALLS, SeqCst);
        let start = Instant::now();
        let reply = browser.post(path).await.unwrap();
        reply.expect(503).unwrap().expect_no_cookie().unwrap();
        assert_eq!(start.elapsed().as_secs(), limit.as_secs(), "{path}");
        assert_eq!(browser.jar(), &jar, "{path}");
        mode.store(ANSWERS, SeqCst);
        browser.get("/who").await.unwrap().expect_body("alice").unwrap();
    }
    mode.store(LOSES_CALLS, SeqCst);
    let mut stranger = stage.browser();
    let reply = stranger.post("/set?k=a&v=1").await.unwrap();
    reply.expect(503).unwrap().expect_no_cookie().unwrap();
    stranger.get("/untouched").await.unwrap().expect(200).unwrap();
}

/// The write happened and its answer was lost: the visitor is told to try
/// again, which makes one session, not two, and ends what was to end.
#[tokio::test(start_paused = true)]
async fn f05_a_lost_reply_makes_no_second_session() {
    let (stage, mode) = stage(Duration::from_secs(3));
    let mut browser = stage.browser();
    browser.post("/set?k=n&v=0").await.unwrap().expect(200).unwrap();
    // Each is opened while all is well and loses the reply to its write.
    for (path, after) in [("/set?k=n&v=1", "1"), ("/set?k=n&v=2", "2"), ("/set?k=n&v=3", "3")] {
        mode.store(LOSES_REPLIES, SeqCst);
        browser.post(path).await.unwrap().expect(503).unwrap().expect_no_cookie().unwrap();
        mode.store(ANSWERS, SeqCst);
        browser.post(path).await.unwrap().expect(200).unwrap().expect_no_cookie().unwrap();
        browser.get("/get?k=n").await.unwrap().expect_body(after).unwrap();
    }
    mode.store(LOSES_REPLIES, SeqCst);
    browser.post("/logout").await.unwrap().expect(503).unwrap();
    mode.store(ANSWERS, SeqCst);
    browser.post("/logout").await.unwrap().expect(200).unwrap();
    browser.get("/get?k=n").await.unwrap().expect_body("-").unwrap();
}

/// A change of id whose answer is lost is looked up under the new id: the visitor gets it.
#[tokio::test(start_paused = true)]
async fn s04_a_lost_reply_to_a_change_of_id_costs_nobody_a_session() {
    let (stage, mode) = stage(Duration::from_secs(3));
    let mut browser = stage.browser();
    browser.post("/set?k=cart&v=apples").await.unwrap().expect(200).unwrap();
    for path in ["/rotate", "/login?user=alice"] {
        let before = browser.jar().clone();
        mode.store(LOSES_REPLIES, SeqCst);
        browser.post(path).await.unwrap().expect(200).unwrap();
        mode.store(ANSWERS, SeqCst);
        assert_ne!(browser.jar(), &before, "{path}");
        browser.get("/get?k=cart").await.unwrap().expect_body("apples").unwrap();
    }
    browser.get("/who").await.unwrap().expect_body("alice").unwrap();
}

/// Where the old id still works the change has failed, whatever is under the new one: a visitor
/// who was given the new id would leave a session behind that no logout ends.
#[tokio::test(start_paused = true)]
async fn s04_a_change_of_id_that_stopped_half_way_has_failed() {
    let (stage, mode) = stage(Duration::from_secs(3));
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    for path in ["/rotate", "/login?user=alice"] {
        mode.store(STOPS_HALF_WAY, SeqCst);
        browser.post(path).await.unwrap().expect(503).unwrap().expect_no_cookie().unwrap();
        mode.store(ANSWERS, SeqCst);
        browser.get("/who").await.unwrap().expect_body("alice").unwrap();
    }
    let mut copied = browser.clone();
    browser.post("/logout").await.unwrap().expect(200).unwrap();
    copied.get("/who").await.unwrap().expect_body("-").unwrap();
}

/// A logout waits until no process believes the cache any more. That wait is no hanging store,
/// though it is longer than a call to the store may take.
#[tokio::test(start_paused = true)]
async fn s04_a_hanging_cache_fails_no_request() {
    let (front, start) = (Hanging::default(), Instant::now());
    let mode = front.mode.clone();
    let began = Clock::default().now();
    let options = CachedOptions::new(
        move || began + start.elapsed(),
        |span| Box::pin(tokio::time::sleep(span)),
    );
    let (patience, wait) = (options.patience, options.lease + options.skew);
    let store = Cached::new(front, MemoryStore::new(), options);
    let mut config = Config::native();
    config.store_timeout = Duration::from_secs(5);
    assert!(config.store_timeout < wait, "the bound is to be shorter than the wait");
    let stage = Stage::over(AnyStore::new(store), config, Clock::default()).unwrap();
    let mut browser = stage.browser();
    browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    mode.store(LOSES_CALLS, SeqCst);
    // The first finds out that it hangs; for a while the others do not ask it.
    for most in [patience, Duration::ZERO, Duration::ZERO] {
        let asked = Instant::now();
        browser.get("/who").await.unwrap().expect_body("alice").unwrap();
        assert!(asked.elapsed() <= most, "{:?}", asked.elapsed());
    }
    let asked = Instant::now();
    browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    assert!(asked.elapsed() >= wait, "the id before is believed still");
    browser.get("/who").await.unwrap().expect_body("alice").unwrap();
    let mut copied = browser.clone();
    let asked = Instant::now();
    browser.post("/logout").await.unwrap().expect(200).unwrap();
    assert!(asked.elapsed() >= wait, "the session is believed still");
    copied.get("/who").await.unwrap().expect_body("-").unwrap();
}
