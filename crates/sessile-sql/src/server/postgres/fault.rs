//! What PostgreSQL and poolers before it say, as what a caller can act on.

use std::error::Error as _;

use sessile_core::{StoreError, StoreErrorKind};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::server::{Dialect, io_kind};
use crate::tls;

pub(super) fn failed(kind: StoreErrorKind, what: impl Into<String>) -> StoreError {
    Dialect::Postgres.error(kind, what)
}

/// What the server said. Its words may quote values, so only its code is repeated.
pub(super) fn said(error: &Error) -> StoreError {
    let Some(code) = error.code() else {
        return failed(StoreErrorKind::Unavailable, unconnected(error));
    };
    let kind = match code {
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => StoreErrorKind::Timeout,
        &SqlState::DISK_FULL | &SqlState::OUT_OF_MEMORY | &SqlState::PROGRAM_LIMIT_EXCEEDED => {
            StoreErrorKind::Full
        }
        &SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::INSUFFICIENT_PRIVILEGE => {
            StoreErrorKind::ReadOnly
        }
        // Only keys have a bound, in bytes where the encoding knows no characters (SQL_ASCII).
        &SqlState::STRING_DATA_RIGHT_TRUNCATION
        | &SqlState::UNTRANSLATABLE_CHARACTER
        | &SqlState::CHARACTER_NOT_IN_REPERTOIRE => StoreErrorKind::Unrepresentable,
        &SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN | &SqlState::DATATYPE_MISMATCH => {
            StoreErrorKind::Corrupt
        }
        _ => StoreErrorKind::Unavailable,
    };
    let meaning = match code {
        &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            ": it does not take this user or password"
        }
        &SqlState::INVALID_CATALOG_NAME => ": there is no such database",
        &SqlState::TOO_MANY_CONNECTIONS => {
            ": it has no connection left for this role; lower SESSION_SQL_CONNECTIONS, or raise \
             its limit"
        }
        &SqlState::UNDEFINED_TABLE => ": there is no such table",
        &SqlState::UNTRANSLATABLE_CHARACTER | &SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            ": the database's encoding lacks one of the characters"
        }
        &SqlState::INSUFFICIENT_PRIVILEGE => {
            ": this role lacks a right; `sessile doctor` names it with its GRANT"
        }
        &SqlState::READ_ONLY_SQL_TRANSACTION => ": it takes no writes, as a replica does",
        _ if takes_no_options(error) => {
            ": a pooler in between takes no `options`; remove them from the address, or set \
             ignore_startup_parameters = options there"
        }
        _ => "",
    };
    failed(kind, format!("SQLSTATE {}{meaning}", code.code()))
}

/// What is wrong where the server itself said nothing.
fn unconnected(error: &Error) -> String {
    if let Some(what) = tls::trouble(error, "sslrootcert") {
        return what;
    }
    // These are the driver's own words, and its alone.
    let own = error.source().map(ToString::to_string).unwrap_or_default();
    match io_kind(error) {
        Some(std::io::ErrorKind::PermissionDenied) if own.contains("does not allow writes") => {
            "it takes no writes, and target_session_attrs asks for one that does".to_owned()
        }
        Some(kind) => format!("no connection: {kind}"),
        None if own.contains("server does not support TLS") => {
            "it offers no TLS, and sslmode asks for it".to_owned()
        }
        None if error.is_closed() => "the connection was closed".to_owned(),
        None => "no connection".to_owned(),
    }
}

/// Whether somebody in between refuses what we ask of a connection when it begins: PgBouncer
/// (08P01) or a managed proxy (0A000).
pub(super) fn takes_no_options(error: &Error) -> bool {
    let refused = error.as_db_error();
    refused.is_some_and(|said| match *said.code() {
        SqlState::PROTOCOL_VIOLATION => said.message().contains("startup parameter"),
        SqlState::FEATURE_NOT_SUPPORTED => true,
        _ => false,
    })
}

/// Whether there may be a connection in a moment: the server's, the role's or the pooler's are
/// all in use.
pub(super) fn is_full(error: &Error) -> bool {
    let refused = error.as_db_error();
    refused.is_some_and(|said| match *said.code() {
        SqlState::TOO_MANY_CONNECTIONS => true,
        SqlState::PROTOCOL_VIOLATION => said.message().contains("no more connections allowed"),
        _ => false,
    })
}

/// Whether the statement was undone because of another, so that it can be run again.
pub(super) fn is_overtaken(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
    )
}

/// Whether the server at the other end takes no writes, though another at its address may.
pub(super) fn is_read_only(error: &Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Whether the connection ends with this, though it may look open yet.
pub(super) fn is_going(error: &Error) -> bool {
    let Some(code) = error.code() else { return true };
    code.code().starts_with("08")
        || matches!(
            *code,
            SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW
        )
}
