//! What the driver says, as what a caller can act on.

use std::io;

use mongodb::error::{Error, ErrorKind, WriteFailure};
use sessile_core::store::Unreadable;
use sessile_core::{StoreError, StoreErrorKind};

pub(crate) const STORE: &str = "MongoDB";

const DUPLICATE_KEY: i32 = 11_000;

/// The server's words are left out: they repeat keys and data.
pub(crate) fn from(error: &Error) -> StoreError {
    let (kind, why) = match error.kind.as_ref() {
        ErrorKind::Io(error) => (by_io(error), format!("the connection failed: {}", error.kind())),
        ErrorKind::Command(error) => (by_code(error.code), said(error.code, &error.code_name)),
        ErrorKind::Write(WriteFailure::WriteError(error)) => {
            (by_code(error.code), said(error.code, error.code_name.as_deref().unwrap_or_default()))
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
            (by_code(error.code), said(error.code, &error.code_name))
        }
        ErrorKind::ServerSelection { message, .. } => {
            (StoreErrorKind::Unavailable, unreachable(message))
        }
        ErrorKind::DnsResolve { message, .. } => (StoreErrorKind::Unavailable, message.clone()),
        ErrorKind::Authentication { .. } => {
            (StoreErrorKind::Unavailable, "it refused the name or the password".into())
        }
        ErrorKind::ConnectionPoolCleared { .. } => {
            (StoreErrorKind::Unavailable, "another call found the server gone".into())
        }
        ErrorKind::InvalidTlsConfig { .. } => {
            (StoreErrorKind::Unavailable, "the URL's TLS options cannot be used".into())
        }
        ErrorKind::IncompatibleServer { .. } => {
            (StoreErrorKind::Unsupported, "the server is too old, or too new".into())
        }
        ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. } => {
            (StoreErrorKind::Unavailable, "its reply could not be understood".into())
        }
        _ => (StoreErrorKind::Unavailable, "the driver gave up".into()),
    };
    StoreError::new(STORE, kind).because(why)
}

/// The hosts and what is wrong with each, out of the driver's picture of them all.
fn unreachable(message: &str) -> String {
    let servers = message.split("Address: ").skip(1).filter_map(|server| {
        let (address, rest) = server.split_once(',')?;
        let (_, error) = rest.split_once("Error: ")?;
        let error = error.split(", labels:").next()?;
        let error = error.strip_prefix("Kind: ").unwrap_or(error);
        Some(format!("{address}: {}", error.strip_prefix("I/O error: ").unwrap_or(error)))
    });
    let servers: Vec<_> = servers.collect();
    if servers.is_empty() { message.to_owned() } else { servers.join("; ") }
}

fn by_io(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::TimedOut => StoreErrorKind::Timeout,
        _ => StoreErrorKind::Unavailable,
    }
}

/// By the server's own list (its `error_codes.yml`).
fn by_code(code: i32) -> StoreErrorKind {
    match code {
        // MaxTimeMSExpired, WriteConcernTimeout, NetworkTimeout, ExceededTimeLimit
        50 | 64 | 89 | 262 => StoreErrorKind::Timeout,
        // Unauthorized; NotWritablePrimary, PrimarySteppedDown, NotPrimaryNoSecondaryOk
        13 | 189 | 10_107 | 13_435 => StoreErrorKind::ReadOnly,
        // OutOfDiskSpace
        14_031 => StoreErrorKind::Full,
        // BSONObjectTooLarge, and two from before it had a name
        10_334 | 17_419 | 17_420 => StoreErrorKind::TooLarge,
        _ => StoreErrorKind::Unavailable,
    }
}

fn said(code: i32, name: &str) -> String {
    match code {
        13 => "its user may not do this: it needs readWrite on the database (error 13)".into(),
        18 => "it refused the name or the password".into(),
        189 | 10_107 | 13_435 => format!(
            "it is no primary (error {code}): name every member of the replica set in the address, \
             with replicaSet= and without directConnection"
        ),
        _ => format!("it answered with error {code} {name}"),
    }
}

pub(crate) fn is_duplicate(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}

/// The code of a command that the server refused.
pub(crate) fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

pub(crate) fn timeout() -> StoreError {
    StoreError::new(STORE, StoreErrorKind::Timeout)
}

pub(crate) fn too_many_wait() -> StoreError {
    StoreError::new(STORE, StoreErrorKind::Unavailable).because("too many calls wait for it")
}

pub(crate) fn runtime_ends() -> StoreError {
    StoreError::new(STORE, StoreErrorKind::Unavailable).because("the runtime is shutting down")
}

/// One document is not what we write. It is left as it is.
pub(crate) fn unreadable(field: &'static str) -> Unreadable {
    Unreadable::new(format!("the field `{field}` of a document is not what the layout writes"))
}

#[cfg(test)]
mod tests {
    use sessile_core::StoreErrorKind;

    use super::{by_code, said, unreachable};

    #[test]
    fn d11_a_secondary_and_a_user_without_rights_are_said_in_words() {
        for code in [189, 10_107, 13_435] {
            assert_eq!(by_code(code), StoreErrorKind::ReadOnly);
            assert!(said(code, "NotWritablePrimary").contains("name every member"), "{code}");
        }
        assert!(said(13, "Unauthorized").contains("needs readWrite"));
        assert!(said(18, "AuthenticationFailed").contains("the password"));
    }

    #[test]
    fn who_cannot_be_reached_is_told_in_a_line() {
        let said = "Server selection timeout: No available servers. Topology: { Type: Unknown, \
                    Servers: [ { Address: a:1, Type: Unknown, Error: Kind: I/O error: Connection \
                    refused (os error 111), labels: {\"x\"}, source: None }, { Address: b:2, Type: \
                    Unknown } ] }";
        assert_eq!(unreachable(said), "a:1: Connection refused (os error 111)");
        assert_eq!(unreachable("no primary"), "no primary");
    }
}
