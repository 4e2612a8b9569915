//! All the servers that tests of stores may want, started side by side.

use std::any::Any;
use std::fmt;
use std::thread;

use crate::error::Error;
use crate::mariadb::{MariaDb, MariaDbOptions};
use crate::memcached::{self, Memcached, MemcachedOptions};
use crate::mongodb;
use crate::postgres::{Postgres, PostgresOptions};
use crate::redis::{Redis, RedisCluster, RedisOptions, RedisSentinel, SentinelOptions};

/// A kind of server, alone or several in a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One Redis.
    Redis,
    /// A master with two replicas and three sentinels.
    RedisSentinel,
    /// Three masters with a replica each.
    RedisCluster,
    /// Three memcached.
    Memcached,
    /// One PostgreSQL.
    Postgres,
    /// One MariaDB.
    MySql,
    /// A server that speaks MongoDB's protocol.
    MongoDb,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Redis,
        Self::RedisSentinel,
        Self::RedisCluster,
        Self::Memcached,
        Self::Postgres,
        Self::MySql,
        Self::MongoDb,
    ];

    /// The name by which it is chosen on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::RedisSentinel => "redis-sentinel",
            Self::RedisCluster => "redis-cluster",
            Self::Memcached => "memcached",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::MongoDb => "mongodb",
        }
    }

    /// The variable in which tests look for its URL.
    pub fn variable(self) -> String {
        format!("SESSILE_TEST_{}_URL", self.name().to_uppercase().replace('-', "_"))
    }

    /// The programs it needs, each with the Debian package it is in.
    pub fn programs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Redis => &[("redis-server", "redis-server"), ("openssl", "openssl")],
            Self::RedisCluster => &[("redis-server", "redis-server")],
            Self::RedisSentinel => {
                &[("redis-server", "redis-server"), ("redis-sentinel", "redis-sentinel")]
            }
            Self::Memcached => &[("memcached", "memcached")],
            Self::Postgres => &[
                ("initdb", "postgresql"),
                ("psql", "postgresql-client"),
                // The pooler before it.
                ("pgbouncer", "pgbouncer"),
                ("openssl", "openssl"),
            ],
            Self::MySql => &[("mariadbd", "mariadb-server"), ("mariadb", "mariadb-client")],
            Self::MongoDb => &[],
        }
    }

    /// The backend of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    fn start(self) -> Result<Started, Error> {
        let started = |url: String, what: &str, servers: Box<dyn Any + Send>| Started {
            backend: self,
            url,
            what: what.to_owned(),
            servers,
        };
        Ok(match self {
            Self::Redis => {
                let redis = Redis::start(RedisOptions::default())?;
                started(redis.url(), "redis-server", Box::new(redis))
            }
            Self::RedisSentinel => {
                let trio = RedisSentinel::start(SentinelOptions::default())?;
                started(trio.url(), "a master, 2 replicas, 3 sentinels", Box::new(trio))
            }
            Self::RedisCluster => {
                let cluster = RedisCluster::start(RedisOptions::default())?;
                started(cluster.url(), "3 masters, 3 replicas", Box::new(cluster))
            }
            Self::Memcached => {
                let servers = Memcached::several(3, &MemcachedOptions::default())?;
                started(memcached::url(&servers), "3 memcached", Box::new(servers))
            }
            Self::Postgres => {
                let postgres = Postgres::start(&PostgresOptions::default())?;
                started(postgres.url(), "PostgreSQL", Box::new(postgres))
            }
            Self::MySql => {
                let mariadb = MariaDb::start(&MariaDbOptions::default())?;
                started(mariadb.url(), "MariaDB", Box::new(mariadb))
            }
            Self::MongoDb => {
                let mongodb = mongodb::start()?;
                let what = mongodb.what().to_owned();
                started(mongodb.url().to_owned(), &what, Box::new(mongodb))
            }
        })
    }
}

/// A backend that runs until this value goes.
pub struct Started {
    /// Which it is.
    pub backend: Backend,
    /// How clients reach it.
    pub url: String,
    /// What runs, in words.
    pub what: String,
    /// Whoever has to be dropped for it to stop.
    #[expect(dead_code, reason = "held for its drop")]
    servers: Box<dyn Any + Send>,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.what, self.url)
    }
}

/// Starts the backends side by side and waits until all of them answer: in the same order, what
/// runs or why it does not.
pub fn start(backends: &[Backend]) -> Vec<Result<Started, Error>> {
    thread::scope(|scope| {
        let threads: Vec<_> =
            backends.iter().map(|backend| scope.spawn(|| backend.start())).collect();
        let gone = |_| Err(Error::new("a thread that started a server panicked"));
        threads.into_iter().map(|it| it.join().unwrap_or_else(gone)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_backend_has_a_name_and_a_variable_of_its_own() {
        for backend in Backend::ALL {
            assert_eq!(Backend::from_name(backend.name()), Some(backend));
        }
        assert_eq!(Backend::RedisSentinel.variable(), "SESSILE_TEST_REDIS_SENTINEL_URL");
        assert_eq!(Backend::MySql.variable(), "SESSILE_TEST_MYSQL_URL");
        assert_eq!(Backend::from_name("oracle"), None);
    }
}
