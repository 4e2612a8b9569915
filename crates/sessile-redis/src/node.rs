//! The connections to one server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use redis::{Cmd, Pipeline, Value, cmd, pipe};
use tokio::time::Instant;

use crate::Options;
use crate::fault::Fault;
use crate::link::{Link, checked};
use crate::near::Near;
use crate::target::{Sentinels, Target};

/// One server: a connection for what is answered at once, and a few for what
/// waits for replicas, since `WAIT` holds up everything sent after it.
pub(crate) struct Node {
    link: Link,
    slow: Vec<Link>,
    next: AtomicUsize,
    watch: Option<Watch>,
}

/// Whether Sentinels have chosen another master. The old one may live on and take writes, which
/// are lost when it is made a replica, seconds later; so they are asked while there are calls.
struct Watch {
    sentinels: Arc<Sentinels>,
    since: Instant,
    /// When they are next asked, in milliseconds from `since`.
    next: AtomicU64,
    /// How often they had, when the connections were last left for it.
    moves: AtomicU64,
}

/// Between two times.
const WATCH: u64 = 500;

const SLOW_LINKS: usize = 4;

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Request<'a> {
    One(&'a Cmd),
    Several(&'a Pipeline),
}

/// What came back, and over which connection. Among several, errors are values.
pub(crate) enum Reply {
    One(Value, u64),
    Several(Vec<Value>, u64),
}

/// How it is sent.
#[derive(Clone, Copy)]
pub(crate) struct SendOptions {
    /// It ends in `WAIT`.
    pub(crate) slow: bool,
    /// To a server that is about to own the key (`ASKING`).
    pub(crate) asking: bool,
    pub(crate) deadline: Instant,
}

impl Node {
    pub(crate) fn new(
        options: &Options,
        near: Option<&Arc<Near>>,
        target: impl Fn() -> Target,
    ) -> Self {
        let watch = match target() {
            Target::Master(sentinels) => {
                let (next, moves) = (AtomicU64::new(WATCH), AtomicU64::new(0));
                Some(Watch { sentinels, since: Instant::now(), next, moves })
            }
            Target::Server(_) => None,
        };
        let slow = if options.durable.is_some() { SLOW_LINKS } else { 0 };
        // Nothing is read over the slow ones.
        let open = |near| Link::new(target(), options.connect_timeout, near);
        let slow = (0..slow).map(|_| open(None)).collect();
        Self { link: open(near.cloned()), slow, next: AtomicUsize::new(0), watch }
    }

    pub(crate) async fn send(
        &self,
        request: Request<'_>,
        manner: SendOptions,
    ) -> Result<Reply, Fault> {
        let SendOptions { slow, asking, deadline } = manner;
        if let Some(watch) = &self.watch {
            self.look(watch);
        }
        let link = if slow { self.slow_link() } else { &self.link };
        let reply = match request {
            _ if asking => asked(link, request, deadline).await,
            Request::One(command) => {
                link.one(command, deadline).await.map(|(value, from)| Reply::One(value, from))
            }
            Request::Several(commands) => {
                let answers = link.several(commands, deadline).await;
                answers.map(|(values, from)| Reply::Several(values, from))
            }
        };
        if is_read_only(&reply) {
            // It is a replica now. Reads go over a connection that no write would find out about,
            // and what they bring would be old.
            self.links().for_each(Link::leave);
        }
        reply
    }

    /// Leaves the master when another one was chosen; asks now and then, for which nobody waits.
    fn look(&self, watch: &Watch) {
        let moves = watch.sentinels.moves();
        if watch.moves.swap(moves, Ordering::Relaxed) != moves {
            self.links().for_each(Link::lose);
        }
        let now = u64::try_from(watch.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (due, again) = (watch.next.load(Ordering::Relaxed), now.saturating_add(WATCH));
        let order = Ordering::Relaxed;
        if due <= now && watch.next.compare_exchange(due, again, order, order).is_ok() {
            let sentinels = Arc::clone(&watch.sentinels);
            tokio::spawn(async move { sentinels.look().await });
        }
    }

    /// What was told by this server is in doubt: the Sentinels are asked now.
    pub(crate) fn doubt(&self) {
        if let Some(watch) = &self.watch {
            watch.next.store(0, Ordering::Relaxed);
            self.look(watch);
        }
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.slow.iter().chain([&self.link])
    }

    fn slow_link(&self) -> &Link {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.slow.get(next % self.slow.len().max(1)).unwrap_or(&self.link)
    }
}

fn is_read_only(reply: &Result<Reply, Fault>) -> bool {
    match reply {
        Err(fault) => fault.is_read_only(),
        Ok(Reply::Several(values, _)) => values.iter().any(|value| match value {
            Value::ServerError(error) => Fault::Redis(error.clone().into()).is_read_only(),
            _ => false,
        }),
        Ok(Reply::One(..)) => false,
    }
}

/// `ASKING` holds for the one command after it.
async fn asked(link: &Link, request: Request<'_>, deadline: Instant) -> Result<Reply, Fault> {
    let mut commands = pipe();
    let mut push = |command: Cmd| {
        commands.add_command(cmd("ASKING"));
        commands.add_command(command);
    };
    match request {
        Request::One(command) => push(command.clone()),
        Request::Several(several) => several.cmd_iter().cloned().for_each(push),
    }
    let (answers, from) = link.several(&commands, deadline).await?;
    let mut answers = answers.into_iter().skip(1).step_by(2);
    Ok(match request {
        Request::One(_) => Reply::One(checked(answers.next().ok_or(Fault::Strange)?)?, from),
        Request::Several(_) => Reply::Several(answers.collect(), from),
    })
}

impl Reply {
    /// The error that says the key is elsewhere, or not to be had just now.
    pub(crate) fn redirected(self) -> Result<Self, Fault> {
        let first = match &self {
            Self::Several(values, _) => values.first(),
            Self::One(..) => None,
        };
        match first {
            Some(Value::ServerError(error)) => {
                let fault = Fault::Redis(error.clone().into());
                if fault.was_not_done() { Err(fault) } else { Ok(self) }
            }
            _ => Ok(self),
        }
    }

    /// The connection it came over.
    pub(crate) fn from(&self) -> u64 {
        let (Self::One(_, from) | Self::Several(_, from)) = self;
        *from
    }

    pub(crate) fn one(self) -> Result<Value, Fault> {
        match self {
            Self::One(value, _) => Ok(value),
            Self::Several(..) => Err(Fault::Strange),
        }
    }

    pub(crate) fn several(self) -> Result<Vec<Value>, Fault> {
        match self {
            Self::Several(values, _) => Ok(values),
            Self::One(..) => Err(Fault::Strange),
        }
    }
}
