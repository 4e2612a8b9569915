//! Several processes on one store, and processes that are killed.
//!
//! A store's tests start themselves again as workers. They hold one ignored
//! test, which does what it was started for:
//!
//! ```no_run
//! # use sessile_conformance::{block_on, processes::Worker};
//! # async fn open(backend: &str) -> sessile_core::MemoryStore { unimplemented!() }
//! #[test]
//! #[ignore = "the process that other tests start"]
//! fn worker() {
//!     let worker = Worker::from_env().unwrap();
//!     block_on(async { worker.run(&open(worker.backend()).await).await }).unwrap().unwrap();
//! }
//! # fn main() {}
//! ```

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use sessile_core::store::{CreateOutcome, Directory, Record, WriteOutcome};
use sessile_core::{SessionStore, StoreKey, Subject};

use crate::cases::concurrency::{add_number, numbers_in};
use crate::check::{ensure, ensure_eq, live, needs};
use crate::{CaseResult, Failure, Open, Suite, Verdict};

const JOB: &str = "SESSILE_WORKER_JOB";
const KEY: &str = "SESSILE_WORKER_KEY";
const BACKEND: &str = "SESSILE_WORKER_BACKEND";

/// Marks a worker's lines among those of the test harness.
const MARK: &str = "sessile-worker:";

/// How often a kept number is repeated in the payload of a worker that is
/// killed: larger than a page of a disk or a database.
const REPEATED: usize = 2000;

/// A process that a test started, seen from inside.
pub struct Worker {
    job: Job,
    key: StoreKey,
    backend: String,
}

enum Job {
    Add { first: usize, count: usize },
    Count { from: usize },
    LogIn { from: usize },
}

impl Worker {
    /// What this process was started for.
    ///
    /// # Errors
    ///
    /// When it was not started by [`Workers`].
    pub fn from_env() -> Result<Self, Failure> {
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

    /// The backend that the test named.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Does its work on a store, opened on that backend.
    ///
    /// # Errors
    ///
    /// When the store does not keep its contract, or fails.
    pub async fn run<S: SessionStore + Clone>(&self, store: &S) -> Result<(), Failure> {
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

fn repeated(number: usize) -> Bytes {
    format!("{number},").repeat(REPEATED).into()
}

/// The number in a whole payload, or a failure when parts of two are in it.
fn whole(record: &Record) -> Result<usize, Failure> {
    let numbers = numbers_in(&record.payload)?;
    let first = numbers.first().copied().unwrap_or_default();
    let same = numbers.len() == REPEATED && numbers.iter().all(|number| *number == first);
    ensure!(same, "a record that nobody wrote: {} numbers", numbers.len());
    Ok(first)
}

/// One of two users that belong to a worker's key.
fn user(key: &StoreKey, number: usize) -> Result<Subject, Failure> {
    Subject::new(format!("user {number} of {}", key.handle()))
        .ok_or_else(|| Failure("a handle is no subject".into()))
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

fn key_text(key: &StoreKey) -> String {
    let kind = if key.hash().is_some() { "hash" } else { "text" };
    format!("{kind} {}", key.to_text())
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

/// Starts this test program again as a worker.
pub struct Workers {
    test: String,
    backend: String,
}

/// A worker seen from outside. Dropping it kills it.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// The worker's next line; `None` when it has ended.
    fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            // A line that was cut off by the kill says nothing.
            if let (Some((_, said)), true) = (line.split_once(MARK), line.ends_with('\n')) {
                return Ok(Some(said.trim().to_owned()));
            }
        }
    }
}

impl Workers {
    /// `test` is the full name of the ignored test that runs a [`Worker`];
    /// `backend` is what it opens its store with.
    pub fn new(test: &str, backend: &str) -> Self {
        Self { test: test.into(), backend: backend.into() }
    }

    fn start(&self, job: String, key: &StoreKey) -> std::io::Result<Running> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--ignored", "--exact", &self.test, "--nocapture", "--test-threads=1"])
            .env(JOB, job)
            .env(KEY, key_text(key))
            .env(BACKEND, &self.backend)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Running { child, lines: BufReader::new(stdout) })
    }

    /// So many writers, in so many processes, each add something to one session: all is there.
    pub async fn lose_nothing<O: Open>(
        &self,
        suite: &Suite<O>,
        processes: usize,
        writers: usize,
    ) -> CaseResult {
        let (store, key) = (suite.open().await?, suite.key());
        suite.create(&store, &key, &suite.record("")).await?;
        let mut running = Vec::new();
        for process in 0..processes {
            let first = writers * process / processes;
            let count = writers * (process + 1) / processes - first;
            running.push(self.start(format!("add {first} {count}"), &key)?);
        }
        for worker in &mut running {
            ensure_eq!(worker.line()?.as_deref(), Some("ready"), "what a worker says first");
        }
        for worker in &mut running {
            if let Some(mut stdin) = worker.child.stdin.take() {
                writeln!(stdin, "go")?;
            }
        }
        for worker in &mut running {
            while worker.line()?.is_some() {}
            let status = worker.child.wait()?;
            ensure!(status.success(), "a worker failed; its words are above");
        }
        let (record, _) = live(store.load(&key).await?, "after all processes")?;
        let mut numbers = numbers_in(&record.payload)?;
        numbers.sort_unstable();
        let all: Vec<usize> = (0..writers).collect();
        ensure_eq!(numbers, all, "what {writers} writers in {processes} processes added");
        Ok(Verdict::Passed)
    }

