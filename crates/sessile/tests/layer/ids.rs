//! New ids: random, unique, and none without randomness.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use sessile::store::{CreateOutcome, Entry};
use sessile::{Config, Engine, MemoryStore, SessionStore, Timestamp};
use sessile_core::exchange::Runtime;
use sessile_core::store::BoxFuture;
use sessile_core::transaction::{self, Context};
use sessile_core::{CommitError, RandomError, SessionId};

/// A program whose random bytes are the test's.
struct Dice<F>(Mutex<F>);

impl<F: FnMut(&mut [u8]) -> Result<(), RandomError> + Send + 'static> Runtime for Dice<F> {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_767_323_045)
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        (self.0.lock().unwrap())(bytes)
    }

    fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

fn value_of(cookie: &str) -> &str {
    let pair = cookie.split(';').next().unwrap();
    pair.split_once('=').unwrap().1
}

/// A session that somebody just wrote to.
async fn written(
    engine: &Engine,
    store: &MemoryStore,
    context: &Context<'_>,
) -> sessile_core::Session {
    let session = transaction::open(engine, store, None, context).await.unwrap();
    session.insert("a", 1);
    session
}

#[test]
fn r01_a_million_ids_are_all_different() {
    let engine = Engine::new(Config::native()).unwrap();
    let now = Timestamp::from_secs(0);
    let mut random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
    let mut ids = HashSet::new();
    let mut ones = [0_u32; 192];
    let session = engine.anonymous(now);
    session.insert("a", 1);
    for number in 0..1_000_000 {
        let plan = engine.settle(&session, false, now, &mut random).unwrap();
        let cookie = plan.response.cookie.unwrap();
        let id = value_of(cookie.as_str());
        assert!(ids.insert(<[u8; 32]>::try_from(id.as_bytes()).unwrap()), "a duplicate");
        if number < 10_000 {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(id).unwrap();
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(bytes[bit / 8] >> (bit % 8) & 1);
            }
        }
    }
    // Of 10,000 fair coins fewer than 4,500 heads never come up: all 192 bits are random.
    assert!(ones.iter().all(|count| (4_500..=5_500).contains(count)), "a bit is not random");
}

#[tokio::test]
async fn r01_without_random_bytes_there_is_no_id() {
    let (engine, store) = (Engine::new(Config::native()).unwrap(), MemoryStore::new());
    let dice = Dice(Mutex::new(|_: &mut [u8]| Err(RandomError::new("the source is closed"))));
    let context = Context::new(&dice);
    let session = written(&engine, &store, &context).await;
    let error = transaction::commit(&engine, &store, &session, false, &context).await.unwrap_err();
    assert!(matches!(error, CommitError::Random(_)), "{error}");
    assert!(store.is_empty());
    let failure = sessile::Failure::from(sessile_core::exchange::Failure::Commit(error.into()));
    assert_eq!(failure.status().as_u16(), 500);
}

/// tower-sessions 0.12.0 overwrote the session that had the id already.
#[tokio::test]
async fn r01_a_new_id_that_is_taken_overwrites_nothing() {
    let (engine, store) = (Engine::new(Config::native()).unwrap(), MemoryStore::new());
    let mut draws = 0_u8;
    // The first ten ids are all the same one.
    let dice = Dice(Mutex::new(move |bytes: &mut [u8]| {
        bytes.fill(if draws < 10 { 7 } else { draws });
        draws += 1;
        Ok(())
    }));
    let context = Context::new(&dice);
    let first = written(&engine, &store, &context).await;
    first.insert("whose", "first");
    transaction::commit(&engine, &store, &first, false, &context).await.unwrap();
    let second = written(&engine, &store, &context).await;
    let sent = transaction::commit(&engine, &store, &second, false, &context).await.unwrap();
    assert_eq!(store.len(), 2);
    let taken = SessionId::from_random(&[7; 24]);
    assert_ne!(value_of(sent.cookie.unwrap().as_str()), taken.expose());
    let session = transaction::open(&engine, &store, Some(taken.expose().as_bytes()), &context)
        .await
        .unwrap();
    assert_eq!(session.get::<String>("whose").as_deref(), Some("first"));
}

/// And its 0.12.1 did so when an id was changed.
#[tokio::test]
async fn r01_a_change_to_an_id_that_is_taken_overwrites_nothing() {
    let (engine, store) = (Engine::new(Config::native()).unwrap(), MemoryStore::new());
    let mut draws = 0_u8;
    let dice = Dice(Mutex::new(move |bytes: &mut [u8]| {
        // First 1, second 2, then twice the first one's, then something new.
        let drawn = [1, 2, 1, 1].get(usize::from(draws)).copied().unwrap_or(draws);
        bytes.fill(drawn);
        draws += 1;
        Ok(())
    }));
    let context = Context::new(&dice);
    for whose in ["first", "second"] {
        let session = written(&engine, &store, &context).await;
        session.insert("whose", whose);
        transaction::commit(&engine, &store, &session, false, &context).await.unwrap();
    }
    let read = async |byte: u8| {
        let id = SessionId::from_random(&[byte; 24]);
        transaction::open(&engine, &store, Some(id.expose().as_bytes()), &context).await.unwrap()
    };
    let moving = read(2).await;
    moving.cycle_id();
    transaction::commit(&engine, &store, &moving, false, &context).await.unwrap();
    let first = read(1).await;
    assert_eq!(first.get::<String>("whose").as_deref(), Some("first"));
    let second = read(2).await;
    assert_eq!(second.get::<String>("whose").as_deref(), Some("second"));
}

/// A store dump opens no session: the raw id is nowhere in it (Rack CVE-2019-16782).
#[tokio::test]
async fn inv11_the_store_never_sees_an_id() {
    let (engine, store) = (Engine::new(Config::native()).unwrap(), MemoryStore::new());
    let dice = Dice(Mutex::new(|bytes: &mut [u8]| {
        bytes.fill(9);
        Ok(())
    }));
    let context = Context::new(&dice);
    let session = written(&engine, &store, &context).await;
    transaction::commit(&engine, &store, &session, false, &context).await.unwrap();
    let id = SessionId::from_random(&[9; 24]);
    let (key, record) =
        store.capabilities().scan.unwrap().scan(None, 10).await.unwrap().entries.pop().unwrap();
    assert_eq!(key, id.store_key());
    for stored in [key.as_bytes(), &record.payload] {
        let has = |needle: &[u8]| stored.windows(needle.len()).any(|window| window == needle);
        assert!(!has(id.expose().as_bytes()) && !has(&[9; 24]));
    }
    assert!(matches!(store.load(&key).await.unwrap(), Some(Entry::Live(..))));
    assert_eq!(store.create(&key, &record).await.unwrap(), CreateOutcome::Exists);
}
