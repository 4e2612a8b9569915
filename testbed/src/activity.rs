//! How much a server has been used, by its own count: the proof that tests ran against it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::backends::Backend;
use crate::redis::Connection;
use crate::{mariadb, postgres};

/// Connections made to a backend so far, summed over its servers, this question's own among them;
/// `None` where the server does not count them or does not answer.
pub fn connections(backend: Backend, url: &str) -> Option<u64> {
    match backend {
        Backend::Redis | Backend::RedisSentinel | Backend::RedisCluster => {
            let count =
                |it| Connection::open(it, None).ok()?.info("total_connections_received").ok();
            addresses(url).into_iter().map(count).sum()
        }
        Backend::Memcached => addresses(url).into_iter().map(memcached).sum(),
        Backend::Postgres => {
            let sql = "select sum(sessions)::bigint from pg_stat_database";
            postgres::query(url, sql).ok()?.trim().parse().ok()
        }
        Backend::MySql => {
            let port = addresses(url).first()?.port();
            let row = mariadb::query(port, "show global status like 'Connections'").ok()?;
            row.split_whitespace().last()?.parse().ok()
        }
        Backend::MongoDb => None,
    }
}

/// The servers in `scheme://user:password@HOST:PORT,HOST:PORT/path`.
fn addresses(url: &str) -> Vec<SocketAddr> {
    let hosts = url.split_once("://").map_or(url, |it| it.1);
    let hosts = hosts.rsplit_once('@').map_or(hosts, |it| it.1);
    let hosts = hosts.split(['/', '?']).next().unwrap_or_default();
    hosts.split(',').filter_map(|it| it.parse().ok()).collect()
}

fn memcached(address: SocketAddr) -> Option<u64> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.write_all(b"stats\r\nquit\r\n").ok()?;
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.into_iter().find_map(|line| line.strip_prefix("STAT total_connections ")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_every_kind_of_url() {
        let found = |url: &str| {
            addresses(url).iter().map(|it| it.port().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found("redis://:secret@127.0.0.1:1"), "1");
        assert_eq!(found("redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster"), "1 2");
        assert_eq!(found("mysql://a:b@127.0.0.1:3306/sessile?x=y"), "3306");
    }
}
