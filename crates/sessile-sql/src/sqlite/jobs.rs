//! Work that waits for a connection's thread, and the threads that do it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use sessile_core::StoreErrorKind;
use tokio::sync::oneshot;

use super::connection::{Opened, Opener};
use super::fault::Fault;
use super::statements::{Db, Sql};
use crate::ConnectError;

/// Writes that are committed together at most.
const MAX_BATCH: usize = 256;

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
    closed: bool,
}

pub(super) enum Refused {
    Full,
    Closed,
}

impl Queue {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let waiting = Mutex::new(Waiting { jobs: VecDeque::new(), closed: false });
        Arc::new(Self { waiting, changed: Condvar::new(), most: most.max(1) })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: Box<dyn Job>) -> Result<(), Refused> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refused::Closed);
        }
        if waiting.jobs.len() >= self.most {
            return Err(Refused::Full);
        }
        waiting.jobs.push_back(job);
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
    fn take(&self, most: usize) -> Option<Vec<Box<dyn Job>>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let count = waiting.jobs.len().min(most);
        let mut jobs: Vec<_> = waiting.jobs.drain(..count).collect();
        drop(waiting);
        jobs.retain(|job| !job.is_dropped());
        Some(jobs)
    }
}

/// Refuses work once its threads are gone, whatever ended them.
struct CloseAtEnd<'a>(&'a Queue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
        self.0.lock().jobs.clear();
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
    while let Some(jobs) = queue.take(MAX_BATCH) {
        if !jobs.is_empty() {
            write_all(opener, &mut current, jobs);
        }
    }
}

pub(super) fn serve_reads(opener: &Opener, queue: &Queue) {
    let mut current = None;
    while let Some(jobs) = queue.take(1) {
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
fn with(
    opener: &Opener,
    current: &mut Option<Opened>,
    work: impl FnOnce(&Connection, &Sql) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let opened = match current.take() {
        Some(opened) if opener.may_stay(&opened) && opener.is_current(&opened) => opened,
        // Closed first: see `may_stay`.
        stale => {
            drop(stale);
            opener.again()?
        }
    };
    let outcome = work(&opened.connection, opener.sql());
    match outcome {
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
    }
}
