//! The addresses of database servers, as people's other programs write them.
//!
//! Every parameter is translated or refused by its name: one that was dropped would be a
//! connection that is not what somebody asked for. `docs/addresses.md` lists them.

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;

use percent_encoding::percent_decode_str;

use crate::ConnectError;

/// An address in its parts, decoded.
#[derive(Default)]
pub(crate) struct Address {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// As they stand before the path, each perhaps with a port.
    pub(crate) hosts: Vec<(String, Option<u16>)>,
    pub(crate) database: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
}

const NO_ADDRESS: ConnectError =
    ConnectError::Url("it has not the form scheme://user:password@host:port/database");
const ENCODE: ConnectError = ConnectError::Url(
    "percent-encode what is no letter or digit in its user and password: %40 for @, %3F for ?",
);

impl Address {
    /// Reads what follows the scheme and its colon.
    pub(crate) fn parse(rest: &str) -> Result<Self, ConnectError> {
        let rest = rest.strip_prefix("//").ok_or(NO_ADDRESS)?;
        let (head, query) = rest.split_once('?').unwrap_or((rest, ""));
        // What looks like parameters may be the end of a password then.
        if query.contains('@') {
            return Err(ENCODE);
        }
        let mut address = Self::default();
        let place = match head.rsplit_once('@') {
            Some((who, place)) => {
                let (user, password) = who
                    .split_once(':')
                    .map_or((who, None), |(user, password)| (user, Some(password)));
                address.user = Some(decoded(user)?).filter(|user| !user.is_empty());
                address.password = password.map(decoded).transpose()?;
                place
            }
            None => head,
        };
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        if !database.is_empty() {
            address.database = Some(decoded(database)?);
        }
        for host in hosts.split(',').filter(|host| !host.is_empty()) {
            address.hosts.push(host_and_port(host)?);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            address.parameters.push((decoded(name)?, decoded(value)?));
        }
        Ok(address)
    }
}

/// A host, or the path of a socket, and its port.
pub(crate) fn host_and_port(text: &str) -> Result<(String, Option<u16>), ConnectError> {
    let wrong = ConnectError::Url("its host or port is none: host:port, or [IPv6]:port");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((host, port)) = rest.split_once(']') else { return Err(wrong) };
            (host, port.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => match port.parse() {
            Ok(port) => Some(port),
            Err(_) => return Err(wrong),
        },
    };
    Ok((decoded(host)?, port))
}

fn decoded(text: &str) -> Result<String, ConnectError> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| ENCODE)?;
    if text.contains('\0') { Err(NO_ADDRESS) } else { Ok(text.into_owned()) }
}

/// A parameter that is refused. Its value may be secret.
pub(crate) fn refused(name: &str, why: &'static str) -> ConnectError {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let shown = name.len() <= 40 && name.bytes().all(plain);
    let name = if shown { name.to_owned() } else { "…".to_owned() };
    ConnectError::Parameter { name, why }
}

pub(crate) const UNKNOWN: &str = "is not known; docs/addresses.md lists those that are";
const YES_OR_NO: &str = "takes true or false";
const A_NUMBER: &str = "takes a whole number";

/// Yes or no, in the spellings of every client.
pub(crate) fn flag(name: &str, value: &str) -> Result<bool, ConnectError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err(refused(name, YES_OR_NO)),
    }
}

pub(crate) fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, ConnectError> {
    value.parse().map_err(|_| refused(name, A_NUMBER))
}

/// A wait in seconds, as Python's clients take it: 10 or 2.5; 0 is none.
pub(crate) fn seconds(
    name: &str,
    value: &str,
) -> Result<Option<std::time::Duration>, ConnectError> {
    let seconds: f64 = number(name, value)?;
    let span = std::time::Duration::try_from_secs_f64(seconds.max(0.0));
    let span = span.map_err(|_| refused(name, A_NUMBER))?;
    Ok(Some(span).filter(|span| !span.is_zero()))
}

/// Passes where the parameter asks for nothing but what is the case anyway.
pub(crate) fn only(
    name: &str,
    value: &str,
    good: &[&str],
    why: &'static str,
) -> Result<(), ConnectError> {
    match good.iter().any(|it| it.eq_ignore_ascii_case(value)) {
        true => Ok(()),
        false => Err(refused(name, why)),
    }
}
