//! Addresses of PostgreSQL: libpq's, psycopg's, asyncpg's, SQLAlchemy's.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{
    ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs,
};

use super::{Address, UNKNOWN, flag, host_and_port, number, only, refused, seconds};
use crate::server::postgres::tls::Wanted;
use crate::tls::Check;
use crate::{ConnectError, Options};

const NO_KERBEROS: &str = "asks for Kerberos, which this does not speak; remove it";
const NOT_READ: &str = "names a file that this does not read; put what it says into the address";
const NO_LISTS: &str = "asks for a list of revoked certificates, which is not looked at; remove it";

/// Where sockets are, on Debian and most others.
const SOCKETS: &str = "/run/postgresql";

/// How to connect, and how the server's certificate is checked.
pub(crate) fn read(rest: &str, options: &Options) -> Result<(Config, Wanted), ConnectError> {
    let address = Address::parse(rest)?;
    let mut config = Config::new();
    config.application_name("sessile");
    if let Some(user) = &address.user {
        config.user(user);
    }
    if let Some(password) = &address.password {
        config.password(password);
    }
    if let Some(database) = &address.database {
        config.dbname(database);
    }
    let mut parts = Parts { hosts: address.hosts, ..Parts::default() };
    for (name, value) in &address.parameters {
        parts.take(&mut config, name, value)?;
    }
    parts.places(&mut config)?;
    let several = config.get_hosts().len().max(config.get_hostaddrs().len()) > 1;
    if several && !parts.is_target_given {
        // Else the first that answers is taken, be it the one that was the primary.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let wanted = parts.tls(&mut config, options)?;
    Ok((config, wanted))
}

/// What takes more than one parameter to know.
#[derive(Default)]
struct Parts {
    hosts: Vec<(String, Option<u16>)>,
    is_host_given: bool,
    ports: Vec<u16>,
    is_target_given: bool,
    mode: Option<String>,
    roots: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    no_sni: bool,
    least: Option<String>,
    most: Option<String>,
}

impl Parts {
    fn take(&mut self, config: &mut Config, name: &str, value: &str) -> Result<(), ConnectError> {
        match name {
            "user" => drop(config.user(value)),
            "password" => drop(config.password(value)),
            "dbname" | "database" => drop(config.dbname(value)),
            "host" => {
                // In the place of those before the path; several add up.
                if !std::mem::replace(&mut self.is_host_given, true) {
                    self.hosts.clear();
                }
                for host in value.split(',').filter(|host| !host.is_empty()) {
                    // SQLAlchemy's several hosts have their ports with them.
                    let is_plain = host.starts_with('/') || host.matches(':').count() > 1;
                    let plain = || (host.to_owned(), None);
                    self.hosts.push(if is_plain { plain() } else { host_and_port(host)? });
                }
            }
            "hostaddr" => {
                for host in value.split(',') {
                    let host = host.parse();
                    config.hostaddr(host.map_err(|_| refused(name, "takes an IP address"))?);
                }
            }
            "port" => {
                for port in value.split(',') {
                    self.ports.push(if port.is_empty() { 5432 } else { number(name, port)? });
                }
            }
            "options" => drop(config.options(value)),
            "application_name" => drop(config.application_name(value)),
            "fallback_application_name" => {
                if config.get_application_name() == Some("sessile") {
                    config.application_name(value);
                }
            }
            // asyncpg's `timeout`.
            "connect_timeout" | "timeout" => {
                if let Some(span) = seconds(name, value)? {
                    config.connect_timeout(span);
                }
            }
            "tcp_user_timeout" => {
                config.tcp_user_timeout(Duration::from_millis(number(name, value)?));
            }
            "keepalives" => drop(config.keepalives(flag(name, value)?)),
            "keepalives_idle"
            | "keepalives_interval"
            | "keepalives_count"
            | "keepalives_retries" => keepalive(config, name, value)?,
            "target_session_attrs" => {
                self.is_target_given = true;
                config.target_session_attrs(match value {
                    "any" => TargetSessionAttrs::Any,
                    "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                    "read-only" => TargetSessionAttrs::ReadOnly,
                    _ => {
                        return Err(refused(
                            name,
                            "takes any, primary, read-write or read-only: \
                                                   sessions are written",
                        ));
                    }
                });
            }
            "load_balance_hosts" => drop(config.load_balance_hosts(match value {
                "disable" => LoadBalanceHosts::Disable,
                "random" => LoadBalanceHosts::Random,
                _ => return Err(refused(name, "takes disable or random")),
            })),
            "channel_binding" => drop(config.channel_binding(match value {
                "disable" => ChannelBinding::Disable,
                "prefer" => ChannelBinding::Prefer,
                "require" => ChannelBinding::Require,
                _ => return Err(refused(name, "takes disable, prefer or require")),
            })),
            "sslmode" => self.mode = Some(value.to_owned()),
            // As in JDBC's addresses, which libpq takes, too; asyncpg's has the names of sslmode.
            "ssl" if value == "true" => self.mode = Some("require".to_owned()),
            "ssl" => self.mode = Some(value.to_owned()),
            "sslnegotiation" => drop(config.ssl_negotiation(match value {
                "postgres" => SslNegotiation::Postgres,
                "direct" => SslNegotiation::Direct,
                _ => return Err(refused(name, "takes postgres or direct")),
            })),
            "sslrootcert" => self.roots = Some(value.to_owned()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "sslsni" => self.no_sni = !flag(name, value)?,
            "ssl_min_protocol_version" => self.least = Some(value.to_owned()),
            "ssl_max_protocol_version" => self.most = Some(value.to_owned()),
            _ => return without_effect(name, value),
        }
        Ok(())
    }

    /// Hosts and ports as libpq pairs them; without any, the socket and then this machine.
    fn places(&self, config: &mut Config) -> Result<(), ConnectError> {
        let count = self.hosts.len().max(config.get_hostaddrs().len());
        if self.ports.len() > 1 && self.ports.len() != count {
            return Err(refused("port", "names not as many ports as there are hosts"));
        }
        let port = |at: usize| self.ports.get(at).or(self.ports.first()).copied();
        for (at, (host, given)) in self.hosts.iter().enumerate() {
            config.host(host);
            config.port(port(at).or(*given).unwrap_or(5432));
        }
        if self.hosts.is_empty() {
            if config.get_hostaddrs().is_empty() {
                config.host(SOCKETS).host("localhost");
                config.target_session_attrs(TargetSessionAttrs::Any);
            }
            for port in if self.ports.is_empty() { &[5432][..] } else { &self.ports } {
                config.port(*port);
            }
        }
        Ok(())
    }

    /// As libpq: without `sslrootcert` a certificate is checked only by `verify-ca` and
    /// `verify-full`. Our own setting asks for the whole check.
    fn tls(self, config: &mut Config, options: &Options) -> Result<Wanted, ConnectError> {
        let own = options.root_certificates.clone();
        let system = self.roots.as_deref() == Some("system");
        let file = self.roots.filter(|_| !system).map(PathBuf::from);
        let usual = if own.is_some() || system { "verify-full" } else { "prefer" };
        let mode = self.mode.as_deref().unwrap_or(usual);
        let given = match (&own, &file) {
            (Some(_), _) => Check::Host,
            (None, Some(_)) => Check::Authority,
            (None, None) => Check::Nothing,
        };
        let (ssl_mode, check) = match mode {
            "disable" => (SslMode::Disable, Check::Nothing),
            _ if system && mode != "verify-full" => {
                return Err(refused("sslrootcert", "is `system`, which goes with verify-full"));
            }
            "allow" | "prefer" => (SslMode::Prefer, given),
            "require" => (SslMode::Require, given),
            "verify-ca" => (SslMode::Require, Check::Authority),
            "verify-full" => (SslMode::Require, Check::Host),
            _ => {
                let why = "takes disable, allow, prefer, require, verify-ca or verify-full";
                return Err(refused("sslmode", why));
            }
        };
        config.ssl_mode(ssl_mode);
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(refused("sslcert", "needs sslkey beside it")),
            (None, Some(_)) => return Err(refused("sslkey", "needs sslcert beside it")),
        };
        let version = |name, value: Option<String>| match value.as_deref() {
            None | Some("" | "TLSv1" | "TLSv1.1" | "TLSv1.2") => Ok(false),
            Some("TLSv1.3") => Ok(true),
            Some(_) => Err(refused(name, "takes TLSv1.2 or TLSv1.3")),
        };
        let newest_only = version("ssl_min_protocol_version", self.least)?;
        let older_only = match self.most.as_deref() {
            None | Some("" | "TLSv1.3") => false,
            Some("TLSv1.2") => true,
            Some(_) => return Err(refused("ssl_max_protocol_version", "takes TLSv1.2 or TLSv1.3")),
        };
        if newest_only && older_only {
            return Err(refused("ssl_max_protocol_version", "is below ssl_min_protocol_version"));
        }
        Ok(Wanted {
            check,
            roots: own.or(file),
            identity,
            no_sni: self.no_sni,
            newest_only,
            older_only,
        })
    }
}

fn keepalive(config: &mut Config, name: &str, value: &str) -> Result<(), ConnectError> {
    let count: u32 = number(name, value)?;
    // 0 is the system's own.
    if count > 0 {
        let span = Duration::from_secs(count.into());
        match name {
            "keepalives_idle" => config.keepalives_idle(span),
            "keepalives_interval" => config.keepalives_interval(span),
            _ => config.keepalives_retries(count),
        };
    }
    Ok(())
}

/// What asks for nothing that concerns sessions, or for what cannot be had.
fn without_effect(name: &str, value: &str) -> Result<(), ConnectError> {
    match name {
        // Of the application's statements and their caches; ours have none.
        "prepared_statement_cache_size"
        | "prepared_statement_name_func"
        | "statement_cache_size"
        | "max_cached_statement_lifetime"
        | "max_cacheable_statement_size"
        | "prepare_threshold"
        | "command_timeout"
        | "async_fallback" => Ok(()),
        "client_encoding" => {
            let utf8 = ["utf8", "utf-8", "unicode", "auto"];
            only(name, value, &utf8, "takes utf8: texts are sent in no other encoding")
        }
        "sslcompression" => {
            only(name, value, &["0", "false"], "is not had: TLS compresses nothing")
        }
        "gssencmode" => only(name, value, &["disable", "prefer"], NO_KERBEROS),
        "gssdelegation" => only(name, value, &["0"], NO_KERBEROS),
        "krbsrvname" | "gsslib" => Err(refused(name, NO_KERBEROS)),
        "passfile" | "service" | "servicefile" => Err(refused(name, NOT_READ)),
        "sslcrl" | "sslcrldir" => Err(refused(name, NO_LISTS)),
        "sslpassword" => Err(refused(
            name,
            "opens a locked key, which this cannot; give sslkey a \
                                            key without a password",
        )),
        "sslcertmode" => {
            only(name, value, &["allow"], "takes allow: sslcert is sent when asked for")
        }
        "requirepeer" => Err(refused(name, "is not checked here; remove it")),
        "require_auth" => Err(refused(name, "is not checked here; use channel_binding=require")),
        "replication" => Err(refused(name, "makes a connection for replication, not for sessions")),
        "server_settings" => Err(refused(name, "is Python's; write options=-c%20name%3Dvalue")),
        _ => Err(refused(name, UNKNOWN)),
    }
}
