//! Addresses of the sites that stand side by side: the demo's and the hostile one.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

/// The address of the site on another port of the host that was asked for. The
/// host matters: to a browser `localhost` and `127.0.0.1` are two sites, and it
/// would keep the cookie from the attacks that are to be shown.
pub(crate) fn beside(headers: &HeaderMap, port: u16) -> String {
    let asked = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    format!("http://{}:{port}", asked.and_then(loopback).unwrap_or("127.0.0.1"))
}

/// The name in a `Host` field, if that is one of this machine.
fn loopback(host: &str) -> Option<&str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let ours = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    (ours || name == "localhost").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_kept_if_it_is_this_machine() {
        for (host, expected) in [
            ("127.0.0.1:8000", "http://127.0.0.1:9"),
            ("localhost:8000", "http://localhost:9"),
            ("localhost", "http://localhost:9"),
            ("[::1]:8000", "http://[::1]:9"),
            ("evil.example:8000", "http://127.0.0.1:9"),
            ("localhost.evil.example", "http://127.0.0.1:9"),
            ("evil@127.0.0.1:1", "http://127.0.0.1:9"),
            ("\"><script>", "http://127.0.0.1:9"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(beside(&headers, 9), expected, "{host}");
        }
        assert_eq!(beside(&HeaderMap::new(), 9), "http://127.0.0.1:9");
    }
}
