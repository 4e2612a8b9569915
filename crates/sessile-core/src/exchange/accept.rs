//! What kind of answer a request asks for.

use super::head::Headers;

/// Whether a request says that it takes HTML (`Accept: text/html`), as browsers do for pages and
/// scripts do not. `*/*` does not say it.
pub fn accepts_html(headers: &impl Headers) -> bool {
    accepted(headers).any(|kind| kind.eq_ignore_ascii_case(b"text/html"))
}

/// The types in `Accept`, in their order, without those that are ruled out (`q=0`).
pub(super) fn accepted(headers: &impl Headers) -> impl Iterator<Item = &[u8]> {
    let ranges = headers.values("accept").flat_map(|field| field.split(|&byte| byte == b','));
    ranges.filter_map(|range| {
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
    use super::super::head::tests::Fields;
    use super::*;

    #[test]
    fn html_is_taken_by_who_says_so() {
        let takes = |values: &[&str]| {
            let named = |value: &&str| ("accept".to_owned(), value.as_bytes().to_vec());
            accepts_html(&Fields(values.iter().map(named).collect()))
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
