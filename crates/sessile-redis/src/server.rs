//! Commands and scripts, sent to the server that holds a key.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::{Cmd, Pipeline, ServerErrorKind, Value, cmd, pipe};
use sessile_core::{StoreError, StoreErrorKind};
use sha1::{Digest as _, Sha1};
use tokio::time::{Instant, timeout_at};

use crate::address::{self, Address};
use crate::cluster::Cluster;
use crate::fault::{Fault, IS_CLUSTER, IS_SENTINEL, failed};
use crate::keys::Names;
use crate::link::checked;
use crate::near::Near;
use crate::node::{Node, Reply, Request, SendOptions};
use crate::target::{Sentinels, Target};
use crate::{ConnectError, Durable, Options};

/// The servers of one store.
pub(crate) struct Server {
    kind: Kind,
    timeout: Duration,
    waiting: usize,
    under_way: AtomicUsize,
    durable: Option<Durable>,
    near: Option<Arc<Near>>,
    user: String,
}

enum Kind {
    One(Arc<Node>),
    Cluster(Cluster),
}

/// What a command does, and so what may be done when its connection is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads: it may be sent again.
    Reads,
    /// It writes: it is sent once, unless the server surely did not do it.
    Writes,
    /// It writes what must not be undone: replicas are waited for where that is asked for.
    Durable,
}

impl Server {
    pub(crate) fn new(
        url: &str,
        options: &Options,
        names: &Arc<Names>,
    ) -> Result<Self, ConnectError> {
        let address = address::parse(url, options)?;
        let near = options.near_cache.map(|limits| {
            Arc::new(Near::new(limits, Arc::clone(names), options.layout.is_foreign()))
        });
        if near.is_some() && !address.speaks_resp3() {
            return Err(ConnectError::Url("a near cache needs `protocol=3`"));
        }
        let user = address.user().to_owned();
        let kind = match address {
            Address::One(info) => {
                let target = || Target::Server(info.clone());
                Kind::One(Arc::new(Node::new(options, near.as_ref(), target)))
            }
            Address::Sentinel { sentinels, master, of_master } => {
                let sentinels = Arc::new(Sentinels::new(&sentinels, &master, &of_master));
                let target = || Target::Master(Arc::clone(&sentinels));
                Kind::One(Arc::new(Node::new(options, near.as_ref(), target)))
            }
            Address::Cluster { seeds } => {
                let none = ConnectError::Url("it names no server");
                Kind::Cluster(Cluster::new(&seeds, options, near.clone()).ok_or(none)?)
            }
        };
        Ok(Self {
            kind,
            timeout: options.timeout,
            waiting: options.waiting,
            under_way: AtomicUsize::new(0),
            durable: options.durable,
            near,
            user,
        })
    }

    /// The user that the server knows us as.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Sessions kept in this process.
    pub(crate) fn near(&self) -> Option<&Near> {
        self.near.as_deref()
    }

