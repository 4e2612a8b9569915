//! The connections to one server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::{Cmd, Pipeline, Value, cmd, pipe};
use tokio::time::Instant;

use crate::Options;
use crate::fault::Fault;
use crate::link::{Link, checked};
use crate::near::Near;
use crate::target::Target;

/// One server: a connection for what is answered at once, and a few for what
/// waits for replicas, since `WAIT` holds up everything sent after it.
pub(crate) struct Node {
    link: Link,
    slow: Vec<Link>,
    next: AtomicUsize,
}

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
        let slow = if options.durable.is_some() { SLOW_LINKS } else { 0 };
        // Nothing is read over the slow ones.
        let open = |near| Link::new(target(), options.connect_timeout, near);
        let slow = (0..slow).map(|_| open(None)).collect();
        Self { link: open(near.cloned()), slow, next: AtomicUsize::new(0) }
    }

    pub(crate) async fn send(
        &self,
        request: Request<'_>,
        manner: SendOptions,
    ) -> Result<Reply, Fault> {
        let SendOptions { slow, asking, deadline } = manner;
        let link = if slow { self.slow_link() } else { &self.link };
        if asking {
            return asked(link, request, deadline).await;
        }
        match request {
            Request::One(command) => {
                link.one(command, deadline).await.map(|(value, from)| Reply::One(value, from))
            }
            Request::Several(commands) => {
                let (values, from) = link.several(commands, deadline).await?;
                Ok(Reply::Several(values, from))
            }
        }
    }

    fn slow_link(&self) -> &Link {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.slow.get(next % self.slow.len().max(1)).unwrap_or(&self.link)
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
