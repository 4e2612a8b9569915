//! What goes wrong between us and the servers, and as what a caller sees it.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use sessile_core::store::Unreadable;
use sessile_core::{StoreError, StoreErrorKind};

/// How a call failed.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It was not sent: there is no connection.
    NotConnected(&'static str),
    /// It was not sent: too many others wait.
    Crowded,
    /// No answer in time. Whether it was carried out is unknown.
    Timeout,
    /// The connection was lost, or the server refused.
    Redis(RedisError),
    /// It was carried out, but fewer replicas than wanted have it.
    NotConfirmed,
    /// The answer is none that this command has.
    Strange,
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() { Self::Timeout } else { Self::Redis(error) }
    }
}

impl Fault {
    pub(crate) fn server(&self) -> Option<ServerErrorKind> {
        match self {
            Self::Redis(error) => match error.kind() {
                ErrorKind::Server(kind) => Some(kind),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the connection is of no more use.
    pub(crate) fn ends_connection(&self) -> bool {
        match self {
            Self::Timeout => true,
            // A master that was demoted stays reachable, and refuses every write.
            Self::Redis(error) => {
                error.is_unrecoverable_error()
                    || error.is_io_error()
                    || self.server() == Some(ServerErrorKind::ReadOnly)
            }
            _ => false,
        }
    }

    /// Whether the server says that it did not do it, and that another one or
    /// a later moment may.
    pub(crate) fn was_not_done(&self) -> bool {
        use ServerErrorKind::{
            Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain,
        };
        matches!(
            self.server(),
            Some(Ask | BusyLoading | ClusterDown | MasterDown | Moved | ReadOnly | TryAgain)
        )
    }

    /// Whether the key holds a list, a hash or the like, where a string was wanted.
    pub(crate) fn is_wrong_type(&self) -> bool {
        matches!(self, Self::Redis(error) if error.code() == Some("WRONGTYPE"))
    }

    /// Whether the connection was lost with the answer under way.
    pub(crate) fn is_lost_connection(&self) -> bool {
        matches!(self, Self::Redis(error) if error.is_io_error() || error.is_unrecoverable_error())
    }
}

pub(crate) fn failed(kind: StoreErrorKind, why: &'static str) -> StoreError {
    StoreError::new("Redis", kind).because(why)
}

/// What a key holds that is not a session of this layout.
pub(crate) fn not_a_string() -> Unreadable {
    Unreadable::new("a key holds something other than a string")
}

/// Only words of ours, and a server's error code: its message may repeat a key.
impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        use StoreErrorKind::{
            Corrupt, Full, ReadOnly, Timeout, TooLarge, Unavailable, Unconfirmed,
        };
        match fault {
            Fault::NotConnected(why) => failed(Unavailable, why),
            Fault::Crowded => failed(Unavailable, "too many calls wait for it already"),
            Fault::Timeout => StoreError::new("Redis", Timeout),
            Fault::NotConfirmed => StoreError::new("Redis", Unconfirmed),
            Fault::Strange => failed(Corrupt, "an answer is not what this command gives"),
            Fault::Redis(error) => match error.code() {
                Some("OOM") => failed(Full, "it is at its `maxmemory`"),
                Some("READONLY") => failed(ReadOnly, "it is a replica"),
                Some("MISCONF") => failed(ReadOnly, "it cannot save to its disk (MISCONF)"),
                Some("NOREPLICAS") => failed(Unavailable, "too few replicas are connected"),
                Some("WRONGTYPE") => failed(Corrupt, "a key holds something other than it should"),
                Some("NOAUTH" | "WRONGPASS") => failed(Unavailable, "it refuses our password"),
                Some("NOPERM") => failed(Unavailable, "its ACL forbids us a command or key"),
                Some("LOADING") => failed(Unavailable, "it is loading its data"),
                Some("CLUSTERDOWN" | "MASTERDOWN") => failed(Unavailable, "a part of it is down"),
                Some("ERR") if error.detail().is_some_and(|it| it.contains("exceeds maximum")) => {
                    failed(TooLarge, "it takes no string this long")
                }
                Some(code) => {
                    StoreError::new("Redis", Unavailable).because(format!("it answered {code}"))
                }
                None => failed(Unavailable, why_lost(&error)),
            },
        }
    }
}

pub(crate) fn why_lost(error: &RedisError) -> &'static str {
    match error.kind() {
        _ if error.is_connection_refusal() => "the connection is refused",
        ErrorKind::AuthenticationFailed => "it refuses our password",
        ErrorKind::InvalidClientConfig => "its TLS or address settings are wrong",
        ErrorKind::Parse => "its answer is not Redis's protocol",
        ErrorKind::RESP3NotSupported => "it knows no RESP3: append `?protocol=2` to the URL",
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "it is loading its data",
        _ if error.is_timeout() => "connecting took too long",
        ErrorKind::Server(_) => "it refuses the address's user, password or database number",
        ErrorKind::Io if error.to_string().contains("lookup") => "its host's name is not known",
        _ => "the connection was lost",
    }
}