    /// Whether keys lie on several servers, so that no script reaches two of them.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster(_))
    }

    /// Every server that owns keys, and a number that differs when these do.
    pub(crate) async fn masters(&self) -> Result<(Vec<Arc<Node>>, u64), Fault> {
        match &self.kind {
            Kind::One(node) => Ok((vec![Arc::clone(node)], 0)),
            Kind::Cluster(cluster) => {
                let map = cluster.map(self.deadline()).await?;
                Ok((map.masters.clone(), map.mark))
            }
        }
    }

    /// Makes sure that it answers, and that it is what the address says it is.
    pub(crate) async fn greet(&self) -> Result<(), StoreError> {
        self.one(b"", &cmd("PING"), Effect::Reads).await?;
        if let Kind::One(_) = self.kind
            && let Ok(Value::Map(said)) = self.one(b"", &cmd("HELLO"), Effect::Reads).await
        {
            let is =
                |word: &[u8], value: &Value| matches!(value, Value::BulkString(it) if it == word);
            let mode = said.iter().find(|(name, _)| is(b"mode", name)).map(|(_, mode)| mode);
            let wrong = match mode {
                Some(mode) if is(b"cluster", mode) => IS_CLUSTER,
                Some(mode) if is(b"sentinel", mode) => IS_SENTINEL,
                _ => return Ok(()),
            };
            return Err(failed(StoreErrorKind::Unsupported, wrong));
        }
        Ok(())
    }

    /// Sends several commands that only read to one server; errors are among the answers.
    pub(crate) async fn at(&self, node: &Node, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
        let _place = self.place()?;
        let manner = SendOptions { slow: false, asking: false, deadline: self.deadline() };
        match node.send(Request::Several(commands), manner).await {
            Err(fault) if fault.is_lost_connection() => {
                node.send(Request::Several(commands), manner).await?.several()
            }
            reply => reply?.several(),
        }
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

    /// Reads where `key` lies, and over which connection.
    pub(crate) async fn read(&self, key: &[u8], command: &Cmd) -> Result<(Value, u64), Fault> {
        let _place = self.place()?;
        let request = Request::One(command);
        let reply = self.send(key, request, Effect::Reads, false, self.deadline()).await?;
        let from = reply.from();
        Ok((reply.one()?, from))
    }

    /// Sends several commands for the same key at once; errors are among the answers.
    pub(crate) async fn several(
        &self,
        key: &[u8],
        commands: &Pipeline,
        effect: Effect,
    ) -> Result<(Vec<Value>, u64), Fault> {
        let _place = self.place()?;
        let request = Request::Several(commands);
        let reply = self.send(key, request, effect, false, self.deadline()).await?;
        let from = reply.from();
        Ok((reply.several()?, from))
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
        if let (Some(durable), Effect::Durable) = (self.durable, effect) {
            return self.confirmed(key, command, durable, deadline).await;
        }
        self.send(key, Request::One(command), effect, false, deadline).await?.one()
    }

    async fn send(
        &self,
        key: &[u8],
        request: Request<'_>,
        effect: Effect,
        slow: bool,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        match &self.kind {
            Kind::Cluster(cluster) => cluster.send(key, request, effect, slow, deadline).await,
            Kind::One(node) => {
                let manner = SendOptions { slow, asking: false, deadline };
                let again = match node.send(request, manner).await {
                    // A server that was restarted is met by whoever comes first.
                    Err(fault) if fault.is_lost_connection() => (effect == Effect::Reads, fault),
                    // So is one that became a replica: the next connection may lead to the master.
                    Err(fault) if fault.is_read_only() => (true, fault),
                    Err(fault) => return Err(fault),
                    Ok(reply) => match reply.redirected() {
                        Err(fault) if fault.is_read_only() => (true, fault),
                        Err(fault) => return Err(fault),
                        Ok(reply) => return Ok(reply),
                    },
                };
                match again {
                    (true, _) => node.send(request, manner).await,
                    (false, fault) => Err(fault),
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
        let request = Request::Several(&both);
        let answers = self.send(key, request, Effect::Durable, true, deadline).await?.several()?;
        let Ok([answer, waited]) = <[Value; 2]>::try_from(answers) else {
            return Err(Fault::Strange);
        };
        let answer = checked(answer)?;
        match checked(waited)? {
            Value::Int(replicas) if replicas >= i64::from(durable.replicas) => Ok(answer),
            _ => {
                if let Kind::One(node) = &self.kind {
                    // A master that lost its replicas may have lost its place.
                    node.doubt();
                }
                Err(Fault::NotConfirmed)
            }
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Whether a write whose answer was lost was carried out, when `done` says so before the
    /// call it is part of, begun at `since`, must be over. Never where replicas must confirm
    /// it: nobody can tell whether they have.
    pub(crate) async fn was_done(
        &self,
        fault: &Fault,
        since: Instant,
        done: impl Future<Output = bool> + Send,
    ) -> bool {
        fault.is_lost_connection()
            && self.durable.is_none()
            && timeout_at(since + self.timeout, done).await.unwrap_or(false)
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
            Sha1::digest(self.code).iter().map(|byte| format!("{byte:02x}")).collect()
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
