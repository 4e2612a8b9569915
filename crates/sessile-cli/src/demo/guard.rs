//! What keeps other sites from acting in a visitor's name, and pages from being bent.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use sessile::CsrfLayer;
use sessile::csrf::native::Rules;

/// Refuses forms that another site sent, by `Sec-Fetch-Site`, `Origin` and
/// `Referer`. No token is asked for: the sessions shown here may be shared with
/// Flask and Django, and hold nothing that those did not put there.
pub(crate) fn refuse_foreign_forms() -> CsrfLayer {
    CsrfLayer::with_rules(Rules::default().accept_without_token())
        // A text, which becomes a page of the site's.
        .on_refusal(|refusal, _| (refusal.status(), refusal.visitor_text()).into_response())
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
