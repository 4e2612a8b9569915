//! Step five: the response headers.

use http::header::{CACHE_CONTROL, COOKIE, Entry, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use sessile_core::SetCookie;
use sessile_core::drive::Committed;

pub(crate) fn write(response: &mut HeaderMap, committed: &Committed) {
    if let Some(cookie) = &committed.cookie {
        set_cookie(response, cookie);
    }
    for part in &committed.parts {
        set_cookie(response, part);
    }
    if committed.no_store {
        // RFC 9111 §7.3: Set-Cookie by itself does not keep a response out of a
        // shared cache, so whatever the handler allowed is taken back.
        response.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if committed.clear_site_data {
        response.insert(
            HeaderName::from_static("clear-site-data"),
            HeaderValue::from_static("\"cookies\", \"storage\""),
        );
    }
}

/// Adds a cookie as a field of its own: several are never joined by commas (RFC 6265bis §3).
pub(crate) fn set_cookie(response: &mut HeaderMap, cookie: &SetCookie) {
    match HeaderValue::from_bytes(cookie.as_bytes()) {
        Ok(value) => {
            response.append(SET_COOKIE, value);
        }
        // The builder lets no such byte through.
        Err(_) => tracing::error!(target: "sessile", "a cookie does not fit a header; not sent"),
    }
}

/// Makes `Vary` name `field`, keeping what is there (RFC 9110 §12.5.5).
pub(crate) fn vary_on(response: &mut HeaderMap, field: &HeaderName) {
    let value = || match *field == COOKIE {
        true => HeaderValue::from_static("Cookie"),
        false => HeaderValue::from(field.clone()),
    };
    match response.entry(VARY) {
        Entry::Vacant(entry) => {
            entry.insert(value());
        }
        Entry::Occupied(mut entry) => {
            let names = |value: &HeaderValue| {
                value.as_bytes().split(|&byte| byte == b',').any(|name| {
                    let name = name.trim_ascii();
                    name == b"*" || name.eq_ignore_ascii_case(field.as_str().as_bytes())
                })
            };
            if !entry.iter().any(names) {
                entry.append(value());
            }
        }
    }
}
