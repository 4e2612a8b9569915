//! What MySQL and MariaDB say, as what a caller can act on.

use std::error::Error as _;

use mysql_async::{DriverError, Error};
use sessile_core::{StoreError, StoreErrorKind};

use crate::server::{Dialect, Refused, io_kind};
use crate::tls;

/// A taken unique key (`ER_DUP_ENTRY`).
pub(super) const DUPLICATE: u16 = 1062;

/// Read-only by option, by transaction, by mode: a replica, or what was the primary.
pub(super) fn takes_no_writes(code: u16) -> bool {
    matches!(code, 1290 | 1792 | 1836)
}

/// Whether the connection ends with this, or should: the server stops, or ended it.
pub(super) fn is_going(code: u16) -> bool {
    takes_no_writes(code)
        || matches!(code, 1053 | 1077 | 1080 | 1153 | 1156..=1161 | 1927 | 3169 | 4031)
}

/// Whether there may be a connection in a moment: the server's or the user's are all in use.
pub(super) fn is_full(code: u16) -> bool {
    matches!(code, 1040 | 1203 | 1226)
}

/// Where the server itself said nothing.
fn unconnected(error: &Error) -> StoreError {
    if let Some(what) = tls::trouble(error, "ssl_ca") {
        return failed(StoreErrorKind::Unavailable, what);
    }
    if let Error::Driver(DriverError::NoClientSslFlagFromServer) = error {
        let what = "it offers no TLS, and the address asks for it";
        return failed(StoreErrorKind::Unavailable, what.into());
    }
    if is_too_large(error) {
        let what = "it is larger than the server's max_allowed_packet; raise that, or lower \
                    SESSION_MAX_BYTES";
        return failed(StoreErrorKind::TooLarge, what.into());
    }
    let what = match io_kind(error) {
        Some(kind) => format!("the connection failed: {kind}"),
        None => "the connection failed".to_owned(),
    };
    failed(StoreErrorKind::Unavailable, what)
}

/// Whether the driver held a packet back that the server would not take.
fn is_too_large(error: &Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&error| error.source());
    matches!(error, Error::Driver(DriverError::PacketTooLarge))
        || causes.any(|cause| cause.to_string().contains("max_allowed_packet"))
}

pub(super) fn failed(kind: StoreErrorKind, what: String) -> StoreError {
    Dialect::MySql.error(kind, what)
}

/// What the server said, as what a caller can act on. Its words may quote
/// values, so only its code is repeated.
pub(super) fn said(error: &Error) -> Refused {
    let Error::Server(server) = error else {
        return Refused::Failed(unconnected(error));
    };
    let kind = match server.code {
        DUPLICATE => return Refused::Taken,
        // Too many connections; a deadlock; a lock wait that was too long.
        1205 | 1213 => StoreErrorKind::Locked,
        // MariaDB's max_statement_time, MySQL's max_execution_time.
        1969 | 3024 => StoreErrorKind::Timeout,
        // Table full, disk full.
        1021 | 1114 => StoreErrorKind::Full,
        // Read-only: by option, by transaction; no right to write.
        1290 | 1792 | 1836 | 1142 | 1143 | 1044 | 1370 => StoreErrorKind::ReadOnly,
        // Too long for its column, for the packet, for InnoDB's log.
        1406 | 1153 | 1118 | 1301 => StoreErrorKind::TooLarge,
        // A text in characters that the column's character set lacks: compared, written,
        // converted (MySQL 8.0.28 and later).
        1267 | 1366 | 3854 | 3988 => StoreErrorKind::Unrepresentable,
        // No such table or column.
        1146 | 1054 => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    };
    let meaning = match server.code {
        1045 | 1698 => ": it does not take this user or password",
        1044 => ": this user may not use the database",
        1049 => ": there is no such database",
        1040 | 1203 | 1226 => {
            ": it has no connection left for this user; lower SESSION_SQL_CONNECTIONS, or raise \
             its limit"
        }
        1142 | 1143 | 1370 => ": this user lacks a right; `sessile doctor` names it with its GRANT",
        1153 => ": it is larger than max_allowed_packet",
        code if takes_no_writes(code) => ": it takes no writes, as a replica does",
        1146 => ": there is no such table",
        1267 | 1366 | 3854 | 3988 => ": the column's character set lacks one of the characters",
        _ => "",
    };
    Refused::Failed(failed(kind, format!("error {} ({}){meaning}", server.code, server.state)))
}
