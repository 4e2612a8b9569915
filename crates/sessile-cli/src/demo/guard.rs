//! What keeps other sites from acting in a visitor's name, and pages from being bent.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses forms that another site sent. Browsers say where a request comes
/// from in `Sec-Fetch-Site`, older ones in `Origin` or `Referer`; a request with
/// none of them is no browser's, so it carries nobody's cookies but its own.
pub(crate) async fn refuse_foreign_forms(request: Request, next: Next) -> Response {
    if is_ours(request.method(), request.headers()) {
        next.run(request).await
    } else {
        let text = "This form was sent by another site, so nothing was done.\n";
        (StatusCode::FORBIDDEN, text).into_response()
    }
}

fn is_ours(method: &Method, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some(b"same-origin" | b"none") => return true,
        Some(b"same-site" | b"cross-site") => return false,
        // Nothing the standard knows says nothing.
        _ => {}
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        // Older still: the page that the form was on.
        (None, Some(host)) => text(header::REFERER).is_none_or(|page| {
            let after = page.strip_prefix(b"http://").unwrap_or_default();
            let end = after.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(after.len());
            after.get(..end).is_some_and(|it| it.eq_ignore_ascii_case(host))
        }),
        (None, None) => true,
        (Some(origin), Some(host)) => {
            origin.strip_prefix(b"http://").is_some_and(|it| it.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
    }
}

/// Nothing but our own style sheet and forms: no script, no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

pub(crate) async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(fields: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost:8000"));
        for (name, value) in fields {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        is_ours(&Method::POST, &headers)
    }

    #[test]
    fn r46_r47_forms_of_other_sites_are_refused() {
        assert!(post(&[("sec-fetch-site", "same-origin")]));
        assert!(!post(&[("sec-fetch-site", "cross-site")]));
        // Another port of this host is another site's to us.
        assert!(!post(&[("sec-fetch-site", "same-site")]));
        assert!(!post(&[("sec-fetch-site", "new-word"), ("origin", "http://evil.example")]));
        assert!(post(&[("origin", "http://localhost:8000")]));
        for origin in [
            "null",
            "http://localhost:8001",
            "https://localhost:8000",
            "http://localhost:8000.evil.example",
            "http://localhost",
            "localhost:8000",
            "",
        ] {
            assert!(!post(&[("origin", origin)]), "{origin}");
        }
        assert!(post(&[]));
        assert!(post(&[("referer", "http://localhost:8000/login?a")]));
        for page in [
            "http://evil.example/http://localhost:8000/",
            "http://localhost:8000.evil.example/",
            "http://localhost:8000@evil.example/",
            "http://localhost:8001/",
            "https://localhost:8000/",
            "",
        ] {
            assert!(!post(&[("referer", page)]), "{page}");
        }
    }
}
