//! Ids in a header field.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use sessile_core::Transport;
use sessile_core::transport::{BEARER_ANSWER, Place, Sent, Told, in_bearer, in_field};

/// The header fields of a transport that uses them.
#[derive(Clone)]
pub(crate) struct Fields {
    /// Where requests have the id.
    request: HeaderName,
    /// Where responses have it.
    answer: HeaderName,
    bearer: bool,
}

impl Fields {
    /// `None` for transports that use no field of their own.
    pub(crate) fn of(transport: &Transport) -> Option<Self> {
        match transport.place() {
            Place::Header(name) => {
                // The engine has checked the name.
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some(Self { request: name.clone(), answer: name, bearer: false })
            }
            Place::Bearer => Some(Self {
                request: header::AUTHORIZATION,
                answer: HeaderName::from_static(BEARER_ANSWER),
                bearer: true,
            }),
            _ => None,
        }
    }

    /// Which field responses depend on.
    pub(crate) fn request(&self) -> &HeaderName {
        &self.request
    }

    pub(crate) fn read<'r>(&self, headers: &'r HeaderMap) -> Sent<'r> {
        let values = headers.get_all(&self.request).iter().map(HeaderValue::as_bytes);
        match self.bearer {
            true => in_bearer(values),
            false => in_field(values),
        }
    }

    /// Whether the request has the field, be it empty: no browser sends it because another site
    /// asks it to, unless this site's CORS rules allow that one.
    #[cfg(feature = "csrf")]
    pub(crate) fn is_present(&self, headers: &HeaderMap) -> bool {
        let bearer = |value: &HeaderValue| {
            let value = value.as_bytes();
            value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
                && matches!(value.get(6), None | Some(b' '))
        };
        match headers.get(&self.request) {
            Some(value) => !self.bearer || bearer(value),
            None => false,
        }
    }

    /// Tells the visitor the id from now on; an empty one where the session has ended.
    pub(crate) fn write(&self, response: &mut HeaderMap, told: &Told) {
        let id = match told {
            Told::Issued(id) => id.expose(),
            Told::Ended => "",
        };
        match HeaderValue::from_str(id) {
            Ok(mut value) => {
                value.set_sensitive(!id.is_empty());
                response.insert(&self.answer, value);
            }
            // No profile makes such an id.
            Err(_) => tracing::error!(target: "sessile", "an id does not fit a header; not sent"),
        }
    }
}
