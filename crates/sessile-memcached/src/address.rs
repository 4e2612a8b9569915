//! The servers that a URL names.

use std::fmt;

use crate::ConnectError;

const PORT: u16 = 11211;

/// One server, and who we are to it.
#[derive(Clone)]
pub(crate) struct Address {
    /// As it is written in the URL, without brackets: the Python clients choose servers by it.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<Login>,
}

/// What a server started with `-Y` asks for.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Reads `memcached://[user:password@]host[:port][,host[:port]…][/]`.
///
/// # Errors
///
/// [`ConnectError::Url`].
pub(crate) fn parse(url: &str) -> Result<Vec<Address>, ConnectError> {
    let rest = match url.split_once("://") {
        Some(("memcached" | "memcache", rest)) => rest,
        _ => return Err(ConnectError::Url("it begins with memcached://")),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (login, hosts) = match rest.rsplit_once('@') {
        Some((login, hosts)) => (Some(login_of(login)?), hosts),
        None => (None, rest),
    };
    if hosts.contains(['/', '?', '#']) {
        return Err(ConnectError::Url("nothing follows the servers"));
    }
    hosts.split(',').map(|host| server(host, login.clone())).collect()
}

fn server(text: &str, login: Option<Login>) -> Result<Address, ConnectError> {
    let port_of = |text: &str| match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(ConnectError::Url("a port is no number from 1 to 65535")),
    };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, PORT),
            Some((host, port)) => (host, port_of(port.strip_prefix(':').unwrap_or_default())?),
            None => return Err(ConnectError::Url("a bracket is open")),
        },
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(ConnectError::Url("an IPv6 address stands in brackets"));
            }
            Some((host, port)) => (host, port_of(port)?),
            None => (text, PORT),
        },
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(ConnectError::Url("a server's name is missing or none"));
    }
    Ok(Address { host: host.to_owned(), port, login })
}

fn login_of(text: &str) -> Result<Login, ConnectError> {
    let (user, password) =
        text.split_once(':').ok_or(ConnectError::Url("a name comes with a password"))?;
    let strange = ConnectError::Url("name or password are not percent-encoded");
    let (Some(user), Some(password)) = (decoded(user), decoded(password)) else {
        return Err(strange);
    };
    // The server splits at the first space, and ends at the end of the line.
    if user.contains(|c: char| c == ' ' || c.is_control()) || password.contains(char::is_control) {
        return Err(ConnectError::Url("Memcached takes no such name or password"));
    }
    Ok(Login { user, password })
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                u8::try_from(high.to_digit(16)? << 4 | low.to_digit(16)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_every_spelling() {
        let servers = parse("memcached://a,b:11212,[::1],[::1]:5/").unwrap();
        assert_eq!(format!("{servers:?}"), "[a:11211, b:11212, ::1:11211, ::1:5]");
        let servers = parse("memcache://u:p%40%20@a").unwrap();
        let login = servers[0].login.as_ref().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("u", "p@ "));
    }

    #[test]
    fn what_is_no_address_is_refused_and_its_password_never_printed() {
        for url in [
            "",
            "a:11211",
            "redis://a",
            "memcached://",
            "memcached://a,,b",
            "memcached://a:0",
            "memcached://a:hunter2",
            "memcached://::1",
            "memcached://[::1",
            "memcached://[::1]5",
            "memcached://a/b",
            "memcached://a\r\nb",
            "memcached://hunter2@a",
            "memcached://u:hunter2%@a",
            "memcached://u:hunter2%0d@a",
            "memcached://u u:hunter2@",
        ] {
            let error = parse(url).expect_err(url);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
        }
    }
}
