//! A worker process, seen from inside.

use std::env;
use std::io::Write as _;

use sessile_core::store::{CreateOutcome, WriteOutcome};
use sessile_core::{SessionStore, StoreError, StoreKey};

use super::{BACKEND, JOB, KEY, MARK, repeated, user};
use crate::cases::concurrency::add_number;
use crate::check::{ensure, live};
use crate::{Failure, block_on};

/// A process that a test started, seen from inside.
struct Worker {
    job: Job,
    key: StoreKey,
    backend: String,
}

/// What a process was started for, on a store that `open` opens on the backend
/// that the test named.
///
/// # Errors
///
/// When it was not started by [`Workers`](super::Workers), and when the store
/// does not keep its contract, or fails.
pub fn work<S: SessionStore + Clone, F: Future<Output = Result<S, StoreError>>>(
    open: impl FnOnce(String) -> F,
) -> Result<(), Failure> {
    let worker = Worker::from_env()?;
    block_on(async { worker.run(&open(worker.backend.clone()).await?).await })?
}

enum Job {
    Add { first: usize, count: usize },
    Count { from: usize },
    LogIn { from: usize },
}

impl Worker {
    /// What this process was started for.
    fn from_env() -> Result<Self, Failure> {
        let var = |name| env::var(name).map_err(|_| Failure(format!("{name} is not set")));
        let malformed = || Failure(format!("{JOB} or {KEY} is not what Workers sets"));
        let (job, key) = (var(JOB)?, var(KEY)?);
        let words: Vec<_> = job.split(' ').collect();
        let number = |word: &str| word.parse::<usize>().map_err(|_| malformed());
        let job = match words[..] {
            ["add", first, count] => Job::Add { first: number(first)?, count: number(count)? },
            ["count", from] => Job::Count { from: number(from)? },
            ["log-in", from] => Job::LogIn { from: number(from)? },
            _ => return Err(malformed()),
        };
        Ok(Self { job, key: key_from(&key).ok_or_else(malformed)?, backend: var(BACKEND)? })
    }

    /// Does its work on a store, opened on that backend.
    async fn run<S: SessionStore + Clone>(&self, store: &S) -> Result<(), Failure> {
        match self.job {
            Job::Add { first, count } => self.add(store, first, count).await,
            Job::Count { from } => self.count(store, from).await,
            Job::LogIn { from } => self.log_in(store, from).await,
        }
    }

    async fn add<S: SessionStore + Clone>(
        &self,
        store: &S,
        first: usize,
        count: usize,
    ) -> Result<(), Failure> {
        say("ready")?;
        std::io::stdin().read_line(&mut String::new())?;
        let mut tasks = Vec::new();
        for number in first..first + count {
            let (store, key) = (store.clone(), self.key.clone());
            tasks.push(tokio::spawn(async move { add_number(&store, &key, number).await }));
        }
        for task in tasks {
            task.await??;
        }
        Ok(())
    }

    /// Logs two users in and over to one another, in one session after the
    /// other, saying when one is done. Ends by being killed.
    async fn log_in(&self, store: &impl SessionStore, from: usize) -> Result<(), Failure> {
        let (live, _) = live(store.load(&self.key).await?, "the session to copy")?;
        for number in from.. {
            let (mut first, mut second) = (live.clone(), live.clone());
            first.subject = Some(user(&self.key, 0)?);
            second.subject = Some(user(&self.key, 1)?);
            let key = nth_key(&self.key, number);
            if let CreateOutcome::Created(version) = store.create(&key, &first).await? {
                let outcome = store.update(&key, &second, &version).await?;
                ensure!(matches!(outcome, WriteOutcome::Written(_)), "update: {outcome:?}");
            }
            say(&number.to_string())?;
        }
        Ok(())
    }

    /// Writes one number after the other, saying each when it is written. Ends by being killed.
    async fn count(&self, store: &impl SessionStore, from: usize) -> Result<(), Failure> {
        for number in from.. {
            let (mut record, version) = live(store.load(&self.key).await?, "before a write")?;
            record.payload = repeated(number);
            let outcome = store.update(&self.key, &record, &version).await?;
            ensure!(matches!(outcome, WriteOutcome::Written(_)), "the only writer: {outcome:?}");
            say(&number.to_string())?;
        }
        Ok(())
    }
}

fn say(what: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{what}")?;
    out.flush()
}

/// A key of the same kind as `base`, another for every number.
fn nth_key(base: &StoreKey, number: usize) -> StoreKey {
    let Some(mut hash) = base.hash().copied() else {
        return StoreKey::from_text(format!("{}{number:08}", base.to_text()));
    };
    for (to, from) in hash.iter_mut().zip((number as u64).to_le_bytes()) {
        *to ^= from.wrapping_mul(0x9d).wrapping_add(1);
    }
    StoreKey::from_hash(hash)
}

fn key_from(text: &str) -> Option<StoreKey> {
    let (kind, text) = text.split_once(' ')?;
    if kind == "text" {
        return Some(StoreKey::from_text(text));
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(StoreKey::from_hash(hash))
}
