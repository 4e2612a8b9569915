//! Work that waits for a connection's thread, and the threads that do it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sessile_core::StoreErrorKind;
use tokio::sync::oneshot;

use super::connection::{Opened, Opener};
use super::fault::Fault;
use super::statements::{Db, Sql};
use crate::ConnectError;

/// Writes that are committed together at most.
const MAX_BATCH: usize = 256;

/// What is done aside takes about this long at a time: so long a writer waits for it, and without
/// a write-ahead log readers do, too.
const ASIDE_LONGEST: Duration = Duration::from_millis(8);
/// Rows it changes at a time. Fewer would not be faster: the disk is waited for once each time.
const ASIDE_ROWS: std::ops::RangeInclusive<usize> = 64..=512;
/// It rests as long as it worked, within these.
const SHORTEST_REST: Duration = Duration::from_millis(1);
const LONGEST_REST: Duration = Duration::from_millis(50);

/// One request's work.
pub(super) trait Job: Send {
    /// Whether nobody waits for it any more.
    fn is_dropped(&self) -> bool;
    /// Does it, without answering yet. Again from the start, when called again.
    fn run(&mut self, db: &Db<'_>) -> rusqlite::Result<()>;
    /// Says what it found, or why that does not count.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

struct Call<F, T> {
    work: F,
    found: Option<T>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

pub(super) fn call<T: Send + 'static>(
    work: impl Fn(&Db<'_>) -> rusqlite::Result<T> + Send + 'static,
    reply: oneshot::Sender<Result<T, Fault>>,
) -> Box<dyn Job> {
    Box::new(Call { work, found: None, reply })
}

impl<T: Send, F: Fn(&Db<'_>) -> rusqlite::Result<T> + Send> Job for Call<F, T> {
    fn is_dropped(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, db: &Db<'_>) -> rusqlite::Result<()> {
        self.found = Some((self.work)(db)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let Self { found, reply, .. } = *self;
        let found = outcome.and_then(|()| found.ok_or_else(Fault::worker_gone));
        // Nobody may be waiting any more; what was written is written.
        let _ = reply.send(found);
    }
}

/// A bounded queue between requests and threads.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    most: usize,
}

struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    /// What nobody is in a hurry for: one at a time, with a rest before the next.
    aside: VecDeque<Box<dyn Job>>,
    /// How many rows the next of these may change.
    aside_rows: usize,
    rest_until: Option<Instant>,
    closed: bool,
}

/// What a thread does next.
enum Taken {
    Jobs(Vec<Box<dyn Job>>),
    Aside(Box<dyn Job>),
}

impl Waiting {
    fn next(&mut self, most: usize, now: Instant) -> Option<Taken> {
        if self.closed || self.rest_until.is_none_or(|until| until <= now) {
            while let Some(job) = self.aside.pop_front() {
                if !job.is_dropped() {
                    return Some(Taken::Aside(job));
                }
            }
        }
        let count = self.jobs.len().min(most);
        (count > 0).then(|| Taken::Jobs(self.jobs.drain(..count).collect()))
    }
}

pub(super) enum Refused {
    Full,
    Closed,
}

impl Queue {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let waiting = Waiting {
            jobs: VecDeque::new(),
            aside: VecDeque::new(),
            aside_rows: *ASIDE_ROWS.start(),
            rest_until: None,
            closed: false,
        };
        Arc::new(Self { waiting: Mutex::new(waiting), changed: Condvar::new(), most: most.max(1) })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: Box<dyn Job>) -> Result<(), Refused> {
        self.put(job, |waiting| &mut waiting.jobs)
    }

    /// For work that may wait until others had their turn, and changes no more than
    /// [`Self::aside_rows`] rows. One thread at most takes of it.
    pub(super) fn push_aside(&self, job: Box<dyn Job>) -> Result<(), Refused> {
        self.put(job, |waiting| &mut waiting.aside)
    }

    pub(super) fn aside_rows(&self) -> usize {
        self.lock().aside_rows
    }

    fn put(
        &self,
        job: Box<dyn Job>,
        queue: impl FnOnce(&mut Waiting) -> &mut VecDeque<Box<dyn Job>>,
    ) -> Result<(), Refused> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refused::Closed);
        }
        let queue = queue(&mut waiting);
        if queue.len() >= self.most {
            return Err(Refused::Full);
        }
        queue.push_back(job);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Lets the threads end once nothing waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for work; `None` when there will be none.
    fn take(&self, most: usize) -> Option<Taken> {
        let mut waiting = self.lock();
        loop {
            let now = Instant::now();
            if let Some(taken) = waiting.next(most, now) {
                drop(waiting);
                return Some(match taken {
                    Taken::Jobs(mut jobs) => {
                        jobs.retain(|job| !job.is_dropped());
                        Taken::Jobs(jobs)
                    }
                    aside => aside,
                });
            }
            if waiting.closed {
                return None;
            }
            let rest = waiting.rest_until.filter(|_| !waiting.aside.is_empty());
            waiting = match rest.map(|until| until.saturating_duration_since(now)) {
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(rest) => {
                    let waited = self.changed.wait_timeout(waiting, rest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// What was done aside took this long, for so many rows.
    fn rest(&self, took: Duration, rows: usize) {
        let mut waiting = self.lock();
        waiting.rest_until = Some(Instant::now() + took.clamp(SHORTEST_REST, LONGEST_REST));
        let now = waiting.aside_rows;
        let next = if took > ASIDE_LONGEST {
            now / 2
        } else if rows >= now && took < ASIDE_LONGEST / 2 {
            now * 2
        } else {
            now
        };
        waiting.aside_rows = next.clamp(*ASIDE_ROWS.start(), *ASIDE_ROWS.end());
    }
}

/// Refuses work once its threads are gone, whatever ended them.
struct CloseAtEnd<'a>(&'a Queue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
        let mut waiting = self.0.lock();
        waiting.jobs.clear();
        waiting.aside.clear();
    }
}

pub(super) fn serve_writes(
    opener: &Opener,
    queue: &Queue,
    opened: oneshot::Sender<Result<(), ConnectError>>,
) {
    let _end = CloseAtEnd(queue);
    let mut current = match opener.first() {
        Ok(connection) => {
            let _ = opened.send(Ok(()));
            Some(connection)
        }
        Err(error) => {
            let _ = opened.send(Err(error));
            return;
        }
    };
    while let Some(taken) = queue.take(MAX_BATCH) {
        match taken {
            Taken::Jobs(jobs) if jobs.is_empty() => {}
            Taken::Jobs(jobs) => write_all(opener, &mut current, jobs),
            // By itself, so that no other's commit waits for it to be done.
            Taken::Aside(job) => {
                let started = Instant::now();
                write_all(opener, &mut current, vec![job]);
                let rows = current.as_ref().map_or(0, |opened| opened.connection.changes());
                queue.rest(started.elapsed(), usize::try_from(rows).unwrap_or(usize::MAX));
            }
        }
    }
}

pub(super) fn serve_reads(opener: &Opener, queue: &Queue) {
    let mut current = None;
    while let Some(taken) = queue.take(1) {
        let jobs = match taken {
            Taken::Jobs(jobs) => jobs,
            Taken::Aside(job) => vec![job],
        };
        for mut job in jobs {
            let outcome =
                with(opener, &mut current, |connection, sql| Ok(job.run(&Db { connection, sql })?));
            job.answer(outcome);
        }
    }
}

/// Together if they can be, each by itself when one of them fails.
fn write_all(opener: &Opener, current: &mut Option<Opened>, mut jobs: Vec<Box<dyn Job>>) {
    let together = with(opener, current, |connection, sql| commit(connection, sql, &mut jobs));
    let alone = jobs.len() > 1 && together.as_ref().is_err_and(|fault| !fault.spoils_all());
    if !alone {
        for job in jobs {
            job.answer(together.clone());
        }
        return;
    }
    for job in jobs {
        let mut one = [job];
        let outcome = with(opener, current, |connection, sql| commit(connection, sql, &mut one));
        let [job] = one;
        job.answer(outcome);
    }
}

fn commit(connection: &Connection, sql: &Sql, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    let db = Db { connection, sql };
    db.begin()?;
    let done = jobs.iter_mut().try_for_each(|job| job.run(&db)).and_then(|()| db.commit());
    if done.is_err() && !connection.is_autocommit() {
        // The first failure is the one to tell.
        let _ = db.rollback();
    }
    Ok(done?)
}

/// Calls `work` with a connection to the file that is at the path now, before and after.
///
/// Should it panic, its callers are told, its connection is closed, which undoes what was not
/// committed, and the thread goes on with a new one.
fn with(
    opener: &Opener,
    current: &mut Option<Opened>,
    work: impl FnMut(&Connection, &Sql) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // Nothing half-done is seen after a panic: `current` is empty until the work is done, and a
    // job keeps nothing of a call that failed.
    let done = catch_unwind(AssertUnwindSafe(|| with_file(opener, current, work)));
    done.unwrap_or_else(|_| Err(Fault::panicked()))
}

/// How often a file that is read without a lock is read again, because it changed meanwhile.
const TRIES: usize = 5;

fn with_file(
    opener: &Opener,
    current: &mut Option<Opened>,
    mut work: impl FnMut(&Connection, &Sql) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for _ in 0..TRIES {
        let opened = match current.take() {
            Some(opened) if opener.may_stay(&opened) && opener.is_current(&opened) => opened,
            // Closed first: see `may_stay`.
            stale => {
                drop(stale);
                opener.again()?
            }
        };
        let outcome = work(&opened.connection, opener.sql());
        if opener.is_late(&opened) {
            continue;
        }
        return match outcome {
            Err(fault) if fault.kind == StoreErrorKind::ReadOnly => {
                opener.open_all_anew();
                Err(fault)
            }
            Err(fault) if fault.spoils_connection() => Err(fault),
            _ if !opener.is_current(&opened) => Err(Fault::file_removed()),
            outcome => {
                *current = opener.may_stay(&opened).then_some(opened);
                outcome
            }
        };
    }
    Err(Fault::changing())
}
