//! Addresses as CPython 3.13's `urllib.parse.urlsplit` takes them apart: what Django and
//! Flask-WTF decide with, oddities included.

use core::net::Ipv6Addr;

use unicode_normalization::UnicodeNormalization as _;

/// The parts of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// In lower case.
    pub(crate) scheme: String,
    /// User, host and port, as written.
    pub(crate) netloc: String,
    path: String,
    query: String,
    fragment: String,
}

/// Where CPython raises `ValueError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Split {
    pub(crate) fn parse(url: &str) -> Result<Self, Malformed> {
        let url: String = url
            .trim_start_matches(|c: char| c <= ' ')
            .chars()
            .filter(|c| !matches!(c, '\t' | '\r' | '\n'))
            .collect();
        let (scheme, mut rest) = match url.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => (String::new(), url.as_str()),
        };
        let mut netloc = "";
        if let Some(after) = rest.strip_prefix("//") {
            let end = after.find(['/', '?', '#']).unwrap_or(after.len());
            (netloc, rest) = after.split_at_checked(end).unwrap_or((after, ""));
            check_brackets(netloc)?;
        }
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        check_characters(netloc)?;
        let [netloc, path, query, fragment] = [netloc, path, query, fragment].map(str::to_owned);
        Ok(Self { scheme, netloc, path, query, fragment })
    }

    /// `geturl()`, for addresses that have a `netloc`.
    pub(crate) fn to_url(&self) -> String {
        let Self { scheme, netloc, path, query, fragment } = self;
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        let mut url = format!("{scheme}://{netloc}{slash}{path}");
        for (sign, part) in [('?', query), ('#', fragment)] {
            if !part.is_empty() {
                url.push(sign);
                url.push_str(part);
            }
        }
        url
    }

    /// `hostname`: in lower case but for an IPv6 zone; `None` where it is empty.
    pub(crate) fn hostname(&self) -> Option<String> {
        let (host, _) = self.host_and_port();
        if host.is_empty() {
            return None;
        }
        Some(match host.split_once('%') {
            Some((host, zone)) => format!("{}%{zone}", host.to_lowercase()),
            None => host.to_lowercase(),
        })
    }

    /// `port`.
    pub(crate) fn port(&self) -> Result<Option<u16>, Malformed> {
        let (_, port) = self.host_and_port();
        if port.is_empty() {
            return Ok(None);
        }
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Malformed);
        }
        // Any number of leading zeros is a number all the same.
        let digits = port.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Some(0));
        }
        digits.parse().map(Some).map_err(|_| Malformed)
    }

    fn host_and_port(&self) -> (&str, &str) {
        let host = self.netloc.rsplit_once('@').map_or(self.netloc.as_str(), |(_, host)| host);
        match host.split_once('[') {
            Some((_, bracketed)) => {
                let (host, after) = bracketed.split_once(']').unwrap_or((bracketed, ""));
                (host, after.split_once(':').map_or("", |(_, port)| port))
            }
            None => host.split_once(':').unwrap_or((host, "")),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

fn check_brackets(netloc: &str) -> Result<(), Malformed> {
    match (netloc.contains('['), netloc.contains(']')) {
        (false, false) => return Ok(()),
        (true, true) => {}
        _ => return Err(Malformed),
    }
    let host = netloc.rsplit_once('@').map_or(netloc, |(_, host)| host);
    let hostname = match host.split_once('[') {
        Some((before, bracketed)) => {
            let (hostname, after) = bracketed.split_once(']').unwrap_or((bracketed, ""));
            if !before.is_empty() || !(after.is_empty() || after.starts_with(':')) {
                return Err(Malformed);
            }
            hostname
        }
        None => host.split_once(':').map_or(host, |(hostname, _)| hostname),
    };
    if let Some(future) = hostname.strip_prefix('v') {
        let fits = future.split_once('.').is_some_and(|(version, rest)| {
            let hex = version.bytes().all(|byte| byte.is_ascii_hexdigit());
            !version.is_empty() && hex && !rest.is_empty()
        });
        return if fits { Ok(()) } else { Err(Malformed) };
    }
    let (address, zone) = hostname.split_once('%').unwrap_or((hostname, "0"));
    let zone_fits = !zone.is_empty() && !zone.contains('%');
    let fits = zone_fits && address.parse::<Ipv6Addr>().is_ok();
    if fits { Ok(()) } else { Err(Malformed) }
}

/// Characters that become delimiters once a name is normalised (CVE-2019-9636).
fn check_characters(netloc: &str) -> Result<(), Malformed> {
    if netloc.is_ascii() {
        return Ok(());
    }
    let plain: String = netloc.chars().filter(|c| !"@:#?".contains(*c)).collect();
    let normal: String = plain.nfkc().collect();
    let changed = normal != plain;
    if changed && normal.contains(['/', '?', '#', '@', ':']) { Err(Malformed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(url: &str) -> Option<(String, String)> {
        Split::parse(url).ok().map(|it| (it.scheme, it.netloc))
    }

    #[test]
    fn addresses_come_apart_as_in_python() {
        let some = |scheme: &str, netloc: &str| Some((scheme.to_owned(), netloc.to_owned()));
        assert_eq!(split("HTTPS://A.example:1/x?y#z"), some("https", "A.example:1"));
        assert_eq!(split("\u{1}\t https://a\n.b"), some("https", "a.b"));
        assert_eq!(split("//a/b"), some("", "a"));
        assert_eq!(split("1http://a"), some("", ""));
        assert_eq!(split("https:a"), some("https", ""));
        assert_eq!(split("https://u:p@[::1]:8/"), some("https", "u:p@[::1]:8"));
        for bad in [
            "https://[",
            "https://]",
            "https://a[::1]",
            "https://[::1]a",
            "https://[1.2.3.4]",
            "https://[v1.]",
            "https://[::1%]",
            "https://a\u{2100}b",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
        assert_eq!(split("https://[v1f.x]"), some("https", "[v1f.x]"));
        assert_eq!(split("https://[::1%x]"), some("https", "[::1%x]"));
    }

    #[test]
    fn hosts_and_ports_are_pythons() {
        let port = |url| Split::parse(url).map(|it| (it.hostname(), it.port()));
        let host = |name: &str| Some(name.to_owned());
        assert_eq!(port("https://A:443"), Ok((host("a"), Ok(Some(443)))));
        assert_eq!(port("https://A:"), Ok((host("a"), Ok(None))));
        assert_eq!(port("https://A:00080"), Ok((host("a"), Ok(Some(80)))));
        assert_eq!(port("https://A:65536"), Ok((host("a"), Err(Malformed))));
        assert_eq!(port("https://A:x"), Ok((host("a"), Err(Malformed))));
        assert_eq!(port("https://:1"), Ok((None, Ok(Some(1)))));
        assert_eq!(Split::parse("https://a?x").unwrap().to_url(), "https://a?x");
        assert_eq!(Split::parse("HTTPS://a/?#").unwrap().to_url(), "https://a/");
    }
}
