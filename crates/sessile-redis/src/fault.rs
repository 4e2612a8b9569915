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
            Self::Redis(error) => error.is_unrecoverable_error() || error.is_io_error(),
            _ => false,
        }
    }

    /// Whether the server says that it did not do it, and that another one or
    /// a later moment may.
    pub(crate) fn was_not_done(&self) -> bool {
        use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, TryAgain};
        self.is_read_only()
            || matches!(
                self.server(),
                Some(Ask | BusyLoading | ClusterDown | MasterDown | Moved | TryAgain)
            )
    }

    /// Whether a replica refused a write: it was not done, and the master is elsewhere.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self, Self::Redis(error) if code_of(error) == Some("READONLY"))
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
            Corrupt, Full, ReadOnly, Timeout, Unavailable, Unconfirmed, Unsupported,
        };
        match fault {
            Fault::NotConnected(why) => failed(Unavailable, why),
            Fault::Crowded => failed(Unavailable, "too many calls wait for it already"),
            Fault::Timeout => StoreError::new("Redis", Timeout),
            Fault::NotConfirmed => StoreError::new("Redis", Unconfirmed),
            Fault::Strange => failed(Corrupt, "an answer is not what this command gives"),
            Fault::Redis(error) => match code_of(&error) {
                Some("OOM") => failed(Full, "it is at its `maxmemory`"),
                Some("READONLY") => failed(ReadOnly, "it is a replica"),
                Some("MISCONF") => failed(ReadOnly, "it cannot save to its disk (MISCONF)"),
                Some("NOREPLICAS") => failed(Unavailable, "too few replicas are connected"),
                Some("WRONGTYPE") => failed(Corrupt, "a key holds something other than it should"),
                Some("NOAUTH" | "WRONGPASS") => failed(Unavailable, why_lost(&error)),
                Some("NOPERM") => failed(Unavailable, NO_RIGHT),
                Some("LOADING") => failed(Unavailable, "it is loading its data"),
                Some("CLUSTERDOWN" | "MASTERDOWN") => failed(Unavailable, "a part of it is down"),
                Some("MOVED" | "ASK" | "CROSSSLOT") => failed(Unsupported, IS_CLUSTER),
                Some("ERR") => {
                    let (kind, why) = plain_error(error.detail().unwrap_or_default());
                    failed(kind, why)
                }
                Some(code) => {
                    StoreError::new("Redis", Unavailable).because(format!("it answered {code}"))
                }
                None => failed(Unavailable, why_lost(&error)),
            },
        }
    }
}

pub(crate) const IS_CLUSTER: &str =
    "it is a node of a cluster: begin the address with redis+cluster://";
pub(crate) const IS_SENTINEL: &str =
    "it is a Sentinel: the address is redis+sentinel://HOST,HOST/NAME-OF-THE-MASTER";
const IS_NO_CLUSTER: &str = "it is no cluster: begin the address with redis://";
pub(crate) const NO_RIGHT: &str = "its ACL forbids this user a command or key: `sessile doctor` \
     names it, docs/guides/managed-redis.md lists the rights";

/// The code of a server's error. Before Redis 7 what a script met stands within its text.
fn code_of(error: &RedisError) -> Option<&str> {
    let code = error.code()?;
    let text = error.detail().filter(|_| code == "ERR").unwrap_or_default();
    let met = ["READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOPERM", "WRONGTYPE"];
    let met = met.into_iter().find(|met| {
        text.split_once(met).is_some_and(|(before, after)| {
            before.ends_with('-') && before.contains("script") && after.starts_with(' ')
        })
    });
    Some(met.unwrap_or(code))
}

/// Errors that have no code of their own, by their text.
fn plain_error(text: &str) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{TooLarge, Unavailable, Unsupported};
    if text.contains("exceeds maximum") {
        (TooLarge, "it takes no string this long")
    } else if text.contains("cluster support disabled") {
        (Unsupported, IS_NO_CLUSTER)
    } else if text.contains("unknown command") {
        (Unsupported, "it lacks a command: it is a Sentinel, too old, or the command is renamed")
    } else {
        (Unavailable, "it answered ERR")
    }
}

pub(crate) fn why_lost(error: &RedisError) -> &'static str {
    match code_of(error) {
        Some("WRONGPASS") => return "it refuses the address's user or password",
        Some("NOAUTH") => return "it wants a password, and the address has none",
        Some("NOPERM") => return NO_RIGHT,
        Some("ERR") => {
            let text = error.to_string();
            if text.contains("without any password configured") {
                return "it wants no password, and the address has one";
            }
            if text.contains("DB index") {
                return "it has no database of the address's number";
            }
            if text.contains("in cluster mode") {
                return IS_CLUSTER;
            }
            if text.contains("SENTINEL") {
                return "it is no Sentinel: for a server itself the address is redis://";
            }
        }
        _ => {}
    }
    match error.kind() {
        _ if error.is_connection_refusal() => "the connection is refused",
        ErrorKind::AuthenticationFailed => "it refuses the address's user or password",
        ErrorKind::InvalidClientConfig => "its TLS or address settings are wrong",
        ErrorKind::Parse => "its answer is not Redis's protocol",
        ErrorKind::RESP3NotSupported => "it knows no RESP3: append `?protocol=2` to the URL",
        ErrorKind::MasterNameNotFoundBySentinel => {
            "the Sentinels know no master of the address's name, or none that takes writes now"
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "it is loading its data",
        ErrorKind::Server(_) => "it refuses the address's user, password or database number",
        _ => why_io(error),
    }
}

/// What the network or TLS says.
fn why_io(error: &RedisError) -> &'static str {
    let text = error.to_string();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["UnknownIssuer", "unknown issuer"]) {
        "nobody we trust signed its certificate: name its authority's file, `ssl_ca_certs=FILE` in \
         the address"
    } else if has(&["NotValidForName", "not valid for name"]) {
        "its certificate is for another name than the address's"
    } else if has(&["Expired", "NotValidYet", "certificate expired", "not valid yet"]) {
        "its certificate has expired or is not valid yet"
    } else if has(&["CertificateRequired", "certificate required"]) {
        "it wants a certificate of ours: `ssl_certfile=FILE&ssl_keyfile=FILE` in the address"
    } else if has(&["invalid peer certificate"]) {
        "its certificate is not good"
    } else if has(&["InvalidContentType", "corrupt message"]) {
        "it does not speak TLS there: redis://, or another port"
    } else if has(&["lookup"]) {
        "its host's name is not known"
    } else if error.is_timeout() {
        "connecting took too long"
    } else if has(&[
        "dropped",
        "closed",
        "reset by peer",
        "end of file",
        "unexpected eof",
        "UnexpectedEof",
    ]) {
        "it closed the connection at once, as one does that wants TLS (rediss://) or has too many \
         clients"
    } else {
        "the connection was lost"
    }
}
