//! A fast store before a durable one, in random interleavings of two processes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sessile_connect::{Cached, CachedOptions};
use sessile_core::store::{
    Capabilities, CreateOutcome, Entry, Record, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{
    MemoryStore, SessionStore, StoreError, StoreErrorKind, StoreKey, Subject, Timestamp,
};

/// xorshift: the schedule is the seed's.
struct Random(AtomicU32);

impl Random {
    fn below(&self, bound: u32) -> u32 {
        let mut it = self.0.load(Ordering::Relaxed);
        it ^= it << 13;
        it ^= it >> 17;
        it ^= it << 5;
        self.0.store(it, Ordering::Relaxed);
        it % bound
    }
}

/// What all tasks of one schedule share.
struct Stage {
    random: Random,
    millis: AtomicI64,
    /// Of a hundred calls to the front, so many fail, before or after they did something.
    failing: u32,
}

async fn step() {
    let mut stepped = false;
    poll_fn(|_| match std::mem::replace(&mut stepped, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// A store whose calls take a step to arrive and one to answer.
#[derive(Clone)]
struct Stepped {
    store: MemoryStore,
    stage: Arc<Stage>,
    fails: bool,
}

impl Stepped {
    async fn arrive(&self) -> Result<(), StoreError> {
        step().await;
        self.fail()
    }

    async fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        step().await;
        self.fail()?;
        answer
    }

    fn fail(&self) -> Result<(), StoreError> {
        if self.fails && self.stage.random.below(100) < self.stage.failing {
            return Err(StoreError::new("test", StoreErrorKind::Unavailable));
        }
        Ok(())
    }
}

impl SessionStore for Stepped {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.arrive().await?;
        self.answer(self.store.load(key).await).await
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.arrive().await?;
        self.answer(self.store.create(key, record).await).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        self.arrive().await?;
        self.answer(self.store.update(key, record, expected).await).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        self.arrive().await?;
        self.answer(self.store.touch(key, seen, idle).await).await
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        self.arrive().await?;
        self.answer(self.store.replace(old_key, expected, new_key, record, pointer_until).await)
            .await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.arrive().await?;
        self.answer(self.store.delete(key).await).await
    }

    fn capabilities(&self) -> Capabilities<'_> {
        let directory = self.store.capabilities().directory;
        Capabilities { directory, ..Capabilities::default() }
    }
}

const LEASE: Duration = Duration::from_millis(1000);
const SKEW: i64 = 200;

type Store = Cached<Stepped, Stepped>;

/// One process: its clock is off by so much.
fn process(stage: &Arc<Stage>, front: &MemoryStore, back: &MemoryStore, off: i64) -> Store {
    let stepped = |store: &MemoryStore, fails| Stepped {
        store: store.clone(),
        stage: Arc::clone(stage),
        fails,
    };
    let (clock, waiting) = (Arc::clone(stage), Arc::clone(stage));
    let mut options = CachedOptions::new(
        move || Timestamp::from_millis(clock.millis.load(Ordering::Relaxed) + off),
        move |time| {
            let stage = Arc::clone(&waiting);
            let millis = i64::try_from(time.as_millis()).unwrap();
            let until = stage.millis.load(Ordering::Relaxed) + millis;
            Box::pin(poll_fn(move |_| match stage.millis.load(Ordering::Relaxed) >= until {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }))
        },
    );
    options.patience = Duration::from_secs(3600);
    (options.lease, options.skew) = (LEASE, Duration::from_millis(SKEW.unsigned_abs()));
    options.rest = Duration::from_millis(50);
    Cached::new(stepped(front, true), stepped(back, false), options)
}

fn record(number: u32) -> Record {
    Record {
        created: Some(Timestamp::from_secs(1)),
        subject: Subject::new("someone"),
        ..Record::new(number.to_string())
    }
}

fn number(record: &Record) -> u32 {
    std::str::from_utf8(&record.payload).unwrap().parse().unwrap()
}

#[derive(Default)]
struct Known {
    /// A logout has been answered.
    ended: AtomicBool,
    /// The highest number whose update was answered.
    written: AtomicU32,
}

async fn read(store: &Store, key: &StoreKey, known: &Known, exact: bool) {
    for _ in 0..4 {
        let (ended, written) =
            (known.ended.load(Ordering::Relaxed), known.written.load(Ordering::Relaxed));
        let found = store.load(key).await.unwrap();
        if let Some(Entry::Live(found, _)) = &found {
            assert!(!ended, "the session is there after its logout was answered");
            assert!(!exact || number(found) >= written, "an older session after an update");
        }
        step().await;
    }
}

async fn write(store: &Store, key: &StoreKey, known: &Known) {
    for _ in 0..20 {
        let Some(Entry::Live(found, version)) = store.load(key).await.unwrap() else { return };
        let next = number(&found) + 1;
        match store.update(key, &record(next), &version).await.unwrap() {
            WriteOutcome::Written(_) => {
                known.written.fetch_max(next, Ordering::Relaxed);
                return;
            }
            WriteOutcome::Conflict => {}
            WriteOutcome::Gone => return,
        }
    }
    panic!("a reload after a conflict is as stale as the load before");
}

async fn log_out(store: &Store, key: &StoreKey, known: &Known, how: u32) {
    match how {
        0 => store.delete(key).await.unwrap(),
        1 => {
            let subject = Subject::new("someone").unwrap();
            store
                .capabilities()
                .directory
                .unwrap()
                .delete_by_subject(&subject, None)
                .await
                .unwrap();
        }
        _ => loop {
            let Some(Entry::Live(found, version)) = store.load(key).await.unwrap() else { break };
            let new = StoreKey::from_hash([9; 32]);
            if let WriteOutcome::Written(_) =
                store.replace(key, &version, &new, &found, None).await.unwrap()
            {
                break;
            }
        },
    }
    known.ended.store(true, Ordering::Relaxed);
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs all tasks to their end in the order of the seed, with the time passing between.
fn run(stage: &Stage, mut tasks: Vec<Task<'_>>) {
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0;
    while !tasks.is_empty() {
        steps += 1;
        assert!(steps < 1_000_000, "the schedule does not end");
        match stage.random.below(24) {
            0 => drop(stage.millis.fetch_add(stage.random.below(900).into(), Ordering::Relaxed)),
            _ => {
                let at = stage.random.below(u32::try_from(tasks.len()).unwrap()) as usize;
                if tasks[at].as_mut().poll(&mut context).is_ready() {
                    drop(tasks.swap_remove(at));
                }
            }
        }
    }
}

fn schedule(seed: u32, failing: u32) -> u64 {
    let stage = Arc::new(Stage {
        random: Random(AtomicU32::new(seed.wrapping_mul(0x9e37_79b9) | 1)),
        millis: AtomicI64::new(1_000_000_000),
        failing,
    });
    let (front, back) = (MemoryStore::new(), MemoryStore::new());
    let off = i64::from(stage.random.below(SKEW.unsigned_abs() as u32 + 1));
    let one = process(&stage, &front, &back, 0);
    let other = process(&stage, &front, &back, if seed.is_multiple_of(2) { off } else { -off });
    let key = StoreKey::from_hash([1; 32]);
    let known = Known::default();
    let loaded = Rc::new(RefCell::new(false));
    run(
        &stage,
        vec![Box::pin(async {
            back.create(&key, &record(0)).await.unwrap();
            *loaded.borrow_mut() = one.load(&key).await.unwrap().is_some();
        })],
    );
    let exact = failing == 0;
    let how = stage.random.below(3);
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for at in 0..4 {
        let store = if at % 2 == 0 { &one } else { &other };
        tasks.push(Box::pin(read(store, &key, &known, exact)));
    }
    tasks.push(Box::pin(write(&one, &key, &known)));
    tasks.push(Box::pin(write(&other, &key, &known)));
    tasks.push(Box::pin(log_out(
        if seed.is_multiple_of(3) { &one } else { &other },
        &key,
        &known,
        how,
    )));
    run(&stage, tasks);
    // Whoever comes later, in either process.
    for store in [&one, &other] {
        run(&stage, vec![Box::pin(read(store, &key, &known, exact))]);
    }
    one.front_failures() + other.front_failures()
}

#[test]
fn inv04_no_interleaving_revives_an_ended_session_or_shows_an_older_one() {
    for seed in 0..30_000 {
        assert_eq!(schedule(seed, 0), 0, "seed {seed}");
    }
}

#[test]
fn inv04_a_failing_front_revives_nothing_and_fails_nobody() {
    let mut failures = 0;
    for seed in 0..30_000 {
        failures += schedule(seed, 10 + seed % 60);
    }
    assert!(failures > 100_000, "{failures}");
}
