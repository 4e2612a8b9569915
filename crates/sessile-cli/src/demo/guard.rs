//! What keeps other sites from acting in a visitor's name, and pages from being bent.

use axum::http::StatusCode;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use sessile::csrf::{DjangoCookie, django, flask_wtf, native};
use sessile::{CsrfLayer, KeyRing, MIN_KEY_BYTES, SecretKey};

use super::{bank, inspect};
use crate::args::Rules;
use crate::keys;
use crate::outcome::Failure;

/// Where the session is shown and changed as JSON, beside other applications.
pub(crate) const API: &str = "/api/session";

/// Asks forms for a token, by the rules of the profile: a Flask application with
/// Flask-WTF, or a Django, that shares the session takes our tokens and we theirs.
pub(crate) fn layer(profile: Rules, keys: Option<&KeyRing>) -> Result<CsrfLayer, Failure> {
    let layer = match (profile, keys) {
        (Rules::Native, _) => CsrfLayer::native(),
        (Rules::Django, _) => CsrfLayer::django(django::Rules::default(), DjangoCookie::default()),
        (Rules::Flask | Rules::FlaskSession, Some(keys)) => flask(keys.newest()),
        (Rules::Flask | Rules::FlaskSession, None) => {
            let key = SecretKey::new(keys::random(MIN_KEY_BYTES)?.to_vec());
            flask(&key.map_err(Failure::usage)?)
        }
    };
    // The one is guarded by `same_origin`, which puts nothing into a session that is
    // compared; the other is there to show what happens without.
    Ok(with_our_page(layer).exempt_route(API).exempt_route(bank::OPEN))
}

/// What a form showed that was let in.
pub(crate) fn proof(profile: Rules) -> &'static str {
    match profile {
        Rules::Native => "this site sent it, with a token of this session",
        Rules::Flask | Rules::FlaskSession => "it has a token of this session (Flask-WTF’s rules)",
        Rules::Django => {
            "no other origin is named and the token fits the cookie csrftoken (Django’s rules)"
        }
    }
}

fn flask(key: &SecretKey) -> CsrfLayer {
    CsrfLayer::flask_wtf(key, flask_wtf::Rules::default())
}

/// Lets in what this site sent, by `Sec-Fetch-Site`, `Origin` and `Referer` alone.
pub(crate) fn same_origin() -> CsrfLayer {
    with_our_page(CsrfLayer::with_rules(native::Rules::default().accept_without_token()))
}

/// A text, which becomes a page of the site's.
fn with_our_page(layer: CsrfLayer) -> CsrfLayer {
    layer.on_refusal(|refusal, _| {
        inspect::note_refusal(refusal);
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
        let mut response = (status, refusal.visitor_text()).into_response();
        response.extensions_mut().insert(refusal.clone());
        response
    })
}

/// Nothing but our own style sheet and forms: no script, no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Puts the site's headers on every response that has none of its own.
pub(crate) async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
