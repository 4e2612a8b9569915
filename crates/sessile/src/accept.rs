//! What kind of answer a request asks for.

use http::{HeaderMap, header};

/// Whether a request says that it takes HTML (`Accept: text/html`), as browsers
/// do for pages and scripts do not. `*/*` does not say it.
///
/// `RequireLogin` and `ErrorPages` go by it.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    accepted(headers).any(|kind| kind.eq_ignore_ascii_case(b"text/html"))
}

/// The types in `Accept`, in their order, without those that are ruled out (`q=0`).
pub(crate) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let fields = headers.get_all(header::ACCEPT).iter();
    fields.flat_map(|field| field.as_bytes().split(|&byte| byte == b',')).filter_map(|range| {
        let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let kind = parts.next()?;
        (!parts.any(is_never)).then_some(kind)
    })
}

/// A weight of zero (RFC 9110, 12.4.2).
fn is_never(parameter: &[u8]) -> bool {
    let weight = match parameter {
        [b'q' | b'Q', b'=', weight @ ..] => weight,
        _ => return false,
    };
    weight.first() == Some(&b'0') && weight.iter().all(|byte| matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn html_is_taken_by_who_says_so() {
        let takes = |fields: &[&str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(header::ACCEPT, HeaderValue::from_str(field).unwrap());
            }
            accepts_html(&headers)
        };
        for yes in [
            &["text/html"][..],
            &["application/json, Text/HTML;q=0.1"],
            &["text/html;level=1;q=0.001"],
            &["application/json", "text/html"],
        ] {
            assert!(takes(yes), "{yes:?}");
        }
        for no in [
            &[][..],
            &["*/*"],
            &["text/*"],
            &["text/html;q=0"],
            &["text/html; Q=0.000, */*"],
            &["text/htmlx"],
            &["application/x;note=text/html"],
        ] {
            assert!(!takes(no), "{no:?}");
        }
    }
}
