//! Which server a connection goes to.

use std::sync::atomic::{AtomicUsize, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, ProtocolVersion, RedisError,
    RedisResult, Value,
};

use crate::address::at;

/// Where to connect.
pub(crate) enum Target {
    /// To this server.
    Server(ConnectionInfo),
    /// To the one that Sentinels call the master.
    Master(Sentinels),
}

/// A master as its Sentinels know it.
pub(crate) struct Sentinels {
    sentinels: Vec<ConnectionInfo>,
    master: String,
    of_master: ConnectionInfo,
    /// The one that answered last is asked first.
    first: AtomicUsize,
}

impl Target {
    pub(crate) fn protocol(&self) -> ProtocolVersion {
        let (Self::Server(info) | Self::Master(Sentinels { of_master: info, .. })) = self;
        info.redis_settings().protocol()
    }

    pub(crate) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        match self {
            Self::Server(info) => open(info.clone(), config).await,
            Self::Master(sentinels) => sentinels.connect(config).await,
        }
    }
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
            first: AtomicUsize::new(0),
        }
    }

    /// Asks one Sentinel after the other, and believes the first whose master says it is one.
    async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let first = self.first.load(Ordering::Relaxed);
        let mut last = RedisError::from((ErrorKind::EmptySentinelList, "no sentinels"));
        for step in 0..self.sentinels.len() {
            let index = (first + step) % self.sentinels.len();
            let Some(sentinel) = self.sentinels.get(index) else { continue };
            match self.ask(sentinel, config).await {
                Ok(connection) => {
                    self.first.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask(
        &self,
        sentinel: &ConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let asking = AsyncConnectionConfig::new();
        let mut asked = open(sentinel.clone(), &asking).await?;
        let found: Option<(String, u16)> = redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(&self.master)
            .query_async(&mut asked)
            .await?;
        let unknown = (ErrorKind::MasterNameNotFoundBySentinel, "no master of this name");
        let (host, port) = found.ok_or_else(|| RedisError::from(unknown))?;
        let mut connection = open(at(&host, port, &self.of_master), config).await?;
        // During a failover a Sentinel may still name the old one.
        let role: Value = redis::cmd("ROLE").query_async(&mut connection).await?;
        let is_master = matches!(&role, Value::Array(parts)
            if matches!(parts.first(), Some(Value::BulkString(name)) if name == b"master"));
        if is_master {
            return Ok(connection);
        }
        Err(RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "the master is a replica")))
    }
}
