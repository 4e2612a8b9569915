//! Origins: scheme, host and port (RFC 6454).

use std::fmt;

/// A scheme, a host and a port. Compared as browsers do: the scheme's own port
/// may be left out, letters are the same in both cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    /// In lower case.
    host: String,
    port: u16,
}

/// Not an origin of the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOrigin(pub String);

impl fmt::Display for BadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a trusted origin is written https://host or https://host:port, not {:?}", self.0)
    }
}

impl std::error::Error for BadOrigin {}

/// Longer hosts are no hosts (RFC 1035, 2.3.4), and with a port a little more.
const MAX_HOST: usize = 255;

impl Origin {
    /// Reads `https://host[:port]` or `http://host[:port]`, and nothing behind
    /// it. `None` for everything else, `null` among it.
    pub fn parse(text: &str) -> Option<Self> {
        let (secure, authority) = scheme(text)?;
        Self::of(secure, authority)
    }

    /// The origin of an address.
    pub(super) fn of_address(address: &str) -> Option<Self> {
        let (secure, rest) = scheme(address)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Self::of(secure, rest.get(..end)?)
    }

    /// Whether it is the site's that was asked for under `host`.
    pub(super) fn is(&self, secure: bool, host: &str) -> bool {
        let Some((name, port)) = host_and_port(secure, host) else { return false };
        self.secure == secure && self.port == port && self.host.eq_ignore_ascii_case(name)
    }

    fn of(secure: bool, authority: &str) -> Option<Self> {
        let (host, port) = host_and_port(secure, authority)?;
        Some(Self { secure, host: host.to_ascii_lowercase(), port })
    }
}

fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    if scheme.eq_ignore_ascii_case("https") {
        Some((true, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Some((false, rest))
    } else {
        None
    }
}

/// Takes no user, no path, no space: a host that is more than a host is none.
fn host_and_port(secure: bool, authority: &str) -> Option<(&str, u16)> {
    let own = if secure { 443 } else { 80 };
    let (host, after) = match authority.starts_with('[') {
        true => authority.split_at_checked(authority.find(']')?.checked_add(1)?)?,
        false => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let port = match after.strip_prefix(':') {
        None if after.is_empty() => own,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()) => {
            digits.parse().ok()?
        }
        _ => return None,
    };
    let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let fits = match inside {
        Some(address) => address.bytes().all(|it| it.is_ascii_hexdigit() || b":.".contains(&it)),
        None => host.bytes().all(|it| it.is_ascii_alphanumeric() || b".-_".contains(&it)),
    };
    (fits && !host.is_empty() && host.len() <= MAX_HOST).then_some((host, port))
}
