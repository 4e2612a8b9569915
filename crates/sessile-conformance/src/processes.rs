//! Several processes on one store, and processes that are killed.
//!
//! A store's tests start themselves again as workers. They hold one ignored
//! test, which does what it was started for:
//!
//! ```no_run
//! # use sessile_conformance::{Failure, processes::work};
//! # use sessile_core::{MemoryStore, StoreError};
//! # async fn open(backend: String) -> Result<MemoryStore, StoreError> { unimplemented!() }
//! #[test]
//! #[ignore = "the process that other tests start"]
//! fn worker() -> Result<(), Failure> {
//!     work(open)
//! }
//! # fn main() {}
//! ```

mod worker;

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use sessile_core::store::{Cursor, Directory, Record, Scan, WriteOutcome};
use sessile_core::{SessionStore as _, StoreKey, Subject};
pub use worker::work;

use crate::cases::concurrency::numbers_in;
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

fn key_text(key: &StoreKey) -> String {
    let kind = if key.hash().is_some() { "hash" } else { "text" };
    format!("{kind} {}", key.to_text())
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
    /// `test` is the full name of the ignored test that does [`work`];
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
            // The last write may have happened without its acknowledgement, and may still
            // happen: the write after it is one that it does not expect, and so fences it off.
            stored = acknowledged + 2;
            let mut late = false;
            loop {
                let (mut record, version) = live(store.load(&key).await?, "after a kill")?;
                let found = whole(&record)?;
                let kept = found == acknowledged + 1 || (found == acknowledged && !late);
                ensure!(kept, "found {found} after {acknowledged} was acknowledged");
                record.payload = repeated(stored);
                match store.update(&key, &record, &version).await? {
                    WriteOutcome::Written(_) => break,
                    WriteOutcome::Conflict if found == acknowledged => late = true,
                    other => return Err(Failure(format!("a write after a kill: {other:?}"))),
                }
            }
        }
        if let (Some(subject), Some(directory)) = (&record.subject, store.capabilities().directory)
        {
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
        let directory =
            store.capabilities().directory.ok_or_else(|| Failure("no directory".into()))?;
        let scan = store
            .capabilities()
            .scan
            .ok_or_else(|| Failure("no way through its entries".into()))?;
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
                    // The server may carry out what the killed process had sent, at most one
                    // write, while it is looked: what is wrong then is right the next time.
                    if check_listing(directory, scan, user, next).await.is_err() {
                        check_listing(directory, scan, user, next).await?;
                    }
                }
            }
        }
        Ok(Verdict::Passed)
    }
}

/// Every live session of the user is listed; then all are ended, and none is left.
async fn check_listing(
    directory: &dyn Directory,
    scan: &dyn Scan,
    user: &Subject,
    at_most: usize,
) -> Result<(), Failure> {
    let mut listed: Vec<_> =
        directory.by_subject(user).await?.sessions.into_iter().map(|(key, _)| key).collect();
    listed.sort();
    ensure!(listed.len() <= at_most, "{} sessions listed, {at_most} made", listed.len());
    let live = live_of(scan, user).await?;
    ensure!(
        listed == live,
        "{} sessions of the user listed, {} alive, {} are both",
        listed.len(),
        live.len(),
        listed.iter().filter(|key| live.contains(key)).count()
    );
    let ended = directory.delete_by_subject(user, None).await?;
    ensure_eq!(ended, listed.len(), "sessions ended");
    ensure!(live_of(scan, user).await?.is_empty(), "a session outlived its user's");
    Ok(())
}

async fn live_of(scan: &dyn Scan, user: &Subject) -> Result<Vec<StoreKey>, Failure> {
    let mut found = BTreeSet::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = scan.scan(after.as_ref(), 500).await?;
        let theirs = page.entries.into_iter();
        let theirs = theirs.filter(|(_, record)| record.subject.as_ref() == Some(user));
        found.extend(theirs.map(|(key, _)| key));
        after = page.next;
        if after.is_none() {
            // In order and without those that were seen twice.
            return Ok(found.into_iter().collect());
        }
    }
}

fn parse(line: Option<String>) -> Result<Option<usize>, Failure> {
    let malformed = |_| Failure("a worker says something else than a number".into());
    line.map(|line| line.parse().map_err(malformed)).transpose()
}
