//! One connection to one server, made anew when it is lost or in doubt.
//!
//! The driver's multiplexed connection matches answers to commands by their
//! order and hands them to whoever asked; an answer that nobody waits for any
//! more is dropped. So a cancelled call disturbs nobody. A connection on which
//! an answer did not come in time is thrown away all the same: what stalls
//! there would stall everybody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, PushInfo, PushKind, Value};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::fault::{Fault, why_lost};
use crate::target::Target;

const FIRST_REST: Duration = Duration::from_millis(25);
const LONGEST_REST: Duration = Duration::from_millis(400);

/// A connection to one server. Clones share it.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    target: Target,
    connect_timeout: Duration,
    slot: Mutex<Slot>,
    /// Told whenever an attempt to connect has ended.
    ended: watch::Sender<()>,
}

#[derive(Default)]
struct Slot {
    open: Option<MultiplexedConnection>,
    /// Counts connections, so that a late complaint does not close the next one.
    number: u64,
    connecting: bool,
    /// After a failed attempt: not before then again, and why it failed.
    resting: Option<(Instant, Duration, &'static str)>,
}

impl Link {
    pub(crate) fn new(target: Target, connect_timeout: Duration) -> Self {
        let slot = Mutex::default();
        Self(Arc::new(Inner { target, connect_timeout, slot, ended: watch::Sender::new(()) }))
    }

    /// Sends one command and waits for its answer until `deadline`.
    pub(crate) async fn one(&self, command: &Cmd, deadline: Instant) -> Result<Value, Fault> {
        let (mut connection, number) = self.connection(deadline).await?;
        let sent = timeout_at(deadline, connection.send_packed_command(command)).await;
        self.judge(number, sent.map_or(Err(Fault::Timeout), |answer| checked(answer?)))
    }

    /// Sends several commands at once and waits for the answers; errors are among them.
    pub(crate) async fn several(
        &self,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<Vec<Value>, Fault> {
        let (mut connection, number) = self.connection(deadline).await?;
        let sent = connection.send_packed_commands(commands, 0, commands.len());
        let sent = timeout_at(deadline, sent).await;
        self.judge(number, sent.map_or(Err(Fault::Timeout), |answers| Ok(answers?)))
    }

    fn judge<T>(&self, number: u64, answer: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &answer
            && fault.ends_connection()
        {
            self.0.discard(number);
        }
        answer
    }

    async fn connection(&self, deadline: Instant) -> Result<(MultiplexedConnection, u64), Fault> {
        loop {
            let mut ended = {
                let mut slot = self.0.slot();
                if let Some(open) = &slot.open {
                    return Ok((open.clone(), slot.number));
                }
                if let Some((until, _, why)) = slot.resting
                    && Instant::now() < until
                {
                    return Err(Fault::NotConnected(why));
                }
                let ended = self.0.ended.subscribe();
                if !slot.connecting {
                    slot.connecting = true;
                    // On its own, so that whoever asked first may be cancelled.
                    tokio::spawn(connect(Arc::clone(&self.0)));
                }
                ended
            };
            let waited = timeout_at(deadline, ended.changed()).await;
            if waited.is_err() {
                return Err(Fault::NotConnected("connecting took too long"));
            }
        }
    }
}

impl Inner {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Nothing panics while it is held.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn discard(&self, number: u64) {
        let mut slot = self.slot();
        if slot.number == number {
            slot.open = None;
        }
    }
}

/// One attempt. A guard ends it even when its runtime is shut down meanwhile.
async fn connect(inner: Arc<Inner>) {
    let mut attempt = Attempt { inner, made: Err("connecting was cut off") };
    let inner = Arc::clone(&attempt.inner);
    let number = inner.slot().number + 1;
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(inner.connect_timeout))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1024)
        .set_write_backpressure_boundary(64 * 1024);
    if inner.target.protocol() == ProtocolVersion::RESP3 {
        let watched = Arc::downgrade(&inner);
        config = config.set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection
                && let Some(inner) = watched.upgrade()
            {
                inner.discard(number);
            }
            Ok::<_, redis::aio::SendError>(())
        });
    }
    let deadline = Instant::now() + inner.connect_timeout * 3;
    attempt.made = match timeout_at(deadline, inner.target.connect(&config)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(why_lost(&error)),
        Err(_) => Err("connecting took too long"),
    };
}

struct Attempt {
    inner: Arc<Inner>,
    made: Result<MultiplexedConnection, &'static str>,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut slot = self.inner.slot();
        slot.connecting = false;
        slot.number += 1;
        match &self.made {
            Ok(connection) => {
                slot.open = Some(connection.clone());
                slot.resting = None;
            }
            Err(why) => {
                let rest = match slot.resting {
                    Some((_, last, _)) => (last * 2).min(LONGEST_REST),
                    None => FIRST_REST,
                };
                slot.resting = Some((Instant::now() + rest, rest, why));
                tracing::warn!(why, "no connection to Redis");
            }
        }
        drop(slot);
        self.inner.ended.send_replace(());
    }
}

/// An answer that is no error.
pub(crate) fn checked(answer: Value) -> Result<Value, Fault> {
    match answer {
        Value::ServerError(error) => Err(Fault::Redis(error.into())),
        other => Ok(other),
    }
}
