//! actix-web's requests and responses as the exchange sees them.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use sessile_core::exchange::{
    Answer, Exchange, Failure, Headers, RequestView, ResponseHeaders, Scheme,
};

/// Header fields, of a request or a response.
pub(crate) struct Fields<H>(pub(crate) H);

impl<H: std::ops::Deref<Target = HeaderMap>> Headers for Fields<H> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        // Asked for with every session: making a name of the text would cost as much again.
        let values = match name {
            "cookie" => self.0.get_all(header::COOKIE),
            "vary" => self.0.get_all(header::VARY),
            _ => self.0.get_all(name),
        };
        values.map(HeaderValue::as_bytes)
    }
}

impl ResponseHeaders for Fields<&mut HeaderMap> {
    fn append(&mut self, name: &'static str, value: &[u8]) {
        if (name, value) == ("vary", b"Cookie") {
            self.0.append(header::VARY, HeaderValue::from_static("Cookie"));
        } else if let Some((name, value)) = field(name, value) {
            self.0.append(name, value);
        }
    }

    fn insert(&mut self, name: &str, value: &[u8]) {
        if let Some((name, value)) = field(name, value) {
            self.0.insert(name, value);
        }
    }

    fn insert_secret(&mut self, name: &str, value: &[u8]) {
        if let Some((name, mut value)) = field(name, value) {
            value.set_sensitive(true);
            self.0.insert(name, value);
        }
    }
}

/// The core checks what it writes, so that no field is ever left out here.
fn field(name: &str, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let name_of = HeaderName::from_bytes(name.as_bytes()).ok();
    let named = name_of.zip(HeaderValue::from_bytes(value).ok());
    if named.is_none() {
        tracing::error!(target: "sessile", name, "a field was not sent");
    }
    named
}

/// The head of a request. `Scheme` is what was put into its extensions where TLS ends; a server
/// that speaks TLS itself says so.
pub(crate) fn view<'r>(
    request: &'r HttpRequest,
    fields: &'r Fields<&'r HeaderMap>,
) -> RequestView<'r, Fields<&'r HeaderMap>> {
    let told = request.extensions().get::<Scheme>().copied();
    RequestView {
        method: request.method().as_str(),
        scheme: told.or_else(|| request.app_config().secure().then_some(Scheme::Https)),
        authority: request.uri().authority().map(|authority| authority.as_str()),
        path: request.path(),
        query: request.uri().query(),
        route: None,
        headers: fields,
    }
}

/// The exchange that the session middleware put into a request.
pub(crate) fn exchange(request: &HttpRequest) -> Result<Exchange, Failure> {
    request.extensions().get::<Exchange>().cloned().ok_or(Failure::NoLayer)
}

/// A response as an [`Answer`] says.
pub(crate) fn response<B: Into<String>>(answer: Answer<B>) -> HttpResponse<BoxBody> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, BoxBody::new(answer.body.into()));
    for (name, value) in answer.headers {
        response
            .headers_mut()
            .append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
