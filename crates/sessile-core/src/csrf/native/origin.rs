//! Origins: scheme, host and port (RFC 6454).

use std::fmt;

/// A scheme, a host and a port. Compared as browsers do: the scheme's own port
/// may be left out, letters are the same in both cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    /// In lower case.
    host: String,
    /// `None` where it was left out and the scheme has none of its own.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    /// An application's own, such as `capacitor`; in lower case.
    Other(String),
}

impl Scheme {
    fn port(&self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Other(_) => None,
        }
    }
}

/// Not an origin of the web.
#[derive(Clone, PartialEq, Eq)]
pub struct BadOrigin(pub String);

impl fmt::Display for BadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a trusted origin is written https://host, https://host:port or, for an application's \
             own scheme, capacitor://localhost; not {:?}",
            self.0
        )
    }
}

sessile_formats::debug_reads_like_display!(BadOrigin);

impl std::error::Error for BadOrigin {}

/// Longer hosts are no hosts (RFC 1035, 2.3.4), and with a port a little more.
const MAX_HOST: usize = 255;

impl Origin {
    /// Reads `scheme://host[:port]`, and nothing behind it. `None` for everything else, `null`
    /// among it. Of the schemes that applications make up, those are origins that browsers send
    /// as one (`capacitor://localhost`); `file` and such have none.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = scheme(text)?;
        Self::of(scheme, authority)
    }

    /// The origin of an address.
    pub(super) fn of_address(address: &str) -> Option<Self> {
        let (scheme, rest) = scheme(address)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Self::of(scheme, rest.get(..end)?)
    }

    /// Whether it is the site's that was asked for under `host`.
    pub(super) fn is(&self, secure: bool, host: &str) -> bool {
        let scheme = if secure { Scheme::Https } else { Scheme::Http };
        let Some((name, port)) = host_and_port(scheme.port(), host) else { return false };
        self.scheme == scheme && self.port == port && self.host.eq_ignore_ascii_case(name)
    }

    fn of(scheme: Scheme, authority: &str) -> Option<Self> {
        let (host, port) = host_and_port(scheme.port(), authority)?;
        Some(Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}

fn scheme(text: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    // RFC 3986, 3.1; no longer than any in use.
    let named = scheme.len() <= 64
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it));
    let scheme = match scheme.to_ascii_lowercase() {
        _ if !named => return None,
        lower if lower == "https" => Scheme::Https,
        lower if lower == "http" => Scheme::Http,
        other => Scheme::Other(other),
    };
    Some((scheme, rest))
}

/// Takes no user, no path, no space: a host that is more than a host is none.
fn host_and_port(own: Option<u16>, authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, after) = match authority.starts_with('[') {
        true => authority.split_at_checked(authority.find(']')?.checked_add(1)?)?,
        false => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let port = match after.strip_prefix(':') {
        None if after.is_empty() => own,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
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
