//! What the operator is told once, however often it happens.

use std::sync::atomic::{AtomicBool, Ordering};

use super::head::{Headers, RequestView};

/// What was said already, by one application.
#[derive(Default)]
pub(super) struct Warnings {
    plain: AtomicBool,
    shadowed: AtomicBool,
}

impl Warnings {
    /// Whether the browser shows that this request came to another machine than its own in the
    /// clear, and nobody was told of such a one yet.
    pub(super) fn is_plain<H: Headers>(&self, request: &RequestView<'_, H>) -> bool {
        !self.plain.load(Ordering::Relaxed) && came_in_the_clear(request)
    }

    /// A visitor sent several session cookies; whether what hides the good one is `removed`.
    pub(super) fn shadowed(&self, name: &str, removed: bool) {
        if self.shadowed.swap(true, Ordering::Relaxed) {
            return;
        }
        let done = match removed {
            true => "the old one is removed",
            false => {
                "if SESSION_COOKIE_DOMAIN or SESSION_COOKIE_PATH was changed, say what it was in \
                 SESSION_COOKIE_FORMER_DOMAIN or SESSION_COOKIE_FORMER_PATH, and it is removed"
            }
        };
        tracing::warn!(
            target: "sessile",
            cookie = name,
            "visitors send several cookies of the session's name, and one hides the other; {done}"
        );
    }

    /// A `Secure` cookie was the answer to such a request.
    pub(super) fn secure_in_the_clear(&self) {
        if !self.plain.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "sessile",
                "a session's Secure cookie was sent over plain http to another machine, where \
                 browsers drop it, so that nobody stays logged in: serve TLS; behind a proxy that \
                 ends it, hand X-Forwarded-Proto on and trust it (trust_forwarded_proto); to try \
                 things out, use localhost, or development mode"
            );
        }
    }
}

/// By the browser's own word: `Origin`, or `Referer` where there is none, names the very host that
/// was asked for, and plain http.
fn came_in_the_clear<H: Headers>(request: &RequestView<'_, H>) -> bool {
    let mut named = request.headers.values("origin").chain(request.headers.values("referer"));
    let Some(rest) = named.next().and_then(|it| it.strip_prefix(b"http://")) else { return false };
    let site = rest.split(|byte| b"/?#".contains(byte)).next().unwrap_or_default();
    let Some(host) = request.host() else { return false };
    site.eq_ignore_ascii_case(host.as_bytes()) && !is_this_machine(host)
}

/// To these, browsers send `Secure` cookies in the clear too.
fn is_this_machine(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if host.starts_with("[::1]") {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<core::net::Ipv4Addr>().is_ok_and(|it| it.is_loopback())
}
