//! Requests and responses of the `http` crate as the exchange sees them.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Response, Uri, header};
use sessile_core::exchange::{
    Answer, Exchange, Headers, RequestView, ResponseHeaders, Scheme, merge_vary,
};
#[cfg(feature = "csrf")]
use sessile_core::exchange::{Form, FormFields};

use crate::failure::Failure;

/// Header fields, of a request or a response.
pub(crate) struct Fields<H>(pub(crate) H);

impl Headers for Fields<&HeaderMap> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        values(self.0, name)
    }
}

impl Headers for Fields<&mut HeaderMap> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        values(self.0, name)
    }
}

fn values<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    // Asked for with every session: making a name of the text would cost as much again.
    let values = match name {
        "cookie" => headers.get_all(header::COOKIE),
        "vary" => headers.get_all(header::VARY),
        _ => headers.get_all(name),
    };
    values.iter().map(HeaderValue::as_bytes)
}

impl ResponseHeaders for Fields<&mut HeaderMap> {
    fn append(&mut self, name: &'static str, value: &[u8]) {
        if let Some(value) = field_value(name, value) {
            self.0.append(HeaderName::from_static(name), value);
        }
    }

    fn insert(&mut self, name: &str, value: &[u8]) {
        if let (Some(name), Some(value)) = (field_name(name), field_value(name, value)) {
            self.0.insert(name, value);
        }
    }

    fn vary_on(&mut self, field: &str) {
        // What every response that depends on a session says: looked for and put in at once.
        match self.0.entry(header::VARY) {
            header::Entry::Vacant(place) if field == "cookie" => {
                place.insert(HeaderValue::from_static("Cookie"));
            }
            _ => merge_vary(self, field),
        }
    }

    fn insert_secret(&mut self, name: &str, value: &[u8]) {
        if let (Some(name), Some(mut value)) = (field_name(name), field_value(name, value)) {
            value.set_sensitive(true);
            self.0.insert(name, value);
        }
    }
}

fn field_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// The core checks what it writes, so that none is ever left out here.
fn field_value(name: &str, value: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_bytes(value)
        .inspect_err(|_| tracing::error!(target: "sessile", name, "a field was not sent"))
        .ok()
}

/// The head of a request. `Scheme` is what was put into its extensions where TLS ends.
pub(crate) fn view<'r>(
    method: &'r str,
    uri: &'r Uri,
    headers: &'r Fields<&'r HeaderMap>,
    extensions: &Extensions,
) -> RequestView<'r, Fields<&'r HeaderMap>> {
    RequestView {
        method,
        scheme: extensions.get::<Scheme>().copied(),
        authority: uri.authority().map(|authority| authority.as_str()),
        path: uri.path(),
        query: uri.query(),
        route: None,
        headers,
    }
}

/// The same where only header fields and extensions are at hand. That is all that a session asks
/// of a request once its exchange has begun.
pub(crate) fn fields_view<'r>(
    headers: &'r Fields<&'r HeaderMap>,
    extensions: &Extensions,
) -> RequestView<'r, Fields<&'r HeaderMap>> {
    RequestView {
        method: "",
        scheme: extensions.get::<Scheme>().copied(),
        authority: None,
        path: "",
        query: None,
        route: None,
        headers,
    }
}

/// The exchange that the session layer put into a request.
pub(crate) fn exchange(extensions: &Extensions) -> Result<&Exchange, Failure> {
    extensions.get::<Exchange>().ok_or(Failure::NO_LAYER)
}

/// A response as an [`Answer`] says.
pub(crate) fn response<B, Out: From<B>>(answer: Answer<B>) -> Response<Out> {
    let mut response = Response::new(Out::from(answer.body));
    if let Ok(status) = http::StatusCode::from_u16(answer.status) {
        *response.status_mut() = status;
    }
    let fields = response.headers_mut();
    for (name, value) in answer.headers {
        fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Whether a request says that it takes HTML (`Accept: text/html`), as browsers
/// do for pages and scripts do not. `*/*` does not say it.
///
/// `RequireLogin` and `ErrorPages` go by it.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    sessile_core::exchange::accepts_html(&Fields(headers))
}

/// Looks for fields in a body, if that is a form; and the body, whole again, for the handler.
#[cfg(feature = "csrf")]
pub(crate) async fn read_form(
    headers: &HeaderMap,
    body: axum_core::body::Body,
    wanted: &FormFields,
    limit: usize,
) -> (Form, axum_core::body::Body) {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let read = sessile_connect::form::read(kind, body.into_data_stream(), wanted, limit).await;
    let body = match read.body.into_bytes() {
        Ok(bytes) => bytes.into(),
        Err(stream) => axum_core::body::Body::from_stream(stream),
    };
    (read.form, body)
}
