//! Which server a connection goes to.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, ProtocolVersion, RedisError,
    RedisResult, Value,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::address::at;

/// How long a Sentinel may take to be reached, and to name the master.
const ASKING: Duration = Duration::from_millis(500);

/// How long the others are waited for once one has answered.
const OTHERS: Duration = Duration::from_millis(150);

/// Between two questions while the master they named does not answer.
const AGAIN: Duration = Duration::from_millis(200);

/// Where to connect.
pub(crate) enum Target {
    /// To this server.
    Server(Box<ConnectionInfo>),
    /// To the one that Sentinels call the master.
    Master(Arc<Sentinels>),
}

/// A master as its Sentinels know it.
pub(crate) struct Sentinels {
    sentinels: Vec<ConnectionInfo>,
    master: String,
    of_master: ConnectionInfo,
    /// Whom they named last.
    named: Mutex<Option<Place>>,
    moves: AtomicU64,
}

type Place = (String, u16);

impl Target {
    pub(crate) fn protocol(&self) -> ProtocolVersion {
        match self {
            Self::Server(info) => info.redis_settings().protocol(),
            Self::Master(sentinels) => sentinels.of_master.redis_settings().protocol(),
        }
    }

    pub(crate) fn speaks_tls(&self) -> bool {
        let info = match self {
            Self::Server(info) => info,
            Self::Master(sentinels) => &sentinels.of_master,
        };
        matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. })
    }

    pub(crate) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        within: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        match self {
            Self::Server(info) => in_time(within, open(ConnectionInfo::clone(info), config)).await,
            Self::Master(sentinels) => sentinels.connect(config, within).await,
        }
    }
}

/// The driver's own bound is of each step; a server that stands still takes the first.
async fn in_time<T>(
    within: Duration,
    made: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    tokio::time::timeout(within, made).await.map_err(late)?
}

async fn open(
    info: ConnectionInfo,
    config: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    Client::open(info)?.get_multiplexed_async_connection_with_config(config).await
}

impl Sentinels {
    pub(crate) fn new(
        sentinels: &[ConnectionInfo],
        master: &str,
        of_master: &ConnectionInfo,
    ) -> Self {
        Self {
            sentinels: sentinels.to_vec(),
            master: master.to_owned(),
            of_master: of_master.clone(),
            named: Mutex::default(),
            moves: AtomicU64::new(0),
        }
    }

    /// Asks them whether another one is the master now.
    pub(crate) async fn look(&self) {
        if let Ok(found) = self.ask_all().await {
            self.note(found);
        }
    }

    /// How often that was so.
    pub(crate) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    fn note(&self, found: Place) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.as_ref().is_some_and(|named| *named != found) {
            self.moves.fetch_add(1, Ordering::Relaxed);
        }
        *named = Some(found);
    }

    async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        within: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let (host, port) = self.ask_all().await?;
        let made = async {
            let mut connection = open(at(&host, port, &self.of_master), config).await?;
            let role: Value = redis::cmd("ROLE").query_async(&mut connection).await?;
            Ok((connection, role))
        };
        let moved = async {
            loop {
                tokio::time::sleep(AGAIN).await;
                if self.ask_all().await.is_ok_and(|found| found.0 != host || found.1 != port) {
                    return;
                }
            }
        };
        // One that stands still is not waited for once another is chosen.
        let (mut made, mut moved) = (pin!(in_time(within, made)), pin!(moved));
        let first = poll_fn(|context| match made.as_mut().poll(context) {
            Poll::Ready(made) => Poll::Ready(made),
            Poll::Pending => moved.as_mut().poll(context).map(|()| {
                let why = (ErrorKind::MasterNameNotFoundBySentinel, "another master was chosen");
                Err(RedisError::from(why))
            }),
        });
        let (connection, role) = first.await?;
        // During a failover they may still name the old one.
        let is_master = matches!(&role, Value::Array(parts)
            if matches!(parts.first(), Some(Value::BulkString(name)) if name == b"master"));
        if !is_master {
            let why = (ErrorKind::MasterNameNotFoundBySentinel, "the master is a replica");
            return Err(RedisError::from(why));
        }
        self.note((host.clone(), port));
        Ok(connection)
    }

    /// The master's address by the newest of what the Sentinels say: after a failover some of
    /// them name the old one for seconds, which may take writes still, that will be lost.
    async fn ask_all(&self) -> RedisResult<Place> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels {
            asked.spawn(ask(sentinel.clone(), self.master.clone()));
        }
        let mut newest: Option<(u64, Place)> = None;
        let mut last = RedisError::from((ErrorKind::EmptySentinelList, "no sentinels"));
        let mut until = Instant::now() + 2 * ASKING;
        while let Ok(Some(answer)) = timeout_at(until, asked.join_next()).await {
            match answer {
                Ok(Ok((epoch, place))) => {
                    // One that stands still holds nobody up.
                    until = until.min(Instant::now() + OTHERS);
                    if newest.as_ref().is_none_or(|(newest, _)| epoch > *newest) {
                        newest = Some((epoch, place));
                    }
                }
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        newest.map(|(_, place)| place).ok_or(last)
    }
}

/// What one Sentinel says of the master, and which election that is from.
async fn ask(sentinel: ConnectionInfo, master: String) -> RedisResult<(u64, Place)> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ASKING))
        .set_response_timeout(Some(ASKING));
    let mut asked = open(sentinel, &config).await?;
    let said = redis::cmd("SENTINEL").arg("MASTER").arg(master).query_async(&mut asked).await;
    let mut said: HashMap<String, String> =
        said.map_err(|error: RedisError| match error.detail() {
            Some(text) if text.contains("No such master") => {
                (ErrorKind::MasterNameNotFoundBySentinel, "no master of this name").into()
            }
            _ => error,
        })?;
    let epoch = said.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
    let place = said.remove("ip").zip(said.get("port").and_then(|port| port.parse().ok()));
    let strange = (ErrorKind::Parse, "a Sentinel names no address");
    Ok((epoch, place.ok_or_else(|| RedisError::from(strange))?))
}