    /// A writing process is killed so often, at ever other moments, while
    /// another process reads: whoever reads finds a whole record, and never an
    /// older one than was acknowledged.
    pub async fn survive_kills<O: Open>(&self, suite: &Suite<O>, kills: usize) -> CaseResult {
        let (store, key) = (Arc::new(suite.open().await?), suite.key());
        let mut record = suite.record(repeated(0));
        record.subject = suite.can().directory.then(|| suite.subject("killed")).transpose()?;
        suite.create(&store, &key, &record).await?;
        let mut stored = 0;
        for kill in 0..kills {
            let mut worker = self.start(format!("count {}", stored + 1), &key)?;
            let mut acknowledged = stored;
            for _ in 0..=kill % 3 {
                acknowledged = parse(worker.line()?)?.unwrap_or(acknowledged);
            }
            // Reading takes its time, so the kill comes at another point each time.
            for _ in 0..kill % 11 {
                let (record, _) = live(store.load(&key).await?, "while somebody writes")?;
                let found = whole(&record)?;
                ensure!(found >= acknowledged, "read {found} after {acknowledged} was written");
            }
            worker.child.kill()?;
            worker.child.wait()?;
            while let Some(number) = parse(worker.line()?)? {
                acknowledged = number;
            }
            let (record, version) = live(store.load(&key).await?, "after a kill")?;
            stored = whole(&record)?;
            // The last write may have happened without its acknowledgement.
            let kept = stored == acknowledged || stored == acknowledged + 1;
            ensure!(kept, "found {stored} after {acknowledged} was acknowledged");
            if kill % 10 == 0 {
                let outcome = store.update(&key, &record, &version).await?;
                ensure!(
                    matches!(outcome, WriteOutcome::Written(_)),
                    "a write after a kill answered {outcome:?}"
                );
            }
        }
        if let (Some(subject), Some(directory)) = (&record.subject, store.as_directory()) {
            let ended = directory.delete_by_subject(subject, None).await?;
            ensure_eq!(ended, 1, "sessions ended after all kills");
        }
        Ok(Verdict::Passed)
    }
}

impl Workers {
    /// A process that logs users in is killed so often: whatever it left
    /// behind, every session of a user is listed, and ending them ends all.
    pub async fn leave_no_orphan<O: Open>(&self, suite: &Suite<O>, kills: usize) -> CaseResult {
        needs!(suite, directory);
        let (store, key) = (suite.open().await?, suite.key());
        suite.create(&store, &key, &suite.record("orphan")).await?;
        let directory = store.as_directory().ok_or_else(|| Failure("no directory".into()))?;
        let users = [user(&key, 0)?, user(&key, 1)?];
        let mut next = 1;
        for kill in 0..kills {
            let mut worker = self.start(format!("log-in {next}"), &key)?;
            for _ in 0..=kill % 3 {
                next = parse(worker.line()?)?.map_or(next, |done| done + 1);
            }
            for _ in 0..kill % 11 {
                store.load(&key).await?;
            }
            worker.child.kill()?;
            worker.child.wait()?;
            while let Some(done) = parse(worker.line()?)? {
                next = done + 1;
            }
            next += 1; // it may have begun one more
            if kill % 10 == 9 || kill + 1 == kills {
                for user in &users {
                    check_listing(directory, user, next).await?;
                }
            }
        }
        Ok(Verdict::Passed)
    }
}

/// Every live session of the user is listed; then all are ended, and none is left.
async fn check_listing(
    directory: &dyn Directory,
    user: &Subject,
    at_most: usize,
) -> Result<(), Failure> {
    let mut listed: Vec<_> =
        directory.by_subject(user).await?.into_iter().map(|(key, _)| key).collect();
    listed.sort();
    ensure!(listed.len() <= at_most, "{} sessions listed, {at_most} made", listed.len());
    ensure!(listed == live_of(directory, user).await?, "not the live sessions of the user listed");
    let ended = directory.delete_by_subject(user, None).await?;
    ensure_eq!(ended, listed.len(), "sessions ended");
    ensure!(live_of(directory, user).await?.is_empty(), "a session outlived its user's");
    Ok(())
}

async fn live_of(directory: &dyn Directory, user: &Subject) -> Result<Vec<StoreKey>, Failure> {
    let mut found = Vec::new();
    let mut after: Option<StoreKey> = None;
    loop {
        let page = directory.iterate(after.as_ref(), 500).await?;
        let last = page.len() < 500;
        after = page.last().map(|(key, _)| key.clone());
        let theirs = page.into_iter().filter(|(_, record)| record.subject.as_ref() == Some(user));
        found.extend(theirs.map(|(key, _)| key));
        if last {
            return Ok(found);
        }
    }
}

fn parse(line: Option<String>) -> Result<Option<usize>, Failure> {
    let malformed = |_| Failure("a worker says something else than a number".into());
    line.map(|line| line.parse().map_err(malformed)).transpose()
}
