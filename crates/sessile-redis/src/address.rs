//! URLs, and the servers they name.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisError};
#[cfg(feature = "tls")]
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{ConnectError, Options};

/// What a URL names.
pub(crate) enum Address {
    One(Box<ConnectionInfo>),
    Sentinel { sentinels: Vec<ConnectionInfo>, master: String, of_master: Box<ConnectionInfo> },
    Cluster { seeds: Vec<ConnectionInfo> },
}

impl Address {
    fn of_server(&self) -> Option<&ConnectionInfo> {
        match self {
            Self::One(info) | Self::Sentinel { of_master: info, .. } => Some(info),
            Self::Cluster { seeds } => seeds.first(),
        }
    }

    /// Whether servers may say something unasked.
    pub(crate) fn speaks_resp3(&self) -> bool {
        self.of_server().is_some_and(|it| it.redis_settings().protocol() == ProtocolVersion::RESP3)
    }

    /// The user that it is used as.
    pub(crate) fn user(&self) -> &str {
        self.of_server().and_then(|it| it.redis_settings().username()).unwrap_or("default")
    }
}

const SENTINEL_PORT: &str = "26379";
const REDIS_PORT: &str = "6379";

/// Reads a URL.
///
/// `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS,
/// `unix:///path?db=…&user=…&pass=…`, `redis+cluster://host:port,host:port`,
/// `redis+sentinel://host:port,host:port/master[/database]`; the last two with
/// `rediss+` for TLS. `?protocol=2` is for servers before 6.0.
pub(crate) fn parse(url: &str, options: &Options) -> Result<Address, ConnectError> {
    let (scheme, rest) = url.split_once("://").ok_or(ConnectError::Url("it has no scheme"))?;
    let (plain, kind) = match scheme {
        "redis+sentinel" => ("redis", Kind::Sentinel),
        "rediss+sentinel" => ("rediss", Kind::Sentinel),
        "redis+cluster" => ("redis", Kind::Cluster),
        "rediss+cluster" => ("rediss", Kind::Cluster),
        "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => {
            return Ok(Address::One(Box::new(info(url, options)?)));
        }
        _ => return Err(ConnectError::Url("its scheme is none of Redis")),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let each = |user: &str, path: &str, query: &str, port: &str| {
        hosts
            .split(',')
            .map(|host| {
                let host = with_port(host, port)?;
                info(&format!("{plain}://{user}{host}/{path}?{query}"), options)
            })
            .collect::<Result<Vec<_>, _>>()
    };
    match kind {
        Kind::Cluster if !matches!(path, "" | "0") => {
            Err(ConnectError::Url("a cluster has database 0 only"))
        }
        Kind::Cluster => Ok(Address::Cluster { seeds: each(&user, "", query, REDIS_PORT)? }),
        Kind::Sentinel => {
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return Err(ConnectError::Url("it names no master after the sentinels"));
            }
            // Sentinels have passwords of their own, and no databases.
            let (theirs, ours) = sentinel_user(query);
            let sentinels = each(&theirs, "", &ours, SENTINEL_PORT)?;
            let of_master = info(&format!("{plain}://{user}localhost/{database}?{ours}"), options)?;
            let master = master.to_owned();
            Ok(Address::Sentinel { sentinels, master, of_master: Box::new(of_master) })
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Sentinel,
    Cluster,
}

/// `sentinel_user` and `sentinel_password` out of a query, and what else is in it.
fn sentinel_user(query: &str) -> (String, String) {
    let (mut user, mut password, mut others) = ("", None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sentinel_user", value)) => user = value,
            Some(("sentinel_password", value)) => password = Some(value),
            _ => others.push(pair),
        }
    }
    let who = match password {
        Some(password) => format!("{user}:{password}@"),
        None if user.is_empty() => String::new(),
        None => format!("{user}@"),
    };
    (who, others.join("&"))
}

fn with_port(host: &str, port: &str) -> Result<String, ConnectError> {
    if host.is_empty() {
        return Err(ConnectError::Url("a server's name is missing"));
    }
    // An IPv6 address stands in brackets, so a colon after them is a port's.
    let after_brackets = host.rsplit_once(']').map_or(host, |(_, after)| after);
    Ok(if after_brackets.contains(':') { host.to_owned() } else { format!("{host}:{port}") })
}

fn info(url: &str, options: &Options) -> Result<ConnectionInfo, ConnectError> {
    let parsed = redis::parse_redis_url(url).ok_or(ConnectError::Url("it cannot be parsed"))?;
    let asked = parsed.query_pairs().any(|(name, _)| name == "protocol");
    let info = parsed.into_connection_info().map_err(|error| bad_url(&error))?;
    let mut settings = info.redis_settings().clone();
    if !asked {
        settings = settings.set_protocol(ProtocolVersion::RESP3);
    }
    let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
    secured(info.set_redis_settings(settings).set_tcp_settings(tcp), options)
}

