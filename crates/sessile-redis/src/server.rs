//! Commands and scripts, sent to the server that holds a key.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{Cmd, Pipeline, ServerErrorKind, Value, cmd, pipe};
use sha1::{Digest as _, Sha1};
use tokio::time::Instant;

use crate::address::{self, Address};
use crate::fault::Fault;
use crate::node::Node;
use crate::target::{Sentinels, Target};
use crate::{ConnectError, Durable, Options};

/// The servers of one store.
pub(crate) struct Server {
    kind: Kind,
    timeout: Duration,
    waiting: usize,
    under_way: AtomicUsize,
    durable: Option<Durable>,
}

enum Kind {
    One(Node),
}

/// What a command does, and so what may be done when its connection is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads: it may be sent again.
    Reads,
    /// It writes: it is sent once, unless the server surely did not do it.
    Writes,
    /// It writes what must not be undone: replicas are waited for where that is asked for.
    Lasts,
}

impl Server {
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let kind = match address::parse(url, options)? {
            Address::One(info) => Kind::One(Node::new(options, || Target::Server((*info).clone()))),
            Address::Sentinel { sentinels, master, of_master } => {
                Kind::One(Node::new(options, || {
                    Target::Master(Sentinels::new(&sentinels, &master, &of_master))
                }))
            }
            Address::Cluster { seeds } => {
                drop(seeds);
                return Err(ConnectError::Url("clusters are not supported"));
            }
        };
        Ok(Self {
            kind,
            timeout: options.timeout,
            waiting: options.waiting,
            under_way: AtomicUsize::new(0),
            durable: options.durable,
        })
    }

    /// Sends a command to where `key` lies.
    pub(crate) async fn one(
        &self,
        key: &[u8],
        command: &Cmd,
        effect: Effect,
    ) -> Result<Value, Fault> {
        let _place = self.place()?;
        self.one_until(key, command, effect, self.deadline()).await
    }

    /// Sends several commands for the same key at once; errors are among the answers.
    pub(crate) async fn several(
        &self,
        key: &[u8],
        commands: &Pipeline,
        effect: Effect,
    ) -> Result<Vec<Value>, Fault> {
        let _place = self.place()?;
        self.several_until(key, commands, effect, self.deadline()).await
    }

    /// Runs a script. The first of `keys` says where.
    pub(crate) async fn script(
        &self,
        script: &'static Script,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        effect: Effect,
    ) -> Result<Value, Fault> {
        let _place = self.place()?;
        let deadline = self.deadline();
        let key = keys.first().copied().unwrap_or_default();
        let known = script.call("EVALSHA", script.hash(), keys, arguments);
        match self.one_until(key, &known, effect, deadline).await {
            Err(fault) if fault.server() == Some(ServerErrorKind::NoScript) => {
                let whole = script.call("EVAL", script.code, keys, arguments);
                self.one_until(key, &whole, effect, deadline).await
            }
            answer => answer,
        }
    }

    async fn one_until(
        &self,
        key: &[u8],
        command: &Cmd,
        effect: Effect,
        deadline: Instant,
    ) -> Result<Value, Fault> {
        if let (Some(durable), Effect::Lasts) = (self.durable, effect) {
            return self.confirmed(key, command, durable, deadline).await;
        }
        match &self.kind {
            Kind::One(node) => {
                let answer = node.link().one(command, deadline).await;
                match answer {
                    Err(fault) if fault.is_lost_connection() && effect == Effect::Reads => {
                        node.link().one(command, deadline).await
                    }
                    answer => answer,
                }
            }
        }
    }

    async fn several_until(
        &self,
        _key: &[u8],
        commands: &Pipeline,
        effect: Effect,
        deadline: Instant,
    ) -> Result<Vec<Value>, Fault> {
        match &self.kind {
            Kind::One(node) => {
                let link = if effect == Effect::Lasts { node.slow_link() } else { node.link() };
                match link.several(commands, deadline).await {
                    Err(fault) if fault.is_lost_connection() && effect == Effect::Reads => {
                        link.several(commands, deadline).await
                    }
                    answers => answers,
                }
            }
        }
    }

    /// The command, and on the same connection `WAIT`.
    async fn confirmed(
        &self,
        key: &[u8],
        command: &Cmd,
        durable: Durable,
        deadline: Instant,
    ) -> Result<Value, Fault> {
        let millis = u64::try_from(durable.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut both = pipe();
        both.add_command(command.clone());
        both.add_command(cmd("WAIT").arg(durable.replicas).arg(millis).take());
        let deadline = deadline + durable.timeout;
        let answers = self.several_until(key, &both, Effect::Lasts, deadline).await?;
        let Ok([answer, waited]) = <[Value; 2]>::try_from(answers) else {
            return Err(Fault::Strange);
        };
        let answer = crate::link::checked(answer)?;
        match crate::link::checked(waited)? {
            Value::Int(replicas) if replicas >= i64::from(durable.replicas) => Ok(answer),
            _ => Err(Fault::NotConfirmed),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    fn place(&self) -> Result<Place<'_>, Fault> {
        let place = Place(&self.under_way);
        if self.under_way.fetch_add(1, Ordering::Relaxed) < self.waiting {
            return Ok(place);
        }
        Err(Fault::Crowded)
    }
}

/// One of the calls that may be under way.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A script, which servers know by its hash once they have seen it.
pub(crate) struct Script {
    code: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    pub(crate) const fn new(code: &'static str) -> Self {
        Self { code, hash: OnceLock::new() }
    }

    fn hash(&self) -> &str {
        self.hash.get_or_init(|| {
            let mut text = String::with_capacity(40);
            crate::keys::push_hex(&mut text, &Sha1::digest(self.code));
            text
        })
    }

    fn call(&self, how: &str, script: &str, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        let parts = keys.iter().chain(arguments);
        let bytes = parts.clone().map(|part| part.len() + 16).sum::<usize>();
        let mut call = Cmd::with_capacity(3 + keys.len() + arguments.len(), bytes + 80);
        call.arg(how).arg(script).arg(keys.len());
        for part in parts {
            call.arg(*part);
        }
        call
    }
}
