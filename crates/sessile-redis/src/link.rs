//! One connection to one server, made anew when it is lost or in doubt.
//!
//! The driver's multiplexed connection matches answers to commands by their
//! order and hands them to whoever asked; an answer that nobody waits for any
//! more is dropped. So a cancelled call disturbs nobody. A connection on which
//! an answer did not come in time is thrown away all the same: what stalls
//! there would stall everybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisError, Value,
    cmd,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::fault::{Fault, why_lost};
use crate::near::Near;
use crate::target::Target;

const FIRST_REST: Duration = Duration::from_millis(25);
const LONGEST_REST: Duration = Duration::from_millis(400);
const FRESH: Duration = Duration::from_millis(100);

const NO_TLS: &str = "connecting took too long, as where a port does not speak TLS: redis://";

/// Counts the connections of this process.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// A connection to one server. Clones share it.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    target: Target,
    connect_timeout: Duration,
    /// Where what is read over it is kept, if anywhere.
    near: Option<Arc<Near>>,
    slot: Mutex<Slot>,
    /// Told whenever an attempt to connect has ended.
    ended: watch::Sender<()>,
}

#[derive(Default)]
struct Slot {
    open: Option<MultiplexedConnection>,
    /// The connection's, so that a late complaint does not close the next one.
    number: u64,
    /// When it was made.
    since: Option<Instant>,
    connecting: bool,
    /// After a failed attempt: not before then again, and why it failed.
    resting: Option<(Instant, Duration, &'static str)>,
}

impl Link {
    pub(crate) fn new(target: Target, connect_timeout: Duration, near: Option<Arc<Near>>) -> Self {
        let (slot, ended) = (Mutex::default(), watch::Sender::new(()));
        Self(Arc::new(Inner { target, connect_timeout, near, slot, ended }))
    }

    /// Sends one command and waits for its answer until `deadline`; it comes with
    /// the number of its connection.
    pub(crate) async fn one(
        &self,
        command: &Cmd,
        deadline: Instant,
    ) -> Result<(Value, u64), Fault> {
        let (mut connection, number) = self.connection(deadline).await?;
        let sent = timeout_at(deadline, connection.send_packed_command(command)).await;
        let answer = sent.map_or(Err(Fault::Timeout), |answer| checked(answer?));
        Ok((self.judge(number, answer)?, number))
    }

    /// Sends several commands at once and waits for the answers; errors are among them.
    pub(crate) async fn several(
        &self,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<(Vec<Value>, u64), Fault> {
        let (mut connection, number) = self.connection(deadline).await?;
        let sent = connection.send_packed_commands(commands, 0, commands.len());
        let sent = timeout_at(deadline, sent).await;
        let answers = sent.map_or(Err(Fault::Timeout), |answers| Ok(answers?));
        Ok((self.judge(number, answers)?, number))
    }

    fn judge<T>(&self, number: u64, answer: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &answer
            && fault.ends_connection()
        {
            self.0.discard(number);
        }
        answer
    }

    /// Makes the next call connect anew, unless this connection was made just now: a replica is
    /// not asked who it is for every write.
    pub(crate) fn leave(&self) {
        let number = {
            let slot = self.0.slot();
            if slot.since.is_some_and(|since| since.elapsed() < FRESH) {
                return;
            }
            slot.number
        };
        self.0.discard(number);
    }

    /// Makes the next call connect anew.
    pub(crate) fn lose(&self) {
        let number = self.0.slot().number;
        self.0.discard(number);
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
        if let Some(near) = &self.near {
            near.lost(number);
        }
        let mut slot = self.slot();
        if slot.number == number {
            slot.open = None;
        }
    }
}

/// One attempt. A guard ends it even when its runtime is shut down meanwhile.
async fn connect(inner: Arc<Inner>) {
    let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    let mut attempt = Attempt { inner, number, made: Err("connecting was cut off") };
    let inner = Arc::clone(&attempt.inner);
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(inner.connect_timeout))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1024)
        .set_write_backpressure_boundary(64 * 1024);
    if inner.target.protocol() == ProtocolVersion::RESP3 {
        let watch = Watch { inner: Arc::downgrade(&inner), near: inner.near.clone(), number };
        config = config.set_push_sender(move |push: PushInfo| {
            watch.told(&push);
            Ok::<_, redis::aio::SendError>(())
        });
    }
    let deadline = Instant::now() + inner.connect_timeout * 3;
    let made = async {
        let mut connection = inner.target.connect(&config, inner.connect_timeout).await?;
        if let Some(near) = &inner.near {
            let tracking = cmd("CLIENT").arg("TRACKING").arg("ON").take();
            match connection.send_packed_command(&tracking).await? {
                Value::Okay => near.track(number),
                _ => tracing::warn!("Redis keeps no track of what is read: no near cache"),
            }
        }
        Ok::<_, RedisError>(connection)
    };
    attempt.made = match timeout_at(deadline, made).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if !error.is_timeout() => Err(why_lost(&error)),
        // Asked for TLS, a server without it waits for more.
        _ if inner.target.speaks_tls() => Err(NO_TLS),
        _ => Err("connecting took too long"),
    };
}

/// Hears what a connection says unasked, and lives as long as somebody reads it.
struct Watch {
    inner: Weak<Inner>,
    near: Option<Arc<Near>>,
    number: u64,
}

impl Watch {
    fn told(&self, push: &PushInfo) {
        match (&push.kind, &self.near) {
            (PushKind::Disconnection, _) => {
                if let Some(inner) = self.inner.upgrade() {
                    inner.discard(self.number);
                }
            }
            (PushKind::Invalidate, Some(near)) => near.told(&push.data),
            _ => {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(near) = &self.near {
            near.lost(self.number);
        }
    }
}

struct Attempt {
    inner: Arc<Inner>,
    number: u64,
    made: Result<MultiplexedConnection, &'static str>,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut slot = self.inner.slot();
        slot.connecting = false;
        slot.number = self.number;
        slot.since = Some(Instant::now());
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