/// The driver's messages name a part of the URL and do not repeat it.
fn bad_url(error: &RedisError) -> ConnectError {
    ConnectError::Url(match error.to_string() {
        text if text.contains("database") => "its database is no number",
        text if text.contains("TLS") => "this build has no TLS: enable the feature `tls`",
        text if text.contains("protocol") || text.contains("Protocol") => "its protocol is 2 or 3",
        text if text.contains("hostname") => "it names no server",
        text if text.contains("fragment") => "it ends in a fragment",
        _ => "it cannot be used",
    })
}

#[cfg(not(feature = "tls"))]
fn secured(info: ConnectionInfo, _: &Options) -> Result<ConnectionInfo, ConnectError> {
    match info.addr() {
        ConnectionAddr::TcpTls { .. } => {
            Err(ConnectError::Url("this build has no TLS: enable the feature `tls`"))
        }
        _ => Ok(info),
    }
}

#[cfg(feature = "tls")]
fn secured(info: ConnectionInfo, options: &Options) -> Result<ConnectionInfo, ConnectError> {
    let ConnectionAddr::TcpTls { insecure, .. } = info.addr() else { return Ok(info) };
    if *insecure {
        return Err(ConnectError::Url("`#insecure` gives its password to anybody in between"));
    }
    // rustls cannot choose where another crate brings a second provider.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    const NO_PEM: ConnectError = ConnectError::Url("a certificate or key for it is no PEM");
    let client_tls = options.client_certificate.clone();
    let client_tls = client_tls
        .map(|(client_cert, client_key)| redis::ClientTlsConfig { client_cert, client_key });
    // The driver takes none for an authority that vouches for nobody.
    if let Some(root) = &options.root_certificate
        && CertificateDer::pem_slice_iter(root).next().is_none_or(|first| first.is_err())
    {
        return Err(NO_PEM);
    }
    let root_cert = options.root_certificate.clone();
    if root_cert.is_none() && client_tls.is_none() {
        return Ok(info);
    }
    let certificates = redis::TlsCertificates { client_tls, root_cert };
    let client = redis::Client::build_with_tls(info, certificates).map_err(|_| NO_PEM)?;
    Ok(client.get_connection_info().clone())
}

/// The same server settings at another host, as Sentinel and Cluster name them.
pub(crate) fn at(host: &str, port: u16, like: &ConnectionInfo) -> ConnectionInfo {
    let host = host.to_owned();
    let addr = match like.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    like.clone().set_addr(addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<Address, String> {
        parse(url, &Options::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_of_one_server() {
        let Ok(Address::One(info)) = parsed("redis://me:p%40ss@[::1]:7000/3") else { panic!() };
        assert!(matches!(info.addr(), ConnectionAddr::Tcp(host, 7000) if host == "::1"));
        assert_eq!(info.redis_settings().password(), Some("p@ss"));
        assert_eq!((info.redis_settings().username(), info.redis_settings().db()), (Some("me"), 3));
        let Ok(Address::One(info)) = parsed("unix:///run/redis.sock?db=2") else { panic!() };
        assert!(matches!(info.addr(), ConnectionAddr::Unix(_)));
    }

    #[test]
    fn urls_of_several_servers() {
        let url = "redis+sentinel://:pw@a,[::1],b:1/main/4?sentinel_password=x";
        let Ok(Address::Sentinel { sentinels, master, of_master }) = parsed(url) else { panic!() };
        let names: Vec<_> = sentinels.iter().map(|info| info.addr().to_string()).collect();
        assert_eq!(names, ["a:26379", "::1:26379", "b:1"]);
        assert_eq!(master, "main");
        assert_eq!(of_master.redis_settings().db(), 4);
        assert_eq!(of_master.redis_settings().password(), Some("pw"));
        assert_eq!(sentinels[0].redis_settings().password(), Some("x"));
        let Ok(Address::Cluster { seeds }) = parsed("redis+cluster://a:1,b") else { panic!() };
        assert_eq!(seeds[1].addr().to_string(), "b:6379");
    }

    #[test]
    fn a_refused_url_says_why_and_never_its_password() {
        for url in [
            "localhost:6379",
            "http://u:secret@h",
            "redis://u:secret@h/x",
            "redis://u:secret@h:99999",
            "redis://u:secret@h?protocol=9",
            "redis+cluster://u:secret@h/1",
            "redis+cluster://u:secret@",
            "redis+sentinel://u:secret@h",
            "redis+sentinel://u:secret@h/main/x",
        ] {
            let Err(error) = parsed(url) else { panic!("{url} is accepted") };
            assert!(!error.contains("secret"), "{error}");
            assert!(error.starts_with("this is no Redis URL"), "{error}");
        }
    }
}
